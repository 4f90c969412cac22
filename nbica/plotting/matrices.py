"""Matrices, such as those of connectivity, in colours."""

from __future__ import annotations

from collections.abc import Sized
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import is_color_like
from matplotlib.patches import Rectangle
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from nbica.plotting.colors import BLUE_ORANGE_ON_WHITE, colormap
from nbica.plotting.figures import BLACK, WHITE, MapsFigure, as_written
from nbica.plotting.layout import add_axes
from nbica.plotting.options import Frame, root_of
from nbica.plotting.scales import check_ends
from nbica.runtime.checks import as_flag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.image import AxesImage
    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, AxesOrPlace, Colors, FigureOrSize

# Behind a name that lies on cells.
_PATCH = {"facecolor": WHITE, "alpha": 0.75, "edgecolor": "none", "pad": 0.8}
_LINKAGES = ("single", "complete", "average")
_TRI = {"full": None, "lower": -1, "diag": 0}


def plot_matrix(
    mat: ArrayLike, labels: Sequence[str] | None = None, *, title: str | None = None,
    colorbar: bool = True, cmap: Colors = None, vmin: float | None = None,
    vmax: float | None = None, tri: Literal["full", "lower", "diag"] = "full",
    grid: bool | str = False, reorder: bool | str = False, figure: FigureOrSize = None,
    axes: AxesOrPlace = None, output_file: AnyPath | None = None, auto_fit: bool = True,
    domains: Sequence[str] | None = None, **kwargs: Any
) -> AxesImage:  # fmt: skip
    """Show a matrix, such as correlations between regions.

    Memory and time: next to nothing.

    Parameters
    ----------
    mat : array of shape (n, m)
        NaN are left blank.
    labels : sequence of str, optional
        Names of rows and columns of a square matrix.
    colorbar : bool
    cmap : str or Colormap, optional
        By default blue, white, orange.
    vmin, vmax : float, optional
        By default symmetric about 0, up to the largest absolute value off the diagonal.
    tri : {"full", "lower", "diag"}
        All of it, what is below the diagonal, or with the diagonal.
    grid : bool or colour
        Lines between cells.
    reorder : bool or {"single", "complete", "average"}
        Put rows and columns that are alike beside each other (True is average linkage; leaves are
        ordered so that neighbours are most alike).
    title, figure, axes, output_file
        See :func:`plot_stat_map`; in given axes the matrix itself is drawn.
    auto_fit : bool
        Accepted so that scripts port: labels always have room.
    domains : sequence of str, optional
        What each row belongs to, such as the names that :func:`nbica.matching.label` gives. Rows
        and columns of a domain stand together, domains in the order in which they first come, each
        with a frame and its name.
    **kwargs
        Go on to matplotlib's `imshow`.

    Returns
    -------
    matplotlib.image.AxesImage
        As nilearn's function does; its ``figure`` has the figure, which a notebook shows.

    See Also
    --------
    plot_connectome : the same numbers in the brain.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> matrix = np.corrcoef(np.random.default_rng(0).normal(size=(3, 50)))
    >>> image = plotting.plot_matrix(matrix, labels=["visual", "motor", "salience"], tri="lower")
    >>> image.figure.savefig("matrix.png")
    """
    del auto_fit
    try:
        mat = np.array(mat, dtype=float)
    except (TypeError, ValueError):
        msg = f"mat is a {type(mat).__name__}; expected a matrix of numbers"
        raise ValueError(msg) from None
    colorbar = as_flag("colorbar", colorbar)
    reorder = reorder if isinstance(reorder, str) else as_flag("reorder", reorder)
    vmin, vmax = check_ends(vmin, vmax)
    _check(mat, labels, tri, reorder)
    _check_domains(mat, domains, reorder)
    labels = None if labels is None else list(map(str, labels))
    if reorder:
        order = similar_first(mat, "average" if reorder is True else reorder)
        mat, labels = mat[np.ix_(order, order)], labels and [labels[i] for i in order]
    if domains is not None:
        order, runs = by_domain(domains)
        mat, labels = mat[np.ix_(order, order)], labels and [labels[i] for i in order]
    vmin, vmax = _range(mat, vmin, vmax)
    if _TRI[tri] is not None:
        mat[np.triu_indices(len(mat), 1 + _TRI[tri], mat.shape[1])] = np.nan
    frame = Frame(title, output_file, figure, axes)
    names = labels if labels is not None or domains is None else [name for name, _, _ in runs]
    figure, axes, bar = _open(frame, names, colorbar)
    cmap = BLUE_ORANGE_ON_WHITE if cmap is None else cmap
    look = {"cmap": colormap(cmap), "vmin": vmin, "vmax": vmax, "interpolation": "nearest"}
    image = axes.imshow(mat, **look | kwargs)
    _name_cells(axes, labels)
    if _is_color(grid):
        _draw_lines(axes, mat.shape, grid)
    elif as_flag("grid", grid):
        _draw_lines(axes, mat.shape, "#bbbbbb")
    if domains is not None:
        _frame_domains(axes, runs, names_them=labels is None)
    if title:
        axes.set_title(title, x=0, ha="left", fontsize=10, color=BLACK, parse_math=False)
    if colorbar:
        figure.colorbar(image, cax=bar, ax=None if bar is not None else axes)
        if bar is not None:
            bar.tick_params(labelsize=7, length=2, colors=BLACK)
            bar.spines[:].set_visible(False)
    figure.sentence = f"matrix of {mat.shape[0]} rows and {mat.shape[1]} columns"
    frame.close(figure)
    if isinstance(figure, MapsFigure):  # the image alone is no picture to show
        image._repr_mimebundle_, image._repr_png_ = figure._repr_mimebundle_, figure._repr_png_
    return image


