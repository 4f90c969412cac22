"""What a worker needs for one run, beside what it has already."""

from pathlib import Path

from benchmarks import data, tasks
from benchmarks.measure import own_peak
from benchmarks.results import Row, megabytes

SIZES = {
    "full": {"shapes": ["adhd", "hcp"]},
    "quick": {"shapes": ["adhd", "hcp-short"]},
    "tiny": {"shapes": ["tiny"]},
}
N_RUNS = 3
RESET = Path("/proc/self/clear_refs")


def run(bench, shapes):
    row = Row("memory that one run takes while it is reduced")
    if not RESET.exists():
        row.skipped = "needs Linux, where a process can reset the kernel's peak of its memory"
        return row
    for name in shapes:
        group = data.group(name, N_RUNS, n_distinct=2)
        target = "benchmarks.transient:watched_fit"
        found = bench.measure(target, f"{name}, transient", runs=group.runs, mask=group.mask)
        matrix = data.SHAPES[name].n_timepoints * data.SHAPES[name].n_voxels * 4
        most = max(found.value["transients"])
        what = f"{name}: peak over n_timepoints × n_voxels × 4 B ({megabytes(matrix)})"
        row.at_most(what, most / matrix, 1.5, "{:.2f} ×")
        row.numbers[name] = found.value | {"matrix": matrix}
    row.notes.append(
        "int16 .nii.gz, n_jobs=1, no budget. The kernel's peak of resident memory during "
        "reduce_run, less what was resident before it; the largest of all runs but the first, "
        "which also loads libraries."
    )
    return row


# ---- in the process that is measured --------------------------------------------------------


def watched_fit(runs, mask):
    """Fit in this process, looking at the peak of memory around each run's reduction."""
    from nbica.decomposition import reduction

    transients = []
    reduce_run = reduction.reduce_run

    def watched(*args, **kwargs):
        RESET.write_text("5", encoding="utf-8")  # the peak is now what is resident
        before = own_peak()
        result = reduce_run(*args, **kwargs)
        transients.append(own_peak() - before)
        return result

    reduction.reduce_run = watched
    return tasks.nbica_fit(runs, mask, n_jobs=1) | {"transients": transients[1:]}
