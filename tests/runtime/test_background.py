"""Fits in the background, stopped and watched: what they leave, and what they tell."""

import contextlib
import threading

import numpy as np
import psutil
import pytest
from joblib.externals.loky import get_reusable_executor
from planted import estimator, write_cohort
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from nbica import start
from nbica.decomposition import ica as ica_of_maps
from nbica.exceptions import DataError, RunCancelled
from nbica.masking import extract
from nbica.matching import match


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


@pytest.fixture(autouse=True)
def _no_idle_workers():
    """Idle workers of an earlier test are not mistaken for working ones."""
    get_reusable_executor().shutdown(wait=True)


class StopAt:
    """A listener that stops a fit once so many runs are done."""

    def __init__(self, n_runs):
        self.n_runs, self.fit, self.told = n_runs, None, threading.Event()

    def __call__(self, event):
        """Stop, if it is time."""
        self.told.wait()
        if event.stage == "reduce runs" and event.done >= self.n_runs:
            self.fit.stop()


def start_and_stop(ica, imgs, n_runs):
    """Start a fit that is stopped after so many runs; return its handle when it has ended."""
    listener = StopAt(n_runs)
    listener.fit = start(ica, imgs, listeners=[listener])
    listener.told.set()
    with pytest.raises(RunCancelled):
        listener.fit.result(timeout=60)
    return listener.fit


def working_children():
    """Child processes of this one that reduce runs."""
    working = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it ends, or has ended, as we look
            if "loky.backend.popen_loky" in " ".join(child.cmdline()):
                working.append(child)
    return working


def test_a_fit_in_the_background_is_the_same_fit(cohort, fitted):
    """Its result is the estimator that was given, with the maps of a blocking fit."""
    ica, events = estimator(), []

    fit = start(ica, cohort.func, cohort.confounds, listeners=[events.append])

    assert fit.result(timeout=60) is ica
    assert not fit.is_running
    assert fit.progress == events[-1]
    assert (events[-1].stage, events[-1].state) == ("ICA", "done")
    assert repr(fit) == "<CanICA in the background: done>"
    np.testing.assert_array_equal(ica.components_, fitted.components_)


def test_events_tell_the_memory(cohort):
    """Each event carries the bytes of the process tree: no less than this process holds."""
    events = []

    start(estimator(), cohort.func, listeners=[events.append]).result(timeout=60)

    assert all(event.memory > 30e6 for event in events)  # an interpreter with numpy is 30 MB


@pytest.mark.slow
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_a_stopped_fit_leaves_nothing_behind(cohort, n_jobs):
    """It raises in result(), the estimator is not fitted, and no child process works on."""
    ica = estimator(n_jobs=n_jobs)

    fit = start_and_stop(ica, cohort.func * 20, n_runs=2)

    assert fit.progress.state == "stopped"
    assert 2 <= fit.progress.done < 120
    assert working_children() == []
    with pytest.raises(NotFittedError):
        check_is_fitted(ica)


@pytest.mark.parametrize("n_threads", [1, 2], ids=["in this thread", "read ahead"])
def test_stop_within_a_run(cohort, monkeypatch, n_threads):
    """A run that is stopped after its third block of frames does not use a fourth."""
    told, used = threading.Event(), []
    gather = extract._gather

    def gather_and_stop(block, positions, out):
        gather(block, positions, out)
        used.append(len(out))
        if len(used) == 3:
            told.wait()
            fit.stop()

    monkeypatch.setattr("nbica.image.frames.BLOCK_BYTES", 1)  # a frame a block
    monkeypatch.setattr("nbica.runtime.machine.threads_allowed", lambda: n_threads)
    monkeypatch.setattr(extract, "_gather", gather_and_stop)

    fit = start(estimator(), cohort.func)
    told.set()

    with pytest.raises(RunCancelled, match="reduce runs, 0 of 6"):
        fit.result(timeout=60)
    assert used == [1, 1, 1]


@pytest.mark.parametrize("moments_up_to", [40, 0], ids=["moments", "voxels"])
def test_stop_within_the_ica(cohort, monkeypatch, moments_up_to):
    """The ICA looks at the stop flag too, by whichever way it takes its steps."""
    monkeypatch.setattr(ica_of_maps, "MOMENTS_UP_TO", moments_up_to)
    told = threading.Event()

    def listener(event):
        told.wait()
        if event.stage == "ICA":
            fit.stop()

    fit = start(estimator(), cohort.func, listeners=[listener])
    told.set()

    with pytest.raises(RunCancelled, match="ICA"):
        fit.result(timeout=60)


def test_errors_are_handed_over():
    """What a fit raises is raised by result()."""
    fit = start(estimator(), [])

    with pytest.raises(DataError, match="No images"):
        fit.result(timeout=60)
    assert repr(fit) == "<CanICA in the background: failed>"


def test_waiting_has_an_end(cohort):
    """A timeout leaves the fit running and says where it is."""
    gate = threading.Event()

    fit = start(estimator(), cohort.func, listeners=[lambda _: gate.wait()])
    with pytest.raises(TimeoutError, match="CanICA is still at"):
        fit.result(timeout=0.01)
    assert fit.is_running
    gate.set()

    assert fit.result(timeout=60).components_.shape[0] == 5


# ---- callback ------------------------------------------------------------------------------------


def test_callback_sees_every_run(cohort):
    """After each run: its name, how many of how many, and maps of those so far."""
    seen = []

    def look(state):
        seen.append((state.n_runs, state.n_total, state.name, state.from_cache, state.maps()))
        assert state.mask_img.shape == cohort.mask_img.shape

    ica = estimator(callback=look).fit(cohort.func, confounds=cohort.confounds)

    assert [s[:4] for s in seen] == [
        (number, 6, path, False) for number, path in enumerate(cohort.func, start=1)
    ]
    assert match(seen[-1][4], ica.components_).mean > 0.99
    assert match(seen[2][4], cohort.maps).mean > 0.7


def test_callback_does_not_change_the_fit(cohort, fitted):
    """With or without looking at the maps, the fit is the same to the last bit."""
    ica = estimator(callback=lambda state: state.maps())

    ica.fit(cohort.func, confounds=cohort.confounds)

    np.testing.assert_array_equal(ica.components_, fitted.components_)


def test_callback_of_runs_without_signal(cohort):
    """A first run of zeros has no maps yet, and that is no error."""
    import nibabel as nib

    img = nib.load(cohort.func[0])
    flat = nib.Nifti1Image(np.zeros(img.shape, np.float32), img.affine)
    shapes = []
    ica = estimator(callback=lambda state: shapes.append(state.maps().shape[0]))

    with pytest.warns(UserWarning, match="1 of 3 runs"):
        ica.fit([flat, *cohort.func[:2]])

    assert shapes[0] == 0
    assert shapes[-1] == 5


@pytest.mark.slow
def test_what_a_callback_raises_stops_the_fit(cohort):
    """Its error reaches the caller, and the workers end."""

    def fail(state):
        msg = f"seen enough after {state.n_runs}"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="seen enough after 1"):
        estimator(callback=fail, n_jobs=2).fit(cohort.func * 5)

    assert working_children() == []
