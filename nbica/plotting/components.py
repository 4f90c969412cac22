"""A mosaic of components, each in three slices: through its peak, or where another's are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from nibabel.affines import apply_affine

from nbica.image.slicing import STEP, plane_of
from nbica.image.surface_images import is_surface
from nbica.plotting.bars import draw_colorbar
from nbica.plotting.colors import BLUE_ORANGE
from nbica.plotting.figures import INK, PAPER, MapsFigure, present
from nbica.plotting.layout import add_axes
from nbica.plotting.options import are_sizes
from nbica.plotting.scales import Scale, scale_of
from nbica.plotting.surface_tiles import (
    draw_surface_tile,
    peak_below,
    surface_maps,
    surface_scene,
)
from nbica.plotting.views import Slice, in_mm
from nbica.plotting.volumes import Volume, box_of_scene, load_background, load_maps
from nbica.runtime.checks import one_each
from nbica.signal.ties import KNOWN_OF_MAPS, first_of_largest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, Background, Colors, ImageLike, MeshLike

# In mm: between the slices of a tile, below them for coordinates.
_GAP, _CAPTION = 6.0, 12.0

# In inches: a tile's title, the colour bar's strip, the space around tiles.
_TITLE, _FOOT, _SPACE = 0.26, 0.62, 0.12

# White matter must not outshine the colours.
_DIM = 0.72


@dataclass(frozen=True)
class _Scene:
    """What all tiles share."""

    background: Volume  # 0..1
    bounds: np.ndarray  # mm, (3, 2)
    scale: Scale

    @property
    def shape(self):
        """Width and height of a tile's three slices and their coordinates, in mm."""
        x, y, z = np.ptp(self.bounds, axis=1)
        return y + x + x + 2 * _GAP, max(y, z) + _CAPTION


