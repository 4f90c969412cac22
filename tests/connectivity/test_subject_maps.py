"""Subjects' maps: dual regression and back-reconstruction against numpy, and what they cost."""

import numpy as np
import pytest
from planted import brain_mask, estimator, run_image, write_cohort
from sklearn.exceptions import NotFittedError

from nbica import DictLearning
from nbica.connectivity import back_reconstruct, dual_regression
from nbica.connectivity.subject_maps import regress_run
from nbica.exceptions import DataError, DataWarning
from nbica.image.run import load_run
from nbica.masking.preparation import prepare
from nbica.matching import match
from nbica.runtime.store import NoStore

# Signals and maps are float32.
FLOAT32 = 1e-5


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=4)


@pytest.fixture(scope="module")
def ica(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def signals_of(ica, cohort, number):
    run = load_run(cohort.func[number])
    signals, _ = prepare(run, ica.masker_.preparation_, cohort.confounds[number])
    return signals.astype(float)


def test_dual_regression_is_two_least_squares(ica, cohort):
    """Time courses are numpy's least squares on the maps; maps are those on the time courses.

    Both have an intercept, as FSL's dual regression: here maps are cut by a threshold, and have a
    mean.
    """
    ica = estimator(threshold="auto").fit(cohort.func, confounds=cohort.confounds)
    subjects = list(dual_regression(ica, cohort.func, cohort.confounds))

    assert [subject.name for subject in subjects] == cohort.func
    for number, subject in enumerate(subjects):
        signals = signals_of(ica, cohort, number)
        on_maps = np.column_stack([np.ones(signals.shape[1]), ica.components_.T.astype(float)])
        courses = np.linalg.lstsq(on_maps, signals.T)[0][1:].T
        design = np.column_stack([np.ones(len(courses)), courses / courses.std(axis=0)])
        maps = np.linalg.lstsq(design, signals)[0][1:]
        scale = np.abs(courses).max()
        np.testing.assert_allclose(subject.time_courses, courses, atol=FLOAT32 * scale)
        np.testing.assert_allclose(subject.maps, maps, atol=FLOAT32 * np.abs(maps).max())


def test_time_courses_are_those_of_transform(ica, cohort):
    """The first half of a dual regression is `transform`, to the last bit."""
    courses = ica.transform(cohort.func, cohort.confounds)

    for subject, expected in zip(
        dual_regression(ica, cohort.func, cohort.confounds), courses, strict=True
    ):
        assert np.array_equal(subject.time_courses, expected)


def test_own_maps_are_nearer_to_the_truth_of_a_subject(rng, cohort, ica):
    """A subject with a network moved aside shows it there, not where the group has it."""
    mask = brain_mask()
    moved = np.roll(unmasked(cohort.maps[1], mask), 2, axis=1)[mask]
    maps = np.vstack([cohort.maps[:1], moved, cohort.maps[2:]])
    signals = 1000 + 3 * rng.standard_normal((80, len(maps))) @ maps
    signals += rng.standard_normal(signals.shape)
    img = run_image(signals.astype(np.float32), mask)

    (subject,) = dual_regression(ica, img)

    own = subject.maps[match(ica.components_, cohort.maps).indices[1]]
    assert np.corrcoef(own, moved)[0, 1] > np.corrcoef(own, cohort.maps[1])[0, 1] + 0.1


def unmasked(values, mask):
    volume = np.zeros(mask.shape)
    volume[mask] = values
    return volume


def test_an_emptied_map_stays_empty(ica, cohort):
    """A component that a threshold emptied has time course and map 0, and warns of nothing."""
    emptied = estimator(threshold=None).fit(cohort.func, confounds=cohort.confounds)
    emptied.components_[2] = 0

    subject = next(dual_regression(emptied, cohort.func, cohort.confounds))

    assert not subject.time_courses[:, 2].any()
    assert np.abs(subject.maps[2]).max() < 1e-12  # a pseudo-inverse rounds its zeros
    assert np.isfinite(subject.maps).all()


def test_runs_are_read_as_they_are_asked_for(ica, cohort, n_reads):
    """Nothing is read before the first subject is wanted, and one run for each."""
    subjects = dual_regression(ica, cohort.func, cohort.confounds)
    assert n_reads == []

    next(subjects)
    assert n_reads == cohort.func[:1]
    next(subjects)
    assert n_reads == cohort.func[:2]


def test_a_second_time_reads_nothing(cohort, tmp_path, n_reads):
    """With a cache the results are there, in files; other maps or confounds are others."""
    ica = estimator(memory=tmp_path / "cache").fit(cohort.func, confounds=cohort.confounds)
    first = list(dual_regression(ica, cohort.func, cohort.confounds))
    n_reads.clear()

    again = list(dual_regression(ica, cohort.func, cohort.confounds))

    assert n_reads == []
    assert isinstance(again[0].maps, np.memmap)
    assert all(np.array_equal(a.maps, b.maps) for a, b in zip(first, again, strict=True))
    next(dual_regression(ica, cohort.func))
    assert n_reads == cohort.func[:1]


def test_several_processes_change_nothing(ica, cohort):
    """Two workers give the same maps to the last bit."""
    expected = list(dual_regression(ica, cohort.func, cohort.confounds))
    two = estimator(n_jobs=2).fit(cohort.func, confounds=cohort.confounds)

    for subject, other in zip(
        dual_regression(two, cohort.func, cohort.confounds), expected, strict=True
    ):
        assert np.array_equal(subject.maps, other.maps)
        assert np.array_equal(subject.time_courses, other.time_courses)


def test_a_scratch_file_changes_nothing(ica, cohort, tmp_path):
    """A matrix on disk instead of in RAM gives the same maps to the last bit."""
    run, preparation = load_run(cohort.func[0]), ica.masker_.preparation_
    keep_nothing, maps = NoStore(), ica.components_

    in_ram, _ = regress_run(run, preparation, maps, keep_nothing)
    on_disk, _ = regress_run(run, preparation, maps, keep_nothing, scratch_folder=tmp_path)

    assert np.array_equal(in_ram.maps, on_disk.maps)
    assert np.array_equal(in_ram.time_courses, on_disk.time_courses)


def test_only_a_canica_is_gone_back_through(ica, cohort):
    """What has no canonical correlations is refused, with what to take instead."""
    sparse = DictLearning(mask=ica.mask_img_, n_components=5, smoothing_fwhm=None, random_state=0)
    sparse.fit(cohort.func, confounds=cohort.confounds)

    with pytest.raises(TypeError, match="DictLearning: use dual_regression"):
        back_reconstruct(sparse, cohort.func, cohort.confounds)
    assert next(dual_regression(sparse, cohort.func, cohort.confounds)).maps.any()


@pytest.mark.parametrize("options", [{}, {"do_cca": False}, {"n_components": "auto"}], ids=str)
def test_back_reconstructed_maps_add_up_to_the_group(cohort, options):
    """Over the runs of the fit, the subjects' maps sum to the group's but for a constant each."""
    ica = estimator(**options).fit(cohort.func, confounds=cohort.confounds)

    subjects = list(back_reconstruct(ica, cohort.func, cohort.confounds))

    total = sum(subject.maps.astype(float) for subject in subjects)
    total -= total.mean(axis=1, keepdims=True)
    scale = np.abs(ica.components_).max()
    np.testing.assert_allclose(total, ica.components_, atol=FLOAT32 * scale)


def test_back_reconstruction_gives_the_principal_components_of_the_run(ica, cohort):
    """The maps span the five principal components of the run: fitted by them, it is as by these."""
    subject = next(back_reconstruct(ica, cohort.func, cohort.confounds))

    signals, own = signals_of(ica, cohort, 0), subject.maps.astype(float)
    Vt = np.linalg.svd(signals, full_matrices=False)[2][:5]
    expected = signals @ Vt.T @ Vt
    # The five maps are far from orthogonal in one run: one digit is lost beside float32.
    np.testing.assert_allclose(
        signals @ np.linalg.pinv(own) @ own, expected, atol=1e-4 * np.abs(expected).max()
    )


@pytest.mark.parametrize("threshold", [None, "auto"])
def test_back_reconstruction_has_the_time_courses_of_dual_regression(cohort, threshold):
    """Beside the parts of the maps are the time courses of `transform`, to the last bit."""
    ica = estimator(threshold=threshold).fit(cohort.func, confounds=cohort.confounds)
    courses = ica.transform(cohort.func, cohort.confounds)

    subjects = back_reconstruct(ica, cohort.func, cohort.confounds)

    assert all(map(np.array_equal, (subject.time_courses for subject in subjects), courses))


def test_back_reconstruction_with_a_threshold(cohort):
    """Thresholded maps come back as far as the group subspace holds them."""
    ica = estimator(threshold="auto").fit(cohort.func, confounds=cohort.confounds)

    total = sum(s.maps for s in back_reconstruct(ica, cohort.func, cohort.confounds))

    assert np.abs(match(total, ica.components_).correlations).min() > 0.9


def test_what_cannot_be_is_said_at_once(ica, cohort):
    """An unfitted estimator, a missing file and unpaired confounds fail before anything is read."""
    with pytest.raises(NotFittedError):
        dual_regression(estimator(), cohort.func)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        dual_regression(ica, ["nowhere.nii"])
    with pytest.raises(ValueError, match="4 runs and 1 confounds"):
        dual_regression(ica, cohort.func, cohort.confounds[:1])
    with pytest.raises(DataError, match="3D image"):
        dual_regression(ica, ica.mask_img_)


def test_a_run_that_needs_a_word_warns_with_its_name(ica, cohort):
    """What is noticed about a run is said, with the run's name, when its turn comes."""
    signals = np.full((30, len(cohort.maps[0])), 1000, np.float32)
    subjects = dual_regression(ica, [run_image(signals, brain_mask())])

    with pytest.warns(DataWarning, match=r"image 1 .*constant"):
        (subject,) = subjects
    assert not subject.maps.any()
