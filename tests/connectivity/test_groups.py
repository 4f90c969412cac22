"""Two groups: scipy as oracle, planted differences, the family-wise error on nulls, diagnosis."""

from inspect import signature

import numpy as np
import pytest
from nilearn.mass_univariate._utils import calculate_tfce
from planted import mask_image
from scipy import ndimage, stats
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from nbica.connectivity import (
    ConnectivityMeasure,
    SubjectMaps,
    classify_groups,
    compare_groups,
    connectomes,
    vec_to_sym_matrix,
)
from nbica.connectivity.tfce import enhance
from nbica.exceptions import DataError, DataWarning

GROUPS = np.repeat(["control", "patient"], [12, 10])


def cohort(rng, n_subjects=20, n_networks=6, coupling=0.7, n_timepoints=120):
    """Time courses of two groups in turn that differ in how networks 0 and 1 go together."""
    groups = np.array(["control", "patient"])[np.arange(n_subjects) % 2]
    series = []
    for group in groups:
        covariance = np.eye(n_networks)
        covariance[0, 1] = covariance[1, 0] = coupling if group == "control" else -0.1
        series.append(rng.multivariate_normal(np.zeros(n_networks), covariance, n_timepoints))
    return series, groups


# ---- comparison ----------------------------------------------------------------------------------


def test_t_and_difference_are_scipys(rng):
    """Without confounds it is Student's t of scipy, and the plain difference of means."""
    values = rng.standard_normal((22, 30))

    found = compare_groups(values, GROUPS, n_permutations=10)

    first, second = values[:12], values[12:]
    assert found.groups == ("control", "patient")
    np.testing.assert_allclose(found.t, stats.ttest_ind(first, second).statistic)
    np.testing.assert_allclose(found.difference, first.mean(axis=0) - second.mean(axis=0))


def test_uncorrected_p_is_scipys_permutation_test(rng):
    """One value by itself has the p of scipy's permutation test, and of a single one p is p."""
    values = rng.standard_normal((22, 1)) + 0.6 * (GROUPS == "control")[:, np.newaxis]

    found = compare_groups(values, GROUPS, n_permutations=5000)

    def t_of(first, second, axis):
        return stats.ttest_ind(first, second, axis=axis).statistic

    takes = signature(stats.permutation_test).parameters  # "rng" from scipy 1.15 on
    seed = {"rng" if "rng" in takes else "random_state": 1}
    expected = stats.permutation_test(
        (values[:12, 0], values[12:, 0]), t_of, vectorized=True, n_resamples=5000, **seed
    ).pvalue
    # Two estimates of one p from 5 000 draws each: four standard errors of their difference.
    tolerance = 4 * np.sqrt(2 * expected * (1 - expected) / 5000)
    assert found.p[0] == pytest.approx(expected, abs=tolerance)
    np.testing.assert_array_equal(found.p, found.p_uncorrected)


def test_confounds_are_those_of_a_linear_model(rng):
    """With confounds, t is that of the group in ordinary least squares beside them."""
    age = rng.uniform(20, 60, 22) + 30 * (GROUPS == "patient")
    values = rng.standard_normal((22, 4)) + 0.1 * age[:, np.newaxis]

    found = compare_groups(values, GROUPS, confounds=age, n_permutations=500)

    X = np.column_stack([GROUPS == "control", np.ones(22), age]).astype(float)
    beta, left, _, _ = np.linalg.lstsq(X, values)
    error = np.sqrt(np.linalg.inv(X.T @ X)[0, 0] * left / (22 - 3))
    np.testing.assert_allclose(found.difference, beta[0])
    np.testing.assert_allclose(found.t, beta[0] / error)
    assert found.p.min() > 0.05
    assert compare_groups(values, GROUPS, n_permutations=500).p.min() < 0.05