def plot_components(
    components_img: ImageLike, bg_img: Background = "auto", *, titles: Sequence[str] | None = None,
    stability: Sequence[float] | None = None, threshold: float | Literal["auto"] | None = "auto",
    vmax: float | None = None, cut_coords: ArrayLike | None = None, n_columns: int | None = None,
    cmap: Colors = None, figsize: tuple[float, float] | None = None,
    output_file: AnyPath | None = None, surf_mesh: MeshLike = None,
) -> Figure:  # fmt: skip
    """Draw each component in three slices through its peak: a mosaic to read at a glance.

    Memory: the maps as float32. Time: some 50 ms per component at 2 mm.

    Parameters
    ----------
    components_img : image or path, 3D or 4D; CIFTI-2, pair of GIFTI, or SurfaceImage
        One map, or one per volume. NaN are transparent. Maps on grayordinates are drawn on both
        hemispheres, from outside and from inside, beside a coronal and an axial slice through the
        peak of what lies below.
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space; its grid and affine may differ. "auto" is the T1 of MNI152
        under maps that lie in its space, by where their values or their field of view are; under
        others the brain that they cover, in dark grey. None is none.
    titles : sequence of str, optional
        One per component, such as the names of networks; "IC 0", "IC 1"… by default.
    stability : sequence of float, optional
        One per component from 0 to 1, such as `CanICA.stability_`: written and drawn as a bar
        beside the title.
    threshold : float, "auto" or None
        Smaller absolute values are hidden; in the unit of the maps. 0 hides only exact zeros.
        "auto" shows the top 2 percent of the image's voxels in a typical map (the median over the
        maps of their 98th percentile of absolute values, outside counted as 0), and all of maps
        that are sparse already.
    vmax : float, optional
        Absolute value at which colours end; by default the median of the maps' peaks. One
        scale holds for all, so that tiles can be compared.
    cut_coords : (x, y, z) or array of shape (n_components, 3), optional
        Where to cut instead of at the peaks, in mm: all in one place, or each in its own.
    n_columns : int, optional
        Tiles in a row; by default 1 to 3, by their number.
    cmap : str or Colormap, optional
        A diverging map; by default blue to orange, safe for colour-blind readers.
    figsize : (width, height), optional
        In inches; by default 4.2 wide per column, the height that fits.
    output_file : path, optional
        Also written there; the suffix chooses the format.
    surf_mesh : (left, right), dict, PolyMesh or SurfaceImage, optional
        Surfaces to draw maps on grayordinates on, of the same space; needed but for images that
        have some and for fsaverage5.

    Returns
    -------
    matplotlib.figure.Figure
        Shown once by a notebook, as the value of a cell or when the cell ends. Its `cut_coords`,
        `threshold` and `vmax` say how it was drawn, so that another can be drawn alike.

    Raises
    ------
    ValueError
        For cuts, names or a scale that cannot be.

    See Also
    --------
    plot_stat_map : one map, in more ways.
    nbica.browse : the same to click through.

    Notes
    -----
    Left is left (neurological convention), as the letters say. The peak is the voxel with the
    largest absolute value.

    Examples
    --------
    Two decompositions to compare, each cut and colored as the first:

    >>> from nbica import CanICA, datasets, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, 3, random_state=0).fit(cohort)
    >>> other = CanICA(cohort.mask_img, 3, threshold=None, random_state=0).fit(cohort)
    >>> first = plotting.plot_components(ica.components_img_)
    >>> same = {"cut_coords": first.cut_coords, "threshold": first.threshold, "vmax": first.vmax}
    >>> second = plotting.plot_components(other.components_img_, **same)
    >>> second.vmax == first.vmax
    True
    """
    of_surfaces = is_surface(components_img)
    if of_surfaces:
        maps, space = surface_maps(components_img, surf_mesh)
    else:
        maps, affine = load_maps(components_img, "components_img")
    default = [f"IC {index}" for index in range(len(maps))]
    titles = default if titles is None else one_each("titles", titles, len(maps))
    if stability is not None:
        stability = np.clip(one_each("stability", stability, len(maps)), 0, 1)
    if of_surfaces:
        scene = surface_scene(maps, space, bg_img, threshold, vmax, cmap)
        volumes, draw, peak = maps, draw_surface_tile, peak_below
    else:
        scene = _scene(maps, affine, bg_img, threshold, vmax, cmap)
        volumes, draw, peak = [Volume(data, affine) for data in maps], _draw_tile, _peak
    cuts = _cuts(cut_coords, volumes, scene, peak)
    figure, tiles, foot = _layout(len(maps), scene.shape, n_columns, figsize)
    figure.cut_coords, figure.threshold = cuts, scene.scale.threshold
    figure.vmax = scene.scale.vmax
    for index, (tile, volume) in enumerate(zip(tiles, volumes, strict=True)):
        draw(tile, volume, cuts[index], scene)
        tile.set_title(titles[index], color=INK, fontsize=9, loc="left", pad=3, parse_math=False)
        if stability is not None:
            _draw_stability(figure, tile, stability[index])
    draw_colorbar(foot, scene.scale, ink=INK, vertical=False)
    where = "through its peak" if cut_coords is None else "at given coordinates"
    how = "on both hemispheres, and in slices" if of_surfaces else "in three slices"
    figure.sentence = f"{len(maps)} brain maps, each {how} {where}"
    if output_file is None:
        present(figure)
    else:
        figure.savefig(output_file)
    return figure


def _scene(maps, affine, bg_img, threshold, vmax, cmap):
    support = Volume(np.nan_to_num(np.abs(maps)).max(axis=0), affine)
    background = load_background(bg_img, support)
    cmap = BLUE_ORANGE if cmap is None else cmap
    scale = scale_of(maps, cmap=cmap, threshold=threshold, vmax=vmax, symmetric_cbar=True)
    return _Scene(background, box_of_scene(background, support), scale)


