"""The fit panel without a browser: it starts, stops, resumes, names what failed, ends in maps."""

import io
import threading
import warnings
from contextvars import ContextVar
from pathlib import Path

import ipywidgets
import numpy as np
import pytest
from PIL import Image
from planted import estimator, write_cohort

from nbica import CanICA, FitPanel, browse
from nbica.exceptions import DataWarning, RunCancelled
from nbica.image import mean_img
from nbica.runtime import progress
from nbica.runtime.progress import Event
from nbica.viewer.fit_status import describe, runs_as_html

# Seconds that no fit of this cohort needs, even on a loaded machine.
LONG = 120


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=6, n_timepoints=40)


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed, and warnings are shown as before."""
    before = warnings.showwarning
    yield
    ipywidgets.Widget.close_all()
    assert warnings.showwarning is before


def stop_after(panel, n_runs):
    """Have the panel stopped as soon as so many runs are merged."""

    def callback(state):
        if state.n_runs == n_runs:
            panel.stop()

    panel.estimator.callback = callback


def test_the_plan_comes_first(cohort):
    """Before anything is read: runs, minutes, RAM against the budget, disk."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)

    assert panel.state == "ready"
    assert "6 runs. It will take less than a minute" in panel._plan_box.value
    assert "of RAM (the budget is" in panel._plan_box.value
    assert repr(panel) == "<FitPanel: CanICA>"


def test_start_fits_and_ends_in_a_browser(cohort):
    """The handle gives the estimator; the panel shows its components and what was computed."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)

    handle = panel.start()
    panel.wait(LONG)

    assert panel.state == "done"
    assert handle.result() is panel.estimator
    assert panel.browser.scene.maps.codes.shape[0] == 5
    assert panel._result.children == (panel.browser,)
    assert "6 computed" in panel._runs_box.value
    assert bytes(panel._picture.value).startswith(b"\x89PNG")
    assert panel.estimator.callback is None


def test_end_is_shown_in_the_context_of_the_cell(cohort, monkeypatch):
    """The threads of a fit know which cell they are of: ipykernel 7.0 refuses others."""
    cell, seen = ContextVar("cell"), []
    cell.set("In[3]")
    show_result = FitPanel._show_result
    monkeypatch.setattr(
        FitPanel, "_show_result", lambda self: (seen.append(cell.get()), show_result(self))
    )
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)
    panel.start()
    panel.wait(LONG)

    assert seen == ["In[3]"]
    assert panel.state == "done"


def test_wait_ends_even_if_the_end_cannot_be_shown(cohort, monkeypatch):
    """A front end that is gone or broken leaves nobody waiting; the thread's error is told."""
    told, errors = threading.Event(), []
    monkeypatch.setattr(FitPanel, "_show_result", lambda self: 1 / 0)
    monkeypatch.setattr(threading, "excepthook", lambda e: (errors.append(e.exc_type), told.set()))
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)
    panel.start()
    panel.wait(LONG)

    assert panel.handle.result() is panel.estimator
    assert told.wait(LONG)
    assert errors == [ZeroDivisionError]


def test_over_is_said_when_it_is(cohort, monkeypatch):
    """While the result is made ready the fit is not over; then the next may begin at once."""
    seen, show_result, show_state = [], FitPanel._show_result, FitPanel._show_state
    began_again = threading.Event()

    def shown(panel):
        seen.append((panel.state, panel._start.disabled))
        show_result(panel)

    def said(panel, state):
        show_state(panel, state)
        if len(seen) == 1:  # somebody who reacts at once, before those who wait are told
            panel.start()
            began_again.set()

    monkeypatch.setattr(FitPanel, "_show_result", shown)
    monkeypatch.setattr(FitPanel, "_show_state", said)
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)
    panel.start()
    assert began_again.wait(LONG)
    panel.wait(LONG)

    assert panel.state == "done"
    assert seen == [("running", True)] * 2


def test_stop_keeps_what_is_done_and_start_resumes(cohort, tmp_path):
    """Runs done before Stop come from the cache afterwards."""
    panel = FitPanel(estimator(memory=str(tmp_path)), cohort.func, cohort.confounds)
    stop_after(panel, 3)
    handle = panel.start()
    panel.wait(LONG)

    assert panel.state == "stopped"
    assert isinstance(panel.error, RunCancelled)
    assert panel._start.description == "Resume"
    assert "Resume goes on from there" in panel._status.value
    with pytest.raises(RunCancelled):
        handle.result()

    panel.estimator.callback = None
    panel.start()
    panel.wait(LONG)
    kinds = [kind for _, kind in panel._runs]
    assert panel.state == "done"
    assert kinds[:3] == ["cached"] * 3
    assert kinds.count("computed") >= 1


