"""Where the time of a fit goes: read, smooth, clean, reduce, merge, ICA."""

import sys
import threading
import time
from collections import Counter
from pathlib import Path

from benchmarks import tasks
from benchmarks.results import Row

SIZES = {"full": {"n_runs": 20}, "quick": {"n_runs": 4}, "tiny": {"n_runs": 3}}
INTERVAL = 0.004

# The stage of a moment is that of the innermost of these in the stack: a function, or any function
# of a module. Functions before modules, as the same arithmetic serves two stages.
STAGES = {
    "reduce_signals": "reduce",
    "partial_fit": "merge",
    "fast_ica": "ICA",
    "canonical_share": "ICA",
    "frames": "read",
    "images": "read",
    "files": "read",
    "masks": "read",
    "spatial": "smooth",
    "signal": "clean",
    "confounds": "clean",
    "masking": "mask",
}
ORDER = ["read", "smooth", "mask", "clean", "reduce", "merge", "ICA", "other"]
WAITING = {"threading.py", "queue.py", "selectors.py", "_base.py"}


def run(bench, n_runs):
    row = Row(f"where the time of a fit goes, {n_runs} runs, n_jobs=1")
    group = bench.adhd_runs(n_runs)
    target = "benchmarks.profile:profiled_fit"
    found = bench.measure(target, "fit under a profiler", runs=group.runs, mask=group.mask)
    for thread, stages in found.value["seconds_by_thread"].items():
        total = sum(stages.values())
        for stage in sorted(stages, key=ORDER.index):
            share = f"{stages[stage]:.2f} s, {100 * stages[stage] / total:.0f} %"
            row.tell(f"{thread}: {stage}", share)
    row.tell("seconds per run", f"{found.value['seconds'] / n_runs:.3f}")
    row.numbers |= found.value
    row.notes.append(
        f"A thread looks every {INTERVAL * 1e3:.0f} ms at what each thread executes; one process, "
        "so that all work is in sight. Moments in which a helper thread only waits are left out. "
        "What runs between two stages belongs to the caller's."
    )
    return row


# ---- in the process that is measured --------------------------------------------------------


def profiled_fit(runs, mask):
    """Fit in this process while a thread takes samples."""
    import nbica.canica  # what it imports is not what is asked for

    sampler = Sampler(Path(nbica.__file__).parent)
    sampler.start()
    value = tasks.nbica_fit(runs, mask, n_jobs=1)
    sampler.stop()
    return value | {"seconds_by_thread": sampler.seconds()}


class Sampler(threading.Thread):
    """Looks at the stacks of all other threads, and counts stages."""

    def __init__(self, package):
        super().__init__(daemon=True)
        self._package = str(package)
        self._ended = threading.Event()
        self._seconds = {}

    def run(self):
        """Sample until stopped; each sample stands for the time since the one before."""
        before = time.perf_counter()
        main = threading.main_thread().ident
        while not self._ended.wait(INTERVAL):
            now = time.perf_counter()
            for ident, frame in sys._current_frames().items():
                stage = None if ident == self.ident else self._stage(frame, ident == main)
                if stage:
                    thread = "main thread" if ident == main else "helper threads"
                    self._seconds.setdefault(thread, Counter())[stage] += now - before
            before = now

    def stop(self):
        """End the sampling."""
        self._ended.set()
        self.join()

    def seconds(self):
        """Seconds by thread and stage."""
        return {thread: dict(stages) for thread, stages in self._seconds.items()}

    def _stage(self, frame, is_main):
        """Stage that a stack is in; None for a helper that waits or is not nbica's."""
        if not is_main and Path(frame.f_code.co_filename).name in WAITING:
            return None
        is_ours = False
        modules = []
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(self._package):
                is_ours = True
                if code.co_name in STAGES:
                    return STAGES[code.co_name]
                modules.append(Path(code.co_filename).stem)
            frame = frame.f_back
        named = (STAGES[module] for module in modules if module in STAGES)
        return next(named, "other" if is_main or is_ours else None)
