"""Time and memory from ten to a thousand runs."""

from benchmarks import figures
from benchmarks.results import Row, megabytes, sampling

SIZES = {
    "full": {"numbers": [10, 100, 400, 1000], "beside": [10, 40]},
    "quick": {"numbers": [5, 20], "beside": []},
    "tiny": {"numbers": [3, 6, 12], "beside": [3]},
}


def run(bench, numbers, beside):
    """Fit nbica to each number of runs, nilearn to those of `beside`."""
    found = {"nbica": _fits(bench, "nbica", numbers), "nilearn": _fits(bench, "nilearn", beside)}
    row = Row(f"{numbers[0]} to {numbers[-1]} runs")
    _check(row, found["nbica"])
    for who, fits in found.items():
        row.numbers[who] = {n: m.as_json() for n, m in fits.items()}
        for n, m in fits.items():
            row.tell(f"{who}, {n} runs", f"{m.value['seconds']:.1f} s, {megabytes(m.peak)}")
    row.figures.append(_draw(bench.figure("scale.png"), found))
    row.notes += [
        sampling(found["nbica"].values()),
        "Runs are links to a few distinct files in the page cache; no `memory=`, so each is read.",
    ]
    return row


def _fits(bench, who, numbers):
    fits = {}
    for n_runs in numbers:
        group = bench.adhd_runs(n_runs)
        label = f"{who}, {n_runs} runs"
        target = f"benchmarks.tasks:{who}_fit"
        fits[n_runs] = bench.measure(target, label, runs=group.runs, mask=group.mask)
    return fits


def _check(row, fits):
    smallest, *_, before, largest = [min(fits), *sorted(fits)]
    for n_runs in sorted(fits)[1:]:
        growth = fits[n_runs].peak / fits[smallest].peak
        # What was promised is promised of 400 runs; more should do no worse.
        if n_runs >= 400:
            row.at_most(f"peak({n_runs} runs) / peak({smallest})", growth, 1.05, "{:.3f}")
        else:
            row.tell(f"peak({n_runs} runs) / peak({smallest})", f"{growth:.3f}")
    first = _seconds_per_run(fits, smallest, before) if before != smallest else None
    last = _seconds_per_run(fits, before, largest)
    row.tell(f"seconds per further run, {before} to {largest}", f"{last:.3f}")
    if first:
        row.at_most(f"the same over that from {smallest} to {before}", last / first, 1.1, "{:.3f}")


def _seconds_per_run(fits, few, many):
    return (fits[many].value["seconds"] - fits[few].value["seconds"]) / (many - few)


def _draw(path, found):
    found = {who: fits for who, fits in found.items() if fits}
    minutes = {who: (list(fits), [m.value["seconds"] / 60 for m in fits.values()])
               for who, fits in found.items()}  # fmt: skip
    memory = {
        who: (list(fits), [m.peak / 1e6 for m in fits.values()]) for who, fits in found.items()
    }
    common = {"xlabel": "runs", "marker": "o", "xscale": "log"}
    return figures.lines(path, [
        {"title": "time", "ylabel": "minutes", "curves": minutes, "yscale": "log"} | common,
        {"title": "peak memory", "ylabel": "MB, all processes", "curves": memory} | common,
    ])  # fmt: skip
