"""How a fit fits into memory: decided from headers alone, before anything is read.

What the runs are (:class:`Workload`) and what the machine allows (`machine.py`) go in; a
:class:`Plan` comes out: how many processes, and whether a run's matrix lives in RAM or in a scratch
file. `CanICA.plan` shows it, `CanICA.fit` follows it. The result of a fit does not depend on it.

The formulas count what the code allocates; the constants were measured on Linux with Python 3.11
(`benchmarks/`) and are stated where they stand.
"""

import math
import os
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from joblib import effective_n_jobs

from nbica import machine
from nbica.scratch import BLOCK

MB = 1e6
# A worker process before it reads anything, without the libraries that it shares with the parent,
# and the two processes that joblib starts to tidy up after workers.
WORKER_BASE = 36 * MB
POOL = 34 * MB
# What a process still imports: the parent pandas for the tables and joblib's process pool; whoever
# reads confounds pandas and scipy.linalg, filters scipy.signal, makes masks scipy.ndimage.
PARENT_EXTRA = 18 * MB
CONFOUNDS_EXTRA = 37 * MB
BAND_PASS_EXTRA = 47 * MB
MASK_EXTRA = 13 * MB
# As frames.BLOCK_BYTES, which is a layer above.
FRAMES_BLOCK = 4 * MB
# Seconds on one core of a 2024 server; plans say "about".
SECONDS_PER_COMPRESSED_BYTE = 5e-9
SECONDS_PER_PLAIN_BYTE = 0.6e-9
SECONDS_PER_SMOOTHED_VALUE = 2.5e-9
SECONDS_PER_MULTIPLICATION = 2.5e-11


