"""Panels of a figure, all in mm of the world, over which more can be laid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba_array

from nbica.image.slicing import plane_of
from nbica.plotting.bars import draw_colorbar, draw_key
from nbica.plotting.figures import BLACK, INK, PAPER, WHITE
from nbica.plotting.layout import add_axes, arrange, size_for
from nbica.plotting.scales import scale_of, warn_if_blank
from nbica.plotting.volumes import Volume, load_map
from nbica.runtime.checks import as_flag, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, Colors, ImageLike
    from nbica.plotting.options import Frame


class Panel(NamedTuple):
    """Axes whose coordinates are mm, and what they show."""

    axes: Axes
    view: Any  # a Slice or a Projection


class Display:
    """Views of a brain in one figure; what the plotting functions return.

    Nothing is computed before something is added. `figure` is a matplotlib Figure; `axes` its
    panels by name ("x", "y", "z"; with more than one of a kind "x0", "x1"…), in mm.

    Parameters
    ----------
    rows : list of list of Slice or Projection
    bounds : array of shape (3, 2)
        The box to show, in mm.
    frame : Frame
    annotate : bool
        Coordinates and sides.
    black_bg : bool
    radiological : bool
        The left of the brain on the right of the picture.
    bar_width : float
        Inches to leave for a colour bar and its labels.
    align : {"centre", "left"}
        Place of shorter rows.

    See Also
    --------
    plot_stat_map : makes one.

    Examples
    --------
    >>> from nbica import datasets, image, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> network = image.index_img(cohort.maps_img, cohort.labels.index("salience"))
    >>> display = plotting.plot_anat(cohort.anat_img, cut_coords=(0, 20, 30))
    >>> display.add_contours(network, levels=[0.3, 0.6])
    >>> display.add_markers([(0, 20, 30)])
    >>> display.title("Salience")
    >>> display.savefig("salience.png")
    """

    def __init__(
        self, rows: Sequence[Sequence], bounds: np.ndarray, frame: Frame, *, annotate: bool = True,
        black_bg: bool = True, radiological: bool = False, bar_width: float = 0.0,
        align: Literal["centre", "left"] = "centre",
    ) -> None:  # fmt: skip
        self.bounds = bounds
        self._radiological = radiological
        self._paper, self.ink = (PAPER, INK) if black_bg else (WHITE, BLACK)
        sizes = [[self._size(view) for view in row] for row in rows]
        has_title = bool(frame.title)
        size = size_for(sizes, has_title, bar_width, align)
        self.figure, rectangle = frame.open(size, self._paper)
        layout = arrange(sizes, rectangle, has_title, bar_width, align)
        views = [view for row in rows for view in row]
        self.panels = [
            Panel(self._open_panel(place, view, radiological), view)
            for place, view in zip(layout.panels, views, strict=True)
        ]
        self._bar = add_axes(self.figure, layout.bar) if bar_width else None
        if self._bar is not None:
            self._bar.set_axis_off()
        if has_title:
            self._write_title(frame.title, layout.title)
        if annotate:
            self.annotate()

    @property
    def axes(self) -> dict[str, Axes]:
        """The panels' axes by name."""
        letters = [panel.view.letter for panel in self.panels]
        names = [
            letter if letters.count(letter) == 1 else f"{letter}{letters[:i].count(letter)}"
            for i, letter in enumerate(letters)
        ]
        return dict(zip(names, (panel.axes for panel in self.panels), strict=True))

    @property
    def cut_coords(self) -> list | dict:
        """Where slices are cut, in mm, as `cut_coords` takes it: to draw others alike."""
        cuts = {}
        for panel in self.panels:
            cuts.setdefault("xyz"[panel.view.axis], []).append(panel.view.mm)
        if len(cuts) == 1:
            return next(iter(cuts.values()))
        if any(len(places) > 1 for places in cuts.values()):
            return cuts
        return [cuts[letter][0] for letter in sorted(cuts)]

    # ---- things to lay over -----------------------------------------------------------------

    def add_overlay(
        self, img: ImageLike, threshold: float | Literal["auto"] | None = 1e-6,
        cmap: Colors = "viridis", *, vmin: float | None = None, vmax: float | None = None,
        symmetric_cbar: bool | Literal["auto"] = "auto", colorbar: bool = False, alpha: float = 1.0,
        resampling_interpolation: str = "continuous",
    ) -> None:  # fmt: skip
        """Colour where an image has values; arguments as in :func:`plot_stat_map`."""
        volume = load_map(img, "img")
        scale = scale_of(
            volume.data[np.newaxis], cmap=cmap, threshold=threshold, vmin=vmin, vmax=vmax,
            symmetric_cbar=symmetric_cbar,
        )  # fmt: skip
        self.paint(volume, scale, alpha=alpha, order=interpolation_order(resampling_interpolation))
        if as_flag("colorbar", colorbar):
            self.draw_bar(scale)

    def add_contours(
        self, img: ImageLike, threshold: float = 0.5, levels: Sequence[float] | None = None,
        colors: str = "#ffd166", **options: Any
    ) -> None:  # fmt: skip
        """Draw lines where an image passes some levels (by default one, the threshold).

        Further options are those of matplotlib's `Axes.contour`; ``filled=True`` fills between
        the levels.
        """
        levels = _checked_levels([threshold] if levels is None else levels)
        volume = load_map(img, "img")
        warn_if_blank(volume.data, levels[0], "the lowest level")
        self.contour(volume, levels, colors=colors, **options)

    def add_edges(self, img: ImageLike, color: str = "#ff5a36") -> None:
        """Draw the outline of what is above half of an image's strong values (98th percentile)."""
        volume = load_map(img, "img")
        data = np.nan_to_num(volume.data)
        strong = np.percentile(data[data > 0], 98) if (data > 0).any() else 1.0
        self.contour(Volume(data, volume.affine), [0.5 * strong], colors=color, linewidths=0.8)

    def add_markers(
        self, marker_coords: ArrayLike, marker_color: str = "#ff5a36", marker_size: float = 30,
        **options: Any
    ) -> None:  # fmt: skip
        """Draw points, given in mm, in the panels that show their place."""
        points = check_points(marker_coords, "marker_coords")
        _check_markers(marker_color, marker_size, len(points))
        for panel in self.panels:
            near = panel.view.near(points)
            color, size = (_of_points(value, near) for value in (marker_color, marker_size))
            across, up = plane_of(panel.view.axis)
            panel.axes.scatter(
                points[near, across], points[near, up], c=color, s=size, zorder=5, **options
            )

    def title(self, text: str) -> None:
        """Write a title above all panels."""
        self.figure.suptitle(text, color=self.ink, fontsize=10, parse_math=False)

    def savefig(self, filename: AnyPath, **options: Any) -> None:
        """Write the picture to a file."""
        self.figure.savefig(filename, **options)

    def close(self) -> None:
        """Release the drawing; it is not shown any more."""
        self.figure.is_shown = True
        self.figure.clear()

    # ---- with arrays ------------------------------------------------------------------------

    def paint(
        self, volume: Any, scale: Any, *, alpha: Any = 1.0, order: int = 1, **drawing: Any
    ) -> None:
        """Colour a volume by a scale, in every panel; `alpha` is a number or a Volume."""
        drawing.setdefault("interpolation", "nearest" if order == 0 else "bilinear")
        prepare = self.panels[0].view.prepare
        ready = prepare(volume, self.bounds)
        varies = isinstance(alpha, Volume)
        if not varies:
            check_opacity(alpha)
        opacity = prepare(alpha, self.bounds) if varies else alpha
        for panel in self.panels:
            values = panel.view.picture(ready, self.bounds, order)
            rgba = scale.colors(values)
            here = panel.view.picture(opacity, self.bounds, order) if varies else opacity
            rgba[..., 3] *= np.nan_to_num(here)
            self.draw(panel, rgba, **drawing)

    def draw(
        self, panel: Any, rgba: np.ndarray, interpolation: str = "bilinear", **drawing: Any
    ) -> None:
        """Put a picture in its place; `drawing` goes on to matplotlib's `imshow`."""
        half = panel.view.step / 2
        across, up = plane_of(panel.view.axis)
        n_up, n_across = rgba.shape[:2]
        # Pixels are centred on the lower end of the box and a step apart from there.
        left, bottom = self.bounds[across, 0] - half, self.bounds[up, 0] - half
        extent = (left, left + 2 * half * n_across, bottom, bottom + 2 * half * n_up)
        limits = panel.axes.axis()
        panel.axes.imshow(
            rgba, origin="lower", extent=extent, interpolation=interpolation, aspect="auto",
            **drawing,
        )  # fmt: skip
        panel.axes.axis(limits)

    def contour(self, volume: Any, levels: Sequence[float], **options: Any) -> None:
        """Draw level lines of a volume in every panel; see :meth:`draw_lines`."""
        finite = Volume(np.nan_to_num(volume.data), volume.affine)
        ready = self.panels[0].view.prepare(finite, self.bounds)
        for panel in self.panels:
            picture = np.nan_to_num(panel.view.picture(ready, self.bounds))
            self.draw_lines(panel, picture, levels, **options)

    def draw_lines(
        self, panel: Any, picture: np.ndarray, levels: Sequence[float], *, filled: bool = False,
        **options: Any
    ) -> None:  # fmt: skip
        """Draw level lines of a picture in its place, or fill above the first."""
        if picture.max() <= levels[0]:
            return
        step, plane = panel.view.step, plane_of(panel.view.axis)
        x, y = (
            self.bounds[axis, 0] + step * np.arange(n)
            for axis, n in zip(plane, picture.shape[::-1], strict=True)
        )
        limits = panel.axes.axis()
        if filled:
            panel.axes.contourf(x, y, picture, [*levels, np.inf], **options)
        else:
            panel.axes.contour(x, y, picture, levels, **options)
        panel.axes.axis(limits)

    def draw_bar(self, scale: Any, **options: Any) -> None:
        """Draw the colour bar, if there is room for one."""
        if self._bar is not None:
            draw_colorbar(self._bar, scale, ink=self.ink, **options)

    def draw_key(self, colors: Sequence, names: Sequence[str]) -> None:
        """Draw names of colours where the colour bar would be."""
        draw_key(self._bar, colors, names, ink=self.ink)

    def draw_cross(self) -> None:
        """Mark in every slice where the others cut."""
        cuts = {panel.view.axis: panel.view.mm for panel in self.panels}
        for panel in self.panels:
            across, up = plane_of(panel.view.axis)
            style = {"color": self.ink, "linewidth": 0.5, "alpha": 0.6, "zorder": 4}
            if across in cuts:
                panel.axes.axvline(cuts[across], **style)
            if up in cuts:
                panel.axes.axhline(cuts[up], **style)

    def annotate(
        self, radiological: bool | None = None, *, left_right: bool = True, positions: bool = True,
        scalebar: bool = False, size: float | None = None, scale_size: float = 5.0,
        scale_units: Literal["cm", "mm"] = "cm", scale_loc: Literal[1, 2, 3, 4] = 4,
        decimals: int = 0, **options: Any
    ) -> None:  # fmt: skip
        """Write coordinates, and which side is left; draw a bar of a length.

        Parameters
        ----------
        radiological : bool, optional
            Which side is where; by default as the panels show it.
        left_right, positions, scalebar : bool
        size : float, optional
            Size of the letters, in points.
        scale_size : float
            Length of the bar.
        scale_units : {"cm", "mm"}
        scale_loc : {1, 2, 3, 4}
            Corner of the bar: upper right, upper left, lower left, lower right.
        decimals
            Accepted so that scripts port: coordinates have those that they need.
        **options
            Options of matplotlib's texts, such as `color`.
        """
        del decimals
        radiological = self._radiological if radiological is None else radiological
        heights = [panel.axes.get_position().height for panel in self.panels]
        inches = min(heights) * self.figure.get_size_inches()[1]
        size = float(np.clip(4.2 * inches, 5, 9)) if size is None else size
        style = {"color": self.ink, "fontsize": size, "zorder": 6} | options
        if scalebar:
            self._draw_scalebar(style, scale_size, scale_units, scale_loc)
        for axes, view in self.panels:
            style["transform"] = axes.transAxes
            if positions:
                axes.text(0.02, 0.01, view.label, ha="left", va="bottom", **style)
            if left_right and view.shows_sides:
                left, right = "RL" if radiological else "LR"
                axes.text(0.02, 0.99, left, ha="left", va="top", **style)
                axes.text(0.98, 0.99, right, ha="right", va="top", **style)

    def _draw_scalebar(self, style, length, units, corner):
        """A bar in a corner of each panel."""
        mm = length * {"mm": 1.0, "cm": 10.0}[units]
        is_left, is_upper = corner in (2, 3), corner in (1, 2)
        for axes, _ in self.panels:
            (left, right), (low, high) = axes.get_xlim(), axes.get_ylim()
            towards = np.sign(right - left)
            start = left + 0.04 * (right - left) if is_left else right - 0.04 * (right - left)
            ends = [start, start + (towards if is_left else -towards) * mm]
            height = (high - 0.12 * (high - low)) if is_upper else (low + 0.05 * (high - low))
            axes.plot(ends, [height, height], color=style["color"], linewidth=1.5, zorder=6)
            text = f"{length:g} {units}"
            axes.text(np.mean(ends), height, text, ha="center", va="bottom", **style)

    def _write_title(self, text, strip):
        axes = add_axes(self.figure, strip)
        axes.set_axis_off()
        axes.text(
            0, 0.45, text, color=self.ink, fontsize=10, ha="left", va="center", parse_math=False
        )

    def _size(self, view):
        across, up = plane_of(view.axis)
        return tuple(np.ptp(self.bounds[[across, up]], axis=1))

    def _open_panel(self, place, view, radiological):
        """Axes in mm for one view, with the attributes that nilearn's displays have."""
        axes = add_axes(self.figure, place)
        axes.set_axis_off()
        across, up = plane_of(view.axis)
        axes.set(xlim=self.bounds[across], ylim=self.bounds[up])
        if view.is_mirrored(radiological):
            axes.invert_xaxis()
        # As nilearn's displays have them: display.axes["x"].ax, and what the panel shows.
        axes.ax, axes.direction, axes.coord = axes, view.letter, getattr(view, "mm", None)
        axes.radiological = radiological
        return axes

    def describe(self, what: str) -> None:
        """Say what the figure shows, and from where: what strict notebook tests compare."""
        views = [panel.view.label or "xyz"[panel.view.axis] for panel in self.panels]
        self.figure.sentence = f"{what}: {', '.join(views)}"

    # ---- in a notebook ----------------------------------------------------------------------

    def __repr__(self):
        return f"<{self.figure.sentence}>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        return self.figure._repr_mimebundle_(include, exclude)

    def _repr_png_(self):
        return self.figure._repr_png_()


