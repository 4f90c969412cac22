"""Runs as long as the HCP's, within a budget and within a limit."""

from benchmarks import data
from benchmarks.results import Row, megabytes, sampling

KINDS = [("float32", ".nii.gz"), ("int16", ".nii.gz"), ("float32", ".nii"), ("int16", ".nii")]
SIZES = {
    "full": {"kinds": KINDS, "ram": "1GB", "limit": 2 * 10**9, "beside": True},
    "quick": {"kinds": [KINDS[0], KINDS[3]], "ram": "1GB", "limit": 2 * 10**9, "beside": False},
    "tiny": {"kinds": KINDS, "ram": "1GB", "limit": 2 * 10**9, "beside": True},
}
BUDGET = 1e9
N_LIMITED = 4


def run(bench, kinds, ram, limit, beside):
    """Fit one run within `ram`, then four in a process that cannot have more than `limit`."""
    row = Row(f"HCP-shaped runs of {bench.hcp.n_timepoints} frames, one worker")
    found = []
    for dtype, suffix in kinds:
        name = f"{dtype} {suffix}"
        one = _fit(bench, f"one run, {name}", _group(bench, 1, dtype, suffix), ram=ram)
        row.at_most(
            f"one run, {name}, ram={ram!r}: peak MB", one.peak / 1e6, BUDGET / 1e6, "{:.0f}"
        )
        group = _group(bench, N_LIMITED, dtype, suffix)
        four = _fit(
            bench, f"four runs, {name}, limited", group, ram=ram, limit=limit, may_fail=True
        )
        _check_limited(row, name, four, limit)
        row.numbers[name] = {"one": one.as_json(), "four": four.as_json()}
        found += [one, four]
    if beside:
        _tell_nilearn(bench, row, limit)
    row.notes += [sampling(found), *_notes(bench.hcp, limit)]
    return row


def _group(bench, n_runs, dtype, suffix):
    # Plain files are large: one is written, and linked to.
    n_distinct = 2 if suffix == ".nii.gz" else 1
    return data.group(bench.hcp, n_runs, n_distinct, dtype, suffix)


def _fit(bench, label, group, **kwargs):
    return bench.measure(
        "benchmarks.tasks:nbica_fit", label, runs=group.runs, mask=group.mask, n_jobs=1, **kwargs
    )


def _check_limited(row, name, found, limit):
    what = f"{N_LIMITED} runs, {name}, RLIMIT_AS {limit / 1e9:g} GB"
    if found.error:
        row.judge(what, "fits", found.error[:100], reached=False)
        return
    measured = f"{found.value['seconds']:.0f} s, {megabytes(found.peak)}"
    row.judge(what, "fits", measured, reached=True)


def _tell_nilearn(bench, row, limit):
    """What nilearn does with one run within the same limit."""
    group = _group(bench, 1, "float32", ".nii.gz")
    found = bench.measure(
        "benchmarks.tasks:nilearn_fit", "nilearn, one run, limited", limit=limit, may_fail=True,
        runs=group.runs, mask=group.mask, n_jobs=1,
    )  # fmt: skip
    row.numbers["nilearn"] = found.as_json()
    row.tell("nilearn with one such run, same limit", (found.error or "fits")[:100])


def _notes(shape, limit):
    n_bytes = shape.n_bytes("float32")
    return [
        f"One run is {n_bytes / 1e9:.2f} GB of float32 volumes, {shape.n_voxels} voxels in the "
        "mask; outside it the files hold zeros, as the HCP's do.",
        "RLIMIT_AS counts address space, mapped files and unused reservations included: stricter "
        f"than {limit / 1e9:g} GB of memory. n_jobs=1.",
        "Plain .nii files: what is mapped from the file and in memory counts as memory here, "
        "though the kernel may drop it (peak_anonymous in the JSON is without).",
    ]
