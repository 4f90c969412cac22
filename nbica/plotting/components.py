"""A mosaic of components, each in three slices through its peak."""

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import Colormap
from nibabel.affines import apply_affine

from nbica.files import open_image
from nbica.plotting.colours import BLUE_ORANGE
from nbica.plotting.figures import INK, PAPER, MapsFigure, save
from nbica.slicing import STEP, slice_at, world_box

# In mm: between the slices of a tile, around the brain, below for coordinates.
_GAP, _MARGIN, _CAPTION = 6.0, 4.0, 12.0

# In inches: a tile's title, the colour bar's strip, the space around tiles.
_TITLE, _FOOT, _SPACE = 0.26, 0.62, 0.12


@dataclass(frozen=True)
class _Scene:
    """What all tiles share."""

    affine: np.ndarray
    background: tuple  # data in 0..1, affine
    bounds: np.ndarray  # mm, (3, 2)
    threshold: float
    vmax: float
    cmap: Colormap

    @property
    def shape(self):
        """Width and height of a tile's three slices and their coordinates, in mm."""
        x, y, z = np.ptp(self.bounds, axis=1)
        return y + x + x + 2 * _GAP, max(y, z) + _CAPTION


def plot_components(
    components_img,
    bg_img=None,
    *,
    titles=None,
    threshold="auto",
    vmax=None,
    n_columns=None,
    cmap=None,
    figsize=None,
    output_file=None,
):
    """Draw each component in three slices through its peak: a mosaic to read at a glance.

    Memory: the maps as float32. Time: some 50 ms per component at 2 mm.

    Parameters
    ----------
    components_img : image or path, 3D or 4D
        One map, or one per volume. NaN are transparent.
    bg_img : image or path, 3D, optional
        Anatomy in the same world space; its grid and affine may differ. Without it, where any map
        has a value is drawn in dark grey.
    titles : sequence of str, optional
        One per component; "IC 0", "IC 1"… by default.
    threshold : float or "auto"
        Smaller absolute values are hidden; in the unit of the maps. 0 hides only exact zeros.
        "auto" shows the top 2 percent of the image's voxels in a typical map (the median over the
        maps of their 98th percentile of absolute values, outside counted as 0), and all of maps
        that are sparse already.
    vmax : float, optional
        Absolute value at which colours end; by default the median of the maps' peaks. One
        scale holds for all, so that tiles can be compared.
    n_columns : int, optional
        Tiles in a row; by default 1 to 3, by their number.
    cmap : str or Colormap, optional
        A diverging map; by default blue to orange, safe for colour-blind readers.
    figsize : (width, height), optional
        In inches; by default 4.2 wide per column, the height that fits.
    output_file : path, optional
        Also written there; the suffix chooses the format.

    Returns
    -------
    matplotlib.figure.Figure
        Shown once where it is the last value of a notebook's cell; `display(figure)` elsewhere.

    Notes
    -----
    Left is left (neurological convention), as the letters say. Coordinates are those of the
    voxel with the largest absolute value, in mm.
    """
    maps, affine = _load_maps(components_img)
    titles = _check_titles(titles, len(maps))
    scene = _scene(maps, affine, bg_img, threshold, vmax, cmap)
    figure, tiles, foot = _layout(len(maps), scene.shape, n_columns, figsize)
    for tile, data, title in zip(tiles, maps, titles, strict=True):
        _draw_tile(tile, data, title, scene)
    _draw_colorbar(foot, scene)
    figure.sentence = f"{len(maps)} brain maps, each in three slices through its peak"
    if output_file is not None:
        save(figure, output_file)
    return figure


def _load_maps(img):
    img, _ = open_image(img, "components_img")
    if len(img.shape) not in (3, 4) or 0 in img.shape:
        msg = (
            f"components_img has shape {img.shape}; a 3D image (one map) or a 4D image (one map "
            "per volume) was expected. index_img or squeeze_image bring it there"
        )
        raise ValueError(msg)
    data = np.asanyarray(img.dataobj).astype(np.float32)
    maps = np.moveaxis(data, 3, 0) if data.ndim == 4 else data[np.newaxis]
    return np.where(np.isinf(maps), np.float32(np.nan), maps), img.affine


