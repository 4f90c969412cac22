"""Regions of an atlas, and their signals: each frame of a run becomes one number per region.

A region is a set of voxels (a label) or a map of weights. Frames are summarised while they are
read, so that of a run only (n_timepoints, n_regions) is ever in memory.
"""

import os
import warnings
from dataclasses import dataclass
from functools import cached_property

import joblib
import numpy as np
from scipy import ndimage, sparse

from nbica.exceptions import DataError, DataWarning
from nbica.image.files import checked_affine, load_volume, open_image, read_array
from nbica.image.grid import volume_on_grid
from nbica.masking.extract import PassingRows, notices_of, read_into
from nbica.masking.mask import Mask
from nbica.runtime.checks import as_list, as_path
from nbica.signal.cleaning import Cleaner
from nbica.signal.least_squares import inverse_overlaps

STRATEGIES = ("mean", "median", "sum", "minimum", "maximum", "variance", "standard_deviation")


@dataclass(frozen=True, eq=False)
class LabelledRegions:
    """Regions that do not overlap.

    Attributes
    ----------
    mask : Mask
        The voxels of all regions.
    which : ndarray of int, shape (n_voxels,)
        The region of each voxel, counted from 0.
    n_regions : int
        Regions may be empty.
    strategy : str
        One of `STRATEGIES`: what stands for a region's voxels.
    """

    mask: Mask
    which: np.ndarray
    n_regions: int
    strategy: str = "mean"

    @cached_property
    def sizes(self):
        """Voxels of each region."""
        return np.bincount(self.which, minlength=self.n_regions)

    @cached_property
    def _indicators(self):
        """1 where a voxel is in a region, (n_voxels, n_regions)."""
        n_voxels = len(self.which)
        entries = np.ones(n_voxels), (np.arange(n_voxels), self.which)
        return sparse.csr_array(entries, shape=(n_voxels, self.n_regions))

    def summarise(self, rows):
        """Values of the regions in frames of shape (n_frames, n_voxels); 0 for empty regions."""
        if self.strategy in ("mean", "sum"):
            sums = rows @ self._indicators
            return sums if self.strategy == "sum" else sums / np.maximum(self.sizes, 1)
        values = np.zeros((len(rows), self.n_regions))
        present, statistic = np.flatnonzero(self.sizes), getattr(ndimage, self.strategy)
        for row, out in zip(rows.astype(float), values, strict=True):
            out[present] = statistic(row, self.which, present)
        return values

    def spread(self, signals):
        """The regions' values in each of their voxels."""
        return np.asarray(signals)[..., self.which]

    def key(self):
        """What determines the signals, besides the run."""
        return joblib.hash((self.mask.identity, self.which, self.n_regions)), self.strategy


@dataclass(frozen=True, eq=False)
class MapRegions:
    """Regions that may overlap, as maps of weights.

    Attributes
    ----------
    mask : Mask
        Voxels in which any map is not 0.
    maps : ndarray of shape (n_regions, n_voxels)
        Maps may be empty.
    """

    mask: Mask
    maps: np.ndarray

    @property
    def n_regions(self):
        """Number of maps."""
        return len(self.maps)

    @cached_property
    def sizes(self):
        """Voxels in which each map is not 0."""
        return np.count_nonzero(self.maps, axis=1)

    @cached_property
    def _to_signals(self):
        # In float64: the overlaps of maps that share voxels lose half of the digits.
        return (inverse_overlaps(self.maps.astype(float)) @ self.maps).T

    def summarise(self, rows):
        """Least-squares coefficients of frames on the maps; 0 for empty maps."""
        return rows @ self._to_signals

    def spread(self, signals):
        """The maps, each times its value, summed."""
        return np.asarray(signals) @ self.maps

    def key(self):
        """What determines the signals, besides the run."""
        return joblib.hash((self.mask.identity, self.maps)), "least squares"


def labelled_regions(labels, affine, numbers, grid, mask=None, strategy="mean"):
    """Regions of an image of labels, on a grid (nearest neighbour).

    Parameters
    ----------
    labels : ndarray of shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    numbers : ndarray of int
        Labels of the regions, increasing.
    grid : Grid
    mask : ndarray of bool on that grid, optional
    strategy : str

    Returns
    -------
    LabelledRegions
        In the order of `numbers`.
    """
    # Places in the table are resampled, not labels: float32 would merge those above 2**24.
    known, places = np.unique(labels, return_inverse=True)
    place_of = np.where(np.isin(known, numbers), np.searchsorted(numbers, known) + 1, 0)
    places = place_of[places].reshape(labels.shape).astype(np.float32)
    places = volume_on_grid(places, affine, grid, order=0).astype(np.int64)
    inside = places > 0
    if mask is not None:
        inside &= mask
    which = places[inside] - 1
    return LabelledRegions(Mask(inside, grid.affine, grid.space), which, len(numbers), strategy)


