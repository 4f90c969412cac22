"""Options of all wings, given what they cannot be: a sentence that names them, before any work."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica import (
    CanICA,
    connectivity,
    datasets,
    decomposition,
    image,
    masking,
    matching,
    plotting,
    signal,
    teaching,
    viewer,
)

SHAPE, AFFINE = (6, 7, 5), np.diag([4.0, 4, 4, 1])
_RNG = np.random.default_rng(0)
RUN = nib.Nifti1Image(_RNG.normal(100, 1, (*SHAPE, 12)).astype("f4"), AFFINE)
MAPS = nib.Nifti1Image(_RNG.normal(size=(*SHAPE, 2)).astype("f4"), AFFINE)
VOLUME = nib.Nifti1Image(_RNG.normal(size=SHAPE).astype("f4"), AFFINE)
MASK = nib.Nifti1Image(np.ones(SHAPE, "u1"), AFFINE)
COURSES = [_RNG.normal(size=(12, 3)) for _ in range(4)]
GROUPS = ["a", "a", "b", "b"]
SQUARE = np.eye(3)

# A way to call each, what of it is odd, and how the sentence begins.
ODD = [
    # flags: texts and arrays are none
    (lambda v: plotting.plot_stat_map(VOLUME, colorbar=v), ["False", [1, 2]], "colorbar is"),
    (lambda v: datasets.fetch_adhd(download=v), ["no", np.ones(3)], "download is"),
    (lambda v: datasets.plan("adhd", verify=v), ["no", np.ones(3)], "verify is"),
    (lambda v: image.mean_img(RUN, copy_header=v), ["no", np.ones(3)], "copy_header is"),
    (lambda v: signal.clean(COURSES[0], ensure_finite=v), ["no"], "ensure_finite is"),
    (lambda v: connectivity.connectomes(COURSES, vectorize=v), ["no"], "vectorize is"),
    # counts: fractions, texts, and what would never end
    (lambda v: image.high_variance_confounds(RUN, v), [1.5, "5", 0, 10**30], "n_confounds is"),
    (datasets.simulate_task, ["2", 10**30], "n_runs is"),
    (lambda v: connectivity.compare_groups(SQUARE, "aab", n_permutations=v), [0], "n_permut"),
    (lambda v: connectivity.classify_groups(COURSES, GROUPS, n_permutations=v), ["9"], "n_perm"),
    (lambda v: decomposition.fast_ica(SQUARE, n_init=v), ["auto", None, 0], "n_init is"),
    (lambda v: viewer.FitPanel(CanICA(), [RUN], every=v), ["often", 0.5], "every is"),
    # choices: what cannot be compared or hashed is none of them
    (lambda v: CanICA(MASK, order=v).fit([RUN] * 4), [np.ones(3)], "order is"),
    (lambda v: connectivity.connectomes(COURSES, kind=v), [["tangent"]], "kind is"),
    (lambda v: masking.unmask(np.ones(210), MASK, order=v), ["A", 1], "order is"),
    (lambda v: masking.compute_brain_mask(RUN, mask_type=v), [["gm"]], "mask_type is"),
    (lambda v: plotting.plot_anat(VOLUME, display_mode=v), [np.ones(3), 5], "display_mode="),
    # numbers
    (plotting.plot_matrix, ["abc", [[1], [1, 2]]], "mat is"),
    (lambda v: plotting.plot_matrix(SQUARE, vmax=v), ["3", np.inf], "vmax="),
    (lambda v: matching.match(v, SQUARE), ["abc", 5, [[1], [1, 2]]], "maps"),
    (lambda v: decomposition.threshold_maps(v, 1.0), ["abc", np.ones(3)], "maps"),
    (connectivity.sym_matrix_to_vec, [5, np.triu(np.ones((3, 3)))], "symmetric"),
    (lambda v: teaching.seal("a", v, 0.1), ["abc", [np.nan]], "values are"),
    (lambda v: matching.flag_noise(MAPS, MASK, time_courses=v), [5, COURSES, []], "time_courses"),
    # lists, names and labels, one each
    (lambda v: plotting.plot_components(MAPS, titles=v), [5, ["a"], "ab"], "titles"),
    (lambda v: matching.label(MAPS, MAPS, v), [5, ["a"]], ".*names for 2 networks"),
    (connectivity.connectomes, [5, "abc"], "time_courses is"),
    (lambda v: connectivity.compare_groups(SQUARE, v), ["aab", 5, [[1], [1, 2], [3]]], "groups is"),
    # paths, dicts, colours, estimators
    (datasets.find_bids, [5, "a\0b"], "root is"),
    (lambda v: plotting.plot_stat_map(VOLUME, output_file=v), [5], "output_file is"),
    (lambda v: plotting.plot_stat_map(VOLUME, cmap=v), [5, "no such"], "cmap is"),
    (lambda v: plotting.plot_stat_map(VOLUME, cbar_tick_format=v), ["two", 5], "cbar_tick_format="),
    (lambda v: plotting.plot_connectome(SQUARE, SQUARE, node_kwargs=v), ["a"], "node_kwargs is"),
    (lambda v: plotting.plot_connectome(SQUARE, SQUARE, node_color=v), ["no such"], "marker_color"),
    (lambda v: masking.NiftiMasker(MASK, clean_args=v).fit(), ["a"], "clean_args is"),
    (lambda v: connectivity.seed_map(RUN, (8, 8, 8), v), ["a", masking.NiftiMasker], "masker is"),
    (lambda v: viewer.report(v, "a.html"), ["a", CanICA], "ica is"),
    (viewer.to_niivue, ["a"], "viewer is|to_niivue needs"),
]  # fmt: skip
CASES = [(use, value, said) for use, values, said in ODD for value in values]


@pytest.mark.parametrize(
    ("use", "value", "said"), CASES, ids=[f"{said}-{str(value)[:12]}" for _, value, said in CASES]
)
def test_an_odd_option_is_named(use, value, said):
    """Neither a guess nor an error of numpy's, pandas' or matplotlib's."""
    with pytest.raises((ValueError, TypeError, ImportError), match=f"^{said}"):
        use(value)


def test_time_courses_of_one_run_are_one_run():
    """An array in place of a list of arrays is not taken for as many runs as it has frames."""
    courses = _RNG.normal(size=(12, 2))

    one, listed = (
        matching.flag_noise(MAPS, MASK, time_courses=given, t_r=2.0)
        for given in (courses, [courses])
    )

    pd.testing.assert_frame_equal(one, listed)