def _check_markers(color, size, n_points):
    try:
        n_colors = len(to_rgba_array(color))
    except (TypeError, ValueError):
        n_colors = np.size(color) if _are_real(color) else 0
    if n_colors not in (1, n_points) or (n_colors == 0 and n_points):
        msg = f"marker_color is {color!r}; expected one color, or one for each of {n_points} points"
        raise ValueError(msg)
    if not _are_real(size) or np.size(size) not in (1, n_points):
        msg = f"marker_size is {size!r}; expected a number, or one for each of {n_points} points"
        raise ValueError(msg)


def _are_real(values):
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return False
    return (
        found.ndim < 2 and found.size > 0 and bool(np.isfinite(found).all() and (found >= 0).all())
    )


def _of_points(values, near):
    return np.asarray(values)[near] if np.ndim(values) and len(values) == len(near) else values


def _checked_levels(levels):
    try:
        found = sorted(np.ravel(np.asarray(levels, dtype=float)).tolist())
    except (TypeError, ValueError):
        found = []
    if not found or not np.isfinite(found).all():
        msg = f"levels={levels!r}; expected one or more numbers"
        raise ValueError(msg)
    return found


def check_points(coordinates, name):
    """Points in mm as an array of shape (n_points, 3); a ValueError for what is none."""
    try:
        points = np.atleast_2d(np.asarray(coordinates, dtype=float))
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all():
        found = f"has shape {points.shape}" if points.size else f"is {coordinates!r}"
        msg = f"{name} {found}; expected (n_points, 3): finite x, y, z in mm"
        raise ValueError(msg)
    return points


def check_opacity(alpha):
    """Raise ValueError unless it is a number from 0, invisible, to 1, opaque."""
    if not is_number(alpha) or not 0 <= alpha <= 1:
        msg = f"alpha={alpha!r}; expected 0 (invisible) to 1 (opaque)"
        raise ValueError(msg)


def interpolation_order(name):
    """0 for "nearest", 1 for "continuous" or "linear".

    Raises
    ------
    ValueError
        For another name.
    """
    orders = {"nearest": 0, "continuous": 1, "linear": 1}
    if not isinstance(name, str) or name not in orders:
        msg = f"resampling_interpolation={name!r} is unknown; use one of {', '.join(orders)}"
        raise ValueError(msg)
    return orders[name]
