"""Files as nibabel images, with errors that name the file and what to do."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError, DataWarning
from nbica.image import stored
from nbica.runtime import compression
from nbica.runtime.placeholders import placeholder

if TYPE_CHECKING:
    from nbica.hints import ImageLike

READ_ERRORS = (EOFError, OSError, OverflowError, ValueError, *compression.ERRORS)
_HEADER_ERRORS = (
    nib.filebasedimages.ImageFileError,
    nib.spatialimages.HeaderDataError,
    nib.wrapstruct.WrapStructError,
    *READ_ERRORS,
)
# The first number of NIfTI and Analyze files, in either byte order.
_HEADER_SIZES = {348, 540, 0x5C010000, 0x1C020000}
_DAMAGED = "The file is cut short or damaged: copy or download it again."


def load_volume(
    img: ImageLike, name: str = "image in memory"
) -> tuple[np.ndarray, np.ndarray, str]:
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
    if 0 in img.shape:
        msg = f"{name} has shape {img.shape}: no voxels."
        raise DataError(msg)
    data = read_array(img, name)
    return data.reshape(data.shape[:3]), checked_affine(img, name), name


def open_image(img: ImageLike | None, name: str = "image in memory") -> tuple[Any, str]:
    """A nibabel image of a path or an image, and what to call it in messages."""
    if isinstance(img, str | os.PathLike):
        path = Path(img).expanduser()
        img, name = load_image(path), str(path)
    elif isinstance(img, nib.spatialimages.SpatialImage):
        name = img.get_filename() or name
    else:
        kind = type(img).__name__
        msg = f"{name} is a {kind}; expected a path or a nibabel image{surface_hint(img)}."
        raise TypeError(msg)
    _check_numbers(img, name)
    return img, name


def load_image(path):
    """A nibabel image of a file, with an error that names the file where there is none.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If its header cannot be read, or it is no volume.
    """
    path = Path(path).expanduser()
    if reason := placeholder(path):
        msg = f"{reason}."
        raise FileNotFoundError(msg)
    if not path.exists():
        msg = f"No such file: {str(path)!r} (looked from {Path.cwd()})."
        raise FileNotFoundError(msg)
    if path.is_dir():
        msg = f"{path} is a folder; expected a file. A pattern takes all in it: '{path}/*.nii.gz'."
        raise DataError(msg)
    if not Path(path).is_file():
        msg = f"{path} is a pipe or a device; expected a file."
        raise DataError(msg)
    try:
        img = nib.load(path, mmap=False)
    except _HEADER_ERRORS as error:
        msg = f"{path} cannot be read as an image ({error}). {_what_else(path)}"
        raise DataError(msg) from error
    if not isinstance(img, nib.spatialimages.SpatialImage):
        msg = f"{path} is a {type(img).__name__}; expected a volume{surface_hint(img)}."
        raise DataError(msg)
    return img


def surface_hint(img):
    """The end of a sentence, where surfaces were given."""
    kind = type(img).__name__
    if not isinstance(img, nib.filebasedimages.FileBasedImage) and "Surface" not in kind:
        return ""
    return (
        ": this takes volumes (NIfTI and the like), not surfaces (GIFTI, CIFTI). Fits, "
        "NiftiMasker, label and plot_components take both; nbica.image.volume_part(img) is the "
        "volume of a CIFTI-2 image"
    )


def _what_else(path):
    """What a file may be that is no image, and what to do about it."""
    with path.open("rb") as stream:
        start = stream.read(512)
    if path.suffix in {".part", ".crdownload"}:
        return "It is a download that was not finished."
    says_gzip, is_gzip = path.suffix.lower() in {".gz", ".mgz"}, start.startswith(b"\x1f\x8b")
    is_plain = int.from_bytes(start[:4], "little") in _HEADER_SIZES
    if says_gzip and is_plain:
        return f"It is not compressed, though its name says so: rename it to {path.stem!r}."
    if is_gzip and not says_gzip:
        return f"It is compressed, though its name does not say so: rename it to '{path.name}.gz'."
    return (
        "It may be damaged, cut short or something else under this name: copy or download it again."
    )


def _check_numbers(img, name):
    """Raise DataError for what would be lost: masked values, or more numbers than a file holds."""
    if np.ma.is_masked(img.dataobj):
        n_masked = np.ma.count_masked(img.dataobj)
        msg = (
            f"{name} is made of a masked array, {n_masked} of its values masked, which no image "
            "file can hold. Fill them: nibabel.Nifti1Image(array.filled(0), affine)."
        )
        raise DataError(msg)
    if any(n < 0 for n in img.shape):
        msg = (
            f"{name} has shape {img.shape}, with a negative number of voxels: its header is "
            "damaged."
        )
        raise DataError(msg)
    frames = stored.locate(img)
    if frames is not None and not Path(frames.path).exists():
        msg = f"{name} has its numbers in {frames.path}, and there is no such file."
        raise FileNotFoundError(msg)
    if frames is not None and _begins_in_header(frames, img.header):
        msg = f"{name} cannot be read: its header says that the numbers begin within the header."
        raise DataError(msg)
    if frames is not None and stored.is_impossible(frames):
        msg = (
            f"{name} cannot be read: its header promises {frames.n_bytes:,} bytes, the file has "
            f"{Path(frames.path).stat().st_size:,}. The header promises {_promise(img.shape)}. "
            f"{_DAMAGED}"
        )
        raise DataError(msg)


def _begins_in_header(frames, header):
    first = getattr(header, "single_vox_offset", 0)
    return ".nii" in Path(frames.path.lower()).suffixes and frames.offset < first


def checked_affine(img, name):
    """The affine of an image; a DataError for one that places its voxels nowhere."""
    affine = np.array(img.affine, dtype=float)
    is_affine = affine.shape == (4, 4) and np.isfinite(affine).all()
    if is_affine and not affine[3, :3].any() and affine[3, 3]:
        affine[3, 3] = 1  # as a file would have it, and as nibabel and nilearn take it
    if not is_affine or np.linalg.det(affine) == 0 or affine[3].tolist() != [0, 0, 0, 1]:
        msg = (
            f"{name} does not say where its voxels are: its affine is {affine.tolist()}. Set an "
            "invertible one, such as nibabel.Nifti1Image(img.dataobj, affine)."
        )
        raise DataError(msg)
    return affine


def read_array(img, name):
    """The values of an image, all of them and to the end of its file.

    Raises
    ------
    DataError
        If the file is damaged or was replaced, or if its numbers are complex or structured.

    Warns
    -----
    DataWarning
        If more lies in the file than its header promises.
    """
    dtype = getattr(img.dataobj, "dtype", img.get_data_dtype())
    if dtype.kind not in "biuf":
        msg = f"{name} holds numbers of type {dtype}; expected real numbers."
        raise DataError(msg)
    frames = stored.locate(img)
    try:
        data = np.asanyarray(img.dataobj) if frames is None else stored.read_numbers(frames)
    except READ_ERRORS as error:
        msg = (
            f"{name} cannot be read: {error}. The header promises a shape of {img.shape}. "
            f"{_DAMAGED}"
        )
        raise DataError(msg) from error
    if frames is not None and (notice := notice_of_rest(frames)):
        warnings.warn(f"{name}: {notice}", DataWarning, stacklevel=3)
    return data


def check_file(frames, name):
    """Raise DataError where a file is not what it was when its header was read."""
    try:
        stored.check_unchanged(frames)
    except _HEADER_ERRORS as error:
        msg = f"{name} cannot be read: {error}."
        raise DataError(msg) from error


def notice_of_rest(frames):
    """What is to be said where more lies in a file than its header promises; else nothing."""
    n_behind = stored.bytes_behind(frames)
    if not n_behind:
        return ""
    return f"{n_behind} bytes lie behind {_promise(frames.shape)} that the header promises: unread"


def _promise(shape):
    if len(shape) == 2:
        return f"the {shape[0]} frames of {shape[1]} grayordinates"
    if len(shape) == 4:
        return f"the {shape[3]} frames of {shape[:3]}"
    return f"the volume of {shape}"
