"""Where the time of a fit goes: read, smooth, clean, reduce, merge, ICA."""

from benchmarks import tasks
from benchmarks.results import Row

SIZES = {"full": {"n_runs": 20}, "quick": {"n_runs": 4}, "tiny": {"n_runs": 3}}


def run(bench, n_runs):
    row = Row(f"where the time of a fit goes, {n_runs} runs, n_jobs=1")
    group = bench.adhd_runs(n_runs)
    target = "benchmarks.profile:profiled_fit"
    found = bench.measure(target, "fit", runs=group.runs, mask=group.mask)
    stages = found.value["stages"]
    total = sum(stages.values())
    for stage, seconds in stages.items():
        row.tell(stage, f"{seconds:.2f} s, {100 * seconds / total:.0f} %")
    row.tell("seconds per run", f"{found.value['seconds'] / n_runs:.3f}")
    row.numbers |= found.value
    row.notes.append("As `runs_` and `seconds_` of the fit tell; one process, one BLAS thread.")
    return row


def profiled_fit(runs, mask):
    """Fit in this process and say what the stages took."""
    from nbica import CanICA

    fit = CanICA(**tasks.settings(mask, {"n_jobs": 1})).fit(runs)
    stages = fit.runs_[["read", "smooth", "clean", "reduce"]].sum().to_dict()
    stages |= {stage: fit.seconds_[stage] for stage in ("merge", "ICA")}
    return {"stages": stages, "seconds": sum(fit.seconds_.values()) - fit.seconds_["merge"]}
