"""Every function that nilearn has too, beside nilearn's, in one process."""

import io
import time
from importlib import import_module

import nibabel as nib
import numpy as np

from benchmarks.results import Row

SIZES = {"full": {"n_rounds": 3}, "quick": {"n_rounds": 1}, "tiny": {"n_rounds": 1}}
N_REGIONS = 100
N_SUBJECTS = 20


def run(bench, n_rounds):
    row = Row("functions that nilearn has too, beside nilearn's: CPU seconds")
    group = bench.adhd_runs(2)
    target = "benchmarks.oracle:compared"
    found = bench.measure(
        target, "all", path=group.runs[0], mask=group.mask, maps=group.maps.tolist(),
        n_rounds=n_rounds,
    )  # fmt: skip
    for name, (ours, theirs) in found.value["seconds"].items():
        row.judge(
            f"{name}: faster than nilearn", "≥ 1 ×",
            f"{theirs / ours:.1f} × ({ours:.3f} s, {theirs:.3f} s)", ours <= theirs,
        )  # fmt: skip
    row.numbers |= found.value
    row.notes += [
        f"Least of {n_rounds} rounds, ours and theirs in turn, after one call of each that is not "
        "counted; CPU seconds of one process. Pictures are drawn to PNG.",
        "Fits are in rows of their own (cold_fit, dictionary).",
    ]
    return row


# ---- in the process that is measured --------------------------------------------------------


def compared(path, mask, maps, n_rounds):
    """Least CPU seconds of each function, ours and nilearn's."""
    things = _things(path, mask, np.array(maps, np.float32))
    return {"seconds": {name: _pair(name, things, n_rounds) for name in CASES}}


def _pair(name, things, n_rounds):
    module, function = name.split(" ")[0].rsplit(".", 1)
    calls = [getattr(import_module(f"{who}.{module}"), function) for who in ("nbica", "nilearn")]
    seconds = [[_seconds(CASES[name], call, things) for call in calls] for _ in range(n_rounds + 1)]
    return np.min(seconds[1:], axis=0).tolist()


def _seconds(case, call, things):
    start = time.process_time()
    case(call, things)
    return time.process_time() - start


def _things(path, mask, maps):
    """What the functions are given: a run, a mask, maps, regions, arrays, by name."""
    rng = np.random.default_rng(0)
    from nbica.masking import apply_mask, unmask

    mask_img = nib.load(mask)
    labels = np.arange(maps.shape[1]) * N_REGIONS // maps.shape[1] + 1
    signals = apply_mask(path, mask)
    return {
        "path": path, "mask": mask_img, "maps": unmask(maps, mask_img), "signals": signals,
        "map": unmask(maps[0], mask_img), "labels": unmask(labels.astype(np.int32), mask_img),
        "mean": unmask(signals.mean(axis=0), mask_img),
        "confounds": rng.standard_normal((len(signals), 6)),
        "subjects": [rng.standard_normal((len(signals), N_REGIONS)) for _ in range(N_SUBJECTS)],
        "matrix": np.corrcoef(rng.standard_normal((N_REGIONS, len(signals)))),
        "triangle": rng.standard_normal(N_REGIONS * (N_REGIONS + 1) // 2),
        "coords": rng.uniform(-60, 60, (N_REGIONS, 3)),
    }  # fmt: skip


def _to_png(display):
    import matplotlib.pyplot as plt

    figure = getattr(display, "frame_axes", display)
    figure = getattr(figure, "figure", figure)
    (figure if hasattr(figure, "savefig") else plt.gcf()).savefig(io.BytesIO(), format="png")
    plt.close("all")


def _plot(thing, *more, **options):
    return lambda f, t: _to_png(f(t[thing], *(t[name] for name in more), **options))


def _masked(*atlas, **options):
    return lambda f, t: f(*(t[name] for name in atlas), **options).fit_transform(t["path"])


CLEANED = {"detrend": True, "standardize": "zscore_sample"}
CASES = {
    "masking.apply_mask": lambda f, t: f(t["path"], t["mask"]),
    "masking.apply_mask smoothed": lambda f, t: f(t["path"], t["mask"], smoothing_fwhm=6),
    "masking.unmask": lambda f, t: f(t["signals"], t["mask"]),
    "masking.compute_epi_mask": lambda f, t: f(t["path"]),
    "masking.compute_background_mask": lambda f, t: f(t["path"]),
    "masking.compute_brain_mask": lambda f, t: f(t["mean"]),
    "masking.intersect_masks": lambda f, t: f([t["mask"]] * 5, threshold=1),
    "image.mean_img": lambda f, t: f(t["path"], copy_header=True),
    "image.smooth_img": lambda f, t: f(t["path"], 6),
    "image.index_img": lambda f, t: f(t["path"], slice(3, 9)).get_fdata(),
    "image.iter_img": lambda f, t: [np.asarray(img.dataobj).mean() for img in f(t["maps"])],
    "image.high_variance_confounds": lambda f, t: f(t["path"], mask_img=t["mask"]),
    "signal.clean": lambda f, t: f(t["signals"], confounds=t["confounds"], **CLEANED),
    "signal.clean band-pass": lambda f, t: f(
        t["signals"], confounds=t["confounds"], low_pass=0.1, high_pass=0.01, t_r=2.0, **CLEANED
    ),
    "maskers.NiftiMasker": lambda f, t: f(t["mask"], **CLEANED).fit_transform(t["path"]),
    "maskers.NiftiMasker smoothed": _masked("mask", smoothing_fwhm=6, **CLEANED),
    "maskers.NiftiLabelsMasker": _masked("labels", **CLEANED),
    "maskers.NiftiMapsMasker": _masked("maps", **CLEANED),
    "connectome.ConnectivityMeasure correlation": lambda f, t: f(
        kind="correlation", standardize="zscore_sample"
    ).fit_transform(t["subjects"]),
    "connectome.ConnectivityMeasure tangent": lambda f, t: f(
        kind="tangent", standardize="zscore_sample"
    ).fit_transform(t["subjects"]),
    "connectome.sym_matrix_to_vec": lambda f, t: [f(t["matrix"]) for _ in range(1000)],
    "connectome.vec_to_sym_matrix": lambda f, t: [f(t["triangle"]) for _ in range(1000)],
    "plotting.plot_anat": _plot("mean"),
    "plotting.plot_epi": _plot("mean"),
    "plotting.plot_stat_map": _plot("map"),
    "plotting.plot_roi": _plot("labels"),
    "plotting.plot_glass_brain": _plot("map"),
    "plotting.plot_prob_atlas": _plot("maps"),
    "plotting.plot_connectome": _plot("matrix", "coords", edge_threshold="95%"),
    "plotting.plot_matrix": _plot("matrix"),
    "plotting.plot_carpet": _plot("path", "mask"),
}