def test_planted_difference_is_found_where_it_is(rng):
    """Of all edges of two groups of connectomes, the planted one differs and no other."""
    series, groups = cohort(rng)

    found = compare_groups(connectomes(series), groups)

    assert found.p.shape == (6, 6)
    np.testing.assert_array_equal(found.p, found.p.T)
    assert set(zip(*np.nonzero(found.p < 0.05), strict=True)) == {(0, 1), (1, 0)}
    assert found.difference[0, 1] > 0.5
    np.testing.assert_array_equal(np.diag(found.p), 1)
    np.testing.assert_array_equal(np.diag(found.t), 0)


def test_family_wise_error_is_nominal(rng):
    """On nulls, correlated values and unequal groups, .05 is reached in about 5 % of studies."""
    n_studies, alarms = 400, 0
    mixing = rng.standard_normal((20, 20))
    for _ in range(n_studies):
        values = rng.standard_normal((22, 20)) @ mixing
        alarms += (
            compare_groups(values, GROUPS, n_permutations=199, random_state=rng).p.min() < 0.05
        )

    # p < .05 happens at 9 of 200 rank positions: .045 at most; three standard errors on each side.
    assert abs(alarms / n_studies - 0.045) < 3 * np.sqrt(0.045 * 0.955 / n_studies)


def test_family_wise_error_with_confounds(rng):
    """Residuals that are permuted beside a confound keep the error as well."""
    n_studies, alarms = 300, 0
    for _ in range(n_studies):
        age = rng.uniform(20, 60, 22) + 10 * (GROUPS == "patient")
        values = rng.standard_normal((22, 10)) + 0.1 * age[:, np.newaxis]
        found = compare_groups(values, GROUPS, age, n_permutations=199, random_state=rng)
        alarms += found.p.min() < 0.05

    # Freedman and Lane's permutations are approximate: three standard errors and a fifth more.
    assert alarms / n_studies < 1.2 * 0.045 + 3 * np.sqrt(0.045 * 0.955 / n_studies)


def test_false_discovery_rates_are_scipys(rng):
    """By "fdr" p is Benjamini and Hochberg's of the uncorrected p, of matrices too; t stays."""
    values = rng.standard_normal((22, 6, 6)) + np.eye(6)[2] * (GROUPS == "control")[:, None, None]
    values = values + values.swapaxes(1, 2)
    below = np.tril_indices(6, -1)

    found = compare_groups(values, GROUPS, n_permutations=999, correction="fdr")

    largest = compare_groups(values, GROUPS, n_permutations=999)
    expected = stats.false_discovery_control(found.p_uncorrected[below])
    np.testing.assert_allclose(found.p[below], expected)
    np.testing.assert_array_equal(found.p, found.p.T)
    np.testing.assert_array_equal(found.p_uncorrected, largest.p_uncorrected)
    assert found.correction == "fdr"


def test_false_discoveries_are_nominal_and_more_is_found(rng):
    """A third of the values differ: few of those found are false, and more than by the largest.

    Where none differs, anything at all is found in 5 % of the studies.
    """
    false, more, alarms, n_studies = [], 0, 0, 200
    for _ in range(n_studies):
        values = rng.standard_normal((22, 12))
        options = {"n_permutations": 499, "random_state": rng, "correction": "fdr"}
        alarms += (compare_groups(values, GROUPS, **options).p < 0.05).any()
        values[:, :4] += 1.3 * (GROUPS == "control")[:, np.newaxis]
        found = compare_groups(values, GROUPS, **options).p < 0.05
        false.append(found[4:].sum() / max(1, found.sum()))
        by_largest = compare_groups(values, GROUPS, n_permutations=499).p < 0.05
        more += int(found[:4].sum()) - int(by_largest[:4].sum())

    # Three standard errors above the nominal; of true ones it is at least some tenths a study.
    assert np.mean(false) < 0.05 + 3 * np.std(false) / np.sqrt(n_studies)
    assert alarms / n_studies < 0.05 + 3 * np.sqrt(0.05 * 0.95 / n_studies)
    assert more / n_studies > 0.2


