"""The talk's headline, 140 GB of HCP runs on a laptop: some streamed for real, the rest computed.

The rule: a fit takes a + b n seconds for n runs. Both come from two fits, of few and of more runs
of the same shape; time is then read off at the n that make 140 GB. Memory does not depend on n.
"""

from pathlib import Path

from benchmarks import data
from benchmarks.results import Row, megabytes, sampling

SIZES = {
    "full": {"few": 2, "many": 6},
    "quick": {"few": 2, "many": 4},
    "tiny": {"few": 2, "many": 12},
}
GOAL = 140e9
STREAMED = 20e9
DTYPE = "float32"


def run(bench, few, many):
    row = Row("140 GB of HCP-shaped runs, n_jobs=2")
    found = {n: _fit(bench, n) for n in (few, many)}
    seconds = {n: m.value["seconds"] for n, m in found.items()}
    # Both even, so that two workers have as much to do.
    slope = max(1e-9, (seconds[many] - seconds[few]) / (many - few))
    fixed = max(0.0, seconds[few] - slope * few)
    raw = bench.hcp.n_bytes(DTYPE)
    packed = Path(_group(bench, 1).runs[0]).stat().st_size
    row.at_least("volumes streamed, uncompressed GB", many * raw / 1e9, STREAMED / 1e9, "{:.1f}")
    row.tell(f"{many} runs", f"{seconds[many]:.0f} s, {megabytes(found[many].peak)}")
    row.tell("seconds per further run; fixed", f"{slope:.1f}; {fixed:.1f}")
    row.tell("uncompressed volumes per second", megabytes(raw / slope))
    for what, size in (("uncompressed", raw), ("compressed", packed)):
        n_runs = GOAL / size
        minutes = (fixed + slope * n_runs) / 60
        row.tell(f"extrapolated: 140 GB {what}, {n_runs:.0f} runs", f"{minutes:.0f} minutes")
    row.numbers |= {"fixed": fixed, "per_run": slope, "raw": raw, "packed": packed}
    row.numbers |= {f"{n} runs": m.as_json() for n, m in found.items()}
    row.notes += [sampling(found.values()), *_notes(bench.hcp, few, many)]
    return row


def _group(bench, n_runs):
    return data.group(bench.hcp, n_runs, n_distinct=2, dtype=DTYPE)


def _fit(bench, n_runs):
    group = _group(bench, n_runs)
    label = f"nbica, {n_runs} runs"
    files = {"runs": group.runs, "mask": group.mask}
    return bench.measure("benchmarks.tasks:nbica_fit", label, ram="2GB", **files)


def _notes(shape, few, many):
    return [
        f"Measured: fits of {few} and {many} runs of {shape.n_timepoints} frames ({DTYPE} .nii.gz, "
        "zeros outside the brain); links to 2 distinct files, so the same bytes are read again, "
        "from the page cache. ram='2GB'.",
        "Rule: seconds = fixed + per_run × n, both from these two fits; n = 140 GB / size of a "
        "run, once by its uncompressed volumes, once by its file. A disk slower than the "
        "decompressor is not in it.",
    ]
