"""Which space a header says its millimetres are of, kept from what is read to what is written."""

from typing import NamedTuple

import nibabel as nib
import numpy as np


class Space(NamedTuple):
    """NIfTI's words for the space of an affine.

    Attributes
    ----------
    qform, sform : int
        Codes: 0 unknown, 1 scanner, 2 aligned, 3 Talairach, 4 MNI.
    unit : str
        Unit of length.
    """

    qform: int = 0
    sform: int = 2
    unit: str = "mm"


UNKNOWN = Space()


def space_of(img):
    """The Space of an image; the default where its format has no words for it."""
    header = img.header
    if not isinstance(header, nib.Nifti1Header):
        return UNKNOWN
    qform, sform = int(header["qform_code"]), int(header["sform_code"])
    # The affine is one of the two; where they differ, the other is of another space.
    if qform and not np.allclose(header.get_qform(), img.affine, rtol=0, atol=1e-3):
        qform = 0
    unit = unit_of(header, 0)
    return Space(qform, sform or qform or 2, "mm" if unit == "unknown" else unit)


def unit_of(header, which):
    """Unit of length (0) or time (1) in a NIfTI header; "unknown" for codes that are none."""
    try:
        return header.get_xyzt_units()[which]
    except (AttributeError, KeyError):  # other formats; a code that NIfTI does not know
        return "unknown"


def image_of(data, grid, t_r=None):
    """A NIfTI image of an array on a grid.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz) or (nx, ny, nz, n)
    grid : Grid
    t_r : float, optional
        Seconds between frames. Without it the header says that there is none: nibabel would write
        a second.

    Returns
    -------
    Nifti1Image
    """
    img = nib.Nifti1Image(data, grid.affine)
    header, (qform, sform, unit) = img.header, grid.space
    header.set_sform(grid.affine, sform)
    if qform:
        header.set_qform(grid.affine, qform)
        if not np.allclose(header.get_qform(), grid.affine, rtol=0, atol=1e-3):
            header["qform_code"] = 0  # it cannot hold an affine that shears
    if data.ndim > 3:
        header["pixdim"][4] = t_r or 0
    header.set_xyzt_units(unit, "sec" if t_r and data.ndim > 3 else "unknown")
    return img