def _load_background(img):
    """Return the anatomy scaled to 0..1, and its affine."""
    if img is None:
        return None
    img, _ = open_image(img, "bg_img")
    shape = img.shape[:3] if img.shape[3:] == (1,) else img.shape
    if len(shape) != 3:
        msg = f"bg_img has shape {img.shape}; one 3D image was expected"
        raise ValueError(msg)
    data = np.nan_to_num(np.asanyarray(img.dataobj, dtype=np.float32).reshape(shape), posinf=0)
    inside = data[data > 0]
    low, high = np.percentile(inside, [1, 99.5]) if inside.size else (0, 1)
    # The darkest tissue stays lighter than the paper.
    scaled = 0.15 + 0.85 * (data - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.where(data > 0, np.clip(scaled, 0.05, 1), 0), img.affine


def _check_titles(titles, n_components):
    if titles is None:
        return [f"IC {index}" for index in range(n_components)]
    if isinstance(titles, str) or len(titles) != n_components:
        found = f"{titles!r}" if isinstance(titles, str) else f"{len(titles)} titles"
        msg = f"titles: found {found} for {n_components} components; give a list with one each"
        raise ValueError(msg)
    return titles


def _scene(maps, affine, bg_img, threshold, vmax, cmap):
    background = _load_background(bg_img)
    support = np.nan_to_num(np.abs(maps)).max(axis=0)
    if background is None:
        background = (np.where(support > 0, 0.3, 0).astype(np.float32), affine)
    bounds = world_box(*background, margin=_MARGIN)
    threshold = _threshold(maps, threshold)
    vmax = _vmax(maps, threshold) if vmax is None else vmax
    if vmax <= threshold:
        msg = f"vmax={vmax:.3g} is not above threshold={threshold:.3g}; lower the threshold"
        raise ValueError(msg)
    cmap = BLUE_ORANGE if cmap is None else colormaps.get_cmap(cmap)
    return _Scene(affine, background, bounds, threshold, vmax, cmap)


def _threshold(maps, threshold):
    if threshold == "auto":
        return _auto_threshold(np.nan_to_num(np.abs(maps)))
    if isinstance(threshold, str) or threshold is None or not threshold >= 0:
        msg = f"threshold={threshold!r} must be a number from 0 on, or 'auto'"
        raise ValueError(msg)
    return float(threshold)


def _auto_threshold(magnitudes):
    # Zeros where other maps have values: these were thresholded by someone who knew better. Half of
    # what survived draws the outline where the voxels end; at 0, interpolation would add a rim.
    within = magnitudes[:, magnitudes.any(axis=0)]
    if np.count_nonzero(within) < 0.7 * within.size:
        return 0.5 * float(np.median([one[one > 0].min() for one in magnitudes if one.any()]))
    return float(np.median([np.percentile(one, 98) for one in magnitudes]))


def _vmax(maps, threshold):
    peaks = np.nan_to_num(np.abs(maps)).max(axis=(1, 2, 3))
    vmax = float(np.median(peaks[peaks > 0])) if peaks.any() else 1.0
    # Above every map: nothing is shown, which is what was asked for.
    return vmax if vmax > threshold else 2 * threshold


def _layout(n_tiles, shape, n_columns, figsize):
    """Return a dark figure, one bare axes per tile and one for the colour bar."""
    if n_columns is None:
        n_columns = 1 if n_tiles < 3 else 2 if n_tiles < 9 else 3
    if n_columns < 1:
        msg = f"n_columns={n_columns} must be 1 or more"
        raise ValueError(msg)
    n_columns = min(n_columns, n_tiles)
    n_rows = -(-n_tiles // n_columns)
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
        tiles.append(_bare_axes(figure, (left, bottom, tile_width, tile_height)))
        tiles[-1].set(xlim=(0, shape[0]), ylim=(0, shape[1]), aspect="equal")
    bar_width = min(2.6, width - 1)
    foot = figure.add_axes(
        ((width - bar_width) / 2 / width, 0.36 / height, bar_width / width, 0.09 / height)
    )
    return figure, tiles, foot


def _bare_axes(figure, inches):
    width, height = figure.get_size_inches()
    axes = figure.add_axes(np.divide(inches, (width, height, width, height)))
    axes.set_axis_off()
    return axes


def _draw_tile(tile, data, title, scene):
    peak = _peak(data, scene)
    width, height = scene.shape
    left = 0
    for axis in range(3):
        picture = _render(data, axis, peak[axis], scene)
        horizontal, vertical = (other for other in range(3) if other != axis)
        w, h = np.ptp(scene.bounds[[horizontal, vertical]], axis=1)
        bottom = _CAPTION + (height - _CAPTION - h) / 2
        # Pixels are centred on the ends of the box, so they reach half a step beyond.
        half = STEP / 2
        extent = (left - half, left + w + half, bottom - half, bottom + h + half)
        tile.imshow(picture, origin="lower", extent=extent, interpolation="bilinear")
        _write(tile, left + w / 2, 0, f"{'xyz'[axis]} = {_signed(peak[axis])} mm", ha="center")
        if axis > 0:
            _write(tile, left, 0.92 * height, "L", ha="left")
            _write(tile, left + w, 0.92 * height, "R", ha="right")
        left += w + _GAP
    tile.set(xlim=(0, width), ylim=(0, height))
    tile.set_title(title, color=INK, fontsize=9, loc="left", pad=3)


def _write(tile, x, y, text, ha):
    tile.text(x, y, text, color=INK, fontsize=6, alpha=0.8, ha=ha, va="bottom")


def _signed(mm):
    return f"{round(mm)}".replace("-", "−")


def _peak(data, scene):
    """Return where the absolute value is largest, in mm; the box's centre for an empty map."""
    magnitude = np.nan_to_num(np.abs(data))
    if not magnitude.any():
        return scene.bounds.mean(axis=1)
    voxel = np.unravel_index(magnitude.argmax(), data.shape)
    return apply_affine(scene.affine, voxel)


def _render(data, axis, mm, scene):
    """Return one slice as RGB: the map's colours where it passes the threshold, else anatomy."""
    anatomy, affine = scene.background
    grey = np.nan_to_num(slice_at(anatomy, affine, axis, mm, scene.bounds))
    values = np.nan_to_num(slice_at(data, scene.affine, axis, mm, scene.bounds))
    shown = (np.abs(values) >= scene.threshold) & (values != 0)
    # White matter must not outshine the colours.
    rgb = np.repeat(0.72 * grey[..., np.newaxis], 3, axis=2)
    rgb[shown] = scene.cmap(0.5 + 0.5 * values[shown] / scene.vmax)[:, :3]
    return rgb


def _draw_colorbar(axes, scene):
    values = np.linspace(-scene.vmax, scene.vmax, 512)
    colors = scene.cmap(0.5 + 0.5 * values / scene.vmax)[:, :3]
    colors[np.abs(values) < scene.threshold] = 0.18
    extent = (-scene.vmax, scene.vmax, 0, 1)
    axes.imshow(colors[np.newaxis], aspect="auto", extent=extent, interpolation="nearest")
    # Labels of a small threshold would run into each other: then one stands for both signs.
    near = [scene.threshold] if scene.threshold < 0.12 * scene.vmax else []
    ticks = [-scene.vmax, *(near or [-scene.threshold, scene.threshold]), scene.vmax]
    axes.set(yticks=[], xticks=ticks)
    axes.set_xticklabels([f"{tick:.2g}".replace("-", "−") for tick in ticks])
    axes.tick_params(colors=INK, labelsize=6.5, length=2, width=0.5)
    axes.spines[:].set_visible(False)
