"""How many components there are, and which can be trusted, as curves and bars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from nbica.plotting.figures import BLACK, WHITE
from nbica.plotting.layout import add_axes
from nbica.plotting.options import Frame
from nbica.signal.ties import in_order

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from nbica.hints import AnyPath, AxesOrPlace, FigureOrSize

_DATA, _CHANCE = "#1f62d0", "#c8641a"


def plot_component_spectrum(
    spectrum: Any, *, title: str | None = None,
    output_file: AnyPath | None = None, figure: FigureOrSize = None, axes: AxesOrPlace = None,
) -> Figure:  # fmt: skip
    """Show the canonical correlations of a group, and where chance begins.

    Memory and time: next to nothing.

    Parameters
    ----------
    spectrum : ComponentSpectrum, or array of shape (n_dimensions,)
        `component_spectrum_` of a fit with `n_components="auto"`; or correlations alone, such as
        `canonical_correlations_`.
    title, output_file, figure, axes
        See :func:`plot_stat_map`; in given axes the curve itself is drawn.

    Returns
    -------
    matplotlib.figure.Figure

    See Also
    --------
    nbica.decomposition.selection.choose : counts the dimensions.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> from nbica.decomposition.selection import ComponentSpectrum
    >>> spectrum = ComponentSpectrum(np.linspace(0.9, 0.1, 20), np.array([0.4, 0.3]), n_runs=10)
    >>> figure = plotting.plot_component_spectrum(spectrum, output_file="spectrum.png")
    """
    correlations = np.asarray(getattr(spectrum, "correlations", spectrum), dtype=float)
    _check_curve(correlations)
    frame = Frame(title, output_file, figure, axes)
    figure, axes = _open(frame, (5.2, 2.9))
    ranks = np.arange(1, len(correlations) + 1)
    figure.sentence = f"spectrum of {len(ranks)} canonical correlations"
    axes.plot(ranks, correlations, ".-", color=_DATA, markersize=4, linewidth=1, label="runs")
    axes.set(xlim=(0.5, len(ranks) + 0.5), ylim=(0, 1.02))
    if hasattr(spectrum, "null"):
        _draw_chance(axes, spectrum)
        figure.sentence += f", {spectrum.n_components} of them above chance"
    _label(axes, "dimension", "canonical correlation", title)
    frame.close(figure)
    return figure


def plot_split_half(
    found: Any, names: Sequence[str] | None = None, *, title: str | None = None,
    output_file: AnyPath | None = None, figure: FigureOrSize = None, axes: AxesOrPlace = None,
) -> Figure:  # fmt: skip
    """Show how well each component is reproduced in halves of the group.

    Memory and time: next to nothing.

    Parameters
    ----------
    found : SplitHalf
        From :func:`nbica.matching.split_half`.
    names : sequence of str, optional
        One per component; their numbers by default.
    title, output_file, figure, axes
        See :func:`plot_stat_map`; in given axes the bars themselves are drawn.

    Returns
    -------
    matplotlib.figure.Figure
        A bar per component, its mean over the splits, best first (means that are equal to a
        thousandth by number); a dot per split. e and t of the
        whole group in the title.

    See Also
    --------
    nbica.matching.split_half : fits the halves.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> from nbica.matching import SplitHalf
    >>> rng = np.random.default_rng(0)
    >>> e, t, per_component = rng.uniform(size=8), rng.uniform(size=8), rng.uniform(size=(8, 3))
    >>> halves = SplitHalf(e, t, per_component, n_runs=20)
    >>> figure = plotting.plot_split_half(halves, names=["visual", "motor", "vessels"])
    >>> figure.savefig("halves.png")
    """
    values = np.asarray(found.reproducibility, dtype=float)
    names = list(range(values.shape[1])) if names is None else list(names)
    if len(names) != values.shape[1]:
        msg = f"names: found {len(names)} for {values.shape[1]} components; give one for each"
        raise ValueError(msg)
    frame = Frame(title, output_file, figure, axes)
    longest = max(len(str(name)) for name in names)
    figure, axes = _open(frame, (max(4.0, 0.24 * len(names) + 0.8), 2.6 + 0.055 * longest))
    order = in_order(values.mean(axis=0), within=1e-3)
    places = np.arange(len(order))
    axes.bar(places, values.mean(axis=0)[order], color=_DATA, alpha=0.35, width=0.75)
    for split in values[:, order]:
        axes.plot(places, split, ".", color=_DATA, markersize=2.5)
    axes.set(xlim=(-0.6, len(order) - 0.4), ylim=(0, 1.02), xticks=places)
    turned = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if longest > 2 else {}
    axes.set_xticklabels([str(names[i]) for i in order], **turned)
    summary = f"e {found.e.mean():.2f}, t {found.t.mean():.2f} over {len(found.t)} split halves"
    _label(axes, "component", "|r| of the two halves", title or summary)
    figure.sentence = f"reproducibility of {len(order)} components: {summary}"
    frame.close(figure)
    return figure


def _check_curve(correlations):
    if correlations.ndim != 1 or not len(correlations):
        msg = (
            f"Got correlations of shape {correlations.shape}; expected a ComponentSpectrum (of a "
            'fit with n_components="auto") or an array of shape (n_dimensions,)'
        )
        raise ValueError(msg)


def _draw_chance(axes, spectrum):
    null = spectrum.null[: len(spectrum.correlations)]
    axes.plot(np.arange(1, len(null) + 1), null, color=_CHANCE, linewidth=1, label="chance")
    axes.axhline(spectrum.bar, color=_CHANCE, linewidth=0.8, linestyle="--", label="bar")
    axes.axvspan(0.5, spectrum.n_components + 0.5, color=_DATA, alpha=0.08, linewidth=0)
    place = (spectrum.n_components + 0.5, 0.97)
    axes.annotate(f" {spectrum.n_components}", place, va="top", fontsize=9, color=_DATA)
    axes.legend(fontsize=7, frameon=False, loc="upper right")


def _open(frame, size):
    """A figure and axes in it, or those of the user."""
    if isinstance(frame.axes, Axes):
        return frame.axes.get_figure(), frame.axes
    figure, place = frame.open(size, WHITE)
    # Room below for the names, by what the figure is taller than a plain one.
    below = 0.5 + max(0.0, place.height - 2.9)
    return figure, add_axes(
        figure,
        (place.left + 0.6, place.bottom + below, place.width - 0.75, place.height - below - 0.32),
    )


def _label(axes, x, y, title):
    axes.set_xlabel(x, fontsize=8, color=BLACK)
    axes.set_ylabel(y, fontsize=8, color=BLACK)
    axes.tick_params(labelsize=7, length=2, colors=BLACK)
    axes.spines[["top", "right"]].set_visible(False)
    if title:
        axes.set_title(title, fontsize=9, loc="left", color=BLACK)
