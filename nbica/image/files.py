"""Files as nibabel images, with errors that name the file and the way out."""

import os
import zlib
from pathlib import Path

import nibabel as nib
import numpy as np
from isal import isal_zlib

from nbica.exceptions import DataError
from nbica.runtime.placeholders import placeholder

READ_ERRORS = (EOFError, OSError, OverflowError, ValueError, zlib.error, isal_zlib.error)
_HEADER_ERRORS = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.wrapstruct.WrapStructError,
    *READ_ERRORS,
)


def load_volume(img, name="image in memory"):
    """One 3D image in memory.

    Parameters
    ----------
    img : path or nibabel image
        3D, or 4D with one frame.
    name : str
        What to call an image that has no file.

    Returns
    -------
    volume : ndarray of shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    name : str
        The file's, where there is one.

    Raises
    ------
    FileNotFoundError, DataError, TypeError
        If there is no such file, it is not such an image, or it is cut short or damaged.
    """
    img, name = open_image(img, name)
    if len(img.shape) != 3 and (len(img.shape) != 4 or img.shape[3] != 1):
        msg = f"{name} has {len(img.shape)} dimensions {img.shape}; expected a 3D image."
        raise DataError(msg)
    data = read_array(img, name)
    return data.reshape(data.shape[:3]), checked_affine(img, name), name


def open_image(img, name="image in memory"):
    """A nibabel image of a path or an image, and what to call it in messages."""
    if isinstance(img, str | os.PathLike):
        return load_image(img), str(img)
    if not isinstance(img, nib.spatialimages.SpatialImage):
        msg = f"{name} is a {type(img).__name__}; expected a path or a nibabel image."
        raise TypeError(msg)
    return img, img.get_filename() or name


def load_image(path):
    """A nibabel image of a file, with an error that names the file where there is none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If its header cannot be read.
    """
    if reason := placeholder(path):
        msg = f"{reason}."
        raise FileNotFoundError(msg)
    if not Path(path).exists():
        msg = f"No such file: {str(path)!r} (looked from {Path.cwd()})."
        raise FileNotFoundError(msg)
    if Path(path).is_dir():
        msg = f"{path} is a folder; expected a file. A pattern takes all in it: '{path}/*.nii.gz'."
        raise DataError(msg)
    if not Path(path).is_file():
        msg = f"{path} is a pipe or a device; expected a file."
        raise DataError(msg)
    try:
        return nib.load(path)
    except _HEADER_ERRORS as error:
        msg = (
            f"{path} cannot be read as an image ({error}). It may be damaged, cut short or "
            "something else under this name: copy or download it again."
        )
        raise DataError(msg) from error


def checked_affine(img, name):
    """The affine of an image; a DataError for one that places its voxels nowhere."""
    affine = np.array(img.affine, dtype=float)
    if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.linalg.det(affine) == 0:
        msg = (
            f"{name} does not say where its voxels are: its affine is {affine.tolist()}. Set an "
            "invertible one, such as nibabel.Nifti1Image(img.dataobj, affine)."
        )
        raise DataError(msg)
    return affine


def read_array(img, name):
    """The values of an image; a DataError for a damaged file."""
    try:
        return np.asanyarray(img.dataobj)
    except READ_ERRORS as error:
        msg = (
            f"{name} cannot be read: {error}. The header promises a shape of {img.shape}. "
            "The file is cut short or damaged: copy or download it again."
        )
        raise DataError(msg) from error