def map_regions(maps, affine, grid, mask=None):
    """Regions of maps, on a grid (linear interpolation).

    Parameters
    ----------
    maps : ndarray of shape (nx, ny, nz, n_maps)
    affine : ndarray of shape (4, 4)
    grid : Grid
    mask : ndarray of bool on that grid, optional

    Returns
    -------
    MapRegions
    """
    volumes = [volume_on_grid(volume, affine, grid, order=1) for volume in np.moveaxis(maps, 3, 0)]
    inside = np.any(volumes, axis=0)
    if mask is not None:
        inside &= mask
    own = np.array([volume[inside] for volume in volumes], dtype=np.float32)
    return MapRegions(Mask(inside, grid.affine, grid.space), own)


def region_signals(run, regions, smoothing_fwhm=None):
    """Signals of the regions in a run, not cleaned.

    Memory is n_timepoints x n_regions x 8 B and a few blocks of frames; the file is read once.

    Parameters
    ----------
    run : Run
        Resampled to the regions' grid where it has another one.
    regions : LabelledRegions or MapRegions
    smoothing_fwhm : float, sequence of three floats or None
        Smoothing of the frames, in mm, before regions are taken out of them.

    Returns
    -------
    signals : ndarray of float64, shape (n_timepoints, n_regions)
    n_nonfinite : int
        Values that were not finite, and became 0.
    """
    summary = _Summary(run.n_kept, regions)
    read = read_into(summary, run, regions.mask, smoothing_fwhm)
    return summary.array, read.n_nonfinite


class _Summary(PassingRows):
    """Keeps the regions' values only."""

    def __init__(self, n_timepoints, regions):
        super().__init__(regions.mask.n_voxels)
        self.array = np.zeros((n_timepoints, regions.n_regions))
        self._regions = regions

    def put_rows(self, start, rows):
        """Summarise frames that were written."""
        self.array[start : start + len(rows)] = self._regions.summarise(rows)


def cleaned_signals(run, regions, smoothing_fwhm, cleaning, confounds):
    """Signals of the regions in a run, cleaned.

    Cost, and parameters but for these, are those of :func:`region_signals`.

    Parameters
    ----------
    cleaning : signal.Cleaning
    confounds : ndarray of shape (n_timepoints, n_confounds) or None

    Returns
    -------
    signals : ndarray of float64, shape (n_timepoints, n_regions)
    notices : list of str
        What was noticed about the run.

    Raises
    ------
    DataError
        If all regions are empty.
    """
    if not regions.mask.array.any():
        msg = f"No region of the atlas is left on the grid of {run.name}: do they overlap in mm?"
        raise DataError(msg)
    signals, n_nonfinite = region_signals(run, regions, smoothing_fwhm)
    cleaner = Cleaner(cleaning, confounds, run.n_timepoints, signals.dtype, run.kept)
    cleaner.clean(signals)
    lost = np.flatnonzero(regions.sizes == 0)
    notices = notices_of(run, regions.mask, n_nonfinite, t_r=cleaning.t_r)
    if len(lost):
        notices.append(f"no voxel is left of the regions of columns {lost.tolist()}: they are 0")
    elif cleaner.n_constant and run.n_kept > 1:
        notices.append(f"{cleaner.n_constant} of {regions.n_regions} regions are constant")
    return signals, [*notices, *cleaner.notices()]


# ---- atlases as users pass them ----------------------------------------------------------------


def load_labels(labels_img):
    """The numbers of a labelled atlas, its affine, and what to call it."""
    volume, affine, name = load_volume(labels_img, "labels_img")
    volume = np.nan_to_num(volume)
    if (volume != np.round(volume)).any():
        msg = f"{name} holds fractions; expected a whole number per region. See NiftiMapsMasker."
        raise DataError(msg)
    return volume.astype(np.int64), affine, name


def load_maps(maps_img):
    """The maps of a probabilistic atlas, its affine, and what to call it."""
    img, name = open_image(maps_img, "maps_img")
    if len(img.shape) != 4:
        msg = f"{name} has shape {img.shape}; expected 4D: one map after the other."
        raise DataError(msg)
    return np.nan_to_num(read_array(img, name)), checked_affine(img, name), name


