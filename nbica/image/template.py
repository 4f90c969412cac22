"""MNI152, the brain behind maps: the template in nilearn's wheel at 2 mm, and what lies in it.

nilearn is never imported for it: its files are found and read. They are the symmetric, nonlinear
ICBM 2009a averages of T1, grey and white matter at 1 mm, T1 without the skull (Fonov et al. 2011,
doi:10.1016/j.neuroimage.2010.07.033).

A road not taken: a copy at 2 mm in the data folder. Reading the original and halving it takes as
long as reading such a copy would, and nothing can be stale, missing or read-only.
"""

from functools import cache
from importlib.util import find_spec
from pathlib import Path

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image.files import load_volume
from nbica.image.operations import mean_img
from nbica.image.world_axes import resample_volume, world_axes

NAME = "MNI152 (ICBM 2009a)"
SHAPE = (91, 109, 91)
AFFINE = nib.affines.from_matvec(np.diag([2.0, 2.0, 2.0]), [-90, -126, -72])

TISSUES = {"whole-brain": "t1", "gm": "gm", "wm": "wm"}
_FILE = "mni_icbm152_{}_tal_nlin_sym_09a_converted.nii.gz"
_CENTRE = np.array([0.0, -18.0])  # mm: the middle of the fields of view in use, along x and y

# In litres: values in less are blobs, and in more a whole head or all of the field of view.
_BRAIN = (0.5, 2.2)


def nilearn_data():
    """The folder of the images in nilearn's wheel; surfaces are below it, in `fsaverage5`.

    Raises
    ------
    DataError
        If nilearn is not installed, or without its images.
    """
    nilearn = find_spec("nilearn")
    folders = [] if nilearn is None else nilearn.submodule_search_locations
    found = [Path(folder) / "datasets" / "data" for folder in folders]
    for folder in found:
        if (folder / _FILE.format("t1")).is_file():
            return folder
    msg = (
        "The MNI152 template was not found: nilearn's wheel brings it "
        f"(looked in {', '.join(map(str, found)) or 'no nilearn'}). Install it with "
        "`pip install nilearn`, or pass an anatomy of your own, or None."
    )
    raise DataError(msg)


def template_file(mask_type="whole-brain"):
    """The file of a template at 1 mm, without the skull.

    Parameters
    ----------
    mask_type : {"whole-brain", "gm", "wm"}
        T1, or the share of grey or white matter.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        For another type.
    DataError
        If nilearn is not installed.
    """
    if not isinstance(mask_type, str) or mask_type not in TISSUES:
        msg = f"mask_type is {mask_type!r}; expected one of {', '.join(TISSUES)}."
        raise ValueError(msg)
    return nilearn_data() / _FILE.format(TISSUES[mask_type])


@cache
def load_tissue(name):
    """T1, grey or white matter of MNI152 on the grid of `SHAPE` and `AFFINE`.

    Takes 0.1 s once, 1 MB of memory from then on and 60 MB for a moment. Whole numbers all the way,
    so that every processor gets the same.

    Parameters
    ----------
    name : {"t1", "gm", "wm"}

    Returns
    -------
    ndarray of uint8, shape `SHAPE`
        From 0 to 255; not to be written to.
    """
    volume, affine, _ = load_volume(nilearn_data() / _FILE.format(name))
    return _halve(_on_our_field(np.asarray(volume, np.uint8), affine))


@cache
def load_brain():
    """How much of each voxel of the same grid is brain, from 0 to 255, fluid in it included."""
    volume, affine, _ = load_volume(nilearn_data() / _FILE.format("t1"))
    return _halve(_on_our_field(np.where(np.asarray(volume) > 0, np.uint8(255), 0), affine))


@cache
def template_img():
    """The T1 of MNI152 without the skull, at 2 mm, as an image; see :func:`load_tissue`."""
    img = nib.Nifti1Image(load_tissue("t1"), AFFINE)
    img.header.set_xyzt_units("mm")
    for place in (img.set_sform, img.set_qform):
        place(AFFINE, code="mni")
    return img