def _layout(n_tiles, shape, n_columns, figsize):
    """Return a dark figure, one bare axes per tile and one for the colour bar."""
    if n_columns is None:
        n_columns = 1 if n_tiles < 3 else 2 if n_tiles < 9 else 3
    if isinstance(n_columns, bool) or not isinstance(n_columns, int | np.integer) or n_columns < 1:
        msg = f"n_columns={n_columns} must be 1 or more"
        raise ValueError(msg)
    n_columns = min(n_columns, n_tiles)
    n_rows = -(-n_tiles // n_columns)
    if figsize is not None and not are_sizes(figsize, 2):
        msg = f"figsize is {figsize!r}; expected width and height in inches"
        raise ValueError(msg)
    width = 4.2 * n_columns + _SPACE if figsize is None else figsize[0]
    tile_width = (width - _SPACE) / n_columns - _SPACE
    fitting = n_rows * (tile_width * shape[1] / shape[0] + _TITLE + _SPACE) + _SPACE + _FOOT
    height = fitting if figsize is None else figsize[1]
    tile_height = (height - _FOOT - _SPACE) / n_rows - _SPACE - _TITLE
    figure = MapsFigure(figsize=(width, height), dpi=120, facecolor=PAPER)
    tiles = []
    for index in range(n_tiles):
        row, column = divmod(index, n_columns)
        left = _SPACE + column * (tile_width + _SPACE)
        bottom = height - (row + 1) * (tile_height + _TITLE + _SPACE)
        tile = add_axes(figure, (left, bottom, tile_width, tile_height))
        tile.set_axis_off()
        tile.set(xlim=(0, shape[0]), ylim=(0, shape[1]), aspect="equal")
        tiles.append(tile)
    bar_width = min(2.6, width - 1)
    foot = add_axes(figure, ((width - bar_width) / 2, 0.36, bar_width, 0.09))
    return figure, tiles, foot


def _cuts(cut_coords, volumes, scene, peak):
    """Where each map is cut, in mm: an array of shape (n_maps, 3)."""
    if cut_coords is None:
        return np.array([peak(volume, scene) for volume in volumes])
    try:
        cuts = np.asarray(cut_coords, dtype=float)
    except (TypeError, ValueError):
        cuts = np.empty(0)
    if cuts.shape not in {(3,), (len(volumes), 3)} or not np.isfinite(cuts).all():
        msg = (
            f"cut_coords has shape {cuts.shape}; expected x, y and z in mm, or one such row for "
            f"each of {len(volumes)} components"
        )
        raise ValueError(msg)
    return np.broadcast_to(cuts, (len(volumes), 3))


def _draw_tile(tile, volume, mm, scene):
    """Draw the three slices of a component beside each other."""
    width, height = scene.shape
    left = 0
    for axis in range(3):
        view = Slice(axis, mm[axis])
        w, h = np.ptp(scene.bounds[list(plane_of(axis))], axis=1)
        bottom = _CAPTION + (height - _CAPTION - h) / 2
        # Pixels are centred on the ends of the box, so they reach half a step beyond.
        half = STEP / 2
        extent = (left - half, left + w + half, bottom - half, bottom + h + half)
        picture = _render(volume, view, scene)
        tile.imshow(picture, origin="lower", extent=extent, interpolation="bilinear")
        text = f"{'xyz'[axis]} = {in_mm(round(mm[axis]))} mm"
        _write(tile, left + w / 2, 0, text, ha="center")
        if axis > 0:
            _write(tile, left, 0.92 * height, "L", ha="left")
            _write(tile, left + w, 0.92 * height, "R", ha="right")
        left += w + _GAP
    tile.set(xlim=(0, width), ylim=(0, height))


def _write(tile, x, y, text, ha):
    tile.text(x, y, text, color=INK, fontsize=6, alpha=0.8, ha=ha, va="bottom")


def _draw_stability(figure, tile, value):
    """A short bar, filled as far as the component is stable, and the number."""
    place = tile.get_position()
    width, height = figure.get_size_inches()
    right, bottom = place.x1 * width, place.y1 * height + 0.06
    tile.set_title(f"{value:.2f}", color=INK, fontsize=7, loc="right", pad=3)
    gauge = add_axes(figure, (right - 0.86, bottom, 0.56, 0.07))
    gauge.set_axis_off()
    gauge.set(xlim=(0, 1), ylim=(0, 1))
    gauge.axhspan(0, 1, color=INK, alpha=0.22, linewidth=0)
    gauge.axhspan(0, 1, 0, value, color=INK, alpha=0.8, linewidth=0)


def _peak(volume, scene):
    """Return where the absolute value is largest, in mm; the box's centre for an empty map.

    Among voxels within 1e-4 of the largest value it is the first.
    """
    magnitude = np.nan_to_num(np.abs(volume.data))
    if not magnitude.any():
        return scene.bounds.mean(axis=1)
    voxel = np.unravel_index(first_of_largest(magnitude, KNOWN_OF_MAPS), magnitude.shape)
    return apply_affine(volume.affine, voxel)


def _render(volume, view, scene):
    """Return one slice as RGB: the map's colours where it passes the threshold, else anatomy."""
    grey = np.nan_to_num(view.picture(scene.background, scene.bounds))
    values = view.picture(volume, scene.bounds)
    shown = scene.scale.is_shown(values)
    rgb = np.repeat(_DIM * grey[..., np.newaxis], 3, axis=2)
    rgb[shown] = scene.scale.colors(values)[shown][:, :3]
    return rgb
