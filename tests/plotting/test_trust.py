"""The curves and bars by which components are judged show the numbers that they were given."""

import numpy as np
import pytest

from nbica import plotting
from nbica.decomposition.selection import ComponentSpectrum
from nbica.matching.reproducibility import SplitHalf


def test_spectrum_shows_runs_and_chance(tmp_path):
    """Both curves and the bar are drawn at their values, and the count is said."""
    spectrum = ComponentSpectrum(np.array([0.9, 0.7, 0.3, 0.2]), np.array([0.4, 0.3, 0.1]), 8)

    figure = plotting.plot_component_spectrum(spectrum, output_file=tmp_path / "spectrum.png")

    lines = figure.axes[0].get_lines()
    np.testing.assert_array_equal(lines[0].get_xydata(), [[1, 0.9], [2, 0.7], [3, 0.3], [4, 0.2]])
    np.testing.assert_array_equal(lines[1].get_ydata(), spectrum.null)
    assert lines[2].get_ydata()[0] == spectrum.bar
    assert repr(figure) == "<spectrum of 4 canonical correlations, 2 of them above chance>"
    assert (tmp_path / "spectrum.png").stat().st_size > 1000


def test_correlations_alone_are_a_spectrum():
    """An array is shown without chance; anything else is refused."""
    figure = plotting.plot_component_spectrum(np.array([0.9, 0.5]))

    assert len(figure.axes[0].get_lines()) == 1
    with pytest.raises(ValueError, match=r"shape \(2, 2\)"):
        plotting.plot_component_spectrum(np.ones((2, 2)))


def test_split_half_shows_the_best_first():
    """Bars fall, each under its own name, with a dot for each split."""
    values = np.array([[0.2, 0.9, 0.6], [0.4, 0.7, 0.6]])
    found = SplitHalf(np.array([0.8, 0.7]), np.array([0.5, 0.6]), values, 8)

    figure = plotting.plot_split_half(found, ["low", "high", "middle"])

    axes = figure.axes[0]
    np.testing.assert_allclose([bar.get_height() for bar in axes.patches], [0.8, 0.6, 0.3])
    assert [text.get_text() for text in axes.get_xticklabels()] == ["high", "middle", "low"]
    assert len(axes.get_lines()) == 2
    assert "t 0.55 over 2 split halves" in repr(figure)
    with pytest.raises(ValueError, match="found 1 for 3"):
        plotting.plot_split_half(found, ["one"])