def names_of(numbers, labels, lut, background=0):
    """One name per region: of a table, of a list, or its number.

    Parameters
    ----------
    numbers : ndarray of int
        Numbers of the regions in the image, increasing.
    labels : list of str, optional
        As many as regions, in order; or more where regions are missing from the image: the n-th is
        then that of number n. One for the background may come first.
    lut : DataFrame, optional
        As :func:`load_lut` gives it.
    background : int

    Returns
    -------
    list of str

    Raises
    ------
    ValueError
        For names that do not fit, and for a number that a table has twice.
    """
    if lut is not None:
        return _names_of_table(numbers, lut, background)
    if labels is None:
        return [str(number) for number in numbers.tolist()]
    names = [as_text(name) for name in as_list("labels", labels)]
    if names and len(names) != len(numbers) and names[0].lower() in _BACKGROUND:
        names = names[1:]
    if len(names) > len(numbers) and numbers[0] >= 1 and numbers[-1] <= len(names):
        by_number = [names[number - 1] for number in numbers]
        _warn_of_missing([name for name in names if name not in by_number])
        return by_number
    if len(names) != len(numbers):
        msg = f"{len(names)} labels for {len(numbers)} regions; give one each, or a lut."
        raise ValueError(msg)
    return names


_BACKGROUND = ("background", "bg", "unknown", "???", "0", "")


def _names_of_table(numbers, lut, background):
    """Names of the regions by a lookup table; a region without one is named by its number."""
    found = dict(zip(lut["index"].tolist(), map(as_text, lut["name"]), strict=True))
    if len(found) < len(lut):
        twice = lut["index"][lut["index"].duplicated()].tolist()
        msg = f"The lookup table has more than one name for {twice}: leave one for each number."
        raise ValueError(msg)
    unnamed = [number for number in numbers.tolist() if number not in found]
    if unnamed:
        msg = f"The lookup table has no name for {unnamed}: they are named by their numbers."
        warnings.warn(msg, DataWarning, stacklevel=4)
    there = {background, *numbers.tolist()}
    _warn_of_missing([name for number, name in found.items() if number not in there])
    return [found.get(number, str(number)) for number in numbers.tolist()]


def _warn_of_missing(names):
    if names:
        more = f" and {len(names) - 5} more" if len(names) > 5 else ""
        msg = f"The image has no region {', '.join(names[:5])}{more}: their names are left out."
        warnings.warn(msg, DataWarning, stacklevel=5)


def as_text(name):
    """A name as text; some atlases keep bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)


def load_lut(lut):
    """A lookup table with columns `index` and `name`, of itself or of a file of text."""
    if isinstance(lut, str | os.PathLike):
        import pandas as pd

        path = as_path("lut", lut)
        if not path.is_file():
            msg = f"There is no file {str(path)!r} for lut."
            raise FileNotFoundError(msg)
        lut = pd.read_csv(path, sep=None, engine="python")
    if not {"index", "name"} <= set(getattr(lut, "columns", ())):
        msg = (
            f"lut has the columns {list(getattr(lut, 'columns', ()))}; expected a table with "
            "'index' (the numbers in the image) and 'name'."
        )
        raise ValueError(msg)
    return lut


def table_of(numbers, names, lut, background):
    """The lookup table of an atlas: the background first, if it has one, then the regions."""
    import pandas as pd

    table = pd.DataFrame({"index": numbers, "name": names})
    if background is not None:
        first = pd.DataFrame({"index": [background], "name": ["Background"]})
        table = pd.concat([first, table], ignore_index=True)
    if lut is None or "color" not in lut.columns:
        return table
    return table.merge(lut[["index", "color"]], on="index", how="left")


def nonempty(regions, names, atlas, keep_all=False):
    """Indices of the regions that have voxels, or of all; the others are named in a notice."""
    kept = np.flatnonzero(regions.sizes)
    if not len(kept):
        msg = f"No region of {atlas} is left: it is empty, or mask_img covers none of it."
        raise DataError(msg)
    if len(kept) < len(names):
        lost = [name for name, size in zip(names, regions.sizes, strict=True) if not size]
        what = "kept as columns of 0" if keep_all else f"dropped from {atlas}"
        msg = f"mask_img leaves nothing of {', '.join(lost)}: {what}."
        warnings.warn(msg, DataWarning, stacklevel=3)
    return np.arange(len(names)) if keep_all else kept