def test_few_permutations_for_many_values_are_warned_of(rng):
    """What cannot be found is said; and another correction than the two is refused."""
    with pytest.warns(DataWarning, match="fewer than 20 of 100 values cannot be found"):
        compare_groups(rng.standard_normal((22, 100)), GROUPS, None, 99, correction="fdr")
    with pytest.raises(ValueError, match="correction is 'bonferroni'; expected one of 'max'"):
        compare_groups(np.ones((22, 2)), GROUPS, correction="bonferroni")


def test_chunks_and_seed_decide_nothing_else(rng, monkeypatch):
    """The same seed gives the same p, however many permutations are in memory at once."""
    values = rng.standard_normal((22, 50))
    whole = compare_groups(values, GROUPS, n_permutations=300)
    monkeypatch.setattr("nbica.connectivity.groups._CHUNK_BYTES", 1)

    single = compare_groups(values, GROUPS, n_permutations=300)

    np.testing.assert_array_equal(whole.p, single.p)
    np.testing.assert_allclose(whole.largest, single.largest)


def test_constant_values_differ_nowhere(rng):
    """A value that is the same in all subjects has t = 0 and p = 1."""
    values = np.column_stack([rng.standard_normal(22), np.full(22, 3.3)])

    found = compare_groups(values, GROUPS, n_permutations=100)

    assert found.t[1] == found.difference[1] == 0
    assert found.p[1] == found.p_uncorrected[1] == 1


def test_what_it_says_of_itself(rng):
    """The representation holds groups, largest t, smallest p and the permutations."""
    found = compare_groups(rng.standard_normal((22, 3)), GROUPS, n_permutations=20)

    assert repr(found).startswith("<control - patient: largest |t| = ")
    assert "20 permutations" in repr(found)


@pytest.mark.parametrize(
    ("values", "groups", "message"),
    [
        (np.zeros((22, 3)), GROUPS[:5], "one label for each of 22"),
        (np.zeros((22, 3)), np.repeat("a", 22), "a: 22"),
        (np.zeros((3, 3)), ["a", "a", "b"], "a: 2, b: 1"),
        (np.zeros((22, 3, 2)), GROUPS, r"\(n_subjects, n_values\)"),
        (np.full((22, 3), np.nan), GROUPS, "finite"),
        (np.zeros((22, 0)), GROUPS, "one value or more"),
    ],
    ids=["few labels", "one group", "one subject", "shape", "nan", "none"],
)
def test_bad_groups_say_what_was_found(values, groups, message):
    """What is not two groups of finite values is refused with what it is."""
    with pytest.raises(DataError, match=message):
        compare_groups(values, groups, n_permutations=5)


def test_confounds_that_are_the_groups_are_refused(rng):
    """A confound that tells the groups apart leaves nothing to test."""
    with pytest.raises(DataError, match="leave nothing"):
        compare_groups(rng.standard_normal((22, 3)), GROUPS, confounds=GROUPS == "control")


def test_few_subjects_are_warned_of(rng):
    """Six subjects have 20 labellings: the least p that can be expected is said."""
    with pytest.warns(DataWarning, match=r"20 ways.*0\.05"):
        compare_groups(rng.standard_normal((6, 3)), list("aaabbb"), n_permutations=50)


# ---- diagnosis -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["correlation", "partial", "tangent"])
def test_groups_that_differ_are_told_apart(rng, kind):
    """New subjects are told apart far above chance, which shuffled labels stay at."""
    series, groups = cohort(rng, n_subjects=40)

    found = classify_groups(series, groups, kind, n_permutations=19)

    assert found.accuracy > 0.8
    assert found.accuracy == pytest.approx(found.scores.mean())
    assert len(found.scores) == 5
    assert found.chance == 0.5
    assert found.p == 1 / 20
    assert abs(found.by_chance.mean() - 0.5) < 0.15
    assert list(found.pipeline.predict(series)) == list(groups)
    assert "chance 0.50, p = 0.050" in repr(found)


