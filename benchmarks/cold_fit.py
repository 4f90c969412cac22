"""A cold fit beside nilearn's, and beside the time to merely decompress the files."""

import statistics
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import tasks
from benchmarks.results import Row, megabytes, sampling

SIZES = {
    "full": {"n_runs": 40, "n_rounds": 3},
    "quick": {"n_runs": 10, "n_rounds": 1},
    "tiny": {"n_runs": 4, "n_rounds": 1},
}
TARGETS = {"floor": "decompress", "nbica": "nbica_fit", "nilearn": "nilearn_fit"}


def run(bench, n_runs, n_rounds):
    group = bench.adhd_runs(n_runs)
    with tempfile.TemporaryDirectory() as folder:
        found = _interleaved(bench, group, n_rounds, Path(folder))
        maps = {who: np.load(Path(folder) / f"{who}.npy") for who in ("nbica", "nilearn")}
    seconds = {who: _median(ms, lambda m: m.value["seconds"]) for who, ms in found.items()}
    row = Row(f"cold fit of {n_runs} ADHD-shaped runs, 20 components, n_jobs=2")
    _check_time(row, seconds)
    _check_memory(row, found)
    _check_maps(row, maps, group.maps)
    row.numbers |= {who: [m.as_json() for m in ms] for who, ms in found.items()}
    everything = [m for ms in found.values() for m in ms]
    row.notes += [sampling(everything), *_notes(n_runs, n_rounds)]
    return row


def _interleaved(bench, group, n_rounds, folder):
    """Rounds of floor, nbica, nilearn: what else the machine does meets all three alike."""
    bench.measure("benchmarks.tasks:decompress", "files into the page cache", runs=group.runs)
    found = {who: [] for who in TARGETS}
    for number in range(1, n_rounds + 1):
        for who, task in TARGETS.items():
            # The floor has neither a mask nor maps.
            extra = (
                {}
                if who == "floor"
                else {"mask": group.mask, "maps_to": str(folder / f"{who}.npy")}
            )
            label = f"{who}, round {number} of {n_rounds}"
            found[who].append(
                bench.measure(f"benchmarks.tasks:{task}", label, runs=group.runs, **extra)
            )
    return found


def _median(measurements, value):
    return statistics.median(value(m) for m in measurements)


def _check_time(row, seconds):
    row.at_least("faster than nilearn", seconds["nilearn"] / seconds["nbica"], 15, "{:.1f} ×")
    row.at_most("time over the floor", seconds["nbica"] / seconds["floor"], 1.6, "{:.2f} ×")
    for who, value in seconds.items():
        row.tell(f"{who}, seconds", f"{value:.1f}")


def _check_memory(row, found):
    peaks = {who: max(m.peak for m in ms) for who, ms in found.items()}
    row.at_most("peak memory, MB", peaks["nbica"] / 1e6, 500, "{:.0f}")
    row.tell("peak memory of nilearn", megabytes(peaks["nilearn"]))
    for who, ms in found.items():
        rss, cpu = max(m.peak_rss for m in ms), _median(ms, lambda m: m.cpu_seconds)
        row.tell(f"{who}: sum of RSS; CPU seconds", f"{megabytes(rss)}; {cpu:.1f}")


def _check_maps(row, maps, planted):
    pairs = {
        "nbica with nilearn": (maps["nbica"], maps["nilearn"]),
        "nbica with the planted": (maps["nbica"], planted),
        "nilearn with the planted": (maps["nilearn"], planted),
    }
    for what, (ours, theirs) in pairs.items():
        r = tasks.matched(ours, theirs)
        row.numbers[f"r {what}"] = r
        row.tell(f"matched |r|, {what}: mean, least", f"{r['mean_r']:.3f}, {r['min_r']:.3f}")


def _notes(n_runs, n_rounds):
    return [
        f"{n_runs} runs: links to a few distinct files, all in the page cache beforehand.",
        f"Medians of {n_rounds} interleaved rounds; seconds of `fit`, without imports, with the "
        "start of the worker processes. The floor's two workers are started in the same way.",
        "Both with the same mask, smoothing_fwhm=6, detrend, standardize, threshold=None, seed 0.",
    ]
