"""Peak memory that `plan` predicts from headers alone, beside what the fit then took."""

import tempfile

import nibabel as nib
import numpy as np

from benchmarks import data, tasks
from benchmarks.results import Row, megabytes, sampling
from nbica.datasets.files import make_folder

WITHIN = 0.2

# Each: the shape of the runs, how many, how they are stored, parameters of the estimator. Budgets,
# band-pass, cache and mask pass each change another part of the formula.
CONFIGURATIONS = {
    "two workers": ("adhd", 10, {}, {}),
    "one worker": ("adhd", 10, {}, {"n_jobs": 1}),
    "40 components": ("adhd", 10, {}, {"n_components": 40}),
    "5 components, not smoothed": ("adhd", 10, {}, {"n_components": 5, "smoothing_fwhm": None}),
    "with a cache": ("adhd", 10, {}, {"memory": "CACHE"}),
    "plain files": ("adhd", 6, {"suffix": ".nii"}, {}),
    "scratch files": ("adhd", 6, {}, {"n_jobs": 1, "ram": "SMALL"}),
    "no mask given": ("adhd", 6, {}, {"mask": None}),
    "no mask given, one worker": ("adhd", 6, {}, {"mask": None, "n_jobs": 1}),
    "band-pass": ("adhd", 6, {}, {"low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0}),
    "confounds": ("adhd", 6, {}, {"confounds": 6}),
    "confounds, one worker": ("adhd", 6, {}, {"confounds": 6, "n_jobs": 1}),
    "confounds, band-pass": (
        "adhd",
        6,
        {},
        {"confounds": 6, "low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0},
    ),
    "confounds, band-pass, one worker": (
        "adhd",
        6,
        {},
        {"confounds": 6, "low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0, "n_jobs": 1},
    ),
    "equal components": ("adhd", 10, {}, {"do_cca": True}),
    "equal components, one worker": ("adhd", 10, {}, {"do_cca": True, "n_jobs": 1}),
    "2 mm, 120 frames": ("hcp-short", 4, {"dtype": "float32"}, {}),
    "2 mm, 1200 frames, ram='1GB'": ("hcp", 2, {}, {"n_jobs": 1, "ram": "1GB"}),
    "2 mm, 1200 frames in RAM": ("hcp", 1, {}, {"n_jobs": 1}),
    "tiny": ("tiny", 30, {}, {}),
}
SMALL = 300e6
SIZES = {
    "full": {"names": list(CONFIGURATIONS)},
    "quick": {"names": ["two workers", "one worker", "scratch files", "2 mm, 120 frames"]},
    "tiny": {"names": ["tiny"]},
}


def run(bench, names):
    row = Row(f"predicted and measured peak of {len(names)} fits")
    found = [_fit(bench, name, row) for name in names]
    row.notes += [
        sampling(found),
        "Predicted: `plan_.peak`, by which the fit was done, made before a run is read and from "
        "what the parent holds then. Measured: peak of the process tree.",
    ]
    return row


def _fit(bench, name, row):
    shape, n_runs, files, parameters = CONFIGURATIONS[name]
    # A cache reads a file and its links once.
    n_distinct = n_runs if "memory" in parameters else 2
    group = data.group(shape, n_runs, n_distinct, **files)
    with tempfile.TemporaryDirectory(dir=make_folder(data.folder())) as cache:
        known = {"CACHE": cache, "SMALL": SMALL}
        parameters = {key: known.get(value, value) for key, value in parameters.items()}
        found = bench.measure(
            "benchmarks.plan:planned_fit", name, runs=group.runs,
            parameters={"mask": group.mask} | parameters,
        )  # fmt: skip
    predicted, measured = found.value["peak"], found.peak
    error = predicted / measured - 1
    row.judge(
        f"{name}: predicted, measured", f"± {WITHIN:.0%}",
        f"{megabytes(predicted)}, {megabytes(measured)} ({error:+.0%})", abs(error) <= WITHIN,
    )  # fmt: skip
    row.numbers[name] = found.as_json()
    return found


def _tables(runs, n_columns):
    """A table of noise beside each run; None where there are to be none."""
    if not n_columns:
        return None
    tables = []
    for number, path in enumerate(runs):
        noise = np.random.default_rng(number).standard_normal((nib.load(path).shape[3], n_columns))
        tables.append(f"{path}.confounds.csv")
        np.savetxt(tables[-1], noise, delimiter=",", header=",".join("abcdefghij"[:n_columns]),
                   comments="")  # fmt: skip
    return tables


# ---- in the process that is measured --------------------------------------------------------


def planned_fit(runs, parameters):
    """Fit, and tell what was planned for it."""
    from nbica import CanICA

    tables = _tables(runs, parameters.pop("confounds", 0))
    ica = CanICA(**tasks.settings(parameters["mask"], parameters)).fit(runs, confounds=tables)
    plan = ica.plan_
    planned = {"peak": plan.peak, "planned_seconds": sum(plan.seconds.values())}
    return planned | {"in_ram": plan.in_ram, "seconds": sum(ica.seconds_.values())}