def _is_color(grid):
    return isinstance(grid, str | tuple) and is_color_like(grid)


def similar_first(mat, method="average"):
    """Order of rows in which neighbours are alike, after a linkage of scipy's."""
    similarity = np.nan_to_num(mat)
    distance = similarity.max() - (similarity + similarity.T) / 2
    np.fill_diagonal(distance, 0)
    condensed = squareform(distance, checks=False)
    return leaves_list(optimal_leaf_ordering(linkage(condensed, method), condensed))


def by_domain(domains):
    """Order of rows in which domains stand together, and name, start and length of each.

    >>> by_domain(["visual", "motor", "visual"])
    (array([0, 2, 1]), [('visual', 0, 2), ('motor', 2, 1)])
    """
    names = list(dict.fromkeys(map(str, domains)))
    numbers = np.array([names.index(str(domain)) for domain in domains])
    sizes = np.bincount(numbers)
    starts = np.cumsum(sizes) - sizes
    runs = list(zip(names, starts.tolist(), sizes.tolist(), strict=True))
    return np.argsort(numbers, kind="stable"), runs


def _check_domains(mat, domains, reorder):
    if domains is None:
        return
    if set(mat.shape) != {len(domains)}:
        msg = f"domains: found {len(domains)} for a matrix of shape {mat.shape}; give one per row"
        raise ValueError(msg)
    if reorder:
        msg = "domains give rows an order, and so does reorder=True: choose one"
        raise ValueError(msg)


def _check(mat, labels, tri, reorder):
    if mat.ndim != 2:
        msg = f"mat has shape {mat.shape}; expected a matrix"
        raise ValueError(msg)
    if not isinstance(tri, str) or tri not in _TRI:
        msg = f"tri={tri!r} is unknown; use one of {', '.join(_TRI)}"
        raise ValueError(msg)
    if not isinstance(reorder, bool) and reorder not in _LINKAGES:
        msg = f"reorder={reorder!r} is unknown; use True, False or one of {', '.join(_LINKAGES)}"
        raise ValueError(msg)
    if reorder and (mat.shape[0] != mat.shape[1] or len(mat) < 3):
        msg = f"mat has shape {mat.shape}; reorder=True needs a square matrix of 3 rows or more"
        raise ValueError(msg)
    n_labels = (
        len(labels) if isinstance(labels, Sized) and not isinstance(labels, str) else repr(labels)
    )
    if labels is not None and set(mat.shape) != {n_labels}:
        msg = f"labels: found {n_labels} for a matrix of shape {mat.shape}; give one per row"
        raise ValueError(msg)


def _range(mat, vmin, vmax):
    """Ends of the colors: given, or symmetric about 0 up to the largest value off the diagonal."""
    values = mat
    if mat.shape[0] == mat.shape[1] and len(mat) > 1:
        values = mat[~np.eye(len(mat), dtype=bool)]
    largest = float(np.nanmax(np.abs(values))) if np.isfinite(values).any() else 1.0
    largest = largest or 1.0
    if vmin is None and vmax is None:
        return -largest, largest
    vmax = largest if vmax is None else vmax
    return (-vmax if vmin is None else vmin), vmax


def _open(frame, labels, colorbar):
    """A figure, axes for a square matrix with room for its labels, and axes for a bar or None."""
    if isinstance(frame.axes, Axes):
        return root_of(frame.axes), frame.axes, None
    longest = max(map(len, labels)) if labels else 2
    margin, below, top = 0.25 + 0.07 * longest, 0.25 + 0.045 * longest, 0.4 if frame.title else 0.12
    figure, place = frame.open((4.2 + margin + 0.75 * colorbar, 4.2 + below + top), WHITE)
    side = min(place.width - margin - 0.75 * colorbar, place.height - below - top)
    bottom = place.bottom + place.height - top - side
    axes = add_axes(figure, (place.left + margin, bottom, side, side))
    if not colorbar:
        return figure, axes, None
    bar = (place.left + margin + side + 0.12, bottom + 0.2 * side, 0.1, 0.6 * side)
    return figure, axes, add_axes(figure, bar)


def _name_cells(axes, labels):
    axes.tick_params(labelsize=7, length=0, colors=BLACK)
    axes.spines[:].set_visible(False)
    if labels is None:
        axes.set(xticks=[], yticks=[])
        return
    axes.set(xticks=range(len(labels)), yticks=range(len(labels)))
    axes.set_xticklabels(labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticklabels(labels)
    as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])


def _frame_domains(axes, runs, *, names_them):
    """Frame each domain; name it where rows have no names of their own, else at the right."""
    for name, start, size in runs:
        corner = (start - 0.5, start - 0.5)
        axes.add_patch(Rectangle(corner, size, size, fill=False, edgecolor=BLACK, linewidth=1.2))
        if not names_them:
            place = (start + size - 0.4, start + (size - 1) / 2)
            axes.text(*place, name, fontsize=6.5, va="center", color=BLACK, parse_math=False,
                      clip_on=False, bbox=_PATCH)  # fmt: skip
    if names_them:
        middles = [start + (size - 1) / 2 for _, start, size in runs]
        axes.set(xticks=middles, yticks=middles)
        axes.set_xticklabels([name for name, _, _ in runs], rotation=45, ha="right",
                             rotation_mode="anchor")  # fmt: skip
        axes.set_yticklabels([name for name, _, _ in runs])
        as_written([*axes.get_xticklabels(), *axes.get_yticklabels()])


def _draw_lines(axes, shape, color):
    axes.set_xticks(np.arange(shape[1] + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(shape[0] + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=color, linewidth=0.5)
    axes.tick_params(which="minor", length=0)
