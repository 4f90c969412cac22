"""In and out of a mask: images to `(n_timepoints, n_voxels)` arrays and back.

The columns are the voxels of a mask in C order of the mask's array, as nilearn has them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from nbica.image import frames, spatial
from nbica.image.filtering import filter_between
from nbica.image.grayordinates import Grayordinates
from nbica.image.notices import notice_of_nonfinite, warn_of
from nbica.image.series import run_of_images
from nbica.image.space import image_of
from nbica.image.surface_images import surface_image
from nbica.masking.compute import compute_background_mask, compute_brain_mask, compute_epi_mask
from nbica.masking.mask import intersect_masks, load_mask
from nbica.masking.surfaces import read_columns_into, values_on
from nbica.runtime import machine
from nbica.runtime.checks import as_array, check_positive
from nbica.runtime.scratch import RamSignals
from nbica.runtime.stopwatch import Stopwatch

if TYPE_CHECKING:
    from nbica.hints import Fwhm
    from nbica.image.grid import Grid
    from nbica.image.run import Run
    from nbica.masking.mask import Mask

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from nbica.hints import Fwhm, ImageLike, Images
    from nbica.image.run import Run
    from nbica.masking.mask import Mask

__all__ = [
    "Extracted",
    "apply_mask",
    "compute_background_mask",
    "compute_brain_mask",
    "compute_epi_mask",
    "extract",
    "intersect_masks",
    "load_mask",
    "unmask",
]


# Types that few or no NIfTI readers know, and what holds their values.
_READABLE = {"bool": "u1", "int64": "f8", "uint64": "f8", "float16": "f4"}
_READABLE[np.dtype(np.longdouble).name] = "f8"


class Read(NamedTuple):
    """What was read: how many values were not finite, and what is still to be added to the rows.

    `baseline` is of float32, shape (n_voxels,).
    """

    n_nonfinite: int
    baseline: np.ndarray


class Extracted(NamedTuple):
    """A run seen through a mask: (n_timepoints, n_voxels), and how many values were not finite.

    See Also
    --------
    extract : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica.image.run import load_run
    >>> from nbica.masking import load_mask
    >>> from nbica.masking.extract import extract
    >>> data = np.ones((4, 4, 4, 6), "float32")
    >>> data[0, 0, 0, 0] = np.nan
    >>> img, ones = nib.Nifti1Image(data, np.eye(4)), nib.Nifti1Image(data[..., 1], np.eye(4))
    >>> extract(load_run(img), load_mask(ones)).n_nonfinite
    1
    """

    signals: np.ndarray
    n_nonfinite: int


def extract(run: Run, mask: Mask, smoothing_fwhm: Fwhm = None) -> Extracted:
    """Read a run's frames, smoothed, inside a mask.

    Peak memory is n_timepoints x n_voxels x 4 B, plus a few blocks of frames of some MB each; the
    file is read once, from its first frame to its last.

    Parameters
    ----------
    run : Run
        Resampled to the mask's grid where it has another one.
    mask : Mask or Grayordinates
    smoothing_fwhm : float, sequence of three floats or None
        Full width at half maximum of the Gaussian, in mm.

    Returns
    -------
    Extracted
        `signals` of float32, shape (n_timepoints, n_voxels); values that were not finite are set
        to 0 *before* smoothing.

    See Also
    --------
    apply_mask : takes images and gives an array.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image.run import load_run
    >>> from nbica.masking import load_mask
    >>> from nbica.masking.extract import extract
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> mask = load_mask(cohort.mask_img)
    >>> found = extract(load_run(cohort.func[0]), mask, smoothing_fwhm=12)
    >>> found.signals.shape == (40, mask.n_voxels), found.n_nonfinite
    (True, 0)
    """
    signals = RamSignals(run.n_kept, mask.n_voxels)
    read = read_into(signals, run, mask, smoothing_fwhm)
    return Extracted(signals.array, read.n_nonfinite)


def read_into(
    signals: Any, run: Run, mask: Mask, smoothing_fwhm: Fwhm = None, watch: Stopwatch | None = None,
    less_baseline: bool = False,
) -> Read:  # fmt: skip
    """Fill a matrix, in RAM or in a scratch file, with a run's frames; see :func:`extract`.

    Memory beside the matrix is a few blocks of frames.

    Parameters
    ----------
    signals : scratch.RamSignals or scratch.DiskSignals
        With a row for each frame of the run that is kept.
    run, mask, smoothing_fwhm
        As in :func:`extract`.
    watch : stopwatch.Stopwatch, optional
        Counts the stages "read" and "smooth", which resamples as well; where a thread reads ahead,
        "read" is what was waited for it.
    less_baseline : bool
        Leave out of the rows what is the same in all of them: float32 then holds a fluctuation of
        5 on a baseline of 1000 to 1e-7, not to 1e-5, of its size.

    Returns
    -------
    Read
        Its baseline is 0 but for `less_baseline`, and for frames that are neither smoothed nor
        resampled, which are exact as they are.

    Notes
    -----
    Smoothing and resampling are linear, so they are done to the first frame and to what the others
    differ from it. In float32, sums on a baseline are other ones on every processor, by up to 2e-4
    of the standard deviation of what is left after cleaning.
    """
    watch = watch or Stopwatch()
    if run.on_surfaces or isinstance(mask, Grayordinates):
        return Read(*_read_surfaces(signals, run, mask, smoothing_fwhm, watch, less_baseline))
    # Smoothing needs the voxels around the mask as far as its kernel reaches.
    sigma = spatial.smoothing_sigma(smoothing_fwhm, mask.affine)
    inside = mask.array[mask.box]
    grid = cast("Grid", run.grid)
    way = filter_between(grid, mask.grid, mask.box, sigma, inside)
    positions, n_nonfinite = mask.positions(), 0
    # Only the frames that count get a row.
    if run.kept is not None:
        signals = _KeptRows(signals, run.kept, mask.n_voxels)
    # What all frames have in common is set aside, or float32 would round the rest to it.
    baseline = np.zeros(mask.n_voxels, np.float32)
    less_first = sigma.any() or not run.grid.same_as(mask.grid)
    blocks = frames.iter_blocks(run, grid, way.box, way.n_frames, less_first=less_first)
    # Where there is a core to spare, the next frames are read meanwhile.
    if machine.threads_allowed() > 1:
        blocks = frames.read_ahead(blocks)
    for block in watch.each("read", blocks):
        with watch.stage("smooth"):
            frame = way.apply(block.values)
            rows = signals.rows(block.start, len(frame))
            _gather(frame, positions, out=rows)
            if less_first and block.start == 0:
                baseline[:], rows[0] = rows[0], 0.0
            if not less_baseline:
                rows += baseline
            signals.put_rows(block.start, rows)
        n_nonfinite += block.n_nonfinite
    return Read(n_nonfinite, baseline if less_baseline else np.zeros_like(baseline))


def _read_surfaces(signals, run, mask, fwhm, watch, less_baseline):
    """As :func:`read_into`, of grayordinates."""
    n_nonfinite = read_columns_into(signals, run, mask, watch)
    baseline = np.zeros(mask.n_voxels, np.float32)
    if fwhm:
        from nbica.image.surface_smoothing import smooth_signals

        with watch.stage("smooth"):
            baseline = smooth_signals(signals, mask, fwhm)
        if not less_baseline:
            for voxels, block in signals.walk(change=True):
                block += baseline[voxels]
            baseline = np.zeros_like(baseline)
    return n_nonfinite, baseline


class PassingRows:
    """Stands where a run's matrix does (`scratch.py`), and holds the latest rows only.

    A subclass has `put_rows(start, rows)`, which takes what it wants of them.
    """

    def __init__(self, n_voxels):
        self._rows = np.empty((0, n_voxels), np.float32)

    def rows(self, start, n_rows):
        """Where some frames are to be written."""
        del start
        if len(self._rows) < n_rows:
            self._rows = np.empty((n_rows, self._rows.shape[1]), np.float32)
        return self._rows[:n_rows]


class _KeptRows(PassingRows):
    """Passes on the rows of frames that are kept, and drops the others."""

    def __init__(self, signals, kept, n_voxels):
        super().__init__(n_voxels)
        self._signals, self._kept = signals, kept

    def put_rows(self, start, rows):
        """Pass on what is kept of frames that were written."""
        first, last = np.searchsorted(self._kept, [start, start + len(rows)])
        if last > first:
            out = self._signals.rows(first, last - first)
            np.take(rows, self._kept[first:last] - start, axis=0, out=out)
            self._signals.put_rows(first, out)


def _gather(block, positions, out):
    # Frame by frame the source stays in the cache; "clip" lets numpy write without a buffer.
    for frame, row in zip(block, out, strict=True):
        np.take(frame.ravel(), positions, out=row, mode="clip")


def apply_mask(
    imgs: Images, mask_img: ImageLike | Mask, dtype: DTypeLike = "f", smoothing_fwhm: Fwhm = None,
    ensure_finite: bool = True,
) -> np.ndarray:  # fmt: skip
    """Return the values of an image in the voxels of a mask.

    Memory is that of the result and a few frames; values that are not finite become 0.

    Parameters
    ----------
    imgs : path or nibabel image, or list of 3D ones
        One 4D image, a 3D one, or 3D images: a row for each.
    mask_img : path or nibabel image
        The image is resampled to its grid where that differs.
    dtype : dtype, default=float32
    smoothing_fwhm : float, sequence of three floats or None
        In mm.
    ensure_finite : bool
        Accepted so that scripts port.

    Returns
    -------
    ndarray of shape (n_timepoints, n_voxels), or (n_voxels,) for a 3D image

    See Also
    --------
    unmask : puts arrays back.
    nbica.NiftiMasker : smooths and cleans as well.

    Examples
    --------
    >>> from nbica import datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> maps = masking.apply_mask(cohort.maps_img, cohort.mask_img)
    >>> maps.shape[0] == len(cohort.labels), maps.shape[1] == int(cohort.mask_img.get_fdata().sum())
    (True, True)
    """
    del ensure_finite
    mask, dtype = load_mask(mask_img), _number_type(dtype)
    if isinstance(mask, Grayordinates):
        return values_on(mask, imgs).astype(dtype, copy=False)
    run, is_volume = run_of_images(imgs)
    signals, n_nonfinite = extract(run, mask, smoothing_fwhm)
    warn_of(run, notices_of(run, mask, n_nonfinite))
    signals = signals.astype(dtype, copy=False)
    return signals[0] if is_volume else signals


def unmask(
    X: np.ndarray | Sequence[np.ndarray], mask_img: ImageLike | Mask,
    order: Literal["F", "C"] = "F", t_r: float | None = None,
) -> Any:  # fmt: skip
    """Put arrays over a mask's voxels back into the brain.

    Memory is that of the full image: n_rows x nx x ny x nz.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_voxels) or (n_voxels,), or a list of these
    mask_img : path, nibabel image or Mask
    t_r : float, optional
        Seconds between rows, for the header; by default it says that they are no frames.
    order : {"F", "C"}
        How the voxels lie in memory; in a file they are neighbours by "F".

    Returns
    -------
    Nifti1Image, or a list of them
        4D for two dimensions, 3D for one; 0 outside of the mask. Of grayordinates a Cifti2Image or
        a SurfaceImage.

    Raises
    ------
    ValueError
        If the number of voxels is not that of the mask.

    See Also
    --------
    apply_mask : takes arrays out of images.

    Examples
    --------
    >>> from nbica import datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> maps = masking.apply_mask(cohort.maps_img, cohort.mask_img)
    >>> masking.unmask(maps[:5], cohort.mask_img).shape
    (13, 16, 14, 5)
    >>> masking.unmask(maps[0], cohort.mask_img).shape
    (13, 16, 14)
    """
    if not isinstance(order, str) or order not in ("F", "C"):
        msg = f"order is {order!r}; expected 'F' or 'C'."
        raise ValueError(msg)
    check_positive("t_r", t_r)
    mask = load_mask(mask_img)
    if isinstance(X, list | tuple) and any(np.ndim(one) and hasattr(one, "shape") for one in X):
        return [unmask(one, mask, order, t_r) for one in X]
    X = as_array(X)
    if X.dtype.kind not in "biufc":
        msg = f"Got an array of {X.dtype}; expected numbers."
        raise TypeError(msg)
    if X.ndim not in {1, 2} or X.shape[-1] != mask.n_voxels:
        msg = (
            f"Got an array of shape {X.shape}; this mask has {mask.n_voxels} voxels, "
            f"so expected (n_rows, {mask.n_voxels}) or ({mask.n_voxels},)."
        )
        raise ValueError(msg)
    X = X.astype(_READABLE.get(X.dtype.name, X.dtype), copy=False)
    if isinstance(mask, Grayordinates):
        return surface_image(X, mask, t_r)
    data = np.zeros(mask.array.shape + X.shape[:-1], X.dtype, order=order)
    if order == "C":
        data[mask.array] = X.T
        return image_of(data, mask.grid, t_r)
    # Volume by volume what is written lies close together.
    places = np.ravel_multi_index(np.nonzero(mask.array), mask.array.shape, order="F")
    for volume, values in zip(data.T.reshape(-1, mask.array.size), np.atleast_2d(X), strict=True):
        volume[places] = values
    return image_of(data, mask.grid, t_r)


def _number_type(dtype):
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = np.dtype(object)
    if found.kind not in "biufc":
        msg = f"dtype is {dtype!r}; expected a type of numbers, such as numpy.float32."
        raise ValueError(msg)
    return found


def _n_outside(mask, grid):
    """How many voxels of a mask lie outside of a grid's field of view."""
    to_grid = np.linalg.inv(grid.affine) @ mask.affine
    places = np.argwhere(mask.array) @ to_grid[:3, :3].T + to_grid[:3, 3]
    inside = [spatial.is_inside(along, n) for along, n in zip(places.T, grid.shape, strict=True)]
    return mask.n_voxels - int(np.all(inside, axis=0).sum())


def notices_of(run, mask, n_nonfinite, n_constant=0, t_r=None):
    """What was noticed about a run seen through a mask, in words that follow its name."""
    notices = [run.notice] if run.notice else []
    places = "grayordinates" if run.on_surfaces else "voxels"
    if not run.on_surfaces and not run.grid.same_as(mask.grid):
        notices.append(
            f"on a grid of {run.grid.shape} with another affine than the mask's; "
            f"resampled to {mask.grid.shape}"
        )
        if n_outside := _n_outside(mask, run.grid):
            outside = f"{n_outside} of {mask.n_voxels}"
            notices.append(f"{outside} voxels of the mask lie outside of its images, and are 0")
    if t_r and run.t_r and abs(t_r / run.t_r - 1) > 0.01:
        notices.append(f"t_r is {t_r:g} s, its header says {run.t_r:g} s")
    if n_nonfinite:
        notices.append(notice_of_nonfinite(n_nonfinite, run))
    if n_constant == mask.n_voxels:
        notices.append(f"all {places} of the mask are constant: the run adds nothing")
    elif n_constant:
        notices.append(f"{n_constant} of {mask.n_voxels} {places} are constant")
    return notices