def test_groups_that_do_not_differ_are_not(rng):
    """Where labels mean nothing the accuracy is that of chance, unequal groups or not."""
    accuracies = []
    for _ in range(6):
        series, _ = cohort(rng, n_subjects=24, coupling=-0.1, n_timepoints=60)
        groups = np.repeat(["a", "b"], [16, 8])
        accuracies.append(classify_groups(series, groups, "correlation", n_permutations=0).accuracy)

    # Balanced accuracy of 24 subjects scatters by about .11: three standard errors of six.
    assert abs(np.mean(accuracies) - 0.5) < 3 * 0.11 / np.sqrt(6)


def test_covariances_ahead_of_folds_change_nothing(rng):
    """Estimating each covariance once gives the scores of the plain pipeline."""
    series, groups = cohort(rng, coupling=0.3)
    cv = StratifiedKFold(4)
    for kind in ("tangent", "correlation", "partial"):
        found = classify_groups(series, groups, kind, cv=cv, n_permutations=0)
        plain = cross_val_score(
            clone(found.pipeline), series, groups, cv=cv, scoring="balanced_accuracy"
        )
        np.testing.assert_allclose(found.scores, plain)
        assert found.p is None


@pytest.mark.slow
@pytest.mark.filterwarnings("error:y_pred contains classes not in y_true")
def test_every_fold_has_both_groups(rng):
    """Folds are stratified with any scikit-learn, for shuffled labels too, runs kept together."""
    series, _ = cohort(rng, n_subjects=20)
    groups = np.repeat(["a", "b"], [14, 6])

    for seed in range(5):
        classify_groups(series, groups, "correlation", n_permutations=3, random_state=seed)
    classify_groups(
        series * 2, np.tile(groups, 2), "correlation", subjects=np.tile(np.arange(20), 2),
        n_permutations=3,
    )  # fmt: skip


def test_runs_of_one_subject_stay_together(rng):
    """A subject's own fingerprint is no diagnosis: with `subjects`, copies of runs do not help."""
    series = [rng.standard_normal((40, 6)) @ rng.standard_normal((6, 6)) for _ in range(12)]
    groups = np.array(["a", "b"])[rng.permutation(12) % 2]
    copies = [rows + 0.05 * rng.standard_normal(rows.shape) for rows in series]
    twice, labels = series + copies, np.concatenate([groups, groups])
    nearest = KNeighborsClassifier(1)

    leaky = classify_groups(twice, labels, "correlation", nearest, n_permutations=0)
    apart = classify_groups(
        twice, labels, "correlation", nearest, subjects=np.tile(np.arange(12), 2), n_permutations=9
    )

    assert leaky.accuracy > 0.9
    assert apart.accuracy < 0.8
    assert len(apart.by_chance) == 9
    assert (leaky.n_subjects, apart.n_subjects) == (24, 12)
    assert "of 24 subjects" in repr(leaky)


def test_names_of_runs_tell_whose_they_are(rng):
    """SubjectMaps with BIDS names are kept together as with `subjects`; arrays cannot be."""
    series, groups = cohort(rng, n_subjects=12)
    names = [
        f"/data/sub-{i:02d}/func/sub-{i:02d}_run-{j}_bold.nii.gz" for j in "12" for i in range(12)
    ]
    named = [SubjectMaps(name, rows, None) for name, rows in zip(names, series * 2, strict=True)]
    labels, options = np.tile(groups, 2), {"kind": "correlation", "n_permutations": 3}

    found = classify_groups(named, labels, **options)

    expected = classify_groups(series * 2, labels, subjects=np.tile(np.arange(12), 2), **options)
    assert found.n_subjects == 12
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.by_chance, expected.by_chance)


