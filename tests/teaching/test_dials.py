"""Dials of the course: what they compute, what they show, and that a page needs nothing else."""

import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from traitlets import TraitError

from nbica.teaching import ICADial, Steps, dials
from nbica.viewer import page

LARGEST = 200_000  # characters of a page
JS = (dials._FOLDER / "js/dials.js").read_text(encoding="utf-8")


@pytest.fixture
def sources(rng):
    """Two independent signals with long tails."""
    return rng.laplace(size=(2, 1000))


MIXING = np.array([[1.0, 0.9], [0.7, -0.5]])


def test_the_best_angle_gives_the_sources_back(sources):
    """Up to order and sign, both signals correlate with a source at nearly 1."""
    dial = ICADial(MIXING @ sources)
    dial.angle = dial.best()
    r = abs(np.corrcoef(sources, dial.signals())[:2, 2:])

    assert sorted(r.argmax(axis=0)) == [0, 1]
    assert r.max(axis=0).min() > 0.97


def test_white_signals_are_those_of_pca(sources):
    """At 0 degrees the axes are PCA's: uncorrelated, variance 1, and along the widest direction."""
    dial = ICADial(MIXING @ sources)
    widest = np.linalg.eigh(np.cov(MIXING @ sources))[1][:, -1]

    np.testing.assert_allclose(np.cov(dial.white, bias=True), np.eye(2), atol=1e-12)
    assert abs(np.corrcoef(dial.signals()[0], widest @ MIXING @ sources)[0, 1]) > 1 - 1e-12


def test_a_quarter_turn_swaps_and_flips(sources):
    """90 degrees further the first axis is the second, and the second the first upside down."""
    dial = ICADial(sources, angle=20)
    first, second = dial.signals()
    dial.angle = 110

    np.testing.assert_allclose(dial.signals(), [second, -first], atol=1e-12)


def test_kurtosis_does_not_depend_on_units(sources):
    """Whatever the units of the mixtures, the summit is of the same height at the same angle."""
    one, other = ICADial(MIXING @ sources), ICADial(1e6 * MIXING @ sources + 5)

    assert one.best() == other.best()
    np.testing.assert_allclose(one.kurtosis(), other.kurtosis(), rtol=1e-6)


@pytest.mark.parametrize(
    ("signals", "words"),
    [
        (np.zeros((3, 50)), r"shape \(3, 50\); expected two rows"),
        (np.zeros((2, 4)), r"expected two rows of at least 8"),
        (np.full((2, 50), np.nan), "no finite numbers"),
        (np.outer([1, 2], np.arange(50)), "multiples of one another"),
    ],
)
def test_what_is_no_pair_of_mixtures_is_refused(signals, words):
    """The message says what was found and what was expected."""
    with pytest.raises(ValueError, match=words):
        ICADial(signals)


def test_many_values_cross_as_few(rng):
    """Of many values 1500 are shown, and the page stays small."""
    dial = ICADial(rng.laplace(size=(2, 40_000)))

    assert dial.white.shape == (2, dials.MOST_POINTS)
    assert len(dial.to_html()) < LARGEST


def draw(value):
    """A line as steep as the value."""
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([0, 1], [0, value])
    return figure, f"steepness {value}"


def test_steps_say_and_show_each_value():
    """Each value has its picture and its words; the picture changes with the step."""
    steps = Steps([1, 5, 9], draw, label="steepness")
    first = np.asarray(steps.picture())
    steps.step = 2

    assert steps.words == ["steepness 1", "steepness 5", "steepness 9"]
    assert repr(steps) == "<Steps: 3 steps of steepness>"
    assert first.shape == np.asarray(steps.picture()).shape
    assert (first != np.asarray(steps.picture())).any()


def test_steps_refuse_what_there_is_not():
    """No values, or a step beyond the last, are told with what there is."""
    with pytest.raises(ValueError, match="values is empty"):
        Steps([], draw)
    with pytest.raises(TraitError, match="there are 0 to 1"):
        Steps([1, 2], draw).step = 2


@pytest.mark.parametrize("make", [ICADial, lambda s: Steps([1, 2], draw)])
def test_a_saved_notebook_has_a_picture_and_a_page_that_asks_nobody(make, sources, monkeypatch):
    """Beside the widget stand a PNG and a page; the page names no address but that of SVG."""
    monkeypatch.delenv("NBICA_EMBED", raising=False)
    dial = make(sources)
    data, _ = dial._repr_mimebundle_()
    addresses = set(re.findall(r"https?://[\w./]+", str(dial.to_html())))

    assert data["image/png"][:4] == b"\x89PNG"
    assert "iframe" in data["text/html"]
    assert addresses <= {"http://www.w3.org/2000/svg"}


def test_the_script_keeps_to_the_viewers_rules():
    """Names are unique beside dom.js; lines and functions are as short as the viewers'."""
    names = re.findall(
        r"^(?:async )?(?:function|class|const|let)\s+(\w+)", dials.script(), re.MULTILINE
    )
    functions = re.finditer(r"^function (\w+)\(.*?^}", JS, re.MULTILINE | re.DOTALL)

    assert len(names) == len(set(names)) > 30
    assert "makeSlider" in page.read("js/dom.js")
    assert max(map(len, JS.splitlines())) <= 100
    assert max(match[0].count("\n") for match in functions) <= 60