@dataclass(frozen=True)
class Workload:
    """What matters of a fit, as its headers tell.

    Attributes
    ----------
    n_runs : int or None
        None where they are a generator, of which the first speaks for all.
    n_timepoints : int
        Of the longest run.
    total_timepoints : int
        Of all runs.
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

    @property
    def matrix_bytes(self):
        """The cleaned matrix of the longest run."""
        return 4 * self.n_timepoints * self.n_voxels


@dataclass(frozen=True)
class Plan:
    """How a fit will run.

    Attributes
    ----------
    workload : Workload
    n_workers : int
        Processes that read and reduce runs at once.
    on_cluster : bool
        Whether they are on other machines, by joblib's dask backend.
    in_ram : bool
        Whether a run's matrix is in RAM; else in a scratch file.
    scratch_folder : str
    ram : int
        Budget in bytes.
    peak : int
        Predicted peak of all processes of this machine together.
    worker, parent : int
        Of it, in each worker and in the parent, each with its interpreter.
    mask : int
        Predicted peak while the mask is computed; 0 where there is one.
    scratch : int
        Bytes of scratch files at once.
    cached : int
        Bytes that the cache will grow by, with a `memory`.
    seconds : dict
        Predicted seconds of each stage.
    """

    workload: Workload
    n_workers: int
    on_cluster: bool
    in_ram: bool
    scratch_folder: str
    ram: int
    peak: int
    worker: int
    parent: int
    mask: int
    scratch: int
    cached: int
    seconds: dict

    @property
    def scratch_path(self):
        """Folder of the scratch files; None where the matrices are in RAM."""
        return None if self.in_ram else self.scratch_folder

    def __str__(self):
        work = self.workload
        place = " on the cluster" if self.on_cluster else ""
        where = "in RAM" if self.in_ram else f"in a scratch file in {self.scratch_folder}"
        disk = {"reduce runs": self.scratch}
        ram = {"mask": self.mask, "reduce runs": self.peak, "ICA": self.parent}
        lines = [
            f"{work.n_runs or 'Any number of'} runs of up to {work.n_timepoints} timepoints, "
            f"{work.n_voxels} voxels, {work.n_components} components",
            f"{self.n_workers} at a time{place}, "
            f"each run's matrix ({human(work.matrix_bytes)}) {where}",
            "",
            f"{'stage':<14}{'RAM':>10}{'disk':>10}{'minutes':>10}",
        ]
        for stage, seconds in self.seconds.items():
            sizes = f"{human(ram[stage]):>10}{human(disk.get(stage, 0)):>10}"
            lines.append(f"{stage:<14}{sizes}{seconds / 60:>10.1f}")
        lines.append(f"{'budget':<14}{human(self.ram):>10}")
        return "\n".join([*lines, f"With memory=..., the cache grows by {human(self.cached)}."])

    __repr__ = __str__


def parse_ram(ram, name="ram", default="what is free"):
    """Bytes of a budget as a user writes it.

    Parameters
    ----------
    ram : None, number of bytes, or str such as "1.5GB", "800 MB", "2GiB"
    name, default : str
        Of the parameter, for messages.

    Returns
    -------
    int or None
        None stays None: what the machine allows.

    Raises
    ------
    ValueError
    """
    if ram is None:
        return None
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?)b?\s*", str(ram), re.IGNORECASE)
    if not found or isinstance(ram, bool):
        raise ValueError(_message_for_bytes(ram, name, default))
    power = " KMGT".index(found[2].upper() or " ")
    n_bytes = int(float(found[1]) * (1024 if found[3] else 1000) ** power)
    if n_bytes < 1:
        raise ValueError(_message_for_bytes(ram, name, default))
    return n_bytes


def _message_for_bytes(n_bytes, name, default):
    return f"{name} is {n_bytes!r}; expected bytes, a text such as '1.5GB', or None for {default}."


def human(n_bytes):
    """Bytes as a person reads them: "1.1 GB"."""
    if n_bytes <= 0:
        return "-"
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            number = n_bytes / size
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"


# ---- decide -------------------------------------------------------------------------------------


def plan_for(workload, n_jobs, ram, memory_folder=None):
    """Plan for what the machine allows, or the cluster that joblib sends work to.

    Parameters
    ----------
    workload : Workload
    n_jobs : int
        As joblib takes it.
    ram : as :func:`parse_ram` takes it
    memory_folder : path, optional
        Where the cache is.

    Returns
    -------
    Plan

    Raises
    ------
    MemoryError
        As :func:`make_plan`.
    """
    ram, folder = parse_ram(ram), machine.choose_scratch_folder(memory_folder)
    # joblib takes all of a cluster, whatever n_jobs.
    n_slots, slot = machine.cluster(ram) or (effective_n_jobs(n_jobs), None)
    ram = ram or machine.allowed_ram()
    return make_plan(workload, n_slots, ram, machine.resident(), folder, slot)


def make_plan(workload, n_jobs, ram, base, scratch_folder, slot=None):
    """The fastest way that stays within a budget.

    Parameters
    ----------
    workload : Workload
    n_jobs : int
        Processes wanted; fewer are planned where they would not fit.
    ram : int
        Bytes for all processes together.
    base : int
        What the parent holds already.
    scratch_folder : path
    slot : int, optional
        Bytes for one run in a worker of a cluster, whose memory is not this machine's.

    Returns
    -------
    Plan

    Raises
    ------
    MemoryError
        If nothing fits; it says the least budget that would.
    """
    most = max(1, min(n_jobs, workload.n_runs or n_jobs))
    on_cluster = slot is not None and n_jobs > 1  # for one, joblib works in this process
    if on_cluster:
        _check_slot(workload, slot)
    plans = [
        _costed(workload, n_workers, on_cluster, in_ram, ram, base, scratch_folder)
        for n_workers in ([n_jobs] if on_cluster else range(most, 0, -1))
        for in_ram in (True, False)
        if not on_cluster or worker_transient(workload, in_ram) <= slot
    ]
    fitting = [plan for plan in plans if plan.peak <= ram]
    if not fitting:
        raise MemoryError(_message_for_least(min(plans, key=lambda plan: plan.peak), base))
    return fitting[0]


def _check_slot(work, slot):
    least = min(worker_transient(work, in_ram) for in_ram in (True, False))
    if least > slot:
        msg = (
            f"A worker of the cluster has {human(slot)} for a run, which needs {human(least)}: "
            "give the workers more memory or fewer threads, or raise ram."
        )
        raise MemoryError(msg)


def _message_for_least(plan, base):
    work = plan.workload
    # Rounded up, and a little more: the process grows by what it imports until it is asked again.
    enough = math.ceil(plan.peak / 10 / MB + 1) / 100
    return (
        f"ram={human(plan.ram)} is too small: {work.n_components} components of {work.n_voxels} "
        f"voxels, one run at a time, need {human(plan.peak)}, of which {human(base)} are taken by "
        f"this process already. Give ram='{enough:.2f}GB', restart the kernel, choose fewer "
        "components or a coarser grid (target_affine)."
    )


def _costed(work, n_workers, on_cluster, in_ram, ram, base, scratch_folder):
    alone = n_workers == 1
    here = 0 if alone or on_cluster else n_workers
    pool = POOL if here else 0
    transient = worker_transient(work, in_ram)
    worker = int(transient + (0 if alone else WORKER_BASE))
    merging = base + merge_transient(work, _rows_waiting(work, n_workers, on_cluster))
    parent = int(max(merging + (transient if alone else 0), base + ica_transient(work)))
    mask = base + mask_transient(work, here, pool) if work.mask_pass else 0
    return Plan(
        workload=work,
        n_workers=n_workers,
        on_cluster=on_cluster,
        in_ram=in_ram,
        scratch_folder=str(scratch_folder),
        ram=int(ram),
        peak=int(max(parent, mask, merging + pool + here * worker)),
        worker=worker,
        parent=parent,
        mask=int(mask),
        scratch=0 if in_ram else n_workers * work.matrix_bytes,
        cached=(work.n_runs or 1) * 4 * work.n_stored * work.n_voxels,
        seconds=seconds(work, n_workers, in_ram),
    )


def worker_transient(work, in_ram):
    """Bytes that one run takes while it is reduced."""
    T = work.n_timepoints
    block, components = 4 * T * BLOCK, 4 * work.n_stored * work.n_voxels
    gram = 8 * T * T * (6 if work.band_pass else 4)  # with what its eigenvectors need
    libraries = CONFOUNDS_EXTRA * work.confounds + BAND_PASS_EXTRA * work.band_pass
    # One after the other: reading, cleaning, eigenvectors, projection.
    if in_ram:
        return work.matrix_bytes + max(_frames(work), gram, components) + libraries
    return max(_frames(work), 3 * block + gram / 4, gram, block + components) + libraries


def _frames(work):
    """Bytes of frames on their way: a block as stored, one converted and one read ahead."""
    block = max(FRAMES_BLOCK / 4, work.frame_voxels)
    voxels = min(block, work.n_timepoints * work.frame_voxels)
    return voxels * (work.itemsize + 2 * 4) + 4 * work.frame_voxels


def mask_transient(work, n_workers, pool):
    """Bytes of the runs' means in the making, of those that wait, and of the mask's tidying."""
    mean = 8 * work.frame_voxels
    in_the_making = _frames(work) + 2 * mean
    workers = pool + n_workers * (WORKER_BASE + in_the_making) if n_workers else in_the_making
    return workers + (2 * n_workers + 6) * mean + MASK_EXTRA + PARENT_EXTRA


def merge_transient(work, rows_waiting):
    """Bytes of the parent's group subspace and of the rows in memory beside it."""
    # The stack of the subspace is filled run by run up to ten times the components.
    rows = work.n_components * min(10, work.n_runs or 10) + rows_waiting
    return 4 * work.n_voxels * rows + PARENT_EXTRA


