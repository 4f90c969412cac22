"""What is drawn: volumes with their affine, out of whatever a user passes."""

from numbers import Real
from typing import NamedTuple

import numpy as np

from nbica.exceptions import DataError
from nbica.image import template
from nbica.image.files import checked_affine, open_image, read_array
from nbica.image.slicing import world_box
from nbica.plotting.large import outline, sample, slabs

_MARGIN = 4.0  # mm around a brain
_WIDEST = 2000.0  # mm: a picture of more has no end

_SILHOUETTE = 0.3  # how bright a brain is of which only the outline is known

_WAY_OUT = "nbica.image.index_img(img, 0) takes one volume of a 4D image"


class Volume(NamedTuple):
    """Values, and the affine that leads from voxel to mm."""

    data: np.ndarray
    affine: np.ndarray


def load_map(img, name):
    """One volume as float32, infinite values as NaN.

    Raises
    ------
    DataError, FileNotFoundError, TypeError
        Naming the image, what was found and what was expected.
    """
    img, file = open_image(img, name)
    shape = img.shape[:3] if img.shape[3:] == (1,) else img.shape
    if len(shape) != 3 or 0 in shape:
        msg = f"{name} has shape {img.shape}; one 3D image was expected. {_WAY_OUT}"
        raise DataError(msg)
    return Volume(_finite(read_array(img, file)).reshape(shape), checked_affine(img, file))


def load_maps(img, name):
    """Volumes of a 3D or 4D image: an array of shape (n_maps, nx, ny, nz), and the affine."""
    img, name = open_image(img, name)
    if len(img.shape) not in (3, 4) or 0 in img.shape:
        msg = (
            f"{name} has shape {img.shape}; a 3D image (one map) or a 4D image (one map per "
            f"volume) was expected. {_WAY_OUT}"
        )
        raise DataError(msg)
    data = _finite(read_array(img, name))
    maps = np.moveaxis(data, 3, 0) if data.ndim == 4 else data[np.newaxis]
    return maps, checked_affine(img, name)


def _finite(data):
    data = np.asarray(data, dtype=np.float32)
    if any(np.isinf(slab).any() for slab in slabs(data)):
        return np.where(np.isinf(data), np.float32(np.nan), data)
    return data


def load_opacity(transparency, transparency_range=None):
    """How opaque colours are: a number, or a Volume from 0 to 1.

    Parameters
    ----------
    transparency : float, image, path or None
    transparency_range : (float, float), optional
        Absolute values of the image at which it is 0 and 1.

    Raises
    ------
    ValueError
        For a number or a range that cannot be.
    """
    if transparency is None:
        return 1.0
    if isinstance(transparency, Real):
        if not 0 <= transparency <= 1:
            msg = (
                f"transparency={transparency!r}; expected 0 (invisible) to 1 (opaque), or an image"
            )
            raise ValueError(msg)
        return float(transparency)
    volume = load_map(transparency, "transparency")
    strength = np.nan_to_num(np.abs(volume.data))
    low, high = 0.0, float(strength.max()) or 1.0
    if transparency_range is not None:
        low, high = _two_numbers(transparency_range)
    if not 0 <= low < high:
        msg = f"transparency_range={transparency_range!r}; expected two numbers, 0 <= low < high"
        raise ValueError(msg)
    return Volume(np.clip((strength - low) / (high - low), 0, 1), volume.affine)


def _two_numbers(values):
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        found = np.zeros(0)
    return found.tolist() if found.shape == (2,) else (np.nan, np.nan)


def load_background(bg_img, shown):
    """Anatomy under a map, from 0 (paper) to 1.

    Parameters
    ----------
    bg_img : image, path, "auto" or None
        "auto": see :func:`nbica.image.template.resolve_background`; under what is not in MNI space,
        the brain that it covers in dark grey.
    shown : Volume
        The map above.

    Returns
    -------
    Volume
    """
    strength, affine = outline(*shown)
    support = strength > 0
    anatomy = template.resolve_background(bg_img, support, affine)
    if anatomy is not None:
        return scale_anatomy(load_map(anatomy, "bg_img"))
    return Volume(np.float32(_SILHOUETTE * template.is_auto(bg_img)) * support, affine)


def box_of_scene(background, shown):
    """The box to show, in mm: that of the anatomy, without one that of the map."""
    is_drawn = background.data.any()
    return box_around(Volume(*outline(*(background if is_drawn else shown))))


def scale_anatomy(volume):
    """Anatomy from 0 to 1: the darkest tissue stays lighter than the paper."""
    low, high = grey_range(volume.data)
    width = max(high - low, np.finfo(np.float32).tiny)
    greys = np.empty_like(volume.data)
    for data, out in zip(slabs(volume.data), slabs(greys), strict=True):
        data = np.nan_to_num(data)
        out[:] = np.where(data > 0, np.clip(0.15 + 0.85 * (data - low) / width, 0.05, 1), 0)
    return Volume(greys, volume.affine)


def grey_range(data):
    """Values between which an anatomical or functional image has its greys."""
    data = sample(data)
    inside = data[data > 0]
    if not inside.size:
        return 0.0, 1.0
    low, high = np.percentile(inside, [1, 99.5])
    return low, high + 0.1 * (high - low)  # the brightest tissue keeps its shades


def box_around(*volumes):
    """The box in mm that holds what is above 0 in all of some volumes."""
    boxes = np.array([world_box(*volume, margin=_MARGIN) for volume in volumes])
    box = np.column_stack([boxes[:, :, 0].min(axis=0), boxes[:, :, 1].max(axis=0)])
    if np.ptp(box, axis=1).max() > _WIDEST:
        msg = f"The images span {np.ptp(box, axis=1).max() / 1000:.3g} m: are their affines in mm?"
        raise DataError(msg)
    return box
