"""Do two seeds give the same maps? On real runs, nbica and nilearn."""

import os
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import tasks
from benchmarks.measure import ROOT
from benchmarks.results import Row

SIZES = {"full": {"n_seeds": 4}, "quick": {"n_seeds": 2}, "tiny": {"n_seeds": 2}}
N_RUNS = {"full": 20, "quick": 20, "tiny": 4}


def run(bench, n_seeds):
    runs, mask = real_runs()
    runs = runs[: N_RUNS[bench.size]]
    row = Row(f"maps of {n_seeds} seeds, {len(runs)} real resting-state runs, 20 components")
    if not runs:
        row.skipped = "no real runs: set NBICA_REAL_DATA to their folder"
        return row
    for who in ("nbica", "nilearn"):
        maps = _maps_of_seeds(bench, who, runs, mask, n_seeds)
        pairs = [tasks.matched(maps[0], other) for other in maps[1:]]
        mean = float(np.mean([pair["mean_r"] for pair in pairs]))
        least = min(pair["min_r"] for pair in pairs)
        row.tell(f"{who}: matched |r| of two seeds, mean and least map", f"{mean:.4f}, {least:.3f}")
        row.numbers[who] = pairs
    row.notes.append(
        "20 subjects, 10 mm, preprocessed; given mask, no smoothing, n_init=10, threshold=None, "
        "defaults otherwise. Each further seed is compared with the first."
    )
    return row


def real_runs():
    folder = Path(os.environ.get("NBICA_REAL_DATA") or ROOT.parent / "shared" / "data")
    folder = folder.absolute() / "real_rest_10mm"
    return [str(path) for path in sorted(folder.glob("rtswa_*.nii"))], str(folder / "mask.nii")


def _maps_of_seeds(bench, who, runs, mask, n_seeds):
    maps = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(n_seeds):
            path = str(Path(folder) / f"{seed}.npy")
            bench.measure(
                f"benchmarks.tasks:{who}_fit", f"{who}, seed {seed}", runs=runs, mask=mask,
                maps_to=path, random_state=seed, smoothing_fwhm=None,
            )  # fmt: skip
            maps.append(np.load(path))
    return maps
