"""DictLearning beside nilearn's: time and memory, two seeds, two halves of real runs."""

import tempfile
from pathlib import Path

import numpy as np

from benchmarks import tasks
from benchmarks.reproducibility import N_RUNS, real_runs
from benchmarks.results import Row, megabytes, sampling

SIZES = {
    "full": {"numbers": [5, 20], "n_splits": 10, "alpha": 10},
    "quick": {"numbers": [4, 8], "n_splits": 3, "alpha": 10},
    "tiny": {"numbers": [2, 3], "n_splits": 1, "alpha": 1},
}
WHO = ("nbica", "nilearn")


def run(bench, numbers, n_splits, alpha):
    row = Row(f"DictLearning, 20 maps: {numbers[0]} and {numbers[-1]} runs; real runs")
    fits = {who: [_fit_many(bench, who, n, alpha) for n in numbers] for who in WHO}
    _tell_costs(row, fits, numbers)
    runs, mask = real_runs()
    runs = runs[: N_RUNS[bench.size]]
    if runs:
        with tempfile.TemporaryDirectory() as folder:
            _tell_agreement(row, _Real(bench, mask, Path(folder), alpha), runs, n_splits)
    row.notes += [
        sampling([fit for some in fits.values() for fit in some]),
        "Defaults but for the mask and, on real runs (20 subjects, 10 mm), no smoothing; n_jobs=2. "
        "Halves are random, the same for both; agreement is the mean |r| of maps matched one to "
        "one.",
    ]
    return row


def _fit_many(bench, who, n_runs, alpha):
    group = bench.adhd_runs(n_runs)
    target, label = f"benchmarks.tasks:{who}_dictionary", f"{who}, {n_runs} runs"
    return bench.measure(target, label, runs=group.runs, mask=group.mask, alpha=alpha)


def _tell_costs(row, fits, numbers):
    for who, some in fits.items():
        for n_runs, fit in zip(numbers, some, strict=True):
            seconds = f"{fit.value['seconds']:.1f} s, {fit.cpu_seconds:.1f} CPU s"
            row.tell(f"{who}, {n_runs} runs", f"{seconds}, {megabytes(fit.peak)}")
        row.numbers[who] = {n: fit.as_json() for n, fit in zip(numbers, some, strict=True)}
    ours, theirs = (fits[who][-1] for who in WHO)
    few, many = numbers[0], numbers[-1]
    speed = theirs.value["seconds"] / ours.value["seconds"]
    row.at_least(f"seconds, nilearn / nbica, {many} runs", speed, 1.0, "{:.1f}")
    for who in WHO:
        growth = fits[who][-1].peak - fits[who][0].peak
        row.tell(f"{who}: memory that {many - few} further runs took", megabytes(growth))


class _Real:
    """Fits of real runs by either."""

    def __init__(self, bench, mask, folder, alpha):
        self.bench, self.folder, self.n_done = bench, folder, 0
        self.options = {"mask": mask, "alpha": alpha, "smoothing_fwhm": None}

    def maps(self, who, runs, seed=0):
        self.n_done += 1
        path = str(self.folder / f"{self.n_done}.npy")
        self.bench.measure(
            f"benchmarks.tasks:{who}_dictionary", f"{who}, {len(runs)} real runs", runs=runs,
            maps_to=path, random_state=seed, **self.options,
        )  # fmt: skip
        return np.load(path)


def _tell_agreement(row, real, runs, n_splits):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(runs)) for _ in range(n_splits)]
    for who in WHO:
        seeds = tasks.matched(*(real.maps(who, runs, seed) for seed in (0, 1)))
        halves = [_agreement_of_halves(real, who, runs, order) for order in orders]
        row.tell(f"{who}: two seeds, mean and least map", f"{seeds['mean_r']:.4f}, "
                 f"{seeds['min_r']:.3f}")  # fmt: skip
        row.tell(f"{who}: two halves, mean of {n_splits} splits", f"{np.mean(halves):.3f}")
        row.numbers[f"{who}, real runs"] = {"seeds": seeds, "halves": halves}
    gain = np.subtract(*(row.numbers[f"{who}, real runs"]["halves"] for who in WHO))
    row.at_least("two halves: gain over nilearn, mean", float(gain.mean()), 0.0, "{:.3f}")
    row.tell(
        "splits in which nbica's halves agree better", f"{int((gain > 0).sum())} of {n_splits}"
    )


def _agreement_of_halves(real, who, runs, order):
    half = len(runs) // 2
    parts = ([runs[i] for i in some] for some in (order[:half], order[half:]))
    return tasks.matched(*(real.maps(who, part) for part in parts))["mean_r"]
