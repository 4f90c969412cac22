"""Run a function in a fresh process; watch time and memory of that process and its children.

Memory is sampled over the whole tree of processes. The headline is the sum of their PSS (Linux):
what each process has for itself, and its share of what it shares, so that libraries and arrays
that several workers map are counted once. Elsewhere it is the sum of USS, which leaves out what is
shared. PSS costs the kernel a walk through all pages. So its largest part, anonymous memory, is
looked at every 25 ms, which is cheap, and the rest as often as a twentieth of a core allows.

The sum of RSS, which counts shared pages once per process, and that of anonymous memory, which
leaves out pages of mapped files that the kernel may drop at any time, are kept as well.
"""

import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from importlib import import_module
from itertools import pairwise
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]

INTERVAL = 0.025
# Of one core, that the walks through all pages may take from what is watched.
SHARE = 0.05
SHARED_EVERY = 0.1
# Finding children means reading the table of all processes.
CHILDREN_EVERY = 0.2
HEARTBEAT = 15.0
CURVE_POINTS = 400


@dataclass(frozen=True)
class Measurement:
    """What a function took; bytes and seconds.

    Attributes
    ----------
    label : str
    seconds : float
        From the start of the process to its end, interpreter and imports included.
    cpu_seconds : float
        User and system time of the process and all its children.
    peak : int
        Largest sum of `kind` over the tree of processes.
    kind : str
        PSS or USS.
    peak_rss, peak_anonymous : int
        The same of RSS, and of anonymous memory (RSS without mapped files; Linux, else RSS).
    peak_main : int
        Of the first process alone, as the kernel has it (VmHWM); 0 if it was killed.
    peak_shm : int
        Growth of /dev/shm, which is memory that no process need have mapped.
    interval, interval_shared : float
        Median times between looks at anonymous memory, and at the rest.
    curve : list of (seconds, bytes)
        `kind` over time, thinned to a few hundred points that keep the peaks.
    value : dict
        What the function returned.
    error : str or None
        Why it failed: the last line it wrote.
    """

    label: str
    seconds: float
    cpu_seconds: float
    peak: int
    kind: str
    peak_rss: int
    peak_anonymous: int
    peak_main: int
    peak_shm: int
    interval: float
    interval_shared: float
    curve: list
    value: dict
    error: str | None = None

    def as_json(self):
        """All but the curve, which is drawn and not kept."""
        return {name: value for name, value in asdict(self).items() if name != "curve"}


def measure(target, label=None, limit=None, may_fail=False, **kwargs):
    """Call a function in a fresh process and watch it.

    Parameters
    ----------
    target : str
        "module:function"; it takes and returns what JSON can hold.
    label : str, optional
        What to call it while it runs.
    limit : int, optional
        Bytes of address space (RLIMIT_AS) for the process, and for each of its children.
    may_fail : bool
        Keep the error in the result instead of raising it.
    **kwargs
        Of the function.

    Returns
    -------
    Measurement

    Raises
    ------
    RuntimeError
        If the function failed; with the end of what it wrote.
    """
    label = label or target
    with tempfile.TemporaryDirectory(prefix="nbica-bench-") as folder:
        folder = Path(folder)
        job = {"target": target, "kwargs": kwargs, "limit": limit}
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        watch = _watch(folder, label)
        outcome = _read_outcome(folder)
        log = (folder / "log.txt").read_text(errors="replace")
    if outcome is None and not may_fail:
        msg = f"{label} failed ({target}). The end of what it wrote:\n{log[-3000:]}"
        raise RuntimeError(msg)
    return _summary(label, watch, outcome, log)


def _watch(folder, label):
    """Start the process, sample it to its end; its own children end with it."""
    cpu_before = _cpu_of_dead_children()
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.measure", str(folder)],
            stdout=log, stderr=log, cwd=folder, env=_environment(),
        )  # fmt: skip
    watch = Watch(process.pid, label)
    try:
        while process.poll() is None:
            watch.sample()
            time.sleep(INTERVAL)
    except BaseException:
        _end_tree(process.pid)
        process.wait()
        raise
    watch.seconds = time.perf_counter() - watch.start
    # Both miss something: the kernel knows only of children that were waited for, the samples not
    # of the last moments.
    watch.cpu_seconds = max(_cpu_of_dead_children() - cpu_before, sum(watch.cpu.values()))
    return watch


def _environment():
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _cpu_of_dead_children():
    times = os.times()
    return times.children_user + times.children_system


def _end_tree(pid):
    try:
        main = psutil.Process(pid)
        for process in [*main.children(recursive=True), main]:
            process.terminate()
    except psutil.NoSuchProcess:
        pass