def _on_our_field(volume, affine):
    """Voxels of 1 mm from one before the first of our grid to one after the last, 0 beyond."""
    first = np.rint(AFFINE[:3, 3] - 1 - affine[:3, 3]).astype(int)
    last = first + 2 * np.array(SHAPE) + 1
    inside = [slice(max(a, 0), b) for a, b in zip(first, last, strict=True)]
    part = volume[tuple(inside)]
    before = np.maximum(-first, 0)
    after = last - first - before - part.shape
    return np.pad(part, np.column_stack([before, np.maximum(after, 0)]))


def _halve(volume):
    """Every second voxel, as the mean of it (twice) and its two neighbours along each axis."""
    volume = volume.astype(np.uint16)
    for axis in range(3):
        lines = np.moveaxis(volume, axis, 0)
        volume = np.moveaxis(lines[:-2:2] + 2 * lines[1:-1:2] + lines[2::2], 0, axis)
    halved = np.ascontiguousarray((volume + 32) // 64).astype(np.uint8)
    halved.flags.writeable = False
    return halved


def resolve_background(bg_img, support, affine, run=None):
    """What to draw under maps, of what a user passed as `bg_img`.

    Parameters
    ----------
    bg_img : image, path, "auto" or None
        "auto": MNI152 under what lies in its space, else the mean of a run, if there is one. All
        else is handed back.
    support, affine
        The maps, as :func:`is_mni` takes them.
    run : path or nibabel image, 4D, optional
        Averaged if it is needed, which takes one pass over it.

    Returns
    -------
    image, path or None
    """
    if not is_auto(bg_img):
        return bg_img
    if is_mni(support, affine):
        return template_img()
    return None if run is None else mean_img(run)


def is_auto(bg_img):
    """Whether the choice of a background is left to us."""
    return isinstance(bg_img, str) and bg_img == "auto"


# ---- who lies in MNI space ------------------------------------------------------------------


def is_mni(support, affine):
    """Whether an image lies in MNI space, by where its brain lies, or else its field of view.

    Its axes must be those of the world. Values in 0.5 to 2.2 litres are a brain: it is in MNI space
    if 85 percent of it are inside of MNI152 and its middle is within 12 mm of the middle of what
    the field of view holds of MNI152. Blobs, or a whole head, do not tell; then the field of view
    must be about as wide as MNI152 or wider, and its middle near x = 0, y = -18 mm, as it is in all
    grids in use. What a header calls its space does not count: files in MNI space are often said
    to be in the scanner's.

    Takes some 20 ms, whatever the image.

    Parameters
    ----------
    support : ndarray of bool, shape (nx, ny, nz)
        Where the image has values.
    affine : ndarray of shape (4, 4)

    Returns
    -------
    bool
    """
    axes = world_axes(affine)
    if axes is None:
        return False
    least, most = _BRAIN
    if not least <= litres_of(support, affine) <= most:
        return _holds_mni(support.shape, affine, axes)
    support, affine = _every_4_mm(support, affine)
    brain = resample_volume(load_brain(), AFFINE, affine, support.shape, order=0) > 127
    if not brain.any():
        return False
    apart = np.linalg.norm(_middle(support, affine) - _middle(brain, affine))
    return bool(apart < 12 and (support & brain).sum() > 0.85 * support.sum())


def litres_of(support, affine):
    """How much the true voxels of a mask hold, in litres."""
    return support.sum() * abs(np.linalg.det(affine[:3, :3])) * 1e-6


def _holds_mni(shape, affine, axes):
    """Whether a field of view is about as wide as the template's brain, and around it."""
    middle = nib.affines.apply_affine(affine, (np.array(shape) - 1) / 2)
    sizes = np.abs(affine[np.arange(3), axes]) * np.array(shape)[axes]
    is_near = np.abs(middle[:2] - _CENTRE) < (6, 8)
    return bool(is_near.all() and (sizes[:2] > (115, 145)).all() and -72 < middle[2] < 84)


def _every_4_mm(support, affine):
    """A mask and its affine, thinned to voxels of about 4 mm."""
    steps = np.maximum(1, (4.0 / np.linalg.norm(affine[:3, :3], axis=0)).astype(int))
    thinned = support[tuple(slice(None, None, step) for step in steps)]
    return thinned, affine @ np.diag([*steps, 1.0])


def _middle(mask, affine):
    return nib.affines.apply_affine(affine, np.argwhere(mask).mean(axis=0))
