"""Slices of anatomy, functional images, maps, regions and atlases."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nbica.exceptions import DataError, DataWarning, IgnoredWarning
from nbica.image.template import template_file
from nbica.plotting.bars import bar_width, key_width
from nbica.plotting.colors import BLUE_ORANGE, listed
from nbica.plotting.cuts import are_counted, rows_of_slices, warn_of_cuts_outside
from nbica.plotting.displays import Display, interpolation_order
from nbica.plotting.large import largest, outline
from nbica.plotting.options import SliceOptions, look_of, takes
from nbica.plotting.scales import LabelScale, check_threshold, grey_scale, scale_of, warn_if_blank
from nbica.plotting.volumes import (
    Volume,
    box_around,
    box_of_scene,
    load_background,
    load_map,
    load_maps,
    load_opacity,
)
from nbica.runtime.checks import as_flag, check_one_of, is_number, one_each

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pandas import DataFrame

    from nbica.hints import Background, Colors, ImageLike

# What the greys behind colours are multiplied with: white matter must not outshine them.
_DIM = 0.72
_VIEWS = ("auto", "contours", "filled_contours", "continuous")
_KEY_LENGTH = 16  # names that a key holds


@takes(SliceOptions)
def plot_anat(
    anat_img: ImageLike | None = None, *, threshold: float | None = None, cmap: Colors = "gray",
    vmin: float | None = None, vmax: float | None = None, dim: float | Literal["auto"] = 0,
    colorbar: bool = False, cbar_tick_format: str | Callable | None = None, **look: Any
) -> Display:  # fmt: skip
    """Show slices of an anatomical image.

    Memory: the image as float32. Time: some 10 ms per slice, and as much to draw it.

    Parameters
    ----------
    anat_img : image or path, 3D, optional
        By default the MNI152 template.
    threshold : float, optional
        Smaller values are transparent.
    cmap : str or Colormap
    vmin, vmax : float, optional
        Values of black and white; by default percentiles 1 and 99.5 of what is above 0.
    dim : float or "auto"
        Above 0 darker, below 0 lighter.
    colorbar : bool
    cbar_tick_format : str or callable, optional
        How numbers are written beside it, such as "%.2g".
    display_mode, cut_coords, draw_cross, annotate, black_bg, radiological, title, output_file, \
    figure, axes
        See :func:`plot_stat_map`.

    Returns
    -------
    Display

    See Also
    --------
    plot_epi : functional images.

    Examples
    --------
    >>> from nbica import datasets, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> display = plotting.plot_anat(cohort.anat_img, cut_coords=(0, -52, 18))
    >>> display.cut_coords, sorted(display.axes)
    ([0.0, -52.0, 18.0], ['x', 'y', 'z'])
    """
    volume = load_map(template_file() if anat_img is None else anat_img, "anat_img")
    threshold = check_threshold(volume.data[np.newaxis], threshold)
    warn_if_blank(volume.data, threshold)
    scale = grey_scale(volume.data, cmap, vmin, vmax, threshold, brightness=_brightness(dim, 0))
    what = "slices of an anatomical image"
    return _plot_greys(volume, scale, colorbar, look_of(look), what, cbar_tick_format)


@takes(SliceOptions)
def plot_epi(
    epi_img: ImageLike, *, cmap: Colors = "gray", vmin: float | None = None,
    vmax: float | None = None, colorbar: bool = False,
    cbar_tick_format: str | Callable | None = None, **look: Any
) -> Display:  # fmt: skip
    """Show slices of a functional image: one frame, or a mean over time.

    Cost, parameters and result are those of :func:`plot_anat`. A 4D image is refused:
    `nbica.image.index_img` takes one frame of it.

    See Also
    --------
    plot_anat : anatomical images.

    Examples
    --------
    >>> from nbica import datasets, image, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> display = plotting.plot_epi(image.mean_img(cohort.func[0]), display_mode="z", cut_coords=3)
    >>> len(display.cut_coords)
    3
    """
    volume = load_map(epi_img, "epi_img")
    scale = grey_scale(volume.data, cmap, vmin, vmax)
    what = "slices of a functional image"
    return _plot_greys(volume, scale, colorbar, look_of(look), what, cbar_tick_format)


@takes(SliceOptions)
def plot_stat_map(
    stat_map_img: ImageLike, bg_img: Background = "auto", *,
    threshold: float | Literal["auto"] | None = 1e-6, cmap: Colors = None,
    vmin: float | None = None, vmax: float | None = None,
    symmetric_cbar: bool | Literal["auto"] = "auto", colorbar: bool = True,
    cbar_tick_format: str | Callable | None = None, dim: float | Literal["auto"] = 1,
    resampling_interpolation: str = "continuous", transparency: float | ImageLike | None = None,
    transparency_range: tuple[float, float] | None = None, **look: Any
) -> Display:  # fmt: skip
    """Show slices of a map over anatomy.

    Memory: map and anatomy as float32. Time: some 20 ms per slice, and as much to draw it.

    Parameters
    ----------
    stat_map_img : image or path, 3D
        NaN are transparent.
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space; its grid and affine may differ. "auto" is the T1 of MNI152
        under a map that lies in its space, by where its values or its field of view are; under
        another the brain that it covers, in dark grey. None is none.
    threshold : float, "auto" or None
        Smaller absolute values are transparent. "auto" shows the top 2 percent of the voxels, and
        all of a map that is sparse already; None shows zeros as well. Where it is below all values,
        a map ends where its voxels do: at half of the smallest, between voxels.
    cmap : str or Colormap, optional
        By default blue to orange, safe for colour-blind readers.
    vmin, vmax : float, optional
        Ends of the colours; by default symmetric about 0, up to the largest absolute value.
    symmetric_cbar : bool or "auto"
        Whether the colour bar shows both signs; "auto": if the map has both.
    colorbar : bool
    cbar_tick_format : str or callable, optional
        How numbers are written beside it, such as "%.2g".
    dim : float or "auto"
        How much darker the anatomy is drawn; 0: as it is.
    resampling_interpolation : {"continuous", "nearest"}
        Between voxels, or the voxels as they are.
    transparency : float, image or path, optional
        How opaque the colours are: from 0, invisible, to 1 (nilearn's name for it). An image, such
        as the same map or its statistic, counts by its absolute values, so that what is weak is
        seen through instead of cut off.
    transparency_range : (float, float), optional
        Absolute values of that image at which colours are invisible and opaque; by default 0 and
        the largest.
    display_mode : {"ortho", "tiled", "mosaic", "x", "y", "z", "xz", ...}
        Three orthogonal slices in a row or in a square, rows of sagittal, coronal and axial slices,
        slices along one axis, or one slice along each axis named.
    cut_coords : None, int, sequence of float or dict
        Where to cut, in mm. For several axes one number for each, in the order x, y, z; for one
        axis as many as wanted, or an int: how many; for "mosaic" an int, three, or a dict such as
        ``{"x": 3, "z": [-20, 0, 20]}``. None looks for the largest blob, or spreads 7 cuts.
    draw_cross : bool
        With one slice per axis, where the others cut.
    annotate : bool
        Write coordinates and sides.
    black_bg : bool
    radiological : bool
        The left of the brain on the right of the picture.
    title : str, optional
    output_file : path or file, optional
        Also written there; the suffix chooses the format.
    figure : Figure, or (width, height) in inches, optional
    axes : Axes, or (left, bottom, width, height) in fractions of the figure, optional
        Where to draw; by default a figure of its own.
    interpolation, rasterized, zorder, ...
        Go on to matplotlib's `imshow`.

    Returns
    -------
    Display
        With `add_contours`, `add_overlay`, `add_markers`, `savefig`; a notebook shows it once.

    Raises
    ------
    ValueError
        For modes, coordinates, thresholds or ranges that cannot be.
    DataError, FileNotFoundError, TypeError
        For images that cannot be used.

    See Also
    --------
    plot_components : all components at a glance.
    plot_glass_brain : the whole brain in one view.
    nbica.view_img : the same to click through.

    Examples
    --------
    >>> from nbica import datasets, image, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> salience = image.index_img(cohort.maps_img, cohort.labels.index("salience"))
    >>> display = plotting.plot_stat_map(salience, cohort.anat_img, threshold=0.3, title="salience")
    >>> display.savefig("salience.png")
    >>> len(display.cut_coords)
    3
    """
    volume = load_map(stat_map_img, "stat_map_img")
    order = interpolation_order(resampling_interpolation)
    scale = scale_of(
        volume.data[np.newaxis], cmap=BLUE_ORANGE if cmap is None else cmap, threshold=threshold,
        vmin=vmin, vmax=vmax, symmetric_cbar=symmetric_cbar,
    )  # fmt: skip
    look, drawing = look_of(look)
    opacity = load_opacity(transparency, transparency_range)
    display = _open_over(volume, bg_img, look, scale.threshold, bar_width(colorbar), dim)
    display.paint(volume, scale, alpha=opacity, order=order, **drawing)
    display.draw_bar(scale, tick_format=cbar_tick_format)
    return _finish(display, look, "slices of a brain map")


@takes(SliceOptions)
def plot_roi(
    roi_img: ImageLike, bg_img: Background = "auto", *,
    labels: Sequence[str] | Mapping[int, str] | None = None, cmap: Colors | DataFrame = None,
    alpha: float = 0.7, view_type: str = "continuous", linewidths: float = 1.5,
    threshold: float = 0.5, colorbar: bool = True, cbar_tick_format: str | Callable | None = None,
    vmin: float | None = None, vmax: float | None = None, resampling_interpolation: str = "nearest",
    dim: float | Literal["auto"] = 1, **look: Any
) -> Display:  # fmt: skip
    """Show regions: a mask, or an image of integer labels; or any values above a threshold.

    Memory: regions and anatomy as float32. Time: as :func:`plot_stat_map`; outlines take some
    20 ms per region and slice.

    Parameters
    ----------
    roi_img : image or path, 3D
        Voxels below the threshold belong to no region. Values that are no labels are drawn as they
        are, beside a colour bar.
    bg_img : image or path, 3D; "auto" or None
        See :func:`plot_stat_map`.
    labels : sequence of str or dict of int to str, optional
        Names of the regions, in the order of their numbers.
    cmap : str, Colormap or DataFrame, optional
        By default colours that colour-blind readers tell apart, as far as there are any. A lookup
        table has columns `index` and `color`, and may have `name`.
    alpha : float
        Opacity of the colours.
    view_type : {"continuous", "contours"}
        Filled, or outlined.
    linewidths : float
        Width of outlines.
    threshold : float
    colorbar : bool
        A key of the regions, if they are not more than 16.
    cbar_tick_format, vmin, vmax
        For values that are no labels; see :func:`plot_stat_map`.
    resampling_interpolation : {"nearest"}
        Accepted so that scripts port: between voxels there is no region.
    dim, display_mode, cut_coords, draw_cross, annotate, black_bg, radiological, title, \
    output_file, figure, axes
        See :func:`plot_stat_map`.

    Returns
    -------
    Display

    See Also
    --------
    plot_prob_atlas : regions that overlap.

    Examples
    --------
    >>> from nbica import datasets, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> display = plotting.plot_roi(cohort.mask_img, cohort.anat_img, view_type="contours")
    >>> display.savefig("mask.png")
    """
    del resampling_interpolation
    volume = load_map(roi_img, "roi_img")
    look, drawing = look_of(look)
    style = {"linewidths": linewidths} | drawing
    threshold = check_threshold(volume.data[np.newaxis], threshold) or 0.0
    numbers = _numbers(volume.data, threshold)
    if view_type not in ("continuous", "contours"):
        msg = f"view_type={view_type!r} is unknown; use 'continuous' or 'contours'"
        raise ValueError(msg)
    if numbers is None:
        scale = scale_of(
            volume.data[np.newaxis], cmap="viridis" if cmap is None else cmap, threshold=threshold,
            vmin=vmin, vmax=vmax,
        )  # fmt: skip
        display = _open_over(volume, bg_img, look, threshold, bar_width(colorbar), dim)
        _draw_values(display, volume, scale, view_type, alpha, threshold, drawing, style)
        display.draw_bar(scale, tick_format=cbar_tick_format)
        return _finish(display, look, "slices of values")
    colors, names = colors_of_regions(numbers, cmap), _names_of(numbers, _labels(labels, cmap))
    has_key = as_flag("colorbar", colorbar) and 0 < len(numbers) <= _KEY_LENGTH
    regions = Volume((volume.data >= threshold).astype(np.float32), volume.affine)
    display = _open_over(regions, bg_img, look, 0.5, key_width(names) if has_key else 0.0, dim)
    if view_type == "continuous":
        display.paint(volume, LabelScale(numbers, colors), alpha=alpha, order=0, **drawing)
    for number, color in zip(numbers, colors, strict=True) if view_type == "contours" else ():
        one = Volume((volume.data == number).astype(np.float32), volume.affine)
        display.contour(one, [0.5], colors=[color], **style)
    if has_key:
        display.draw_key(colors, names)
    return _finish(display, look, f"slices of {len(numbers)} regions")


def _draw_values(display, volume, scale, view_type, alpha, threshold, drawing, style):
    if view_type == "continuous":
        display.paint(volume, scale, alpha=alpha, order=0, **drawing)
    else:
        display.contour(volume, [threshold], colors=[scale.cmap(1.0)], **style)


def colors_of_regions(numbers, cmap):
    """A colour for each region: of a colour map, or of a lookup table with `index` and `color`."""
    if not hasattr(cmap, "columns"):
        return listed(len(numbers), cmap)
    if not {"index", "color"} <= set(cmap.columns):
        msg = (
            f"cmap is a table with the columns {list(cmap.columns)}; without 'index' and 'color' "
            "it names no colours, so the default ones are taken."
        )
        warnings.warn(msg, IgnoredWarning, stacklevel=3)
        return listed(len(numbers))
    known = dict(zip(cmap["index"], cmap["color"], strict=True))
    return [known.get(int(number), "#808080") for number in numbers]


def _labels(labels, cmap):
    """Names of regions that were given, else those of a lookup table."""
    if labels is None and "name" in getattr(cmap, "columns", ()):
        return dict(zip(cmap["index"], cmap["name"], strict=True))
    return labels


@takes(SliceOptions)
def plot_prob_atlas(
    maps_img: ImageLike, bg_img: Background = "auto", *, labels: Sequence[str] | None = None,
    view_type: str = "auto", threshold: float | Literal["auto"] = "auto", cmap: Colors = None,
    alpha: float = 0.6, linewidths: float = 1.5, colorbar: bool = True, vmin: float | None = None,
    vmax: float | None = None, dim: float | Literal["auto"] = 1, **look: Any
) -> Display:  # fmt: skip
    """Show the maps of an atlas, or the components of an ICA, together: where each is strong.

    Memory: the maps as float32. Time: some 20 ms per map and slice.

    Parameters
    ----------
    maps_img : image or path, 4D
    bg_img : image or path, 3D; "auto" or None
        See :func:`plot_stat_map`.
    labels : sequence of str, optional
        Names of the maps.
    view_type : {"auto", "contours", "filled_contours", "continuous"}
        Outlines, filled outlines, or every voxel in the colour of its strongest map; "auto" fills
        up to 8 maps and outlines more.
    threshold : float or "auto"
        Values a map has inside its outline. "auto": see :func:`plot_components`.
    cmap, alpha, linewidths
        See :func:`plot_roi`.
    colorbar : bool
        A key of the maps, if they are not more than 16.
    vmin, vmax
        Accepted so that scripts port: a map has one colour.
    dim, display_mode, cut_coords, draw_cross, annotate, black_bg, radiological, title, \
    output_file, figure, axes
        See :func:`plot_stat_map`.

    Returns
    -------
    Display

    See Also
    --------
    plot_components : one row for each map.

    Examples
    --------
    >>> from nbica import datasets, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> display = plotting.plot_prob_atlas(cohort.maps_img, cohort.anat_img, labels=cohort.labels)
    >>> sorted(display.axes)
    ['x', 'y', 'z']
    """
    maps, affine = load_maps(maps_img, "maps_img")
    maps = np.nan_to_num(maps)
    level = check_threshold(maps, threshold) or np.finfo(np.float32).tiny
    warn_if_blank(maps, level)
    names = _names_of(range(len(maps)), labels)
    colors = listed(len(maps), cmap)
    del vmin, vmax
    look, drawing = look_of(look)
    linewidths = drawing.pop("linewidths", linewidths)
    has_key = as_flag("colorbar", colorbar) and len(maps) <= _KEY_LENGTH
    key = key_width(names) if has_key else 0.0
    strongest = Volume(np.where(maps.max(axis=0) >= level, maps.max(axis=0), 0), affine)
    display = _open_over(strongest, bg_img, look, level, key, dim)
    check_one_of("view_type", view_type, _VIEWS)
    if view_type == "auto":
        view_type = "filled_contours" if len(maps) <= 8 else "contours"
    if view_type == "continuous":
        winner = np.where(strongest.data > 0, 1 + maps.argmax(axis=0), 0).astype(np.float32)
        numbers = np.arange(1, 1 + len(maps))
        display.paint(
            Volume(winner, affine), LabelScale(numbers, colors), alpha=alpha, order=0, **drawing
        )
    else:
        for one, color in zip(maps, colors, strict=True):
            style = {"linewidths": linewidths, "colors": [color]}
            if view_type == "filled_contours":
                display.contour(
                    Volume(one, affine), [level], filled=True, alpha=alpha, colors=[color]
                )
                style["linewidths"] = 0.6 * linewidths
            display.contour(Volume(one, affine), [level], **style, **drawing)
    if has_key:
        display.draw_key(colors, names)
    return _finish(display, look, f"slices of {len(maps)} maps together")


def _plot_greys(volume, scale, colorbar, look, sentence, tick_format=None):
    look, drawing = look
    positive = Volume(*outline(*volume, of=lambda values: np.maximum(values, 0)))
    whole = Volume((positive.data > 0.2 * scale.vmax).astype(np.float32), positive.affine)
    display = _open(whole, box_around(positive), look, 0.0, bar_width(colorbar), strongest=100)
    display.paint(volume, scale, **drawing)
    display.draw_bar(scale, tick_format=tick_format)
    return _finish(display, look, sentence)


def _brightness(dim, usual):
    """What greys are multiplied with."""
    dim = usual if isinstance(dim, str) and dim == "auto" else dim
    if not is_number(dim):
        msg = f"dim={dim!r}; expected a number (0: as it is, above darker) or 'auto'"
        raise ValueError(msg)
    return _DIM ** float(dim)


def _open_over(volume, bg_img, look, threshold, width, dim):
    """A display with the anatomy drawn."""
    greys = grey_scale(None, "gray", 0.0, 1.0, 1e-6, brightness=_brightness(dim, 1))
    background = load_background(bg_img, volume)
    support = Volume(*outline(*volume))
    display = _open(support, box_of_scene(background, support), look, threshold, width)
    display.paint(background, greys)
    return display


def _open(volume, bounds, look, threshold, width, strongest=20):
    rows = rows_of_slices(look.display_mode, look.cut_coords, volume, threshold, strongest)
    if not are_counted(look.display_mode, look.cut_coords):
        warn_of_cuts_outside(rows, field_of_view(volume), bounds)
    return Display(
        rows, bounds, look, annotate=look.annotate, black_bg=look.black_bg,
        radiological=look.radiological, bar_width=width,
        align="left" if look.display_mode == "tiled" else "centre",
    )  # fmt: skip


def field_of_view(volume):
    """The box in mm of all voxels of a volume, shape (3, 2)."""
    last = np.array(volume.data.shape) - 1
    corners = [
        volume.affine[:3, :3] @ (last * c) + volume.affine[:3, 3] for c in np.ndindex(2, 2, 2)
    ]
    half = np.abs(volume.affine[:3, :3]).sum(axis=1) / 2
    return np.column_stack([np.min(corners, axis=0) - half, np.max(corners, axis=0) + half])


def _finish(display, look, sentence):
    n_axes = len({panel.view.axis for panel in display.panels})
    if look.draw_cross and n_axes == len(display.panels) > 1:
        display.draw_cross()
    display.describe(sentence)
    look.close(display.figure)
    return display


def _numbers(data, threshold):
    """Numbers of regions, or None where the values are no labels."""
    warn_if_blank(data, threshold, stacklevel=4)
    values = np.unique(data[np.isfinite(data) & (data >= threshold)])
    if not values.size and largest(data) >= threshold:
        msg = f"roi_img has no value from threshold={threshold:g} on: no region is shown."
        warnings.warn(msg, DataWarning, stacklevel=3)
    if values.size and values.max() >= 2**24:
        msg = (
            f"roi_img has numbers up to {values.max():.0f}; above 16777216 float32 merges some. "
            "Number its regions anew, such as by numpy.unique(data, return_inverse=True)"
        )
        raise DataError(msg)
    if len(values) > 1000 or (values != np.round(values)).any():
        return None
    return values.astype(int)


def _names_of(numbers, labels):
    """A name for each region, by position or by number."""
    if labels is None:
        return [str(number) for number in numbers]
    if isinstance(labels, dict):
        return [str(labels.get(int(number), number)) for number in numbers]
    return [str(label) for label in one_each("labels", labels, len(numbers), "regions")]
