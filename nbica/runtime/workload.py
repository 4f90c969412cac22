"""What a fit takes of memory and time, as its headers tell: pure sums.

The formulas count what the code allocates; the constants were measured on Linux with Python 3.11
(`benchmarks/`) and are stated where they stand. `budget.py` decides by them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbica.runtime.scratch import BLOCK

MB = 1e6
# A worker process before it reads anything, without the libraries that it shares with the parent,
# and the two processes that joblib starts to tidy up after workers.
WORKER_BASE = 36 * MB
POOL = 34 * MB
# What a process still imports: the parent joblib's process pool, and pandas for the tables, unless
# scikit-learn has; whoever reads confounds pandas and scipy.linalg, filters
# scipy.signal, makes masks scipy.ndimage.
PARENT_EXTRA = 6 * MB
PANDAS = 32 * MB
CONFOUNDS_EXTRA = 37 * MB
BAND_PASS_EXTRA = 47 * MB
# Of the latter two, in the parent.
HERE_EXTRA = 3 * MB, 6 * MB
MASK_EXTRA = 13 * MB
# As frames.BLOCK_BYTES and oblique.N_FRAMES, which are a layer above.
FRAMES_BLOCK = 4 * MB
OBLIQUE_FRAMES = 8
# Seconds on one core of a 2024 server; plans say "about".
SECONDS_PER_COMPRESSED_BYTE = 5e-9
SECONDS_PER_PLAIN_BYTE = 0.6e-9
SECONDS_PER_SMOOTHED_VALUE = 2.5e-9
SECONDS_PER_RESAMPLED_VALUE = 3e-8
SECONDS_PER_MULTIPLICATION = 2.5e-11


@dataclass(frozen=True)
class Workload:
    """What a fit has to do, as the headers of its runs tell.

    Attributes
    ----------
    n_runs : int or None
        None where they are a generator, of which the first speaks for all.
    n_timepoints : int
        Timepoints of the longest run.
    total_timepoints : int
        Timepoints of all runs.
    n_voxels : int
        In the mask.
    frame_voxels : int
        In the largest frame.
    itemsize : int
        Bytes of a stored number, at most.
    compressed_bytes, plain_bytes : int
        On disk, over all runs.
    n_components : int
    n_stored : int
        Components kept of a run.
    smooth, confounds, band_pass : bool
    mask_pass : bool
        Whether the runs are read once more, for a mask.
    n_rows : int
        Components that each run contributes to the group; 0 stands for `n_components`.
    weighted : bool
        Whether these are multiplied by weights, in a copy.
    resampled_values : int
        Values, over all runs, that are interpolated because a run's grid is turned against the
        mask's; where axes are parallel that costs as little as smoothing.
    unpacked : tuple of int
        Bytes of frames of each compressed run, decompressed, where a mask is made of them.

    See Also
    --------
    nbica.runtime.budget.make_plan : plans a fit of one.

    Examples
    --------
    >>> from nbica.runtime.workload import Workload
    >>> workload = Workload(
    ...     n_runs=20, n_timepoints=200, total_timepoints=4000, n_voxels=50_000,
    ...     frame_voxels=271_633, itemsize=2, compressed_bytes=10**9, plain_bytes=2 * 10**9,
    ...     n_components=20, n_stored=32, smooth=True, confounds=True, band_pass=False,
    ...     mask_pass=False,
    ... )
    >>> workload.rows, workload.matrix_bytes
    (20, 40000000)
    """

    n_runs: int | None
    n_timepoints: int
    total_timepoints: int
    n_voxels: int
    frame_voxels: int
    itemsize: int
    compressed_bytes: int
    plain_bytes: int
    n_components: int
    n_stored: int
    smooth: bool
    confounds: bool
    band_pass: bool
    mask_pass: bool
    n_rows: int = 0
    weighted: bool = False
    resampled_values: int = 0
    unpacked: tuple = ()

    @property
    def rows(self) -> int:
        """Rows that each run contributes to the group."""
        return self.n_rows or self.n_components

    @property
    def matrix_bytes(self) -> int:
        """The cleaned matrix of the longest run."""
        return 4 * self.n_timepoints * self.n_voxels


def workload_of(
    runs, n_runs, n_voxels, n_components, n_stored, *,
    smooth=True, confounds=False, band_pass=False, mask_pass=False, n_rows=0, weighted=False,
    grid=None, unpacked=(),
):  # fmt: skip
    """What matters of some runs, from their headers and file sizes.

    Parameters
    ----------
    runs : list of Run
    n_runs : int or None
        None if more may follow.
    n_voxels : int
        In the mask.
    n_components, n_stored : int
    smooth, confounds, band_pass, mask_pass : bool
    n_rows, weighted
        As in :class:`Workload`.
    grid : Grid, optional
        That of the mask; runs on another one are resampled.
    unpacked : sequence of int
        As in :class:`Workload`.

    Returns
    -------
    Workload
    """
    paths = [path for run in runs for path in getattr(run.frames, "paths", ())]
    sizes = np.array([Path(path).stat().st_size for path in paths], dtype=np.int64)
    packed = np.array([not path.lower().endswith((".nii", ".img")) for path in paths], dtype=bool)
    return Workload(
        n_runs=n_runs,
        n_timepoints=max(run.n_timepoints for run in runs),
        total_timepoints=sum(run.n_timepoints for run in runs),
        n_voxels=n_voxels,
        frame_voxels=max(int(np.prod(run.grid.shape)) for run in runs),
        itemsize=max(run.frames.dtype.itemsize for run in runs),
        compressed_bytes=int(sizes[packed].sum()) if len(sizes) else 0,
        plain_bytes=int(sizes[~packed].sum()) if len(sizes) else 0,
        n_components=n_components,
        n_stored=n_stored,
        smooth=smooth,
        confounds=confounds,
        band_pass=band_pass,
        mask_pass=mask_pass,
        n_rows=n_rows,
        weighted=weighted,
        resampled_values=0 if grid is None else _resampled_values(runs, grid, n_voxels),
        unpacked=tuple(unpacked),
    )


def _resampled_values(runs, grid, n_voxels):
    n_timepoints = sum(run.n_timepoints for run in runs if run.grid.is_turned(grid))
    return int(n_timepoints * min(np.prod(grid.shape), 2.5 * n_voxels))


def worker_transient(work, in_ram, here=False):
    """Bytes that one run takes while it is reduced, by a worker or `here`, in the parent.

    A worker imports libraries of which scikit-learn has loaded nearly all in the parent.
    """
    T = work.n_timepoints
    block, components = 4 * T * BLOCK, 4 * work.n_stored * work.n_voxels
    gram = 8 * T * T * (6 if work.band_pass else 4)  # with what its eigenvectors need
    confounds, band_pass = HERE_EXTRA if here else (CONFOUNDS_EXTRA, BAND_PASS_EXTRA)
    libraries = confounds * work.confounds + band_pass * work.band_pass
    # One after the other: reading, cleaning, eigenvectors, projection.
    if in_ram:
        return work.matrix_bytes + max(_frames(work), gram, components) + libraries
    return max(_frames(work), 3 * block + gram / 4, gram, block + components) + libraries


def _frames(work):
    """Bytes of frames on their way: a block as stored, one converted and one read ahead."""
    if work.resampled_values:  # a spline's coefficients in two orders, and the result, as well
        return OBLIQUE_FRAMES * work.frame_voxels * (work.itemsize + 6 * 4)
    block = max(FRAMES_BLOCK / 4, work.frame_voxels)
    voxels = min(block, work.n_timepoints * work.frame_voxels)
    return voxels * (work.itemsize + 2 * 4) + 4 * work.frame_voxels


def mask_transient(work, n_workers, pool):
    """Bytes of the runs' means in the making, of those that wait, and of the mask's tidying."""
    mean = 8 * work.frame_voxels
    in_the_making = _frames(work) + 2 * mean
    workers = pool + n_workers * (WORKER_BASE + in_the_making) if n_workers else in_the_making
    return workers + (2 * n_workers + 6) * mean + MASK_EXTRA + PARENT_EXTRA


def merge_transient(work, rows_waiting, n_in_hand=0):
    """Bytes of the parent's group subspace and of the rows in memory beside it.

    At its fullest; or while so many runs are yet to come, as long as they are in hand.
    """
    # The stack of the subspace is filled run by run up to ten times the components.
    rows = 10 * work.n_components
    if work.n_runs is not None:
        rows = min(rows, work.rows * (work.n_runs - n_in_hand))
    rows += rows_waiting + work.rows * work.weighted
    return 4 * work.n_voxels * rows + PARENT_EXTRA


def rows_waiting(work, n_workers, on_cluster):
    """Rows of reductions in the parent's memory while another run is reduced."""
    if on_cluster:  # which may share no folder
        return work.n_stored * (n_workers + 1)
    # Those of workers are in files, of which only what is wanted is read.
    return work.n_stored if n_workers == 1 else work.rows