def test_a_failing_run_is_named(cohort, tmp_path):
    """A damaged file ends the fit with its name on the panel, and Start tries again."""
    broken = tmp_path / "sub-99_bold.nii.gz"
    broken.write_bytes(Path(cohort.func[1]).read_bytes()[:3000])
    panel = FitPanel(estimator(), [cohort.func[0], str(broken)])

    panel.start()
    panel.wait(LONG)

    assert panel.state == "failed"
    assert "sub-99_bold.nii.gz" in panel._status.value
    assert panel._start.disabled is False
    assert panel._stop.disabled is True


def test_a_blocking_fit_has_the_display_but_no_stop(cohort):
    """run() fits in this thread; the buttons are off meanwhile; it returns the estimator."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)
    seen = []
    panel.estimator.callback = lambda state: seen.append(
        (panel._stop.disabled, panel._start.disabled, threading.current_thread().name)
    )

    fitted = panel.run()

    assert fitted is panel.estimator
    assert seen[0] == (True, True, "MainThread")
    assert panel.state == "done"
    assert panel.browser is not None


def test_a_blocking_fit_obeys_the_interrupt(cohort):
    """An interrupt goes through run() to the cell, and the panel says that it was stopped."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)

    def interrupt(state):
        raise KeyboardInterrupt

    panel.estimator.callback = interrupt
    with pytest.raises(KeyboardInterrupt):
        panel.run()
    assert panel.state == "stopped"
    assert panel.estimator.callback is interrupt


def test_warnings_come_as_they_are_said(cohort):
    """What the fit warns of is listed on the panel, escaped, and shown as ever."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)

    def warn(state):
        if state.n_runs == 1:
            progress.warn("<b>run one</b> is odd", DataWarning)

    panel.estimator.callback = warn
    with pytest.warns(DataWarning) as caught:
        panel.run()

    assert [str(one.message) for one in caught] == panel.messages
    assert "<b>run one</b> is odd" in panel.messages
    assert "&lt;b&gt;run one&lt;/b&gt; is odd" in panel._warnings_box.value


def test_a_panel_leaves_the_process_alone(cohort):
    """Neither the way that warnings are shown nor the estimator's callback is replaced."""
    panel, seen = FitPanel(estimator(), cohort.func, cohort.confounds), []

    def look(state):
        seen.append((warnings.showwarning, panel.estimator.callback))

    panel.estimator.callback = look
    panel.run()

    assert len(panel._runs) == len(seen) == 6
    assert set(seen) == {(warnings.showwarning, look)}


def test_a_second_start_is_the_same_fit(cohort):
    """While a fit is running, Start gives its handle and begins no other."""
    asked_twice = threading.Event()
    panel = FitPanel(
        estimator(callback=lambda _: asked_twice.wait()), cohort.func, cohort.confounds
    )

    assert panel.start() is panel.start()
    asked_twice.set()
    panel.wait(LONG)


def held(**options):
    """An estimator whose fit waits after its first run; what lets it go on, and that it waits."""
    waits, goes_on = threading.Event(), threading.Event()
    return (
        estimator(callback=lambda _: (waits.set(), goes_on.wait(LONG)), **options),
        waits,
        goes_on,
    )


def test_one_estimator_in_two_panels(cohort):
    """The second panel is told that it is being fitted already; the first is not disturbed."""
    ica, waits, goes_on = held()
    first, second = (FitPanel(ica, cohort.func, cohort.confounds) for _ in range(2))
    first.start()
    assert waits.wait(LONG)

    second.start()
    second.wait(LONG)
    with pytest.raises(RuntimeError, match="being fitted already"):
        first.run()
    with pytest.raises(RuntimeError, match="being fitted already"):
        ica.fit(cohort.func)
    goes_on.set()
    first.wait(LONG)

    assert (first.state, second.state) == ("done", "failed")
    assert "being fitted already" in second._status.value
    assert len(first._runs) == len(ica.runs_) == 6


def test_another_fit_is_noticed(cohort):
    """The second panel, as of a cell that is run again, tells of the fit that is still running."""
    ica, waits, goes_on = held()
    first = FitPanel(ica, cohort.func, cohort.confounds)
    first.start()
    assert waits.wait(LONG)

    second = FitPanel(estimator(), cohort.func, cohort.confounds)
    second.start()
    second.wait(LONG)
    goes_on.set()
    first.wait(LONG)

    assert (first.state, second.state) == ("done", "done")
    assert "1 more running in this kernel" in second.messages[0]
    assert "reduce runs" in second.messages[0]
    assert first.messages == []
    np.testing.assert_array_equal(ica.components_, second.estimator.components_)


def test_stopping_one_of_two_leaves_the_other(cohort):
    """Two panels whose fits share the workers of the kernel: one is stopped, one ends as ever."""
    (stays, waits, goes_on), (ends, waits_too, ended) = held(n_jobs=2), held(n_jobs=2)
    first, second = (FitPanel(e, cohort.func, cohort.confounds) for e in (stays, ends))
    first.start()
    second.start()
    assert waits.wait(LONG)
    assert waits_too.wait(LONG)

    second.stop()
    ended.set()
    second.wait(LONG)
    goes_on.set()
    first.wait(LONG)

    assert (first.state, second.state) == ("done", "stopped"), first.error
    expected = estimator().fit(cohort.func, confounds=cohort.confounds)
    np.testing.assert_array_equal(stays.components_, expected.components_)


