"""A second fit, and one with another n_components, with each library's cache."""

import tempfile
from pathlib import Path

from benchmarks import data
from benchmarks.results import Row, megabytes
from nbica.datasets.files import make_folder

SIZES = {
    "full": {"n_runs": 8, "levels": [1, 5]},
    "quick": {"n_runs": 3, "levels": [1]},
    "tiny": {"n_runs": 3, "levels": [1]},
}
FITS = {"cold": {}, "the same again": {}, "n_components=15": {"n_components": 15}}


def run(bench, n_runs, levels):
    # Distinct files: a cache that knows contents would read a file and its links once.
    group = data.group(bench.adhd, n_runs, n_distinct=n_runs)
    row = Row(f"fits with a cache, {n_runs} runs, n_jobs=2")
    caches = [("nbica", 1), *(("nilearn", level) for level in levels)]
    for who, level in caches:
        name = who if who == "nbica" else f"{who}, memory_level={level}"
        with tempfile.TemporaryDirectory(dir=make_folder(data.folder())) as cache:
            found = _fits(bench, name, who, group, {"memory": cache, "memory_level": level})
            size = _size(Path(cache))
        seconds = ", ".join(f"{m.value['seconds']:.1f} s" for m in found.values())
        row.tell(f"{name}: {', '.join(FITS)}", seconds)
        row.tell(f"{name}: disk", megabytes(size))
        row.numbers[name] = {fit: m.as_json() for fit, m in found.items()} | {"disk": size}
    row.notes.append(
        "Each fit in a fresh process; seconds of `fit` without imports. nilearn's examples use "
        "memory_level=1, the talk 5. The sizes of the caches are those after all three fits."
    )
    return row


def _fits(bench, name, who, group, cache):
    target = f"benchmarks.tasks:{who}_fit"
    common = {"runs": group.runs, "mask": group.mask} | cache
    return {
        fit: bench.measure(target, f"{name}, {fit}", **common, **parameters)
        for fit, parameters in FITS.items()
    }


def _size(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
