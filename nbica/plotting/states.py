"""States of changing connectivity, as matrices, sequences and beside chance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.colors import ListedColormap

from nbica.plotting.bars import draw_colorbar
from nbica.plotting.colors import BLUE_ORANGE_ON_WHITE, distinct
from nbica.plotting.figures import BLACK, WHITE
from nbica.plotting.layout import add_axes
from nbica.plotting.matrices import plot_matrix
from nbica.plotting.options import Frame
from nbica.plotting.scales import Scale

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from nbica.hints import AnyPath, FigureOrSize

_SIDE, _GAP, _BELOW = 1.35, 0.18, 1.75  # inches
_MOST_IN_A_ROW = 5


def plot_states(
    found: Any, *, domains: Sequence[str] | None = None, title: str | None = None,
    output_file: AnyPath | None = None, figure: FigureOrSize = None,
) -> Figure:  # fmt: skip
    """Show states of connectivity, which run was in which when, and the same of chance.

    Memory and time: next to nothing.

    Parameters
    ----------
    found : DynamicConnectivity
        From :func:`nbica.connectivity.dynamic_connectivity`.
    domains : sequence of str, optional
        What each network belongs to; see :func:`plot_matrix`.
    title, output_file, figure
        See :func:`plot_stat_map`.

    Returns
    -------
    matplotlib.figure.Figure
        A matrix per state with its share of the windows, most frequent first; the sequence of each
        run, a row each; and, where there are surrogates, two measures of the runs (line) and of
        each surrogate (dots), with p.

    See Also
    --------
    nbica.connectivity.dynamic_connectivity : finds the states.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity, plotting
    >>> runs = [np.random.default_rng(seed).standard_normal((80, 4)) for seed in range(4)]
    >>> found = connectivity.dynamic_connectivity(runs, n_states=2, n_surrogates=3)
    >>> figure = plotting.plot_states(found)
    >>> len(figure.axes)
    6
    """
    n_states = len(found.states)
    n_columns = min(n_states, _MOST_IN_A_ROW)
    n_rows = -(-n_states // n_columns)
    top = 0.35 if title else 0.1
    size = (
        max(n_columns * (_SIDE + _GAP) + 0.9, 5.6),
        top + n_rows * (_SIDE + 0.35) + _BELOW + 0.45,
    )
    frame = Frame(title, output_file, figure, None)
    figure, place = frame.open(size, WHITE)
    upper = place.bottom + place.height - top
    if title:
        figure.text(0.02, 1 - 0.2 / size[1], title, fontsize=10, color=BLACK, parse_math=False)
    _draw_matrices(figure, found, domains, place.left, upper, n_columns)
    beside = 2.0 if found.null else 0.0
    sequences = (place.left + 0.55, place.bottom + 0.42, place.width - beside - 0.75, _BELOW - 0.3)
    _draw_sequences(add_axes(figure, sequences), found)
    if found.null:
        left = place.left + place.width - 1.55
        for number, name in enumerate(("separation", "mean_variability")):
            box = (left, place.bottom + 0.42 + (1 - number) * 0.8, 1.4, 0.42)
            _draw_chance(add_axes(figure, box), found, name)
    figure.sentence = repr(found).strip("<>")
    frame.close(figure)
    return figure


def _draw_matrices(figure, found, domains, left, upper, n_columns):
    off = ~np.eye(found.states.shape[1], dtype=bool)
    largest = float(np.abs(found.states[:, off]).max()) or 1.0
    for number, (state, share) in enumerate(
        zip(found.states, found.occupancy.mean(axis=0), strict=True)
    ):
        row, column = divmod(number, n_columns)
        corner = left + 0.1 + column * (_SIDE + _GAP), upper - (row + 1) * (_SIDE + 0.35)
        axes = add_axes(figure, (*corner, _SIDE, _SIDE))
        plot_matrix(state, axes=axes, colorbar=False, vmin=-largest, vmax=largest, domains=domains)
        axes.set(xticks=[], yticks=[])
        patch = {"facecolor": _colors(found)[number], "alpha": 0.5, "edgecolor": "none", "pad": 1.5}
        axes.set_title(f"{number + 1}: {share:.0%}", fontsize=8, color=BLACK, bbox=patch)
    bar = (left + 0.15 + n_columns * (_SIDE + _GAP), upper - _SIDE - 0.2, 0.09, 0.8 * _SIDE)
    scale = Scale(BLUE_ORANGE_ON_WHITE, -largest, largest, None)
    draw_colorbar(add_axes(figure, bar), scale, ink=BLACK)


def _colors(found):
    return distinct(len(found.states))


def _draw_sequences(axes, found):
    longest = max(map(len, found.sequences))
    table = np.full((len(found.sequences), longest), np.nan)
    for row, sequence in zip(table, found.sequences, strict=True):
        row[: len(sequence)] = sequence
    n_states = len(found.states)
    axes.imshow(
        table, aspect="auto", interpolation="nearest", cmap=ListedColormap(_colors(found)),
        vmin=-0.5, vmax=n_states - 0.5, extent=(0, longest * found.step, len(table), 0),
    )  # fmt: skip
    axes.set_xlabel("start of the window, frame", fontsize=7, color=BLACK)
    axes.set_ylabel("run", fontsize=7, color=BLACK)
    axes.set_yticks([])
    axes.tick_params(labelsize=6.5, length=2, colors=BLACK)
    axes.spines[:].set_visible(False)


def _draw_chance(axes, found, name):
    theirs = [getattr(one, name) for one in found.null]
    heights = np.linspace(0.2, 0.8, len(theirs))
    axes.plot(theirs, heights, ".", color="#c8641a", markersize=3)
    axes.axvline(getattr(found, name), color="#1f62d0", linewidth=1.5)
    values = [*theirs, getattr(found, name)]
    room = 0.15 * (max(values) - min(values) or 1.0)
    axes.set(yticks=[], ylim=(0, 1), xlim=(min(values) - room, max(values) + room))
    said = f"{name.replace('_', ' ')}, p = {found.p(name):.2f}"
    axes.set_title(said, fontsize=7, loc="left", color=BLACK)
    axes.locator_params(axis="x", nbins=4)
    axes.tick_params(labelsize=6.5, length=2, colors=BLACK)
    axes.spines[["top", "right", "left"]].set_visible(False)
