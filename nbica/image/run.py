"""A run without its data: what a header says of a 4D image.

A :class:`Run` weighs nothing and travels to a worker process; only there are its frames read (see
`frames.py`). Anything that nibabel keeps as an Analyze-like file (`.nii`, `.nii.gz`, `.img` with
`.hdr`, `.mgz`, any data type, byte order and scaling) is later streamed from disk; other formats
that nibabel reads, and images that live in memory, are taken as arrays.
"""

from __future__ import annotations

import glob
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError, DataWarning
from nbica.image.cifti import check_series, check_stored, header_of, is_cifti, seconds_of
from nbica.image.files import (
    checked_affine,
    load_volume,
    notice_of_rest,
    open_image,
    read_array,
    surface_hint,
)
from nbica.image.gifti import (
    GiftiFrames,
    describe,
    is_gifti,
    is_pair,
    load_mesh,
    message_for_half,
    sides_of,
)
from nbica.image.gifti import read_array as read_hemisphere
from nbica.image.grayordinates import Grayordinates
from nbica.image.grid import Grid
from nbica.image.space import space_of, unit_of
from nbica.image.stored import FileFrames, locate
from nbica.signal.confounds import check_sample_mask

if TYPE_CHECKING:
    from nbica.hints import ImageLike, Runs, SampleMask