def _rows_waiting(work, n_workers, on_cluster):
    """Rows of reductions in the parent's memory while another run is reduced."""
    if on_cluster:  # which may share no folder
        return work.n_stored * (n_workers + 1)
    # Those of workers are in files, of which only what is wanted is read.
    return work.n_stored if n_workers == 1 else work.n_components


def ica_transient(work):
    """Bytes of the maps, whitened and finished, and of the 4D image of them."""
    k = work.n_components
    pairs = 4 * BLOCK * k * (k + 1) / 2 if k <= 40 else 0
    return 4 * k * (5 * work.n_voxels + work.frame_voxels) + pairs + PARENT_EXTRA


def seconds(work, n_workers, in_ram):
    """Predicted seconds of the stages."""
    T, V, k = work.total_timepoints, work.n_voxels, work.n_components
    cores = min(n_workers, os.cpu_count() or 1)
    read = (
        SECONDS_PER_COMPRESSED_BYTE * work.compressed_bytes
        + SECONDS_PER_PLAIN_BYTE * work.plain_bytes
    )
    reduce = (
        read
        + (0 if in_ram else SECONDS_PER_PLAIN_BYTE * 12 * T * V)
        + (SECONDS_PER_SMOOTHED_VALUE * T * min(work.frame_voxels, 2.5 * V) * work.smooth)
        + SECONDS_PER_MULTIPLICATION * T * V * (work.n_timepoints / 2 + work.n_stored + 40)
    )
    merge = SECONDS_PER_MULTIPLICATION * (work.n_runs or 1) * V * 54 * k * k
    ica = SECONDS_PER_MULTIPLICATION * V * (min(k, 40) ** 4 / 4 + 10 * k * k)
    stages = {"reduce runs": max(reduce / cores, merge) + 1.0, "ICA": ica}
    return {"mask": read / cores, **stages} if work.mask_pass else stages


def workload_of(
    runs, n_runs, n_voxels, n_components, n_stored, *,
    smooth=True, confounds=False, band_pass=False, mask_pass=False,
):  # fmt: skip
    """What matters of some runs, from their headers and file sizes.

    Parameters
    ----------
    runs : list of images.Run
    n_runs : int or None
        None if more may follow.
    n_voxels : int
        In the mask.
    n_components, n_stored : int
    smooth, confounds, band_pass, mask_pass : bool

    Returns
    -------
    Workload
    """
    paths = [run.frames.path for run in runs if hasattr(run.frames, "path")]
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
    )
