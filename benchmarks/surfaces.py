"""Runs on grayordinates, as the HCP's: within a budget, and beside nilearn on the cortex alone."""

import nibabel as nib
import numpy as np
from nibabel.cifti2 import BrainModelAxis, SeriesAxis

from benchmarks import data
from benchmarks.results import Row, megabytes, sampling
from nbica.runtime.atomic import atomic

# Vertices of a hemisphere, those that are kept of it, voxels below, frames.
HCP = {"n_vertices": 32492, "n_kept": 29706, "n_voxels": 31870, "n_timepoints": 1200}
SIZES = {
    "full": {"shape": HCP, "n_runs": 4, "ram": "500MB"},
    "quick": {"shape": HCP | {"n_timepoints": 300}, "n_runs": 2, "ram": "500MB"},
    "tiny": {"shape": {"n_vertices": 642, "n_kept": 600, "n_voxels": 300, "n_timepoints": 60},
             "n_runs": 2, "ram": "500MB"},
}  # fmt: skip
CORTEX = ["CORTEX_LEFT", "CORTEX_RIGHT"]
BUDGET = 500.0  # MB
FASTER = 10.0


def run(bench, shape, n_runs, ram):
    """Fit one run and several within `ram`, then the cortex beside nilearn."""
    row = Row(f"{n_runs} CIFTI runs of {shape['n_timepoints']} frames, one worker")
    runs = _write(shape, n_runs)
    ours = "benchmarks.tasks:nbica_surfaces"
    one = bench.measure(ours, "one run", runs=runs[:1], ram=ram)
    all_ = bench.measure(ours, f"{n_runs} runs", runs=runs, ram=ram)
    predicted = one.value["predicted"] / 1e6
    row.at_most(f"one run, ram={ram!r}: peak MB", one.peak / 1e6, BUDGET, "{:.0f}")
    row.at_most("planned, off by %", 100 * abs(predicted / (one.peak / 1e6) - 1), 20.0, "{:.0f}")
    row.at_most(f"{n_runs} runs: peak, times that of one", all_.peak / one.peak, 1.2)
    cortex = bench.measure(ours, "cortex", runs=runs, mask=CORTEX)
    theirs = bench.measure("benchmarks.tasks:nilearn_surfaces", "cortex, nilearn", runs=runs,
                           n_vertices=shape["n_vertices"])  # fmt: skip
    ratio = theirs.value["seconds"] / cortex.value["seconds"]
    row.at_least("cortex: times as fast as nilearn", ratio, FASTER)
    row.tell("cortex: peak, and nilearn's", f"{megabytes(cortex.peak)}, {megabytes(theirs.peak)}")
    row.numbers = {
        "one": one.as_json(), "all": all_.as_json(), "cortex": cortex.as_json(),
        "nilearn": theirs.as_json(),
    }  # fmt: skip
    row.notes = [
        sampling([one, all_, cortex, theirs]),
        "nilearn takes no CIFTI: nibabel reads the same files into SurfaceImages of the cortex for "
        "its MultiSurfaceMasker, within the time that counts. Neither smooths.",
    ]
    return row


def _write(shape, n_runs):
    """Runs with planted maps, written once."""
    home = data.folder() / "cifti-{n_kept}-{n_voxels}-{n_timepoints}".format(**shape)
    home.mkdir(parents=True, exist_ok=True)
    axis = _axis(shape)
    maps = np.random.default_rng(0).laplace(size=(20, len(axis))).astype(np.float32)
    maps *= np.random.default_rng(1).random(maps.shape) < 0.05
    paths = [home / f"run-{number:02d}.dtseries.nii" for number in range(n_runs)]
    for number, path in enumerate(paths):
        if path.exists():
            continue
        rng = np.random.default_rng((2, number))
        values = rng.standard_normal((shape["n_timepoints"], len(axis)), dtype=np.float32)
        values += rng.standard_normal((len(values), len(maps)), dtype=np.float32) @ maps
        values += np.float32(10000)
        img = nib.Cifti2Image(values, (SeriesAxis(0, 0.72, len(values)), axis))
        img.nifti_header.set_intent("ConnDenseSeries")
        with atomic(path) as temporary:
            temporary.write_bytes(img.to_bytes())
    return [str(path) for path in paths]


def _axis(shape):
    kept = np.arange(shape["n_kept"])
    cortex = [
        BrainModelAxis.from_surface(kept, shape["n_vertices"], f"Cortex{side}")
        for side in ("Left", "Right")
    ]
    side = int(np.ceil(np.cbrt(shape["n_voxels"])))
    voxels = np.zeros(side**3, bool)
    voxels[: shape["n_voxels"]] = True
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    below = BrainModelAxis.from_mask(voxels.reshape(side, side, side), "brain_stem", affine)
    return cortex[0] + cortex[1] + below