def bytes_that_fit(sizes, room):
    """Bytes of the first of some files, as many as there is room for."""
    sums = np.cumsum([0, *sizes])
    return int(sums[sums <= max(room, 0)][-1])


def ica_transient(work):
    """Bytes of the maps, whitened and finished, and of the 4D image of them."""
    k = work.n_components
    pairs = 4 * BLOCK * k * (k + 1) / 2 if k <= 40 else 0
    return 4 * k * (5 * work.n_voxels + work.frame_voxels) + pairs + PARENT_EXTRA


def predicted_seconds(work, n_workers, in_ram, copies=0):
    """Predicted seconds of the stages, with so many bytes of frames copied in the mask's."""
    T, V, k = work.total_timepoints, work.n_voxels, work.n_components
    cores = min(n_workers, os.cpu_count() or 1)
    read = (
        SECONDS_PER_COMPRESSED_BYTE * work.compressed_bytes
        + SECONDS_PER_PLAIN_BYTE * work.plain_bytes
    )
    from_copies = copies / max(1, sum(work.unpacked))
    reduce = (
        read
        - SECONDS_PER_COMPRESSED_BYTE * work.compressed_bytes * from_copies
        + SECONDS_PER_PLAIN_BYTE * copies
        + (0 if in_ram else SECONDS_PER_PLAIN_BYTE * 12 * T * V)
        + (SECONDS_PER_SMOOTHED_VALUE * T * min(work.frame_voxels, 2.5 * V) * work.smooth)
        + SECONDS_PER_RESAMPLED_VALUE * work.resampled_values
        + SECONDS_PER_MULTIPLICATION * T * V * (work.n_timepoints / 2 + work.n_stored + 40)
    )
    merge = SECONDS_PER_MULTIPLICATION * (work.n_runs or 1) * V * 54 * k * k
    ica = SECONDS_PER_MULTIPLICATION * V * (min(k, 40) ** 4 / 4 + 10 * k * k)
    stages = {"reduce runs": max(reduce / cores, merge) + 1.0, "ICA": ica}
    mask = (read + SECONDS_PER_PLAIN_BYTE * copies) / cores
    return {"mask": mask, **stages} if work.mask_pass else stages
