"""How a fit fits into memory: decided from headers alone, before anything is read.

What the runs are and take (`workload.py`) and what the machine allows (`machine.py`) go in; a
:class:`Plan` comes out: how many processes, and whether a run's matrix lives in RAM or in a scratch
file. `CanICA.plan` shows it, `CanICA.fit` follows it. The result of a fit does not depend on it.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from joblib import effective_n_jobs

from nbica.runtime import machine
from nbica.runtime.units import human, parse_ram
from nbica.runtime.workload import (
    MB,
    PANDAS,
    POOL,
    WORKER_BASE,
    Workload,
    bytes_that_fit,
    ica_transient,
    mask_transient,
    merge_transient,
    predicted_seconds,
    rows_waiting,
    worker_transient,
)

if TYPE_CHECKING:
    from nbica.hints import AnyPath


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
        The part of `peak` in each worker and in the parent, each with its interpreter.
    mask : int
        Predicted peak while the mask is computed; 0 where there is one.
    scratch : int
        Bytes of scratch files at once.
    copies : int
        Bytes of frames that wait in the scratch folder, decompressed, until the mask is known: of
        the first of the compressed runs, which are read in one pass.
    cached : int
        Bytes that the cache will grow by, with a `memory`.
    seconds : dict
        Predicted seconds of each stage.

    See Also
    --------
    make_plan : makes one.

    Examples
    --------
    >>> from nbica import CanICA, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0, ram="4GB").fit(cohort)
    >>> ica.plan_.n_workers, ica.plan_.in_ram, ica.plan_.peak < 4e9
    (1, True, True)
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
    copies: int
    cached: int
    seconds: dict

    @property
    def scratch_path(self) -> str | None:
        """Folder of the scratch files; None where the matrices are in RAM."""
        return None if self.in_ram else self.scratch_folder

    def __str__(self):
        work = self.workload
        place = " on the cluster" if self.on_cluster else ""
        where = "in RAM" if self.in_ram else f"in a scratch file in {self.scratch_folder}"
        disk = {"mask": self.copies, "reduce runs": self.scratch + self.copies}
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
    base = machine.resident() + (0 if "pandas" in sys.modules else PANDAS)
    room = machine.room_to_wait(folder) if workload.unpacked else 0
    return make_plan(workload, n_slots, ram, base, folder, slot, room)


def make_plan(
    workload: Workload, n_jobs: int, ram: int, base: int, scratch_folder: AnyPath,
    slot: int | None = None, room: int = 0,
) -> Plan:  # fmt: skip
    """Find the fastest way that stays within a budget.

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
    room : int
        Bytes of frames that may wait in the scratch folder.

    Returns
    -------
    Plan

    Raises
    ------
    MemoryError
        If nothing fits; it says the least budget that would.

    See Also
    --------
    nbica.CanICA : makes its own, from the headers of its runs.

    Examples
    --------
    >>> from nbica.runtime.budget import make_plan
    >>> from nbica.runtime.workload import Workload
    >>> workload = Workload(
    ...     n_runs=100, n_timepoints=1200, total_timepoints=120_000, n_voxels=200_000,
    ...     frame_voxels=902_629, itemsize=4, compressed_bytes=100 * 10**9, plain_bytes=430 * 10**9,
    ...     n_components=50, n_stored=64, smooth=True, confounds=True, band_pass=False,
    ...     mask_pass=False,
    ... )
    >>> roomy = make_plan(workload, n_jobs=2, ram=16 * 10**9, base=200 * 10**6, scratch_folder=".")
    >>> tight = make_plan(workload, n_jobs=2, ram=2 * 10**9, base=200 * 10**6, scratch_folder=".")
    >>> roomy.n_workers, roomy.in_ram, tight.in_ram
    (2, True, False)
    """
    # No more processes than runs.
    most = max(1, min(n_jobs, workload.n_runs or n_jobs))
    on_cluster = slot is not None and n_jobs > 1  # for one, joblib works in this process
    if on_cluster:
        _check_slot(workload, slot)
    # All that could be done, the fastest first: more workers before matrices in RAM.
    plans = [
        _costed(workload, n_workers, on_cluster, in_ram, ram, base, scratch_folder, room)
        for n_workers in ([n_jobs] if on_cluster else range(most, 0, -1))
        for in_ram in (True, False)
        if not on_cluster or worker_transient(workload, in_ram) <= slot
    ]
    # The first of those within the budget; if there is none, say the least that would do.
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


def _costed(work, n_workers, on_cluster, in_ram, ram, base, scratch_folder, room):
    """The plan of one way to do the work, with what it takes of memory, disk and time."""
    # Who holds memory on this machine: this process, and workers unless it works alone.
    alone = n_workers == 1
    here = 0 if alone or on_cluster else n_workers
    pool = POOL if here else 0
    transient = worker_transient(work, in_ram, here=alone)
    worker = int(transient + (0 if alone else WORKER_BASE))
    # The parent: its base, and what it merges while runs are reduced, at the end, and in the ICA.
    waiting = rows_waiting(work, n_workers, on_cluster)
    # While the last runs are in hand the stack is not yet full; when it is, workers hold nothing.
    reducing = base + merge_transient(work, waiting, 0 if on_cluster else n_workers)
    merged = base + merge_transient(work, waiting)
    parent = int(max(reducing + (transient if alone else 0), merged, base + ica_transient(work)))
    # All processes together, at the worst moment of the reduction, of the merge, or of the mask.
    in_all = max(reducing + here * worker, merged + here * WORKER_BASE) + pool
    mask = base + mask_transient(work, here, pool) if work.mask_pass else 0
    scratch = 0 if in_ram else n_workers * work.matrix_bytes
    # A cluster may share no folder.
    copies = 0 if on_cluster else bytes_that_fit(work.unpacked, room - scratch)
    return Plan(
        workload=work,
        n_workers=n_workers,
        on_cluster=on_cluster,
        in_ram=in_ram,
        scratch_folder=str(scratch_folder),
        ram=int(ram),
        peak=int(max(parent, mask, in_all)),
        worker=worker,
        parent=parent,
        mask=int(mask),
        scratch=scratch,
        copies=copies,
        cached=(work.n_runs or 1) * 4 * work.n_stored * work.n_voxels,
        seconds=predicted_seconds(work, n_workers, in_ram, copies),
    )
