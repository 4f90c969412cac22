"""What the machine allows: memory, by every limit that may end a process, and disk for scratch.

Linux tells in files, which cost microseconds; psutil asks the other systems. Nothing here is sure:
a limit that cannot be read is taken as absent.
"""

import math
import os
import re
import shutil
import tempfile
from pathlib import Path

from joblib import cpu_count
from joblib.parallel import get_active_backend

# Of what is free, the part that is planned with; the rest is for what nobody foresees.
MARGIN = 0.8
# Above it a dask worker begins to put results on disk, and above .8 it pauses.
DASK_MARGIN = 0.7
# Where nothing can be read.
GUESS = 4e9

PROC = Path("/proc")
CGROUPS = Path("/sys/fs/cgroup")


def allowed_ram():
    """Bytes that this process and its children may take, with a margin.

    The least of the free memory, the limits of the control groups it is in, `MEM_LIMIT` (which
    JupyterHub sets) and RLIMIT_AS; 80 % of what is free by that, and what is taken already.
    """
    return int(resident() + MARGIN * min(_free_by_each_limit(), default=GUESS))


def resident():
    """Bytes of RAM that this process holds."""
    pages = _own_pages()
    return pages[1] if pages else _resident_by_psutil(_psutil().Process())


def resident_of_all():
    """Bytes of RAM that this process and its children hold; None where nothing can be read.

    Pages that they share, such as those of libraries, count once for each.
    """
    if not _own_pages():
        process = _psutil().Process()
        return sum(map(_resident_by_psutil, [process, *process.children(recursive=True)])) or None
    pages = [_pages_of(process) for process in _with_children("self")]
    return sum(taken for _, taken in filter(None, pages)) or None


def _with_children(process):
    yield process
    for tasks in PROC.glob(f"{process}/task/*/children"):
        for child in " ".join(_lines(tasks)).split():
            yield from _with_children(child)


def _own_pages():
    """Bytes of address space and of RAM of this process, where the kernel tells."""
    return _pages_of("self")


def _pages_of(process):
    for line in _lines(PROC / process / "statm"):
        return [int(number) * os.sysconf("SC_PAGE_SIZE") for number in line.split()[:2]]
    return None


def _resident_by_psutil(process):
    try:
        return process.memory_info().rss
    except _psutil().Error:  # it ended meanwhile
        return 0


def _psutil():
    import psutil  # not on Linux: it costs as much as the rest of this module

    return psutil


def _free_by_each_limit():
    free = [_free_memory(), *_free_in_control_groups(), _free_address_space(), _free_in_hub()]
    return [max(0, amount) for amount in free if amount is not None]


def _free_memory():
    for line in _lines(PROC / "meminfo"):
        if found := re.match(r"MemAvailable:\s+(\d+)", line):
            return 1024 * int(found[1])
    return _psutil().virtual_memory().available


def _free_in_hub():
    limit = os.environ.get("MEM_LIMIT", "")
    return int(limit) - resident() if limit.isdigit() else None


def _free_in_control_groups():
    for folder in _control_groups():
        for limit, usage in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            total, taken = _number(folder / limit), _number(folder / usage)
            if total is not None and taken is not None and total < 1 << 60:
                yield total - taken + _reclaimable(folder)


def _control_groups():
    """Folders of the groups that this process is in, and of those around them: all limits hold."""
    folders = {CGROUPS, CGROUPS / "memory"}
    for line in _lines(PROC / "self/cgroup"):
        _, kinds, path = line.split(":", 2)
        root = CGROUPS / "memory" if "memory" in kinds.split(",") else CGROUPS
        own = root / path.lstrip("/")
        folders |= {own, *(folder for folder in own.parents if folder.is_relative_to(root))}
    return sorted(folders)


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
    except ImportError:  # Windows
        return None
    limit, pages = resource.getrlimit(resource.RLIMIT_AS)[0], _own_pages()
    return None if limit == resource.RLIM_INFINITY or not pages else limit - pages[0]


def _lines(path):
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _number(path):
    lines = _lines(path)
    return int(lines[0]) if lines and lines[0].isdigit() else None


