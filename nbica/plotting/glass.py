"""Glass brains: maximum-intensity projections, and networks of nodes and edges, in an outline."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.patches import FancyArrowPatch
from scipy import ndimage
from scipy.sparse import issparse

from nbica.exceptions import DataWarning, IgnoredWarning
from nbica.image import template
from nbica.image.slicing import plane_of
from nbica.plotting.bars import bar_width
from nbica.plotting.colors import BLUE_ORANGE, BLUE_ORANGE_ON_WHITE, colormap, distinct
from nbica.plotting.displays import Display, check_opacity, check_points, interpolation_order
from nbica.plotting.large import largest, outline
from nbica.plotting.options import Frame, look_of
from nbica.plotting.scales import Scale, check_ends, scale_of
from nbica.plotting.views import Projection
from nbica.plotting.volumes import Volume, box_around, load_map, load_opacity
from nbica.runtime.checks import as_flag, check_flags, is_number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, AxesOrPlace, Colors, FigureOrSize, ImageLike

_VIEWS = {letter: Projection("xyz".index(letter)) for letter in "xyz"} | {
    side: Projection(0, side) for side in "lr"
}
_GLASS = 0.35  # how dark glass is at its rim
_SOFT = 3.0  # mm over which the surface of a mask is softened


def plot_glass_brain(
    stat_map_img: ImageLike | None, *, mask_img: ImageLike | None = None,
    display_mode: str = "ortho", threshold: float | Literal["auto"] | None = "auto",
    plot_abs: bool = True, cmap: Colors = None, vmin: float | None = None,
    vmax: float | None = None, symmetric_cbar: bool | Literal["auto"] = "auto",
    colorbar: bool = True, cbar_tick_format: str | Callable | None = None, alpha: float = 0.9,
    title: str | None = None, output_file: AnyPath | None = None, figure: FigureOrSize = None,
    axes: AxesOrPlace = None, annotate: bool = True, black_bg: bool = False,
    radiological: bool = False, resampling_interpolation: str = "continuous",
    transparency: float | ImageLike | None = None,
    transparency_range: tuple[float, float] | None = None, **kwargs: Any
) -> Display:  # fmt: skip
    """Show a map through a brain of glass: the strongest value along each line of sight.

    Memory: the map as float32. Time: some 0.3 s per view.

    Parameters
    ----------
    stat_map_img : image or path, 3D; or None
        None draws the glass only, to lay markers or overlays on.
    mask_img : image or path, 3D, optional
        A brain mask, whose outline is drawn; by default that of MNI152.
    display_mode : {"ortho", "x", "y", "z", "l", "r", "lr", "lyrz", "xz", ...}
        Directions to look along; "l" and "r" are the hemispheres, each from outside.
    threshold, vmin, vmax, symmetric_cbar, colorbar, title, output_file, figure, axes, annotate, \
    black_bg, radiological
        See :func:`plot_stat_map`.
    plot_abs : bool
        Show the absolute values; False keeps the signs: on each line the one that is stronger.
    cmap : str or Colormap, optional
    alpha : float
        Opacity of the colours, unless there is a `transparency`.
    transparency, transparency_range
        See :func:`plot_stat_map`; of an image, the largest value along each line of sight counts.
    cbar_tick_format, **kwargs
        See :func:`plot_stat_map`.
    resampling_interpolation
        Accepted so that scripts port: lines of sight pass between voxels.

    Returns
    -------
    Display

    See Also
    --------
    plot_stat_map : slices instead of lines of sight.
    plot_connectome : nodes and edges in the same brain.

    Examples
    --------
    >>> from nbica import datasets, image, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> network = image.index_img(cohort.maps_img, cohort.labels.index("salience"))
    >>> display = plotting.plot_glass_brain(network, display_mode="lr", threshold=0.3)
    >>> sorted(display.axes)
    ['l', 'r']
    """
    interpolation_order(resampling_interpolation)
    _, drawing = look_of(kwargs)
    frame = Frame(title, output_file, figure, axes)
    if stat_map_img is None:
        display = open_glass(display_mode, mask_img, frame, 0.0, annotate, black_bg, radiological)
        return _finish(display, frame, "a brain of glass")
    volume = load_map(stat_map_img, "stat_map_img")
    plot_abs, black_bg = as_flag("plot_abs", plot_abs), as_flag("black_bg", black_bg)
    vmin, vmax = check_ends(vmin, vmax)
    if plot_abs and vmin is not None and vmin < 0:
        msg = "vmin is negative but plot_abs is True: no absolute value is below 0."
        warnings.warn(msg, IgnoredWarning, stacklevel=2)
    if plot_abs:
        volume = Volume(np.abs(volume.data), volume.affine)
    default = BLUE_ORANGE if black_bg else BLUE_ORANGE_ON_WHITE
    scale = scale_of(
        volume.data[np.newaxis], cmap=default if cmap is None else cmap, threshold=threshold,
        vmin=vmin, vmax=vmax, symmetric_cbar=symmetric_cbar,
    )  # fmt: skip
    width = bar_width(colorbar)
    display = open_glass(
        display_mode, mask_img, frame, width, annotate, black_bg, radiological, volume
    )
    opacity = alpha if transparency is None else load_opacity(transparency, transparency_range)
    display.paint(volume, scale, alpha=opacity, **drawing)
    display.draw_bar(scale, tick_format=cbar_tick_format)
    return _finish(display, frame, "a brain map in a glass brain")


def plot_connectome(
    adjacency_matrix: ArrayLike, node_coords: ArrayLike, *, node_color: str | Sequence = "auto",
    node_size: float | Sequence[float] = 40, edge_threshold: float | str | None = None,
    edge_cmap: Colors = None, edge_vmin: float | None = None, edge_vmax: float | None = None,
    mask_img: ImageLike | None = None, display_mode: str = "ortho", colorbar: bool = True,
    alpha: float = 0.8, title: str | None = None, output_file: AnyPath | None = None,
    figure: FigureOrSize = None, axes: AxesOrPlace = None, annotate: bool = True,
    black_bg: bool = False, radiological: bool = False, edge_kwargs: dict | None = None,
    node_kwargs: dict | None = None,
) -> Display:  # fmt: skip
    """Show a network in a glass brain: nodes at their places, edges in the colour of their weight.

    Memory and time: some KB and microseconds per edge that is drawn.

    Parameters
    ----------
    adjacency_matrix : ndarray or sparse matrix of shape (n_nodes, n_nodes)
        Weights; 0 and NaN are no edges, the diagonal is not drawn. What is not symmetric is drawn
        as a directed network, an arrow from the node of the row to that of the column.
    node_coords : array of shape (n_nodes, 3)
        In mm.
    node_color : colour, sequence of colours or "auto"
    node_size : float or sequence of float
        In points².
    edge_threshold : float or str such as "80%", optional
        Weaker edges are not drawn; in percent: of all edges that are not 0.
    edge_cmap, edge_vmin, edge_vmax, colorbar
        Colours of the weights; by default symmetric about 0.
    alpha : float
        Opacity of the edges.
    mask_img, display_mode, title, output_file, figure, axes, annotate, black_bg, radiological
        See :func:`plot_glass_brain`.
    edge_kwargs, node_kwargs : dict, optional
        Go on to matplotlib: to `LineCollection` (or `FancyArrowPatch`), and to `Axes.scatter`.

    Returns
    -------
    Display

    Raises
    ------
    ValueError
        If the matrix is not square, or does not fit the coordinates.

    See Also
    --------
    plot_matrix : the same numbers as a matrix.
    nbica.connectivity.connectomes : gives the matrix.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> matrix = np.array([[0, 0.8, 0], [0.8, 0, -0.5], [0, -0.5, 0]])
    >>> places = [(-40, -60, 30), (40, -60, 30), (0, 50, 10)]
    >>> display = plotting.plot_connectome(matrix, places, edge_threshold="50%")
    >>> sorted(display.axes)
    ['x', 'y', 'z']
    """
    weights, points = check_network(adjacency_matrix, node_coords)
    node_kwargs = _check_node_kwargs(node_kwargs)
    check_opacity(alpha)
    black_bg = as_flag("black_bg", black_bg)
    is_directed = not np.allclose(weights, weights.T, rtol=1e-3)
    if is_directed:
        warnings.warn(
            "adjacency_matrix is not symmetric. A directed graph will be plotted.",
            DataWarning,
            stacklevel=2,
        )
    weights = keep_strong(weights, edge_threshold)
    is_edge = weights != 0
    pairs = np.argwhere(
        is_edge & ~np.eye(len(weights), dtype=bool) if is_directed else np.triu(is_edge, 1)
    )
    values = weights[tuple(pairs.T)]
    frame = Frame(title, output_file, figure, axes)
    has_bar = as_flag("colorbar", colorbar) and len(values) > 0
    display = open_glass(
        display_mode, mask_img, frame, bar_width(has_bar), annotate, black_bg, radiological
    )
    default = BLUE_ORANGE if black_bg else BLUE_ORANGE_ON_WHITE
    scale = _edge_scale(values, default if edge_cmap is None else edge_cmap, edge_vmin, edge_vmax)
    draw = _draw_arrows if is_directed else _draw_edges
    draw(
        display,
        points,
        pairs,
        values,
        scale,
        {"alpha": alpha} | _options("edge_kwargs", edge_kwargs),
    )
    if isinstance(node_color, str) and node_color == "auto":
        node_color = [distinct(14)[i % 14] for i in range(len(points))]
    display.add_markers(
        points,
        node_color,
        node_size,
        **{"edgecolors": "black" if black_bg else "white", "linewidths": 0.5} | node_kwargs,
    )
    if has_bar:
        display.draw_bar(scale)
    return _finish(display, frame, f"a network of {len(points)} nodes and {len(pairs)} edges")


def open_glass(
    display_mode, mask_img, frame, width, annotate, black_bg, radiological, volume=None
):  # fmt: skip
    """A display of projections with the glass drawn."""
    check_flags(annotate=annotate, black_bg=black_bg, radiological=radiological)
    views = _views_of(display_mode)
    brain = _brain_of(mask_img)
    boxes = [Volume(brain.data > 0.05, brain.affine)]
    if volume is not None and largest(volume.data):
        boxes.append(Volume(*outline(*volume)))
    display = Display(
        [views], box_around(*boxes), frame, annotate=annotate, black_bg=black_bg,
        radiological=radiological, bar_width=width,
    )  # fmt: skip
    world = views[0].prepare(brain, display.bounds)
    for panel in display.panels:
        thickness = panel.view.thickness(world, display.bounds)
        display.draw(panel, _glass(thickness, white=black_bg))
        display.draw_lines(panel, thickness, [4.0], colors=display.ink, linewidths=0.7, alpha=0.6)
    return display


def _glass(thickness, white):
    """What light does in glass: dark where it passes little of the brain, at the rim."""
    silhouette = np.clip(thickness / 6, 0, 1)
    rgba = np.full((*thickness.shape, 4), 1.0 if white else 0.25)
    rgba[..., 3] = silhouette * (0.08 + _GLASS * np.exp(-thickness / 22))
    return rgba


def _brain_of(mask_img):
    """A brain from 0, outside, to 1; soft at its surface, so that voxels do not show as steps."""
    if mask_img is None:
        return mni_brain()
    return _softened(load_map(mask_img, "mask_img"))


@cache
def mni_brain():
    """The brain of MNI152, softened."""
    return _softened(Volume(template.load_brain() > 127, template.AFFINE))


def _softened(mask):
    voxel_size = np.linalg.norm(mask.affine[:3, :3], axis=0)
    inside = (np.nan_to_num(mask.data) > 0).astype(np.float32)
    return Volume(ndimage.gaussian_filter(inside, _SOFT / voxel_size), mask.affine)


def _views_of(display_mode):
    is_text = isinstance(display_mode, str)
    letters = "xyz" if is_text and display_mode in ("ortho", "tiled") else display_mode
    if not is_text or not letters or set(letters) - set(_VIEWS):
        msg = (
            f"display_mode={display_mode!r} is unknown; use 'ortho' or letters of x, y, z, l, r, "
            "such as 'z' or 'lyrz'"
        )
        raise ValueError(msg)
    return [_VIEWS[letter] for letter in letters]


def check_network(adjacency_matrix, node_coords):
    """Weights (n_nodes, n_nodes), 0 where there is no edge, and points (n_nodes, 3), checked."""
    if issparse(adjacency_matrix):
        adjacency_matrix = adjacency_matrix.toarray()
    try:
        weights = np.nan_to_num(np.array(adjacency_matrix, dtype=float))
    except (TypeError, ValueError):
        msg = f"adjacency_matrix is a {type(adjacency_matrix).__name__}; expected numbers"
        raise ValueError(msg) from None
    points = check_points(node_coords, "node_coords")
    if weights.shape != (len(points), len(points)):
        msg = (
            f"adjacency_matrix has shape {weights.shape}, but there are {len(points)} node_coords; "
            "expected one row and one column for each node"
        )
        raise ValueError(msg)
    return weights, points


def _options(name, options):
    if options is not None and not isinstance(options, Mapping):
        msg = f"{name} is a {type(options).__name__}; expected a dict"
        raise TypeError(msg)
    return dict(options or {})


def _check_node_kwargs(node_kwargs):
    node_kwargs = _options("node_kwargs", node_kwargs)
    for name, way in {"s": "node_size", "c": "node_color"}.items():
        if name in node_kwargs:
            msg = f"node_kwargs holds {name!r}; give it as {way}=..."
            raise ValueError(msg)
    return node_kwargs


def keep_strong(weights, edge_threshold):
    """Weights with those below a threshold, a number or such as "80%", set to 0."""
    if edge_threshold is None:
        return weights
    magnitude = np.abs(weights)
    if isinstance(edge_threshold, str):
        text = edge_threshold.strip().removesuffix("%")
        if text == edge_threshold.strip() or not _is_percentage(text):
            msg = f"edge_threshold={edge_threshold!r}; expected a number or such as '80%'"
            raise ValueError(msg)
        is_symmetric = np.allclose(magnitude, magnitude.T, rtol=1e-3)
        others = np.triu(magnitude > 0, 1) if is_symmetric else magnitude > 0
        edges = magnitude[others & ~np.eye(len(magnitude), dtype=bool)]
        edge_threshold = np.percentile(edges, float(text)) if edges.size else 0.0
    elif not is_number(edge_threshold):
        msg = f"edge_threshold={edge_threshold!r}; expected a number or such as '80%'"
        raise ValueError(msg)
    kept = np.where(magnitude >= edge_threshold, weights, 0)
    if magnitude.any() and not kept.any():
        msg = (
            f"edge_threshold={edge_threshold:g} is above the largest absolute weight, "
            f"{magnitude.max():.4g}: no edge is shown. Lower it."
        )
        warnings.warn(msg, DataWarning, stacklevel=3)
    return kept


def _is_percentage(text):
    try:
        return 0 <= float(text) <= 100
    except ValueError:
        return False


def _edge_scale(values, cmap, vmin, vmax):
    peak = float(np.abs(values).max(initial=0)) or 1.0
    vmax = peak if vmax is None else vmax
    vmin, vmax = check_ends(vmin, vmax)
    vmin = -vmax if vmin is None else vmin
    if not (is_number(vmin) and is_number(vmax) and vmin < vmax):
        msg = f"edge_vmin={vmin!r} and edge_vmax={vmax!r}; expected two numbers, the first smaller"
        raise ValueError(msg)
    return Scale(colormap(cmap), vmin, vmax, None)


def _draw_edges(display, points, pairs, values, scale, style):
    for panel, ends, colors, widths in _edges_by_panel(display, points, pairs, values, scale):
        look = {"colors": colors, "linewidths": widths, "capstyle": "round", "zorder": 4}
        panel.axes.add_collection(LineCollection(ends, **look | style), autolim=False)


def _draw_arrows(display, points, pairs, values, scale, style):
    for panel, ends, colors, widths in _edges_by_panel(display, points, pairs, values, scale):
        for (start, end), color, width in zip(ends, colors, widths, strict=True):
            look = {
                "color": color, "linewidth": width, "arrowstyle": "-|>", "mutation_scale": 8,
                "connectionstyle": "arc3,rad=0.12", "shrinkA": 3, "shrinkB": 3, "zorder": 4,
            }  # fmt: skip
            panel.axes.add_patch(FancyArrowPatch(tuple(start), tuple(end), **look | style))


def _edges_by_panel(display, points, pairs, values, scale):
    """For each panel, the edges that are seen: their ends, colours and widths."""
    order = np.argsort(np.abs(values))  # the strong ones above
    pairs, values = pairs[order], values[order]
    widths = 0.6 + 2.4 * np.abs(values) / max(abs(scale.vmin), abs(scale.vmax))
    for panel in display.panels:
        near = panel.view.near(points)
        seen = near[pairs].all(axis=1) if len(pairs) else np.zeros(0, bool)
        plane = points[:, list(plane_of(panel.view.axis))]
        yield panel, plane[pairs[seen]], scale.colors(values[seen]), widths[seen]


def _finish(display, frame, sentence):
    display.describe(sentence)
    frame.close(display.figure)
    return display