def test_a_generator_is_gone_through_as_often_as_needed(cohort):
    """A panel plans and fits, and fits again, over runs and confounds that come from generators."""
    panel = FitPanel(estimator(), (path for path in cohort.func), iter(cohort.confounds))
    assert panel.plan.workload.n_runs == 6

    for _ in range(2):
        assert len(panel.run().runs_) == 6


def test_a_plan_refuses_what_it_would_use_up(cohort):
    """A generator of runs or of confounds is whole after plan has refused it."""
    runs, tables = (path for path in cohort.func), iter(cohort.confounds)
    with pytest.raises(TypeError, match=r"imgs=list\(imgs\)"):
        estimator().plan(runs)
    with pytest.raises(TypeError, match=r"confounds=list\(confounds\)"):
        estimator().plan(cohort.func, tables)

    assert (list(runs), list(tables)) == (cohort.func, cohort.confounds)


def test_fit_transform_of_generators(cohort):
    """Runs and confounds that can be gone through only once are fitted and transformed."""
    courses = estimator().fit_transform(iter(cohort.func[:3]), confounds=iter(cohort.confounds[:3]))

    assert len(courses) == 3


def test_a_saved_notebook_shows_plan_then_maps(cohort, tmp_path):
    """Beside the widget there are a PNG and one stable sentence: before, during and after a fit."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)
    pictures = []

    def look():
        data = panel._repr_mimebundle_()
        assert data["text/plain"] == "<FitPanel: CanICA>"
        pictures.append(Image.open(io.BytesIO(data["image/png"])).convert("RGB"))

    look()
    panel.estimator.callback = lambda state: look() if state.n_runs == 3 else None
    panel.run()
    look()
    unplanned = FitPanel(CanICA(), str(tmp_path / "none*.nii"))._repr_mimebundle_()

    plan, maps, components = (np.asarray(picture).astype(int) for picture in pictures)
    # The plan is grey but for its bar; maps are in colour.
    assert (np.ptp(plan, axis=2) > 40).mean() < 0.05
    assert (np.ptp(maps, axis=2) > 40).any()
    assert (np.ptp(components, axis=2) > 40).mean() > 0.01
    assert unplanned["image/png"].startswith(b"\x89PNG")


def test_images_that_are_none_leave_a_reason(tmp_path):
    """Without a plan the panel says why."""
    panel = FitPanel(CanICA(), str(tmp_path / "<none>*.nii"))

    assert panel.plan is None
    assert "No file matches" in panel._plan_box.value
    assert "<none>" not in panel._plan_box.value


def test_where_a_fit_stands_in_words():
    """Stage, amount, time left, memory against the budget; what is not known is left out."""
    event = Event("CanICA", "reduce runs", 2, 8, "2 computed", memory=1_500_000_000)

    assert describe(event, 10, 4_000_000_000) == (
        "reduce runs, 2 of 8, 2 computed · about 30 s left · 1.5 GB of 4.0 GB of RAM"
    )
    assert describe(event, 1000, None).endswith("about 50 min left · 1.5 GB of RAM")
    assert describe(Event("CanICA"), 0, None) == "starting"


def test_names_of_runs_stay_text():
    """A run's name cannot break out of its tooltip."""
    text = runs_as_html([('"><script>x</script>', "computed")], 3)

    assert "<script>" not in text
    assert text.count("border-radius") == 3


def test_a_fit_elsewhere_is_shown_over_a_run_of_its_own(cohort):
    """Where the mask is not in MNI space, panel and desk draw the mean of a run."""
    panel = FitPanel(estimator(), cohort.func, cohort.confounds)

    panel.run()

    mean = mean_img(cohort.func[0]).get_fdata()
    for browser in (panel.browser, browse(panel.estimator)):
        background = browser.scene.background
        assert background.low + 254 * background.quantum == pytest.approx(mean.max(), rel=0.05)
    assert browse(panel.estimator, None).scene.background is None


def test_fitting_again_keeps_labels(cohort, tmp_path):
    """They go over to the components most like those before, in the file too."""
    path = tmp_path / "labels.txt"
    panel = FitPanel(estimator(), cohort.func, cohort.confounds, labels=path)
    panel.run()
    panel.browser.marks = {"1": ["Signal", "a name"], "4": ["Cardiac"]}
    first = panel.estimator.components_.copy()

    panel.estimator.set_params(random_state=7, order="stability")
    panel.run()

    r = np.abs(np.corrcoef(first, panel.estimator.components_)[:5, 5:])
    wanted = {str(r[1].argmax()): ["Signal", "a name"], str(r[4].argmax()): ["Cardiac"]}
    assert panel.browser.marks == wanted
    assert browse(panel.estimator, labels=path).marks == wanted
    assert panel.messages == []
