"""Time courses that a desk finds by itself: its fit knows its runs."""

import gzip
import json
from pathlib import Path
from queue import Queue

import ipywidgets
import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica import browse
from nbica.decomposition.seen_runs import SeenCourses
from nbica.exceptions import DataWarning
from nbica.viewer import courses
from nbica.viewer.courses import CourseTeller, FittedCourses, packed, z_scored

LONG = 60  # seconds that no pass over these runs takes


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=4, n_timepoints=40)


@pytest.fixture
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed."""
    yield
    ipywidgets.Widget.close_all()


def opened(block):
    """The header of packed bytes, and the bytes behind it."""
    raw = gzip.decompress(block)
    size = int.from_bytes(raw[:4], "little")
    return json.loads(raw[4 : 4 + size]), raw[4 + size :]


def runs_in(block):
    return [one["run"] for one in opened(block)[0]["volumes"]]


def values_of(block):
    """Time courses of the first run of a block, as the browser makes them."""
    header, data = opened(block)
    one = header["volumes"][0]
    place = one["arrays"]["values"]
    codes = np.frombuffer(data[place["at"] : place["at"] + place["size"]], np.int16)
    return (codes.reshape(len(one["scales"]), -1) * np.array(one["scales"])[:, np.newaxis]).T


def test_packed_courses_are_true_to_half_a_step(rng):
    """Whole numbers times a scale; the spectrum's frequencies are in Hz of the run's own TR."""
    t = np.arange(128) * 2.0
    values = np.column_stack([np.sin(2 * np.pi * 0.0625 * t), rng.standard_normal(128)])
    one = packed(0, values, 2.0)

    assert np.abs(one.codes.T * one.scales - values).max() <= one.scales.max() / 2
    assert (one.power[0].argmax() + 1) * one.step == pytest.approx(0.0625)


def test_a_desk_of_a_fit_knows_its_runs(cohort, fitted):
    """Names and units come at once, courses when somebody looks: none is computed before."""
    desk = browse(fitted)
    about = opened(desk._payload)[0]["courses"]

    assert about == {"subjects": [f"sub-0{i}_bold.nii{'.gz' * (i % 2)}" for i in range(4)],
                     "unit": "sd", "trouble": ""}  # fmt: skip
    assert runs_in(desk._courses) == []
    assert SeenCourses(fitted).known(0) is None


def told(fitted, *wanted, **options):
    """What is told when runs are wanted: messages until nothing more is to be said."""
    messages = Queue()
    teller = CourseTeller(FittedCourses(SeenCourses(fitted), **options), lambda *m: messages.put(m))
    for run in wanted:
        teller.want(run)
    while True:
        content, buffers = messages.get(timeout=LONG)
        yield content, buffers
        if len(teller._told) == 4 or "left" in content:
            return


def test_the_run_that_is_looked_at_comes_first(cohort, fitted):
    """Then all others, unasked, as they are quick; each is what transform gives, in sd."""
    found = list(told(fitted, 2))
    wanted = fitted.transform(cohort.func, cohort.confounds)

    assert [content["run"] for content, _ in found] == [2, 0, 1, 3]
    for content, (block,) in found:
        expected = z_scored(wanted[content["run"]])
        assert np.abs(values_of(block) - expected).max() < 1e-3


def test_what_takes_long_is_not_computed_unasked(fitted, monkeypatch):
    """How many runs are left and how long they would take is told; "all" computes them."""
    monkeypatch.setattr(courses, "PATIENCE", 0.0)

    (first, _), (news, nothing) = told(fitted, 1)
    assert first == {"run": 1}
    assert news["left"] == 3
    assert news["seconds"] > 0
    assert nothing == []
    assert sorted(content["run"] for content, _ in told(fitted, "all")) == [0, 1, 2, 3]


def test_runs_that_are_gone_are_told(cohort, tmp_path):
    """In words, for the pane; what is not a run is not heard."""
    copies = [tmp_path / Path(path).name for path in cohort.func]
    for path, copy in zip(cohort.func, copies, strict=True):
        copy.write_bytes(Path(path).read_bytes())
    fit = estimator().fit(copies)
    copies[0].unlink()

    found = {content["run"]: content for content, _ in told(fit, 9, "x", True, -1, 0)}
    assert found[0]["trouble"].endswith("sub-00_bold.nii is gone")
    assert "trouble" not in found[3]


def test_a_generator_cannot_be_gone_through_again(cohort):
    """The desk says so instead of showing nothing."""
    desk = browse(estimator().fit(iter(cohort.func)))

    assert "came from a generator" in opened(desk._payload)[0]["courses"]["trouble"]
    desk.to_html()


def test_another_desk_has_what_was_computed(cohort, fitted):
    """From the beginning, in the widget; a page has all runs."""
    SeenCourses(fitted).get(3)
    desk = browse(fitted, subjects=list("abcd"))
    assert runs_in(desk._courses) == [3]

    page = desk.to_html()
    assert runs_in(desk._blocks()["nbica-courses"]) == [0, 1, 2, 3]
    assert 'id="nbica-courses"' in page


def test_a_page_says_which_runs_it_lacks(cohort, tmp_path):
    """A warning names the first of them; the others are in the page."""
    copy = tmp_path / "gone.nii"
    copy.write_bytes(Path(cohort.func[0]).read_bytes())
    desk = browse(estimator().fit([copy, *cohort.func[1:]]))
    copy.unlink()

    with pytest.warns(
        DataWarning, match=r"no time courses of 1 runs: the file .*gone\.nii is gone"
    ):
        desk.to_html()
    assert runs_in(desk._blocks()["nbica-courses"]) == [1, 2, 3]


def test_the_repetition_time_can_be_given(fitted):
    """In place of the headers'."""
    (_, (block,)), *_ = told(fitted, 0, t_r=0.5)

    assert opened(block)[0]["volumes"][0]["t_r"] == 0.5