def _read_outcome(folder):
    path = folder / "outcome.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _summary(label, watch, outcome, log):
    error = None
    if outcome is None:
        outcome = {"value": {}, "peak_main": 0}
        error = _last_line(log)
    return Measurement(
        label, watch.seconds, watch.cpu_seconds, watch.peak, watch.kind, watch.peak_rss,
        watch.peak_anonymous, outcome["peak_main"], watch.peak_shm,
        _median_step([second for second, _ in watch.curve]), _median_step(watch.looks),
        thin(watch.curve), outcome["value"], error,
    )  # fmt: skip


def _last_line(log):
    """The error that ends a traceback, without folders: results are published."""
    lines = [line for line in log.splitlines() if line.strip()] or ["killed"]
    return re.sub(r"(?:/[^\s/:'\"]+)+/", "…/", lines[-1])


def _median_step(times):
    steps = [after - before for before, after in pairwise(times)]
    return statistics.median(steps) if steps else 0.0


@dataclass
class Watch:
    """Samples of a tree of processes."""

    pid: int
    label: str = ""
    kind: str = "PSS" if platform.system() == "Linux" else "USS"
    start: float = field(default_factory=time.perf_counter)
    peak: int = 0
    peak_rss: int = 0
    peak_anonymous: int = 0
    peak_shm: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    curve: list = field(default_factory=list)
    looks: list = field(default_factory=list)
    cpu: dict = field(default_factory=dict)

    def __post_init__(self):
        self._processes, self._found_at = [], -CHILDREN_EVERY
        self._shared, self._look_at = 0, 0.0
        self._shm_before = _shm_used()
        self._said = 0.0

    def sample(self):
        """Look once."""
        now = time.perf_counter() - self.start
        self._find_processes(now)
        sizes = [self._sizes(process) for process in self._processes]
        rss, anonymous = (sum(column) for column in zip((0, 0), *sizes, strict=True))
        if now >= self._look_at:
            self._look_at_shared(now)
        # The two looks are not of the same moment; no process has more than its RSS.
        total = min(anonymous + self._shared, rss)
        self.peak = max(self.peak, total)
        self.peak_rss = max(self.peak_rss, rss)
        self.peak_anonymous = max(self.peak_anonymous, anonymous)
        self.peak_shm = max(self.peak_shm, _shm_used() - self._shm_before)
        self.curve.append((round(now, 3), total))
        self._say(now, total)

    def _find_processes(self, now):
        if now - self._found_at < CHILDREN_EVERY:
            return
        with contextlib.suppress(psutil.NoSuchProcess):
            main = psutil.Process(self.pid)
            self._processes = [main, *main.children(recursive=True)]
        self._found_at = now

    def _sizes(self, process):
        """RSS and anonymous memory of one process; none if it has ended."""
        try:
            cpu = process.cpu_times()
            self.cpu[process.pid] = cpu.user + cpu.system
            return _rss_and_anonymous(process.memory_info())
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return 0, 0

    def _look_at_shared(self, now):
        """What PSS (or USS) is more than anonymous memory, summed; not too often."""
        began = time.thread_time()
        self._shared = sum(self._shared_part(process) for process in self._processes)
        cost = time.thread_time() - began
        self.looks.append(now)
        self._look_at = now + max(SHARED_EVERY, cost / SHARE)

    def _shared_part(self, process):
        try:
            memory = process.memory_full_info()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            return 0
        own = memory.pss if self.kind == "PSS" else memory.uss
        return own - _rss_and_anonymous(memory)[1]

    def _say(self, now, total):
        """Tell a patient person that it still runs."""
        if now - self._said > HEARTBEAT:
            self._said = now
            print(f"    … {self.label}: {now:.0f} s, {total / 1e6:.0f} MB", flush=True)


def _rss_and_anonymous(memory):
    return memory.rss, memory.rss - getattr(memory, "shared", 0)


def _shm_used():
    return shutil.disk_usage("/dev/shm").used if Path("/dev/shm").is_dir() else 0


def thin(curve, n_points=CURVE_POINTS):
    """A curve with fewer points: of each stretch, the one with the most memory."""
    step = -(-len(curve) // n_points) or 1
    stretches = (curve[start : start + step] for start in range(0, len(curve), step))
    return [max(stretch, key=lambda point: point[1]) for stretch in stretches]


# ---- in the process that is watched ---------------------------------------------------------


def call(folder):
    """Do the job that is described in a folder, and leave the outcome there."""
    job = json.loads((folder / "job.json").read_text(encoding="utf-8"))
    if job["limit"]:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (job["limit"], job["limit"]))
    module, name = job["target"].split(":")
    value = getattr(import_module(module), name)(**job["kwargs"])
    outcome = json.dumps({"value": value, "peak_main": own_peak()})
    (folder / "outcome.json").write_text(outcome, encoding="utf-8")


def own_peak():
    """Largest RSS of this process so far, as the kernel has it, in bytes."""
    status = Path("/proc/self/status")
    if status.exists():
        # Not ru_maxrss, which starts from the size of the process that started this one.
        lines = dict(line.split(":", 1) for line in status.read_text(encoding="utf-8").splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))


if __name__ == "__main__":
    call(Path(sys.argv[1]))