def test_bad_subjects_are_refused(rng):
    """A subject in both groups, or too few labels, is named."""
    series, groups = cohort(rng, n_subjects=6)

    with pytest.raises(DataError, match="Subject 0 has runs of both groups"):
        classify_groups(series, groups, subjects=[0, 0, 1, 2, 3, 4])
    with pytest.raises(DataError, match="each of 6 runs"):
        classify_groups(series, groups, subjects=[0, 1])


def test_vectors_of_results_are_matrices_again(rng):
    """A comparison of matrices is that of their lower triangles."""
    series, groups = cohort(rng)
    matrices = connectomes(series)

    square = compare_groups(matrices, groups, n_permutations=50)
    flat = compare_groups(connectomes(series, vectorize=True), groups, n_permutations=50)

    np.testing.assert_allclose(square.t, vec_to_sym_matrix(flat.t, np.zeros(6)))


# ---- maps with neighbors, covariates in a loop --------------------------------------------------


def test_enhancement_is_nilearns(rng):
    """Of smooth maps, either sign, it is that of nilearn's (which leaves out the step's length)."""
    mask = rng.random((9, 8, 7)) > 0.2
    volumes = ndimage.gaussian_filter(rng.standard_normal((2, 9, 8, 7)), (0, 1, 1, 1)) * mask
    step = np.abs(volumes).max(axis=(1, 2, 3)) / 100

    found = enhance(volumes[:, mask], mask)

    faces = ndimage.generate_binary_structure(3, 1)
    expected = [
        calculate_tfce(v[..., np.newaxis], faces, dh=one)[..., 0][mask] * one
        for v, one in zip(volumes, step, strict=True)
    ]
    # Whether the highest of 100 steps is the maximum itself is decided there by rounding.
    np.testing.assert_allclose(found, expected, atol=2e-2 * np.abs(expected).max())
    np.testing.assert_allclose(np.sign(found), np.sign(expected))


def test_freedman_lane_in_a_loop(rng):
    """With covariates the null is that of Freedman and Lane's recipe, permutation by permutation.

    Oracle: fit the covariates, permute what they leave, add what they fitted, fit the whole model.
    """
    age, sex = rng.uniform(20, 60, 22), rng.integers(2, size=22)
    values = rng.standard_normal((22, 5)) + 0.05 * age[:, np.newaxis]
    X = np.column_stack([GROUPS == "control", np.ones(22), age, sex]).astype(float)

    found = compare_groups(values, GROUPS, X[:, 2:], n_permutations=60, random_state=4)

    nuisance = X[:, 1:] @ np.linalg.lstsq(X[:, 1:], values)[0]
    orders = np.random.default_rng(4).permuted(np.tile(np.arange(22), (60, 1)), axis=1)
    largest = []
    for order in orders:
        # Labels go one way, so residuals go the other.
        beta, left, _, _ = np.linalg.lstsq(X, nuisance + (values - nuisance)[order])
        error = np.sqrt(np.linalg.inv(X.T @ X)[0, 0] * left / (22 - 4))
        largest.append(np.abs(beta[0] / error).max())
    np.testing.assert_allclose(found.largest, np.sort(largest))


def blurred(rng, n_subjects, mask):
    noise = rng.standard_normal((n_subjects, *mask.shape))
    return ndimage.gaussian_filter(noise, (0, 1.2, 1.2, 1.2))[:, mask]


def test_tfce_finds_what_is_wide_and_weak(rng):
    """A wide weak difference is found where the largest single |t| does not find it; none else."""
    mask = np.ones((10, 10, 10), bool)
    values = blurred(rng, 24, mask)
    wide = np.zeros(mask.shape, bool)
    wide[1:7, 1:7, 1:7] = True
    groups = np.repeat(["a", "b"], 12)
    values[:12] += 1.1 * values.std() * wide[mask]
    mask_img = mask_image(mask)

    single, enhanced = (
        compare_groups(values, groups, n_permutations=200, correction=name, mask_img=mask_img)
        for name in ("max", "tfce")
    )

    is_wide = wide[mask]
    assert (enhanced.p[is_wide] < 0.05).mean() > (single.p[is_wide] < 0.05).mean() + 0.2
    assert (enhanced.p[~is_wide] < 0.05).mean() < 0.1  # what touches it
    np.testing.assert_array_equal(single.t, enhanced.t)
    np.testing.assert_array_equal(single.p_uncorrected, enhanced.p_uncorrected)
    assert np.all(enhanced.tfce * enhanced.t >= 0)
    assert single.tfce is None


