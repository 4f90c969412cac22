"""Images to a scene: opened, checked, put along the world's axes, quantised.

Memory: the images as they are in their files, one map as float, the codes. Time: about a second
for 20 maps at 2 mm.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nbica.exceptions import DataError
from nbica.image.files import checked_affine, load_volume, open_image, read_array
from nbica.image.world_axes import align
from nbica.runtime.text import on_one_line
from nbica.viewer import colors, payload, quantise
from nbica.viewer.geometry import box_around, pixel_size
from nbica.viewer.render import Scene

# Around the brain, in mm.
_MARGIN = 4.0


def load_scene(
    img, bg_img=None, overlays=(), labels_img=None, labels=None, contours=(), quantum=None
):
    """What a viewer shows; see :func:`nbica.view_img` for the parameters.

    Returns
    -------
    scene : nbica.viewer.render.Scene
    notices : list of str
        What was done to the images that a reader should know.
    """
    notices = []
    maps = _load_maps(img, "img", quantum, notices)
    background = None if bg_img is None else _load_background(bg_img, notices)
    if background is None and maps.baseline is not None:
        background = _mean_of(maps)
    over = tuple(
        _load_maps(one, "overlays", None, notices, single=True) for one in listed(overlays)
    )
    regions = [_load_labels(one, "contours", None) for one in listed(contours)]
    if labels_img is not None:
        regions.append(_load_labels(labels_img, "labels_img", labels))
    shown = (
        [(maps.mask, maps.grid)]
        if background is None
        else [_head(background), (maps.mask, maps.grid)]
    )
    boxes = np.array([box_around(mask, grid, _MARGIN) for mask, grid in shown])
    bounds = np.column_stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)])
    grids = [grid for _, grid in shown]
    return Scene(background, tuple(regions), bounds, pixel_size(grids, bounds), maps, over), notices


def pack_scene(scene, **header):
    """All that the browser needs, as bytes."""
    return payload.pack(
        scene.volumes, bounds=scene.bounds.tolist(), step=scene.step,
        luts={name: colors.table_of(name).ravel().tolist() for name in colors.NAMES},
        outlines=[colors.rgb_of(color) for color in colors.OUTLINES],
        diverging=colors.DIVERGING, **header,
    )  # fmt: skip


def listed(images):
    """A list of images, where one may be given alone."""
    if images is None:
        return []
    return list(images) if isinstance(images, list | tuple) else [images]


def _load_maps(img, role, quantum, notices, single=False):
    data, affine, name = _read(img, role, (3, 4))
    data = data if data.ndim == 4 else data[..., np.newaxis]
    if single and data.shape[3] != 1:
        msg = f"{role}: {name or 'an image'} has {data.shape[3]} volumes; give one 3D image each"
        raise DataError(msg)
    aligned, grid, resampled = align(data, affine)
    if quantise.is_series(aligned):
        found = quantise.series(aligned, grid, name)
        notices.append(f"{data.shape[3]} frames, shown as what differs from their mean.")
    else:
        found = quantise.maps(aligned, grid, name, quantum)
    _tell(notices, name or "The image", grid, found.grid, resampled)
    return replace(found, to_voxel=np.linalg.inv(affine))


def _load_background(img, notices):
    volume, affine, name = load_volume(img, "bg_img")
    _check_numbers(volume, name)
    aligned, grid, resampled = align(volume, affine)
    found = quantise.grey(aligned, grid, _short(name, "bg_img"))
    _tell(notices, found.name or "The background", grid, found.grid, resampled)
    return replace(found, to_voxel=np.linalg.inv(affine))


def _load_labels(img, role, regions):
    volume, affine, name = load_volume(img, role)
    _check_numbers(volume, name)
    aligned, grid, _ = align(volume, affine, order=0)
    if role == "contours":
        # A contour is where an image is above 0, whatever its numbers.
        aligned = np.nan_to_num(aligned) > 0
    return quantise.labels(aligned, grid, _short(name, role), regions)


def _read(img, role, dimensions):
    img, name = open_image(img, role)
    if len(img.shape) not in dimensions or 0 in img.shape:
        msg = (
            f"{name} has shape {img.shape}; a 3D image (one map) or a 4D image (one map per "
            "volume) was expected."
        )
        raise DataError(msg)
    affine = checked_affine(img, name)
    data = read_array(img, name)
    _check_numbers(data, name)
    return data, affine, _short(name, role)


def _check_numbers(data, name):
    if data.dtype.kind not in "biuf":
        msg = f"{name} holds numbers of type {data.dtype}; expected real numbers."
        raise DataError(msg)


def _short(name, role):
    """The file's name without its folder; nothing for an image in memory."""
    return "" if name == role else on_one_line(Path(name).name)


def _mean_of(series):
    """The background of a series of frames: their mean."""
    volume = np.zeros(series.mask.shape[::-1], np.float32)
    volume[series.mask.T] = series.baseline
    return replace(quantise.grey(volume.T, series.grid, "mean"), to_voxel=series.to_voxel)


def _head(background):
    """Where a background is more than a fiftieth of its range: head, and not air."""
    return background.codes > 254 / 50, background.grid


def _tell(notices, name, grid, shown, resampled):
    if resampled:
        side = f"{grid.step[0]:.3g} mm"
        notices.append(f"{name} is oblique: resampled once, to {side} along the world's axes.")
    if not np.allclose(grid.step, shown.step):
        size = " × ".join(f"{side:.3g}" for side in shown.step)
        notices.append(f"{name} is large: shown in voxels of {size} mm, each the mean of its own.")