_UNFINISHED = (".part", ".partial", ".crdownload", ".download")


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames in an array of shape (nx, ny, nz, n_timepoints), or (n_timepoints, n) of surfaces."""

    array: np.ndarray
    slope: float = 1.0
    inter: float = 0.0

    @property
    def shape(self):
        """Shape along x, y, z and time."""
        return self.array.shape

    @property
    def dtype(self):
        """Type of the numbers."""
        return self.array.dtype


@dataclass(frozen=True, eq=False)
class VolumeFrames:
    """Frames that are 3D images of their own, as paths or nibabel images: opened one by one."""

    images: tuple
    dtype = np.dtype(np.float32)


@dataclass(frozen=True, eq=False)
class Run:
    """One 4D image without its data.

    Attributes
    ----------
    name : str
        The path, or what an image in memory is called in messages.
    grid : Grid or Grayordinates
        Shape (nx, ny, nz) and affine in mm; or vertices and voxels of CIFTI and GIFTI.
    n_timepoints : int
    t_r : float or None
        Seconds between frames, where the header says it.
    frames : FileFrames, ArrayFrames, VolumeFrames or GiftiFrames
    notice : str
        What the header and the size of the file let suspect; mostly nothing.
    kept : ndarray of int or None
        Frames that count, in order, where a `sample_mask` leaves out some.
    copy : copies.Copy or None
        Where the first reading leaves the frames for the next one.

    See Also
    --------
    load_run : makes one of a path or an image.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image.run import load_run
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> run = load_run(cohort.func[0])
    >>> run.n_timepoints, run.keep(range(10, 40)).n_kept
    (40, 30)
    """

    name: str
    grid: Grid | Grayordinates
    n_timepoints: int
    t_r: float | None
    frames: FileFrames | ArrayFrames | VolumeFrames | GiftiFrames
    notice: str = ""
    kept: np.ndarray | None = None
    copy: object | None = None

    @property
    def on_surfaces(self) -> bool:
        """Whether it is made of grayordinates, not of volumes."""
        return isinstance(self.grid, Grayordinates)

    @property
    def n_kept(self) -> int:
        """Number of frames that count."""
        return self.n_timepoints if self.kept is None else len(self.kept)

    def keep(self, sample_mask: SampleMask) -> Run:
        """The same run with only some frames: indices, one boolean per frame, or None for all.

        Raises
        ------
        ValueError
            For what are no frames of the run, or none at all.
        """
        return replace(self, kept=check_sample_mask(sample_mask, self.n_timepoints, self.name))


@dataclass(frozen=True, eq=False)
class SomeFrames:
    """An image of which only some frames count; becomes a Run when its header is read."""

    img: Any
    sample_mask: Any

    def __str__(self):
        return str(self.img)


def with_sample_mask(imgs, sample_mask=None):
    """What a user passes as runs, with the frames that count of each.

    Parameters
    ----------
    imgs : as :func:`iter_runs` takes them
    sample_mask : list with one entry per run, or None
        Indices or booleans of the frames to keep, or None for all. For one image, the entry
        itself will do.

    Returns
    -------
    The same, or a list or an iterator of SomeFrames

    Raises
    ------
    ValueError
        If there is not one entry for each run.
    """
    if sample_mask is None:
        return imgs
    if _is_of_one_run(sample_mask):
        sample_mask = [sample_mask]
    imgs = imgs.func if hasattr(imgs, "func") else imgs
    pairs = _with_masks(iter_images(imgs), sample_mask)
    return pairs if is_iterator(imgs) else list(pairs)


def _is_of_one_run(sample_mask):
    if isinstance(sample_mask, np.ndarray):
        return sample_mask.dtype.kind in "biu" and sample_mask.ndim == 1
    if isinstance(sample_mask, str | bytes) or not isinstance(sample_mask, Sequence):
        msg = f"sample_mask is a {type(sample_mask).__name__}; expected a list, one for each run."
        raise TypeError(msg)
    return len(sample_mask) > 0 and isinstance(sample_mask[0], int | np.integer | np.bool_)


def _with_masks(imgs, sample_masks):
    """Pairs of an image and its frames, one as many as the other."""
    nothing = object()
    for n_pairs, (img, mask) in enumerate(zip_longest(imgs, sample_masks, fillvalue=nothing)):
        if img is nothing or mask is nothing:
            fewer = "runs" if img is nothing else "entries of sample_mask"
            msg = (
                f"Got {n_pairs} {fewer} and more of the other; expected one entry of sample_mask "
                "(or None) for each run."
            )
            raise ValueError(msg)
        yield SomeFrames(img, mask)


def iter_runs(imgs: Runs, first: int = 1) -> Iterator[Run]:
    """Iterate over the runs of whatever a user passes; reads headers only.

    Parameters
    ----------
    imgs : path, glob pattern, nibabel image, Bunch with `func`, or an iterable of these
        An iterator is consumed as it goes.
    first : int
        Number of the first one, for the names of images in memory.

    Yields
    ------
    Run

    Raises
    ------
    FileNotFoundError, DataError, TypeError
        Naming the image, what was found and what was expected.

    See Also
    --------
    load_run : one run.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image.run import iter_runs
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> [run.n_timepoints for run in iter_runs(cohort)]
    [40, 40, 40, 40]
    """
    number = first - 1
    for number, img in enumerate(iter_images(imgs), start=first):
        yield load_run(img, name=f"image {number} (in memory)")
    if number < first:
        msg = "No images: the list is empty. Pass at least one 4D image, path or glob pattern."
        raise DataError(msg)


def iter_images(imgs):
    """Images and paths of whatever a user passes, one by one; nothing is opened.

    The frames of a Bunch of runs that its `sample_mask` leaves out do not count.
    """
    if hasattr(imgs, "func"):
        imgs = with_sample_mask(imgs.func, getattr(imgs, "sample_mask", None))
    if isinstance(imgs, Mapping | Set) or hasattr(imgs, "columns"):
        msg = (
            f"Got a {type(imgs).__name__}, which does not say which runs come in which order. Pass "
            "a list of images or paths (of a table, one of its columns)."
        )
        raise TypeError(msg)
    if isinstance(imgs, np.ndarray) and imgs.dtype.kind not in "OU":
        msg = (
            "Got an array, which does not say where its voxels are. "
            "Pass a nibabel image (nibabel.Nifti1Image(array, affine)) or a path."
        )
        raise TypeError(msg)
    if is_one(imgs):
        yield from _expand(imgs)
    elif isinstance(imgs, Iterable):
        for img in imgs:
            yield from _expand(img)
    else:
        msg = f"Expected images or paths, got {type(imgs).__name__}{surface_hint(imgs)}."
        raise TypeError(msg)


def is_one(img: object) -> TypeGuard[ImageLike]:
    """Whether this is one image, path or pattern, and not a collection of them."""
    kinds = str | os.PathLike | nib.filebasedimages.FileBasedImage | Run | SomeFrames
    return isinstance(img, kinds) or is_pair(img)


def _expand(img):
    """One image, or the files that a glob pattern stands for, sorted by name."""
    if not isinstance(img, str | os.PathLike):
        return [img]
    if not os.fspath(img):
        msg = "Got an empty text in place of a path."
        raise FileNotFoundError(msg)
    pattern = str(Path(img).expanduser())
    if Path(pattern).exists() or not glob.has_magic(pattern):
        return [pattern]
    # glob.glob and not Path.glob: the pattern may be absolute.
    found = sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
    unfinished = [path for path in found if path.endswith(_UNFINISHED)]
    if unfinished:
        msg = f"{pattern} leaves out {len(unfinished)} unfinished downloads: {unfinished[:3]}."
        warnings.warn(msg, DataWarning, stacklevel=2)
        found = [path for path in found if path not in unfinished]
    if not found:
        msg = f"No file matches {pattern!r} (looked from {Path.cwd()})."
        raise FileNotFoundError(msg)
    return found


def is_iterator(imgs: object) -> TypeGuard[Iterator]:
    """Whether the images can be gone through only once (a generator)."""
    return isinstance(imgs, Iterator)


def load_run(img: ImageLike | Run, name: str = "image in memory") -> Run:
    """Open one 4D image as a Run; reads its header only.

    Parameters
    ----------
    img : path, nibabel image or Run
        A volume, a dense time series of CIFTI-2, or a pair of GIFTI: (left, right), a dict of both,
        or nilearn's SurfaceImage.
    name : str
        What to call an image that has no file.

    Returns
    -------
    Run

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If it is not an image, not 4D, places its voxels nowhere, or if its numbers are complex or
        structured.
    TypeError
        If `img` is neither a path nor a nibabel image.

    See Also
    --------
    iter_runs : several runs.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image.run import load_run
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> run = load_run(cohort.func[0])
    >>> run.grid.shape, run.n_timepoints, run.t_r
    ((13, 16, 14), 40, 2.0)
    """
    if isinstance(img, Run):
        return img
    if isinstance(img, SomeFrames):
        return load_run(img.img, name).keep(img.sample_mask)
    if is_pair(img):
        return _run_of_pair(img, name)
    if is_gifti(img):
        raise DataError(message_for_half(str(img) if isinstance(img, str | os.PathLike) else name))
    if is_cifti(img):
        return _run_of_cifti(img, name)
    # What it is: an image of four dimensions, of real numbers, with voxels and frames.
    img, name = open_image(img, name)
    if len(img.shape) != 4:
        raise DataError(message_for_shape(name, img.shape))
    frames = locate(img) or ArrayFrames(read_array(img, name))
    if frames.dtype.kind not in "biuf":
        msg = f"{name} holds numbers of type {frames.dtype}; expected real numbers."
        raise DataError(msg)
    shape = tuple(int(n) for n in img.shape)
    if 0 in shape:
        msg = f"{name} has shape {shape}: no voxels or no frames."
        raise DataError(msg)
    # Where it lies, and what the header leaves in doubt.
    grid = Grid(shape[:3], checked_affine(img, name), space_of(img))
    notice = notice_of_rest(frames) if isinstance(frames, FileFrames) else ""
    if grid.space.unit != "mm":
        unit = f"its header counts in {grid.space.unit}, which is taken for mm"
        notice = f"{notice}; {unit}" if notice else unit
    return Run(name, grid, shape[3], _repetition_time(img), frames, notice)


def _run_of_cifti(img, name):
    header = header_of(img)
    name = header.frames.path if header.frames else name
    check_series(header, name)
    frames = header.frames or ArrayFrames(np.asarray(img.dataobj))
    check_stored(frames, name)
    notice = notice_of_rest(frames) if isinstance(frames, FileFrames) else ""
    return Run(name, header.columns, len(header.rows), seconds_of(header.rows), frames, notice)


def _run_of_pair(img, name):
    sides = sides_of(img)
    space, n_timepoints, t_r = describe(sides)
    if hasattr(img, "mesh"):
        space = replace(space, mesh=load_mesh(img))
    files = [part for part in sides.values() if isinstance(part, str | os.PathLike)]
    if len(files) == len(sides):
        paths = tuple(str(Path(path).expanduser().absolute()) for path in files)
        return Run(paths[0], space, n_timepoints, t_r, GiftiFrames(paths))
    matrix = np.concatenate([read_hemisphere(part) for part in sides.values()]).T
    frames = ArrayFrames(matrix)
    check_stored(frames, name)
    return Run(name, space, n_timepoints, t_r, frames)


def message_for_shape(name, shape):
    """What is wrong with an image that is not 4D, in a sentence."""
    if len(shape) == 3:
        return (
            f"{name} is a 3D image of shape {shape}; a run has 4 dimensions, time being the last. "
            "Join single volumes with nibabel.concat_images([...])."
        )
    return f"{name} has {len(shape)} dimensions {shape}; a run has 4: x, y, z and time."


_SECONDS = {"msec": 1e-3, "usec": 1e-6}


def _repetition_time(img):
    zooms = img.header.get_zooms()
    t_r = float(zooms[3]) if len(zooms) > 3 else 0.0
    unit = "msec" if isinstance(img, nib.MGHImage) else unit_of(img.header, 1)
    if unit == "unknown" and t_r == 1.0:
        return None  # what nibabel writes where nobody said anything
    seconds = t_r * _SECONDS.get(unit, 1.0)
    return seconds if np.isfinite(seconds) and seconds > 0 else None


def run_of_image(img):
    """A 4D image as a Run, or a 3D one as a run of one frame; and whether it is 3D.

    Raises
    ------
    DataError, FileNotFoundError, TypeError
        Naming the image, what was found and what was expected.
    """
    img, name = open_image(img)
    if len(img.shape) != 3:
        return load_run(img, name), False
    volume, affine, _ = load_volume(img, name)
    grid = Grid(volume.shape, affine, space_of(img))
    return Run(name, grid, 1, None, ArrayFrames(volume[..., np.newaxis])), True