@pytest.mark.slow
def test_tfce_error_is_nominal(rng):
    """On nulls the corrected p is .1 or less in about a tenth of studies."""
    mask, n_studies, alarms = np.ones((6, 6, 6), bool), 80, 0
    for seed in range(n_studies):
        found = compare_groups(
            blurred(rng, 14, mask), np.repeat([0, 1], 7), n_permutations=19, random_state=seed,
            correction="tfce", mask_img=mask_image(mask),
        )  # fmt: skip
        alarms += found.p.min() <= 0.1

    assert abs(alarms / n_studies - 0.1) < 3 * np.sqrt(0.09 / n_studies)


def test_tfce_needs_the_mask_of_the_values(rng):
    """Without a mask, or with another one, it is said."""
    values = rng.standard_normal((22, 27))
    with pytest.raises(ValueError, match="pass mask_img"):
        compare_groups(values, GROUPS, correction="tfce")
    mask_img = mask_image(np.ones((2, 2, 2), bool))
    with pytest.raises(DataError, match="The mask has 8 voxels and the values have 27"):
        compare_groups(values, GROUPS, correction="tfce", mask_img=mask_img)


def test_matrices_that_are_not_symmetric_are_compared_whole(rng):
    """Of transitions every value is compared, the diagonal too."""
    values = rng.standard_normal((22, 3, 3))

    found = compare_groups(values, GROUPS, n_permutations=50)
    flat = compare_groups(values.reshape(22, 9), GROUPS, n_permutations=50)

    np.testing.assert_array_equal(found.t, flat.t.reshape(3, 3))
    np.testing.assert_array_equal(found.p, flat.p.reshape(3, 3))


def test_rounding_makes_no_matrix_asymmetric(rng):
    """Connectomes that are symmetric to a millionth are compared by their lower triangles."""
    values = rng.standard_normal((22, 3, 3))
    values += values.swapaxes(1, 2)
    rounded = values * (1 + 1e-7 * rng.standard_normal(values.shape))

    exact, found = (compare_groups(v, GROUPS, n_permutations=50) for v in (values, rounded))

    np.testing.assert_allclose(found.t, exact.t, rtol=1e-4)
    np.testing.assert_array_equal(np.diag(found.p), 1)


@pytest.mark.parametrize(
    ("name", "classifier"),
    [
        ("svm", LinearSVC(class_weight="balanced", random_state=0)),
        ("ridge", RidgeClassifierCV(np.logspace(-2, 3, 11), class_weight="balanced")),
    ],
)
def test_classifiers_are_scikit_learns(rng, name, classifier):
    """Each name gives the scores of scikit-learn's own classifier on the tangent vectors."""
    series, groups = cohort(rng, coupling=0.4)
    cv = StratifiedKFold(4)

    found = classify_groups(series, groups, classifier=name, cv=cv, n_permutations=0)

    pipeline = make_pipeline(ConnectivityMeasure(kind="tangent", vectorize=True), classifier)
    expected = cross_val_score(pipeline, series, groups, cv=cv, scoring="balanced_accuracy")
    np.testing.assert_allclose(found.scores, expected)


def test_an_unknown_classifier_is_said(rng):
    """A name that is none, with those that are."""
    series, groups = cohort(rng, n_subjects=8)
    with pytest.raises(ValueError, match="classifier is 'forest'; expected one of 'svm', 'ridge'"):
        classify_groups(series, groups, classifier="forest")
