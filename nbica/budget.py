"""How a fit fits into memory: decided from headers alone, before anything is read.

What the runs are (:class:`Workload`) and what the machine allows (:func:`allowed_ram`) go in; a
:class:`Plan` comes out: how many processes, and whether a run's matrix lives in RAM or in a scratch
file. `CanICA.plan` shows it, `CanICA.fit` follows it. The result of a fit does not depend on it.

The formulas count what the code allocates; the constants were measured on Linux with Python 3.11
(`benchmarks/`) and are stated where they stand.
"""

import os
import re
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nbica.scratch import BLOCK

MB = 1e6
# A worker process with what it imports, before it reads anything.
WORKER_BASE = 85 * MB
# What the parent still imports while it fits: pandas for the tables, joblib's process pool.
PARENT_EXTRA = 40 * MB
# Of what is free, the part that is planned with; the rest is for what nobody foresees.
MARGIN = 0.8
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
    n_runs : int
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
    smooth, band_pass : bool
    mask_pass : bool
        Whether the runs are read once more, for a mask.
    """

    n_runs: int
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
    in_ram : bool
        Whether a run's matrix is in RAM; else in a scratch file.
    scratch_folder : str
    ram : int
        Budget in bytes.
    peak : int
        Predicted peak of all processes together.
    worker, parent : int
        Of it, in each worker and in the parent, each with its interpreter.
    scratch : int
        Bytes of scratch files at once.
    cached : int
        Bytes that the cache will grow by, with a `memory`.
    seconds : dict
        Predicted seconds of each stage.
    """

    workload: Workload
    n_workers: int
    in_ram: bool
    scratch_folder: str
    ram: int
    peak: int
    worker: int
    parent: int
    scratch: int
    cached: int
    seconds: dict

    @property
    def scratch_path(self):
        """Folder of the scratch files; None where the matrices are in RAM."""
        return None if self.in_ram else self.scratch_folder

    def __str__(self):
        work = self.workload
        where = "in RAM" if self.in_ram else f"in a scratch file in {self.scratch_folder}"
        disk = {"reduce runs": self.scratch}
        ram = {"mask": self.parent, "reduce runs": self.peak, "ICA": self.parent}
        lines = [
            f"{work.n_runs} runs of up to {work.n_timepoints} timepoints, {work.n_voxels} voxels, "
            f"{work.n_components} components",
            f"{self.n_workers} at a time, each run's matrix ({human(work.matrix_bytes)}) {where}",
            "",
            f"{'stage':<14}{'RAM':>10}{'disk':>10}{'minutes':>10}",
        ]
        for stage, seconds in self.seconds.items():
            place = f"{human(ram[stage]):>10}{human(disk.get(stage, 0)):>10}"
            lines.append(f"{stage:<14}{place}{seconds / 60:>10.1f}")
        lines.append(f"{'budget':<14}{human(self.ram):>10}")
        return "\n".join([*lines, f"With memory=..., the cache grows by {human(self.cached)}."])

    __repr__ = __str__


def parse_ram(ram):
    """Bytes of a budget as a user writes it.

    Parameters
    ----------
    ram : None, number of bytes, or str such as "1.5GB", "800 MB", "2GiB"

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
    found = re.fullmatch(r"\s*([0-9.]+)\s*([kKMGT]?)(i?)B?\s*", str(ram))
    try:
        number = float(found[1]) if found and not isinstance(ram, bool) else 0.0
    except ValueError:
        number = 0.0
    if number <= 0:
        msg = f"ram is {ram!r}; expected bytes, a text such as '1.5GB', or None for what is free."
        raise ValueError(msg)
    power = " KMGT".index(found[2].upper() or " ")
    return int(number * (1024 if found[3] else 1000) ** power)


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


def make_plan(workload, n_jobs, ram, base, scratch_folder):
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

    Returns
    -------
    Plan

    Raises
    ------
    MemoryError
        If nothing fits; it says the least budget that would.
    """
    n_jobs = max(1, min(n_jobs, workload.n_runs))
    for n_workers in range(n_jobs, 0, -1):
        for in_ram in (True, False):
            plan = _costed(workload, n_workers, in_ram, ram, base, scratch_folder)
            if plan.peak <= ram:
                return plan
    msg = (
        f"ram={human(ram)} is too small: {workload.n_components} components of "
        f"{workload.n_voxels} voxels, one run at a time, need {human(plan.peak)}, of which "
        f"{human(base)} are taken by this process already. Give ram='{plan.peak / 1e9:.2f}GB', "
        "restart the kernel, choose fewer components or a coarser grid (target_affine)."
    )
    raise MemoryError(msg)


def _costed(work, n_workers, in_ram, ram, base, scratch_folder):
    alone = n_workers == 1
    transient = worker_transient(work, in_ram)
    worker = int(transient + (0 if alone else WORKER_BASE))
    merging = base + merge_transient(work, n_workers)
    parent = int(max(merging + (transient if alone else 0), base + ica_transient(work)))
    return Plan(
        workload=work,
        n_workers=n_workers,
        in_ram=in_ram,
        scratch_folder=str(scratch_folder),
        ram=int(ram),
        peak=int(max(parent, merging + n_workers * worker)) if not alone else parent,
        worker=worker,
        parent=parent,
        scratch=0 if in_ram else n_workers * work.matrix_bytes,
        cached=work.n_runs * 4 * work.n_stored * work.n_voxels,
        seconds=seconds(work, n_workers, in_ram),
    )


