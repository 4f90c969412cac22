"""Are components found again in other people? The papers' e and t, nbica and nilearn, paired."""

import tempfile
import warnings

import numpy as np
from scipy.stats import wilcoxon

from benchmarks.reproducibility import real_runs
from benchmarks.results import Row

WAYS = {"nbica": {}, "nbica, equal": {"do_cca": True}, "nbica, Infomax": {"algorithm": "infomax"},
        "nilearn": {}}  # fmt: skip
SIZES = {
    "full": {"n_splits": (30, 10), "n_subjects": 12},
    "quick": {"n_splits": (3, 3), "n_subjects": 8},
    "tiny": {"n_splits": (1, 1), "n_subjects": 4},
}


def run(bench, n_splits, n_subjects):
    real, simulated = n_splits
    row = Row(f"{real} split halves ({simulated} of simulated runs), 20 components, all the same")
    for name, imgs, confounds, options in _groups(bench, n_subjects):
        n = real if confounds is None else simulated
        found = {who: _split_half(who, imgs, n, confounds, options) for who in WAYS}
        for measure in ("e", "t"):
            values = {who: getattr(split, measure) for who, split in found.items()}
            for who in ("nbica", "nbica, equal", "nbica, Infomax"):
                _judge(row, f"{measure}, {name}: {who}", values[who], values["nilearn"])
            row.numbers[f"{name} {measure}"] = {who: v.tolist() for who, v in values.items()}
    row.notes.append(
        "e = tr(CᵀC)/d, t = tr(C)/d, C the |correlations| of the maps of two halves, paired by the "
        'Hungarian algorithm; the default was chosen on simulated cohorts of other seeds, "equal" '
        "is do_cca=True, as in nilearn; splits share runs, so that p is no test of a population; "
        "± is the standard "
        "deviation over splits. All: the same mask, smoothing, confounds, threshold=None, "
        "n_init=10 (3 on simulated runs), random_state=0; each fits the halves from its own cache."
    )
    return row


def _judge(row, what, ours, theirs):
    gain = ours - theirs
    # Splits share runs, so that this p is no more than a measure of how regular the gain is.
    p = wilcoxon(gain).pvalue if gain.any() else 1.0
    row.judge(
        f"{what}; nilearn; higher in",
        "mean no lower",
        f"{ours.mean():.3f}; {theirs.mean():.3f}; {np.sum(gain > 0)} of {len(gain)}, by "
        f"{gain.mean():+.3f} ± {gain.std():.3f} (Wilcoxon's signed ranks: p = {p:.1g})",
        gain.mean() >= 0,
    )


def _groups(bench, n_subjects):
    from nbica import datasets
    from nbica.signal.confounds import load_confounds

    runs, mask = real_runs()
    if runs:
        runs = runs[:4] if bench.size == "tiny" else runs
        options = {"mask": mask, "smoothing_fwhm": None, "n_init": 10}
        yield f"{len(runs)} real runs", runs, None, options
    for noise in () if bench.size == "tiny" else (1.0, 2.0):
        cohort = datasets.simulate_group(n_subjects, 120, voxel_size=6.0, noise=noise)
        name = f"{n_subjects} simulated runs, noise {noise:g}"
        # Read by us, for both: nilearn takes no table with an empty first row of derivatives.
        tables = [load_confounds(path, 120, path) for path in cohort.confounds]
        options = {"mask": cohort.mask_img, "smoothing_fwhm": 6.0, "n_init": 3}
        yield name, cohort.func, tables, options


def _split_half(who, imgs, n_splits, confounds, options):
    from nilearn.decomposition import CanICA as Theirs
    from sklearn.base import clone
    from sklearn.exceptions import ConvergenceWarning

    from nbica import CanICA as Ours
    from nbica.matching import split_half

    common = {"n_components": 20, "threshold": None, "random_state": 0}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # hundreds, of nilearn's starts
        kind, level = (Theirs, 1) if who == "nilearn" else (Ours, 0)
        estimator = kind(memory=folder, memory_level=level, **common, **options, **WAYS[who])
        return split_half(clone(estimator), imgs, n_splits, confounds)
