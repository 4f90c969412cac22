"""Decompositions of CIFTI and GIFTI runs: as of the same columns as volumes, in the same call."""

import pickle
from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from on_surfaces import models, planted, save_cifti, save_maps, write_pairs, write_runs

from nbica import CanICA, DictLearning, NiftiMasker
from nbica.connectivity import ConnectivityMeasure, dual_regression, guided_ica
from nbica.decomposition.provenance import repeat
from nbica.exceptions import DataError
from nbica.matching import correlate, flag_noise, label, match, split_half
from nbica.runtime import budget

FAST = {"n_components": 4, "n_init": 3, "random_state": 0}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    return write_runs(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def confounds():
    rng = np.random.default_rng(3)
    return [rng.normal(size=(60, 2)) for _ in range(4)]


@pytest.fixture(scope="module")
def ica(runs, confounds):
    return CanICA(**FAST).fit(runs, confounds=confounds)


@pytest.fixture(scope="module")
def as_volumes(runs):
    """The same columns, as voxels in a row; and their mask."""
    arrays = [np.asarray(nib.load(run).dataobj) for run in runs]
    volumes = [nib.Nifti1Image(a.T.reshape(-1, 1, 1, len(a)), np.eye(4)) for a in arrays]
    return volumes, nib.Nifti1Image(np.ones((644, 1, 1), np.uint8), np.eye(4))


def test_a_fit_is_that_of_the_same_columns_as_volumes(ica, as_volumes, confounds):
    """To the last bit, confounds and cleaning included."""
    volumes, mask = as_volumes
    of_volumes = CanICA(mask, smoothing_fwhm=None, **FAST).fit(volumes, confounds=confounds)

    np.testing.assert_array_equal(ica.components_, of_volumes.components_)


def test_a_dictionary_is_that_of_the_same_columns_as_volumes(runs, as_volumes):
    """DictLearning takes the runs in the same call."""
    volumes, mask = as_volumes
    of_volumes = DictLearning(4, random_state=0, mask=mask, smoothing_fwhm=None).fit(volumes)

    ours = DictLearning(4, random_state=0).fit(runs)

    np.testing.assert_array_equal(ours.components_, of_volumes.components_)
    assert ours.components_img_.header.get_axis(1) == models()


def test_planted_maps_are_found(ica):
    """All four, one to one."""
    assert np.abs(match(planted(644), ica.components_).correlations).min() > 0.7


def test_processes_change_nothing(runs, confounds, ica):
    """The same numbers with two of them."""
    other = CanICA(**FAST, n_jobs=2).fit(runs, confounds=confounds)

    np.testing.assert_array_equal(other.components_, ica.components_)


def test_a_scratch_file_changes_nothing(runs, confounds, ica, monkeypatch):
    """The same numbers where a run's matrix is not in RAM; with frames left out as well."""
    kept = [np.arange(0, 60, 2)] * 4
    fewer = CanICA(**FAST).fit(runs, sample_mask=kept)
    make_plan = budget.make_plan
    monkeypatch.setattr(budget, "make_plan", lambda *a: replace(make_plan(*a), in_ram=False))

    on_disk = CanICA(**FAST).fit(runs, confounds=confounds)

    np.testing.assert_array_equal(on_disk.components_, ica.components_)
    np.testing.assert_array_equal(
        CanICA(**FAST).fit(runs, sample_mask=kept).components_, fewer.components_
    )


def test_a_second_fit_reads_nothing(runs, tmp_path, ica, confounds):
    """Reductions are kept under the content of the runs; a mask is part of the key."""
    fits = [CanICA(**FAST, memory=tmp_path).fit(runs, confounds=confounds) for _ in range(2)]
    left = CanICA(["CORTEX_LEFT"], **FAST, memory=tmp_path).fit(runs, confounds=confounds)

    assert fits[1].runs_["cached"].all()
    assert not left.runs_["cached"].any()
    np.testing.assert_array_equal(fits[1].components_, ica.components_)


def test_frames_that_are_left_out_do_not_count(runs, as_volumes):
    """As of volumes."""
    volumes, mask = as_volumes
    kept = [np.arange(0, 60, 2)] * 4
    ours = CanICA(**FAST).fit(runs, sample_mask=kept)
    theirs = CanICA(mask, smoothing_fwhm=None, **FAST).fit(volumes, sample_mask=kept)

    assert ours.runs_["n_timepoints"].tolist() == [30] * 4
    np.testing.assert_array_equal(ours.components_, theirs.components_)


def test_runs_may_be_added_one_by_one(runs):
    """partial_fit ends where fit does."""
    online = CanICA(**FAST)
    for run in runs:
        online.partial_fit([run])

    np.testing.assert_array_equal(online.components_, CanICA(**FAST).fit(runs).components_)


def test_a_generator_will_do_with_a_mask(runs, ica, confounds):
    """Names of structures are looked up in its first run."""
    names = ["CORTEX_LEFT", "CORTEX_RIGHT", "THALAMUS_LEFT"]

    streamed = CanICA(names, **FAST).fit(iter(runs), confounds=confounds)

    np.testing.assert_array_equal(streamed.components_, ica.components_)


def test_components_are_a_dscalar_in_the_space_of_the_runs(ica, tmp_path):
    """Byte for byte the axis that came in, also from a file; and Workbench's intent."""
    ica.components_img_.to_filename(tmp_path / "c.dscalar.nii")

    img = nib.load(tmp_path / "c.dscalar.nii")

    assert img.header.get_axis(1) == models()
    assert isinstance(img.header.get_axis(0), nib.cifti2.ScalarAxis)
    assert img.nifti_header.get_intent()[0] == "ConnDenseScalar"
    np.testing.assert_array_equal(np.asarray(img.dataobj), ica.components_)


def test_a_fit_is_pickled_with_its_images(ica):
    """What comes back transforms as before."""
    copy = pickle.loads(pickle.dumps(ica))

    assert copy.components_img_.header.get_axis(1) == models()
    np.testing.assert_array_equal(copy.components_, ica.components_)


def test_a_record_is_fitted_again(tmp_path):
    """Of pairs of files too, whose paths it holds."""
    pairs, _ = write_pairs(tmp_path)
    ica = CanICA(**FAST).fit(pairs)

    again = repeat(ica.record_)

    np.testing.assert_array_equal(again.components_, ica.components_)


def test_methods_take_the_runs(ica, runs, confounds, as_volumes):
    """transform, score and inverse_transform, as of volumes."""
    volumes, mask = as_volumes
    theirs = CanICA(mask, smoothing_fwhm=None, **FAST).fit(volumes, confounds=confounds)

    courses = ica.transform(runs, confounds=confounds)

    np.testing.assert_array_equal(courses, theirs.transform(volumes, confounds=confounds))
    assert ica.score(runs, confounds=confounds) == theirs.score(volumes, confounds=confounds)
    (back,) = ica.inverse_transform(courses[:1])
    np.testing.assert_allclose(np.asarray(back.dataobj), courses[0] @ ica.components_, rtol=1e-5)
    assert ConnectivityMeasure().fit_transform(courses).shape == (4, 4, 4)


def test_subjects_have_maps_of_their_own(ica, runs):
    """Dual regression and guided ICA, of a fit or of a dscalar."""
    first = next(iter(dual_regression(ica, runs)))
    guided = next(iter(guided_ica(runs, ica)))
    by_image = next(iter(guided_ica(runs, ica.components_img_, mask=NiftiMasker(ica.mask_img_))))

    for subject in (first, guided, by_image):
        assert subject.maps.shape == (4, 644)
        assert np.abs(np.diag(correlate(subject.maps, ica.components_))).min() > 0.5


def test_halves_of_a_group_are_compared(ica, runs):
    """Twins and halves are sought among grayordinates as among volumes."""
    assert split_half(ica, runs, n_splits=2).t.mean() > 0.7


def test_components_are_named_by_dscalar_and_dlabel(ica, tmp_path):
    """A network that has part of the grayordinates is 0 in the others."""
    axis, truth = models(), planted(644)
    scalar = save_maps(tmp_path / "n.dscalar.nii", truth[:, :300], axis[:300])
    numbers = np.where(np.abs(truth).max(0) > 0, 1 + np.abs(truth).argmax(0), 0)
    table = {0: ("???", (0, 0, 0, 0))} | {n: (f"net {n}", (1, 0, 0, 1)) for n in range(1, 5)}
    rows = nib.cifti2.LabelAxis(["nets"], [table])
    parcels = save_cifti(tmp_path / "n.dlabel.nii", numbers[np.newaxis].astype("f4"), rows, axis)
    padded = np.where(np.arange(644) < 300, truth, 0)
    indicators = np.array([numbers == n for n in range(1, 5)], "f4")

    by_maps = label(ica.components_img_, scalar, bar=0, mask_img=ica.mask_img_)
    by_parcels = label(ica.components_img_, parcels, bar=0, mask_img=ica.mask_img_)

    r = correlate(ica.components_, padded)
    assert by_maps["network"].tolist() == [f"map {n}" for n in np.abs(r).argmax(axis=1)]
    np.testing.assert_allclose(by_maps["r"].abs(), np.abs(r).max(axis=1), atol=1e-5)
    r = correlate(ica.components_, indicators)
    assert by_parcels["network"].tolist() == [f"net {n + 1}" for n in np.abs(r).argmax(axis=1)]


def test_networks_of_another_kind_are_refused(ica, make_image, rng):
    """Volumes do not name components on grayordinates."""
    atlas = make_image(rng.normal(size=(5, 5, 5, 3)).astype("f4"))

    with pytest.raises(DataError, match="not of one kind"):
        label(ica.components_img_, atlas)


def test_signs_of_noise_do_without_an_edge(ica, runs):
    """What needs a volume is not known; time courses still tell."""
    table = flag_noise(ica.components_img_, ica.mask_img_, time_courses=ica.transform(runs))

    assert table["edge"].isna().all()
    assert table["spike"].notna().all()


def test_smoothing_needs_surfaces(runs):
    """The default width is for volumes; one that was asked for says what it lacks."""
    assert CanICA(**FAST).fit(runs).masker_.smoothing_fwhm is None
    with pytest.raises(ValueError, match=r"smooths along the surface of CORTEX_LEFT.*surf_mesh="):
        CanICA(**FAST, smoothing_fwhm=4).fit(runs)


def test_a_number_of_components_is_not_chosen(runs):
    """The null of "auto" is made of volumes."""
    with pytest.raises(ValueError, match="give n_components as a number"):
        CanICA(n_components="auto").fit(runs)


def test_gifti_comes_back_as_surfaces(tmp_path):
    """Nilearn's SurfaceImage on the mesh of the runs, or on fsaverage5's by its size."""
    from nilearn.surface import SurfaceImage

    pairs, values = write_pairs(tmp_path, n_vertices=10242, n_runs=2)

    ica = CanICA(**FAST).fit(pairs)

    assert isinstance(ica.components_img_, SurfaceImage)
    np.testing.assert_array_equal(ica.components_img_.data.parts["right"].T,
                                  ica.components_[:, 10242:])  # fmt: skip
    back = NiftiMasker().fit(pairs[0]).inverse_transform(values[0])
    again = CanICA(**FAST).fit([back, NiftiMasker().fit(pairs[1]).inverse_transform(values[1])])
    np.testing.assert_array_equal(again.components_, ica.components_)


def test_a_mesh_gives_gifti_its_surfaces(tmp_path):
    """Without one, vertices of an unknown mesh come back as a dscalar."""
    from nilearn.surface import SurfaceImage

    pairs, _ = write_pairs(tmp_path)
    mesh = (np.zeros((642, 3)), np.zeros((4, 3), int))

    flat = CanICA(**FAST).fit(pairs)
    shaped = CanICA(**FAST, smoothing_fwhm=None, surf_mesh=(mesh, mesh)).fit(pairs)

    assert flat.components_img_.header.get_axis(1).nvertices == dict.fromkeys(
        ("CIFTI_STRUCTURE_CORTEX_LEFT", "CIFTI_STRUCTURE_CORTEX_RIGHT"), 642
    )
    assert isinstance(shaped.components_img_, SurfaceImage)
    np.testing.assert_array_equal(shaped.components_, flat.components_)
    short = (np.zeros((9, 3)), np.zeros((4, 3), int))
    with pytest.raises(DataError, match="surf_mesh has 9 vertices for CORTEX_LEFT, the images 642"):
        CanICA(**FAST, surf_mesh=(short, short)).fit(pairs)
