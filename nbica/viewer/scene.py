"""Images to a scene: opened, checked, put along the world's axes, quantised.

Memory: the images as they are in their files, one map as float, the codes. Time: about a second
for 20 maps at 2 mm.
"""

from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
from nibabel.affines import from_matvec

from nbica.exceptions import DataError
from nbica.image import template
from nbica.image.files import checked_affine, load_volume, open_image, read_array
from nbica.image.surface_images import is_surface
from nbica.image.world_axes import align, world_axes
from nbica.matching.quality import were_used
from nbica.runtime.text import on_one_line
from nbica.viewer import colors, payload, quantise
from nbica.viewer.geometry import box_around, pixel_size
from nbica.viewer.render import Scene

# Around the brain, in mm.
_MARGIN = 4.0
# Where a silhouette would be white: it is drawn in dark grey.
_SILHOUETTE = 3.5


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
    # What is shown: the maps, what lies below them, and what lies on top.
    maps = _load_maps(img, "img", quantum, notices)
    background = _background_of(maps, bg_img, notices)
    over = tuple(
        _load_maps(one, "overlays", None, notices, single=True) for one in listed(overlays)
    )
    regions = [_load_labels(one, "contours", None) for one in listed(contours)]
    if labels_img is not None:
        regions.append(_load_labels(labels_img, "labels_img", labels))
    # How much of space: a box around the maps, and around the head if there is one.
    shown = (
        [(maps.mask, maps.grid)]
        if background is None
        else [_head(background), (maps.mask, maps.grid)]
    )
    boxes = np.array([box_around(mask, grid, _MARGIN) for mask, grid in shown])
    bounds = np.column_stack([boxes[..., 0].min(axis=0), boxes[..., 1].max(axis=0)])
    # One pixel size for all slices, from the finest grid.
    grids = [grid for _, grid in shown]
    return Scene(background, tuple(regions), bounds, pixel_size(grids, bounds), maps, over), notices


def anatomy_below(bg_img, mask_img, run):
    """What to draw below the maps of a fit: as a user passed it, or chosen by the fit's mask.

    Parameters
    ----------
    bg_img : image, path, "auto" or None
    mask_img : nibabel image
    run : path or None
        Whose mean is taken where the mask is not in MNI space.

    Returns
    -------
    image, path, "auto" (no more than the outline of the maps is known) or None
    """
    if not template.is_auto(bg_img):
        return bg_img
    support = read_array(mask_img, "mask_img") > 0
    run = run if run is not None and Path(run).is_file() else None
    found = template.resolve_background(bg_img, support, mask_img.affine, run)
    return bg_img if found is None else found


def anatomy_of(ica, bg_img):
    """What to draw below the components of a fitted estimator; see :func:`anatomy_below`."""
    if is_surface(ica.mask_img_):
        msg = (
            "This fit is of grayordinates, and the desk shows slices of volumes. "
            "plotting.plot_components(ica.components_img_, surf_mesh=...) draws its maps, "
            "report(ica, path) writes a page; browse(nbica.image.volume_part(ica.components_img_)) "
            "shows what lies below the cortex."
        )
        raise DataError(msg)
    used = compress(ica.runs_["path"], were_used(ica))
    return anatomy_below(bg_img, ica.mask_img_, next(used, None))


def pack_scene(scene, **header):
    """All that the browser needs, as bytes."""
    return payload.pack(
        scene.volumes, bounds=scene.bounds.tolist(), step=scene.step,
        luts={name: colors.table_of(name).ravel().tolist() for name in colors.NAMES},
        outlines={
            name: [colors.rgb_of(color) for color in all_] for name, all_ in colors.OUTLINES.items()
        },
        diverging=colors.DIVERGING, **header,
    )  # fmt: skip


def listed(images):
    """A list of images, where one may be given alone."""
    if images is None:
        return []
    return list(images) if isinstance(images, list | tuple) else [images]


def _load_maps(img, role, quantum, notices, single=False):
    """Maps along the world's axes, quantised; of a run, what differs from its mean."""
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


def _background_of(maps, bg_img, notices):
    """What is below the maps: an anatomy, their own mean or silhouette, or nothing."""
    is_auto = template.is_auto(bg_img)
    if is_auto and maps.baseline is not None:  # a run has a picture of its own
        return _mean_of(maps)
    bg_img = template.resolve_background(bg_img, maps.mask, affine_of(maps))
    if bg_img is not None:
        return _load_background(bg_img, notices)
    return _silhouette_of(maps) if is_auto else None


def affine_of(maps):
    """Voxel to mm of the maps as they are held; of an oblique image, its own."""
    own = np.linalg.inv(maps.to_voxel)
    if world_axes(own) is None:
        return own
    return from_matvec(np.diag(maps.grid.step), maps.grid.origin)


def _load_background(img, notices):
    if img is template.template_img():
        volume, grid, _ = align(template.load_tissue("t1"), template.AFFINE)
        found = quantise.grey(volume, grid, template.NAME)
        return replace(found, to_voxel=np.linalg.inv(template.AFFINE))
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


def _silhouette_of(maps):
    """The background of maps of which only the outline is known: the brain they cover."""
    found = quantise.grey(maps.mask, maps.grid, "covered")
    return replace(found, to_voxel=maps.to_voxel, window=(0.0, _SILHOUETTE))


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
