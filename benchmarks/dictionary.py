"""DictLearning beside nilearn's: time and memory, planted networks, two seeds and halves."""

import numpy as np

from benchmarks.reproducibility import N_RUNS, real_runs
from benchmarks.results import Row, megabytes, sampling

# At full size some four minutes, of which nilearn takes three: it needs 5 s for each ADHD-shaped
# run, so that there are no more than ten. Data that are not there yet are written before.
SIZES = {
    "full": {"numbers": [5, 10], "n_splits": 10, "alpha": 10, "cohort": [8, 168]},
    "quick": {"numbers": [2, 4], "n_splits": 3, "alpha": 10, "cohort": [4, 60]},
    "tiny": {"numbers": [2, 3], "n_splits": 1, "alpha": 1, "cohort": [2, 80]},
}
WHO = ("nbica", "nilearn")


def run(bench, numbers, n_splits, alpha, cohort):
    row = Row(f"DictLearning, 20 maps: {numbers[0]} and {numbers[-1]} runs; real runs")
    fits = {who: [_fit_many(bench, who, n, alpha) for n in numbers] for who in WHO}
    _tell_costs(row, fits, numbers)
    _tell_planted(bench, row, alpha, *cohort)
    runs, mask = real_runs()
    runs = runs[: N_RUNS[bench.size]]
    if runs:
        _tell_agreement(bench, row, runs, mask, n_splits, alpha)
    row.notes += [
        sampling([fit for some in fits.values() for fit in some]),
        "Defaults but for the mask and, on real runs (20 subjects, 10 mm), no smoothing; n_jobs=2. "
        "Halves are random, the same for both; agreement is the mean |r| of maps matched one to "
        "one. Planted: the embedded cohort with its confounds, |r| of its twelve networks with the "
        "maps matched to them.",
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


def _tell_planted(bench, row, alpha, n_subjects, n_timepoints):
    found = {}
    for who in WHO:
        label = f"{who}, {n_subjects} subjects with planted networks"
        target = "benchmarks.tasks:dictionary_planted"
        options = {"who": who, "n_subjects": n_subjects, "n_timepoints": n_timepoints}
        fits = {a: bench.measure(target, label, alpha=a, **options).value for a in (alpha, 1)}
        for a, value in fits.items():
            row.tell(
                f"{who}, alpha={a}: planted networks, mean and least |r|",
                f"{value['mean_r']:.3f}, {value['min_r']:.3f}",
            )
        found[who] = max(fits.values(), key=lambda value: value["mean_r"])
    row.numbers["planted"] = found
    gain = found["nbica"]["mean_r"] - found["nilearn"]["mean_r"]
    row.at_least(
        "planted networks: gain over nilearn, each at its better alpha", gain, 0.0, "{:.3f}"
    )


def _tell_agreement(bench, row, runs, mask, n_splits, alpha):
    rng = np.random.default_rng(0)
    orders = [rng.permutation(len(runs)).tolist() for _ in range(n_splits)]
    half = len(runs) // 2
    parts = [[order[:half], order[half:]] for order in orders]
    for who in WHO:
        found = bench.measure(
            "benchmarks.tasks:dictionary_agreement", f"{who}, {len(runs)} real runs and halves",
            who=who, runs=runs, mask=mask, halves=parts, alpha=alpha, smoothing_fwhm=None,
        ).value  # fmt: skip
        seeds, halves = found["seeds"], found["halves"]
        row.tell(f"{who}: two seeds, mean and least map", f"{seeds['mean_r']:.4f}, "
                 f"{seeds['min_r']:.3f}")  # fmt: skip
        row.tell(f"{who}: two halves, mean of {n_splits} splits", f"{np.mean(halves):.3f}")
        row.numbers[f"{who}, real runs"] = found
    gain = np.subtract(*(row.numbers[f"{who}, real runs"]["halves"] for who in WHO))
    row.at_least("two halves: gain over nilearn, mean", float(gain.mean()), 0.0, "{:.3f}")
    row.tell(
        "splits in which nbica's halves agree better", f"{int((gain > 0).sum())} of {n_splits}"
    )