def worker_transient(work, in_ram):
    """Bytes that one run takes while it is reduced."""
    T, V = work.n_timepoints, work.n_voxels
    frames = 3 * max(4 * MB, 4 * work.frame_voxels) + 4 * work.frame_voxels
    matrix = 4 * T * V if in_ram else 4 * T * 3 * BLOCK
    gram = 8 * T * T * (6 if work.band_pass else 4)
    components = 4 * work.n_stored * V
    return matrix + max(frames, gram + components)


def merge_transient(work, n_workers):
    """Bytes of the parent's group subspace and of the reductions that wait for it."""
    # The stack of the subspace, five times the components and a run's more; what waits for it.
    rows = 6 * work.n_components + work.n_stored * (n_workers + 1 if n_workers > 1 else 1)
    return 4 * work.n_voxels * rows + PARENT_EXTRA


def ica_transient(work):
    """Bytes of the maps, whitened and finished, and of the 4D image of them."""
    k = work.n_components
    pairs = 4 * BLOCK * k * (k + 1) / 2 if k <= 40 else 0
    return 4 * k * (6 * work.n_voxels + work.frame_voxels) + pairs + PARENT_EXTRA


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
    merge = SECONDS_PER_MULTIPLICATION * work.n_runs * V * 54 * k * k
    ica = SECONDS_PER_MULTIPLICATION * V * (min(k, 40) ** 4 / 4 + 10 * k * k)
    stages = {"reduce runs": max(reduce / cores, merge) + 1.0, "ICA": ica}
    return {"mask": read / cores, **stages} if work.mask_pass else stages


# ---- what the machine allows --------------------------------------------------------------------


def allowed_ram():
    """Bytes that this process and its children may take, with a margin.

    The least of the free memory, the limits of the control groups it is in, `MEM_LIMIT` (which
    JupyterHub sets) and RLIMIT_AS; 80 % of what is free by that, and what is taken already.
    """
    return int(resident() + MARGIN * min(_free_by_each_limit(), default=4e9))


def resident():
    """Bytes of RAM that this process holds."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return _peak_resident()


def _peak_resident():
    try:
        import resource
    except ImportError:  # Windows
        return int(200 * MB)
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _free_by_each_limit():
    free = [_free_memory(), *_free_in_control_groups(), _free_address_space()]
    limit = os.environ.get("MEM_LIMIT", "")
    if limit.isdigit():
        free.append(int(limit) - resident())
    return [max(0, amount) for amount in free if amount is not None]


def _free_memory():
    try:
        text = Path("/proc/meminfo").read_text()
        return 1024 * int(re.search(r"MemAvailable:\s+(\d+)", text)[1])
    except (OSError, TypeError):
        pass
    try:  # no Linux: half of all there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2
    except (AttributeError, ValueError, OSError):
        return None


def _free_in_control_groups():
    root = Path("/sys/fs/cgroup")
    own = [root / line.split(":", 2)[2].lstrip("/") for line in _lines("/proc/self/cgroup")]
    for folder in {root, root / "memory", *own}:
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            total, taken = _number(folder / limit), _number(folder / usage)
            if total is not None and taken is not None and total < 1 << 60:
                yield total - taken + _reclaimable(folder)


def _reclaimable(folder):
    """File pages of a control group: counted as its usage, given back when they are needed."""
    for line in _lines(folder / "memory.stat"):
        name, _, value = line.partition(" ")
        if name in {"inactive_file", "total_inactive_file"}:
            return int(value)
    return 0


def _free_address_space():
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        taken = int(Path("/proc/self/statm").read_text().split()[0])
        if limit == resource.RLIM_INFINITY:
            return None
        return limit - taken * os.sysconf("SC_PAGE_SIZE")
    except (ImportError, OSError, ValueError):
        return None


def _lines(path):
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def _number(path):
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def choose_scratch_folder(memory_folder=None):
    """Where scratch files go: `NBICA_SCRATCH`, beside the cache, or the system's folder."""
    return os.environ.get("NBICA_SCRATCH") or memory_folder or tempfile.gettempdir()


def check_disk(plan):
    """Raise OSError if the scratch folder has no room for what is planned."""
    if plan.in_ram:
        return
    free = shutil.disk_usage(plan.scratch_folder).free
    if free < plan.scratch:
        msg = (
            f"{plan.scratch_folder} has {human(free)} free; scratch files need "
            f"{human(plan.scratch)}. Set NBICA_SCRATCH to a folder with room, or allow more ram."
        )
        raise OSError(msg)


def workload_of(
    runs, n_voxels, n_components, n_stored, *, smooth=True, band_pass=False, mask_pass=False
):
    """What matters of some runs, from their headers and file sizes.

    Parameters
    ----------
    runs : list of images.Run
    n_voxels : int
        In the mask.
    n_components, n_stored : int
    smooth, band_pass, mask_pass : bool

    Returns
    -------
    Workload
    """
    paths = [run.frames.path for run in runs if hasattr(run.frames, "path")]
    sizes = np.array([Path(path).stat().st_size for path in paths], dtype=np.int64)
    packed = np.array([not path.endswith((".nii", ".img")) for path in paths], dtype=bool)
    return Workload(
        n_runs=len(runs),
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
        band_pass=band_pass,
        mask_pass=mask_pass,
    )
