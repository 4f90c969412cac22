"""A cold fit without a mask beside one with a mask, and the talk's script as it stands."""

import statistics

from benchmarks.results import Row, sampling

SIZES = {
    "full": {"n_runs": 8, "n_rounds": 3},
    "quick": {"n_runs": 4, "n_rounds": 1},
    "tiny": {"n_runs": 4, "n_rounds": 1},
}
# Each: who fits, whether a mask is given, how many processes.
FITS = {
    "with a mask": ("nbica", True, 2),
    "without": ("nbica", False, 2),
    "without, one process": ("nbica", False, 1),
    "nilearn without, one process": ("nilearn", False, 1),
}


def run(bench, n_runs, n_rounds):
    row = Row(f"cold fit of {n_runs} ADHD-shaped runs without a mask")
    group = bench.adhd_runs(n_runs)
    found = {name: [] for name in FITS}
    for number in range(1, n_rounds + 1):
        for name, (who, is_masked, n_jobs) in FITS.items():
            mask = group.mask if is_masked else None
            label = f"{name}, round {number} of {n_rounds}"
            task = f"benchmarks.tasks:{who}_fit"
            found[name].append(
                bench.measure(task, label, runs=group.runs, mask=mask, n_jobs=n_jobs)
            )
    seconds = {
        name: statistics.median(m.value["seconds"] for m in ms) for name, ms in found.items()
    }
    cpu = {name: statistics.median(m.cpu_seconds for m in ms) for name, ms in found.items()}
    ratio = seconds["without"] / seconds["with a mask"]
    row.at_most("without a mask over with one", ratio, 1.25, "{:.2f} ×")
    row.tell("the same in CPU seconds", f"{cpu['without'] / cpu['with a mask']:.2f} ×")
    ratio = seconds["nilearn without, one process"] / seconds["without, one process"]
    row.at_least("the talk's script: faster than nilearn", ratio, 8, "{:.1f} ×")
    for name in FITS:
        row.tell(f"{name}: seconds; CPU seconds", f"{seconds[name]:.1f}; {cpu[name]:.1f}")
    row.numbers |= {name: [m.as_json() for m in ms] for name, ms in found.items()}
    row.notes += [
        sampling([m for ms in found.values() for m in ms]),
        f"Medians of {n_rounds} interleaved rounds; seconds of `fit`, without imports; CPU seconds "
        "of all processes, with imports.",
    ]
    return row