def threads_allowed():
    """How many threads this process may keep busy.

    The cores it may run on and its control group's share of them (joblib's count), or fewer by
    `CPU_LIMIT`, which JupyterHub sets, or by OMP_NUM_THREADS: joblib sets that in its workers to
    their share of the cores, dask to 1.
    """
    limits = [_whole_cores(os.environ.get(name)) for name in ("CPU_LIMIT", "OMP_NUM_THREADS")]
    return min([cpu_count(), *filter(None, limits)])


def _whole_cores(text):
    """How many cores a limit such as "0.5" begins; None where it says nothing."""
    try:
        return max(0, math.ceil(float(text))) or None
    except (TypeError, ValueError, OverflowError):
        return None


# ---- a cluster ----------------------------------------------------------------------------------


def cluster(ram=None):
    """What the dask cluster has that joblib sends work to.

    Parameters
    ----------
    ram : int, optional
        That a worker may take in all.

    Returns
    -------
    n_slots : int
        Threads of all workers.
    n_bytes : int
        For one run, in any of them.

    Or None where joblib works on this machine.
    """
    backend = get_active_backend()[0]
    if not hasattr(backend, "client"):
        return None
    n_slots = backend.effective_n_jobs(-1)  # waits until there is a worker
    return n_slots, min(backend.client.run(_free_in_worker, ram=ram).values(), default=int(GUESS))


def _free_in_worker(ram, dask_worker):
    limit = dask_worker.memory_manager.memory_limit
    limits = [allowed_ram(), *([ram] if ram else []), *([DASK_MARGIN * limit] if limit else [])]
    return int((min(limits) - resident()) / dask_worker.state.nthreads)


# ---- room for scratch files ---------------------------------------------------------------------


def choose_scratch_folder(memory_folder=None):
    """Where scratch files go: `NBICA_SCRATCH`, beside the cache, or the system's folder."""
    chosen = os.environ.get("NBICA_SCRATCH")
    if chosen:
        return str(Path(chosen).expanduser())
    if memory_folder and _may_write(Path(memory_folder).expanduser()):
        return str(Path(memory_folder).expanduser())
    return tempfile.gettempdir()


def room_to_wait(folder):
    """Bytes of files that may wait in a folder for some minutes; 0 where they would take RAM.

    Half of what is free on its disk, and no more than half of the free memory, in which the system
    keeps what was just written: from a disk they might come slower than they are computed again.
    """
    there = next((p for p in [Path(folder), *Path(folder).absolute().parents] if p.exists()), None)
    if there is None or not _may_write(there) or _is_in_memory(there):
        return 0
    return min(shutil.disk_usage(there).free, *_free_by_each_limit()) // 2


def _is_in_memory(folder):
    device = folder.stat().st_dev
    if os.name == "nt":
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    mounts = [line.split() for line in _lines(PROC / "self/mountinfo")]
    kinds = {mount[mount.index("-") + 1] for mount in mounts if mount[2] == number}
    return bool(kinds & {"tmpfs", "ramfs"})


def _may_write(folder):
    """Whether files may be written to a folder, or the folder be made where there is none yet."""
    there = next((path for path in [folder, *folder.absolute().parents] if path.exists()), folder)
    return os.access(there, os.W_OK)


def check_disk(folder, n_bytes):
    """Raise OSError if a folder has no room for so many bytes of scratch files; None needs none.

    The folder of a cache is made where there is none yet; `NBICA_SCRATCH` has to be there, as it
    may be a disk that is not mounted.
    """
    if folder is None:
        return
    if not os.environ.get("NBICA_SCRATCH"):
        Path(folder).mkdir(parents=True, exist_ok=True)
    if not Path(folder).is_dir():
        msg = (
            f"{folder} is not a folder; set NBICA_SCRATCH to one with room for "
            f"{n_bytes / 1e9:.1f} GB."
        )
        raise NotADirectoryError(msg)
    free = shutil.disk_usage(folder).free
    if free < n_bytes:
        msg = (
            f"{folder} has {free / 1e9:.1f} GB free; scratch files need {n_bytes / 1e9:.1f} GB. "
            "Set NBICA_SCRATCH to a folder with room, or allow more ram."
        )
        raise OSError(msg)
