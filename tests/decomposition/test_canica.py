"""CanICA from files to maps: planted networks, nilearn as oracle, the cache, every way in."""

import copy
import pickle
import shutil
import warnings
from types import SimpleNamespace

import nibabel as nib
import nilearn.decomposition
import nilearn.maskers
import numpy as np
import pandas as pd
import pytest
from joblib import Memory
from nilearn.connectome import ConnectivityMeasure
from planted import AFFINE, brain_mask, estimator, mask_image, network_maps, run_image, write_cohort
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch, estimator_checks

from nbica import CanICA, NiftiLabelsMasker, NiftiMasker
from nbica.decomposition import canica
from nbica.exceptions import DataError, DataWarning, IgnoredWarning, NotConvergedWarning
from nbica.image.run import load_run
from nbica.masking import load_mask
from nbica.masking.extract import extract
from nbica.matching import match
from nbica.signal import clean

MASK = brain_mask()


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Six runs of 60 to 65 frames, five networks; nobody writes to it."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def own_cohort(tmp_path):
    """Three runs that a test may change."""
    return write_cohort(tmp_path, n_runs=3)


@pytest.fixture(scope="module")
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def worst_match(maps, references):
    return np.abs(match(maps, references).correlations).min()


# ---- the answer ----------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"smoothing_fwhm": 4}, {"do_cca": False}], ids=str)
def test_finds_planted_networks(cohort, options):
    """All networks come back at a mean |r| of .8 and more, the long tail positive."""
    ica = estimator(**options).fit(cohort.func, confounds=cohort.confounds)

    found = match(ica.components_, cohort.maps)
    assert found.mean > 0.8
    assert np.abs(found.correlations).min() > 0.7  # a voxel's unit variance flattens the peaks
    assert (found.signs == 1).all()
    assert ica.components_img_.shape == (*MASK.shape, 5)
    np.testing.assert_allclose(ica.components_img_.affine, AFFINE)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"smoothing_fwhm": 6},
        {"do_cca": False},
        {"detrend": False},
        {"standardize": "psc"},
    ],
    ids=str,
)
def test_equals_nilearns(cohort, options):
    """With the same mask and options, the maps are those of nilearn's CanICA."""
    options = {"n_components": 5, "smoothing_fwhm": None, "random_state": 0} | options
    confounds = [pd.read_csv(path, sep="\t") for path in cohort.confounds]
    theirs = nilearn.decomposition.CanICA(mask=cohort.mask_img, threshold=None, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(cohort.func, confounds=confounds)

    ours = estimator(n_init=10, **options).fit(cohort.func, confounds=confounds)

    # Theirs is a randomized SVD of each run, and keeps another of the ten restarts.
    assert worst_match(ours.components_, theirs.components_) > 0.99


def test_threshold_keeps_the_ratio(fitted, cohort):
    """The thresholded maps are the whole ones with zeros: as many values as voxels for "auto"."""
    auto = estimator(threshold="auto").fit(cohort.func, confounds=cohort.confounds)

    kept = auto.components_ != 0
    assert kept.sum() == fitted.components_.shape[1]
    np.testing.assert_array_equal(auto.components_[kept], fitted.components_[kept])


def test_what_is_learnt(fitted, cohort):
    """Attributes have the promised shapes and ranges."""
    runs, restarts = fitted.runs_, fitted.convergence_

    assert fitted.n_components_ == 5
    assert fitted.components_.shape == (5, MASK.sum())
    assert fitted.components_.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(fitted.components_, axis=1), 1, atol=1e-5)
    assert fitted.masker_.n_elements_ == MASK.sum()
    for values in (fitted.canonical_correlations_, fitted.stability_):
        assert values.shape == (5,)
        assert values.min() >= 0
        assert values.max() <= 1
    assert (np.diff(fitted.variance_) <= 0).all()
    assert list(runs["path"]) == cohort.func
    assert list(runs["n_timepoints"]) == [60, 61, 62, 63, 64, 65]
    assert (runs["n_components"] == 5).all()
    assert (runs["seconds"] > 0).all()
    assert not runs["cached"].any()
    assert (runs["warnings"] == "").all()
    assert len(restarts) == 3
    assert restarts["converged"].all()
    assert restarts["chosen"].sum() == 1


def test_without_cca_variance_is_that_of_the_signals(cohort):
    """Without do_cca, the variances add up to less than the cleaned signals', and scale with it."""
    ica = estimator(do_cca=False).fit(cohort.func, confounds=cohort.confounds)

    per_run = np.mean([n - 1 for n in ica.runs_["n_timepoints"]]) * MASK.sum()
    assert ica.canonical_correlations_ is None
    assert 0.1 * per_run < ica.variance_.sum() < per_run


def test_shared_maps_come_first():
    """A network that half of the runs hold comes after those that all hold, however strong."""
    maps = network_maps(MASK)
    rng = np.random.default_rng(1)
    imgs = []
    for number in range(4):
        courses = rng.standard_normal((60, 5)) * [3, 3, 3, 6 * (number < 2), 0]
        signals = courses @ maps + rng.standard_normal((60, MASK.sum()))
        imgs.append(run_image(signals.astype(np.float32), MASK))

    ica = estimator(n_components=4).fit(imgs)

    assert match(ica.components_, maps[:4]).indices[3] == 3


def test_left_stays_left(cohort, tmp_path):
    """Files whose first axis runs the other way give the same maps at the same places in mm."""
    flipped = []
    for number, path in enumerate(cohort.func):
        img = nib.load(path)
        affine = img.affine @ np.array(
            [[-1, 0, 0, MASK.shape[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
        )
        flipped.append(tmp_path / f"{number}.nii.gz")
        nib.save(nib.Nifti1Image(img.get_fdata(dtype=np.float32)[::-1], affine), flipped[-1])

    with pytest.warns(DataWarning, match="6 of 6 runs"):
        ica = estimator().fit(flipped, confounds=cohort.confounds)

    volumes = np.zeros((5, *MASK.shape))
    volumes[:, MASK] = cohort.maps
    assert worst_match(ica.components_, cohort.maps) > 0.8
    assert worst_match(ica.components_, volumes[:, ::-1][:, MASK]) < 0.5
    assert ica.runs_["warnings"].str.contains("resampled").all()


@pytest.mark.real
def test_real_runs(real_data):
    """Twenty real runs: visual and fronto-parietal networks, left and right told apart."""
    folder = real_data / "real_rest_10mm"
    ica = CanICA(
        mask=folder / "mask.nii", n_components=20, smoothing_fwhm=None, t_r=2.0, threshold=None,
        random_state=0,
    )  # fmt: skip
    networks = sorted((real_data / "networks" / "abide_melodic32_cc0").glob("component*.nii.gz"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # six voxels of one run are constant
        ica.fit(sorted(folder.glob("rts*.nii")))
        again = clone(ica).set_params(random_state=1).fit(sorted(folder.glob("rts*.nii")))

    references = [on_grid_of(ica.mask_img_, nib.load(path)) for path in networks]
    upright = match(ica.components_, np.array(references))
    maps = ica.components_img_.get_fdata()[::-1][load_mask(ica.mask_img_).array].T
    mirrored = match(maps, np.array(references))
    # 14 networks of another cohort, scanner and resolution: .485 when this was written, mirrored
    # .438, and each of the 14 lower.
    assert upright.mean > 0.45
    assert upright.mean > mirrored.mean + 0.03
    assert (np.abs(upright.correlations) > np.abs(mirrored.correlations)).sum() >= 12
    assert match(again.components_, ica.components_).mean > 0.99


def on_grid_of(mask_img, img):
    """Values of a 3D image in a mask, by nilearn."""
    from nilearn.image import resample_to_img

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        there = resample_to_img(img, mask_img)
    return there.get_fdata()[mask_img.get_fdata() > 0]


# ---- the same maps, whatever the way -------------------------------------------------------------


def in_memory(cohort):
    return {"imgs": [nib.load(path) for path in cohort.func]}, {}


def as_arrays(cohort):
    imgs = [nib.load(path) for path in cohort.func]
    return {"imgs": [nib.Nifti1Image(i.get_fdata(dtype="f"), i.affine) for i in imgs]}, {}


WAYS = {
    "n_jobs=2": lambda cohort: ({}, {"n_jobs": 2}),
    "in memory, n_jobs=2": lambda cohort: (as_arrays(cohort)[0], {"n_jobs": 2}),
    "generator": lambda cohort: ({"imgs": iter(cohort.func)}, {}),
    "generators": lambda cohort: (
        {"imgs": iter(cohort.func), "confounds": iter(cohort.confounds)},
        {"n_jobs": 2},
    ),
    "images": in_memory,
    "arrays": as_arrays,
    "bunch": lambda cohort: ({"imgs": SimpleNamespace(func=cohort.func)}, {}),
    "masker": lambda cohort: ({}, {"mask": NiftiMasker(cohort.mask_img, **MASKER)}),
    "fitted masker": lambda cohort: ({}, {"mask": NiftiMasker(cohort.mask_img, **MASKER).fit()}),
    "nilearn's masker": lambda cohort: (
        {},
        {"mask": nilearn.maskers.NiftiMasker(cohort.mask_img, **MASKER)},
    ),
    "nilearn's fitted masker": lambda cohort: (
        {},
        {"mask": nilearn.maskers.NiftiMasker(cohort.mask_img, **MASKER).fit()},
    ),
    "confounds as arrays": lambda cohort: (
        {"confounds": [np.loadtxt(path, skiprows=1) for path in cohort.confounds]},
        {},
    ),
    "confounds as DataFrames": lambda cohort: (
        {"confounds": [pd.read_csv(path, sep="\t") for path in cohort.confounds]},
        {},
    ),
}
MASKER = {"standardize": "zscore_sample", "detrend": True}


@pytest.mark.parametrize("way", WAYS)
def test_same_maps(fitted, cohort, way):
    """Processes, generators, images in memory, maskers and tables change no bit of the maps."""
    arguments, options = WAYS[way](cohort)
    arguments = {"imgs": cohort.func, "confounds": cohort.confounds} | arguments

    ica = estimator(**options).fit(**arguments)

    # Exactly: every run is reduced by one thread and merged in order, wherever that happens. But
    # numpy and pandas disagree about the last bit of some numbers in a table's text.
    atol = 1e-6 if way == "confounds as arrays" else 0.0
    np.testing.assert_allclose(ica.components_, fitted.components_, rtol=0, atol=atol)


def test_mask_as_a_path(fitted, cohort, tmp_path):
    """A mask may be a file."""
    nib.save(cohort.mask_img, tmp_path / "mask.nii.gz")

    ica = estimator(mask=tmp_path / "mask.nii.gz").fit(cohort.func, confounds=cohort.confounds)

    np.testing.assert_array_equal(ica.components_, fitted.components_)


def test_glob_pattern(own_cohort, tmp_path):
    """A pattern stands for its files, sorted."""
    ica = estimator().fit(str(tmp_path / "sub-*_bold.ni*"), confounds=own_cohort.confounds)

    assert list(ica.runs_["path"]) == own_cohort.func


def test_single_run_with_a_single_table(cohort):
    """One run may come without a list, and so may its confounds, in any form."""
    table = pd.read_csv(cohort.confounds[0], sep="\t")
    maps = [
        estimator().fit(cohort.func[0], confounds=confounds).components_
        for confounds in ([table], table, table.to_numpy(), cohort.confounds[0])
    ]

    for others in maps[1:]:
        np.testing.assert_array_equal(others, maps[0])


def test_masker_without_mask_takes_a_generator(cohort):
    """A masker that has yet to compute its mask needs the runs twice, and gets them."""
    masker = NiftiMasker(mask_strategy="background", **MASKER)

    ica = estimator(mask=masker).fit(iter(cohort.func), confounds=cohort.confounds)

    assert worst_match(ica.components_, network_maps(ica.mask_img_.get_fdata() > 0)) > 0.8
    assert len(ica.runs_) == 6


@pytest.mark.parametrize("strategy", ["epi", "background"])
def test_mask_from_the_data(cohort, strategy):
    """Without a mask one is computed, and the networks inside it are found."""
    ica = estimator(mask=None, mask_strategy=strategy).fit(cohort.func, confounds=cohort.confounds)

    mask = ica.mask_img_.get_fdata() > 0
    overlap = (mask & MASK).sum() / (mask | MASK).sum()
    assert overlap > 0.8
    assert worst_match(ica.components_, network_maps(mask)) > 0.8


# ---- the cache -----------------------------------------------------------------------------------


@pytest.mark.parametrize("as_memory", [str, lambda folder: Memory(folder, verbose=0)])
@pytest.mark.parametrize("mask", [mask_image(), None], ids=["mask", "computed"])
def test_second_fit_reads_nothing(own_cohort, tmp_path, n_reads, mask, as_memory):
    """With memory=, a second fit takes every reduction, and the mask, from the cache."""
    options = {"mask": mask, "memory": as_memory(tmp_path / "cache"), "mask_strategy": "background"}
    plain = estimator(**options | {"memory": None}).fit(own_cohort.func)

    first = estimator(**options).fit(own_cohort.func)
    n_first = len(n_reads)
    second = estimator(**options).fit(own_cohort.func)

    assert n_first == 2 * 3 * (1 if mask else 2)  # without and with the cache
    assert len(n_reads) == n_first
    assert list(first.runs_["cached"]) == [False] * 3
    assert list(second.runs_["cached"]) == [True] * 3
    for ica in (first, second):
        np.testing.assert_array_equal(ica.components_, plain.components_)


@pytest.mark.parametrize(
    "options",
    [
        {"n_components": 4}, {"threshold": 2.0}, {"n_init": 5}, {"do_cca": False},
        {"random_state": 7}, {"max_iter": 300}, {"tol": 1e-5}, {"n_jobs": 1, "verbose": 0},
        {"standardize": "zscore_sample"}, {"dtype": np.float64},
    ],
    ids=str,
)  # fmt: skip
def test_what_needs_no_reading(own_cohort, tmp_path, n_reads, options):
    """Parameters of the group stage and the ICA, and other spellings, read no image again."""
    estimator(memory=tmp_path / "cache").fit(own_cohort.func)
    del n_reads[:]

    estimator(memory=tmp_path / "cache", **options).fit(own_cohort.func)

    assert n_reads == []


def test_cache_and_processes(own_cohort, tmp_path):
    """Worker processes fill the cache that the next fit, with any number of them, reads."""
    fits = [
        estimator(memory=tmp_path / "cache", n_jobs=n_jobs).fit(own_cohort.func)
        for n_jobs in (2, 1, 2)
    ]

    plain = estimator().fit(own_cohort.func)
    assert [ica.runs_["cached"].all() for ica in fits] == [False, True, True]
    for ica in fits:
        np.testing.assert_array_equal(ica.components_, plain.components_)


def test_other_runs_use_what_is_there(own_cohort, tmp_path, n_reads):
    """A run more, a run less and a run renamed read only what was never read."""
    memory = tmp_path / "cache"
    estimator(memory=memory).fit(own_cohort.func[:2])
    del n_reads[:]
    renamed = shutil.copy(own_cohort.func[1], tmp_path / "renamed.nii.gz")

    ica = estimator(memory=memory).fit([own_cohort.func[2], renamed, own_cohort.func[0]])

    assert n_reads == [own_cohort.func[2]]
    assert list(ica.runs_["cached"]) == [False, True, True]


def rewritten(cohort):
    img = nib.load(cohort.func[1])
    data = img.get_fdata(dtype=np.float32)
    data[9, 10, 8, 20] += 1
    nib.save(nib.Nifti1Image(data, img.affine, img.header), cohort.func[1])
    return {}


def other_confounds(cohort):
    table = pd.read_csv(cohort.confounds[1], sep="\t")
    table.iloc[3, 0] += 1
    table.to_csv(cohort.confounds[1], sep="\t", index=False)
    return {}


def other_mask(cohort):
    array = MASK.copy()
    array[9, 10, 8] = False
    return {"mask": mask_image(array)}


@pytest.mark.parametrize(
    ("change", "n_expected"),
    [
        (rewritten, 1),
        (other_confounds, 1),
        (other_mask, 3),
        (lambda cohort: {"smoothing_fwhm": 4.0}, 3),
        (lambda cohort: {"detrend": False}, 3),
        (lambda cohort: {"standardize": False}, 3),
        (lambda cohort: {"standardize_confounds": False}, 3),
        (lambda cohort: {"low_pass": 0.1, "t_r": 2.0}, 3),
        # Most of so many are noise, on which the ICA takes its time.
        (lambda cohort: {"n_components": 33, "max_iter": 2000}, 3),
    ],
    ids=[
        "file", "confounds", "mask", "smoothing_fwhm", "detrend", "standardize",
        "standardize_confounds", "low_pass", "n_components=33",
    ],
)  # fmt: skip
def test_what_is_read_again(own_cohort, tmp_path, n_reads, change, n_expected):
    """A changed file, table, mask or parameter is never answered from the cache, and the new
    result is the one without a cache.
    """
    memory = tmp_path / "cache"
    estimator(memory=memory).fit(own_cohort.func, confounds=own_cohort.confounds)
    options = change(own_cohort)
    del n_reads[:]

    ica = estimator(memory=memory, **options).fit(own_cohort.func, confounds=own_cohort.confounds)

    n_read = len(n_reads)
    fresh = estimator(**options).fit(own_cohort.func, confounds=own_cohort.confounds)
    assert n_read == n_expected
    np.testing.assert_array_equal(ica.components_, fresh.components_)


# ---- with the components -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"low_pass": 0.15, "high_pass": 0.01, "t_r": 2.0},
        {"standardize": "psc", "detrend": False, "standardize_confounds": False},
    ],
    ids=str,
)
def test_transform_is_least_squares(cohort, options):
    """Time courses are numpy's least squares, with an intercept, of signals cleaned as in fit."""
    ica = estimator(**options).fit(cohort.func, confounds=cohort.confounds)

    courses = ica.transform(cohort.func, cohort.confounds)

    mask = load_mask(cohort.mask_img)
    for path, table, ours in zip(cohort.func, cohort.confounds, courses, strict=True):
        raw = extract(load_run(path), mask).signals
        signals = clean(raw, confounds=table, **options).astype(float)
        design = np.column_stack([np.ones(signals.shape[1]), ica.components_.T.astype(float)])
        expected = np.linalg.lstsq(design, signals.T)[0][1:].T
        # Signals are float32 that stood on a baseline of 1000, summed over 1000 voxels.
        np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())


def test_inverse_transform_makes_images(fitted, cohort):
    """Time courses times maps, in the brain; and transformed again, the time courses."""
    courses = fitted.transform(cohort.func[:2])

    imgs = fitted.inverse_transform(courses)

    assert [img.shape for img in imgs] == [(*MASK.shape, 60), (*MASK.shape, 61)]
    np.testing.assert_allclose(
        imgs[0].get_fdata()[MASK].T, courses[0] @ fitted.components_, rtol=1e-6, atol=1e-6
    )
    with pytest.raises(TypeError, match="expected a list"):
        fitted.inverse_transform(courses[0])


def test_score_is_the_explained_variance(fitted, cohort):
    """The score is the part of all sums of squares that the maps span; alone, a part of that."""
    score = fitted.score(cohort.func, confounds=cohort.confounds)
    alone = fitted.score(cohort.func, confounds=cohort.confounds, per_component=True)

    mask = load_mask(cohort.mask_img)
    Q = np.linalg.qr(fitted.components_.T.astype(float))[0]
    total = explained = 0.0
    for path, table in zip(cohort.func, cohort.confounds, strict=True):
        signals = clean(extract(load_run(path), mask).signals, confounds=table).astype(float)
        total += (signals**2).sum()
        explained += ((signals @ Q) ** 2).sum()
    assert score == pytest.approx(explained / total, rel=1e-5)
    assert alone.shape == (5,)
    assert alone.sum() == pytest.approx(score, rel=1e-4)  # the maps are orthogonal


def test_score_is_nilearns(fitted, cohort):
    """Our maps explain of the runs what those of nilearn explain by its own score."""
    confounds = [pd.read_csv(path, sep="\t") for path in cohort.confounds]
    theirs = nilearn.decomposition.CanICA(
        mask=cohort.mask_img, n_components=5, smoothing_fwhm=None, threshold=None, random_state=0
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(cohort.func, confounds=confounds)
        expected = theirs.score(cohort.func, confounds=confounds)

    # Maps that agree to |r| of .999; nilearn's regression has an intercept besides.
    assert fitted.score(cohort.func, confounds=confounds) == pytest.approx(expected, rel=0.02)


def test_transform_of_other_grids_warns(fitted, cohort):
    """Runs that have to be resampled are named by transform and score too."""
    img = nib.load(cohort.func[0])
    shifted = nib.Nifti1Image(img.get_fdata(dtype=np.float32), img.affine + np.eye(4)[:, [3]] * 0)
    shifted.affine[0, 3] += 1.0

    with pytest.warns(DataWarning, match="1 of 2 runs: image 1"):
        fitted.transform([shifted, cohort.func[1]])
    with pytest.warns(DataWarning, match="resampled"):
        fitted.score([shifted])


# ---- as a scikit-learn estimator -----------------------------------------------------------------

CHECKS = [
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_estimator_cloneable",
    "check_estimator_repr",
    "check_estimator_tags_renamed",
    "check_get_params_invariance",
    "check_mixin_order",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_set_params",
    "check_transformers_unfitted",
    "check_valid_tag_types",
]


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("kind", [CanICA, NiftiMasker])
def test_scikit_learns_checks(kind, check):
    """Those of scikit-learn's checks that need no table of numbers pass."""
    function = getattr(estimator_checks, check, None)
    if function is None:
        pytest.skip(f"this scikit-learn has no {check}")

    function(kind.__name__, kind())


def test_clone_and_pickle(fitted, cohort):
    """A clone has the parameters and nothing learnt; a pickle has both."""
    unfitted, restored = clone(fitted), pickle.loads(pickle.dumps(fitted))

    assert unfitted.n_components == 5
    assert not hasattr(unfitted, "components_")
    np.testing.assert_array_equal(restored.components_, fitted.components_)
    np.testing.assert_array_equal(
        restored.transform(cohort.func[:1])[0], fitted.transform(cohort.func[:1])[0]
    )
    assert restored.runs_.equals(fitted.runs_)


@pytest.mark.parametrize("method", ["transform", "score", "inverse_transform"])
def test_not_fitted(cohort, method):
    """Before fit, what needs components says so in scikit-learn's words."""
    with pytest.raises(NotFittedError, match="This CanICA instance is not fitted yet"):
        getattr(CanICA(), method)(cohort.func)


def test_a_failed_fit_leaves_nothing_half_new(cohort):
    """After a fit that failed, nothing of an earlier one is left to be mixed up."""
    ica = estimator().fit(cohort.func)

    with pytest.raises(FileNotFoundError):
        ica.fit([cohort.func[0], "no_such_run.nii.gz"])

    assert [name for name in vars(ica) if name.endswith("_")] == []
    with pytest.raises(NotFittedError):
        ica.transform(cohort.func)


def test_pipeline(fitted, cohort):
    """In a Pipeline, time courses flow on into nilearn's connectivity."""
    pipeline = Pipeline(
        [("ica", estimator()), ("connectivity", ConnectivityMeasure(kind="correlation"))]
    )

    matrices = pipeline.fit_transform(cohort.func, ica__confounds=cohort.confounds)

    assert matrices.shape == (6, 5, 5)
    np.testing.assert_array_equal(pipeline["ica"].components_, fitted.components_)


def test_fit_transform_takes_a_generator(cohort):
    """fit_transform goes through a generator once and still gives all time courses."""
    courses = estimator().fit_transform(path for path in cohort.func)

    assert [len(rows) for rows in courses] == [60, 61, 62, 63, 64, 65]


def test_parameters_are_not_touched(cohort):
    """A fit changes no parameter, and neither the images nor the tables that it was given."""
    imgs = as_arrays(cohort)[0]["imgs"]
    tables = [pd.read_csv(path, sep="\t") for path in cohort.confounds]
    before = [img.get_fdata().copy() for img in imgs], copy.deepcopy(tables)
    ica = estimator(dtype=np.dtype("float64"))
    parameters = ica.get_params()

    ica.fit(imgs, confounds=tables)

    assert ica.get_params() == parameters
    assert ica.components_.dtype == np.float64
    for img, data in zip(imgs, before[0], strict=True):
        np.testing.assert_array_equal(img.get_fdata(), data)
    for table, copied in zip(tables, before[1], strict=True):
        assert table.equals(copied)


def test_thirty_starts_by_default(cohort):
    """By default a fit of few components makes 30 starts, with their seeds in the table."""
    ica = estimator(n_init="auto").fit(cohort.func[:2])

    assert CanICA().n_init == "auto"
    assert ica.convergence_["seed"].nunique() == 30


def test_no_convergence_stays_in_the_result(cohort):
    """A fit that does not settle warns, and the table of starts says it for each."""
    with pytest.warns(NotConvergedWarning, match="max_iter=1"):
        ica = estimator(max_iter=1).fit(cohort.func)

    assert not ica.convergence_["converged"].any()
    assert (ica.convergence_["n_iter"] == 1).all()


def test_a_bunch_brings_its_confounds(cohort, fitted):
    """The confounds of a Bunch, or of anything else that has runs as `func`, are used."""
    from_bunch = estimator().fit(cohort)

    np.testing.assert_array_equal(from_bunch.components_, fitted.components_)


def test_after_the_fit_a_bunch_brings_them_too(cohort, fitted):
    """The same runs are cleaned in the same way, whichever method they are passed to."""
    apart = fitted.transform(cohort.func, confounds=cohort.confounds)

    assert fitted.score(cohort) == fitted.score(cohort.func, confounds=cohort.confounds)
    np.testing.assert_array_equal(np.vstack(fitted.transform(cohort)), np.vstack(apart))


def test_a_bunch_brings_its_confounds_also_beside_a_sample_mask(cohort, fitted):
    """Frames given as an argument once took the confounds of a Bunch away."""
    frames = [list(range(5, nib.load(path).shape[3])) for path in cohort.func]
    apart = fitted.transform(cohort.func, cohort.confounds, frames)

    together = fitted.transform(cohort, sample_mask=frames)

    np.testing.assert_array_equal(np.vstack(together), np.vstack(apart))
    assert fitted.score(cohort, sample_mask=frames) == fitted.score(
        cohort.func, confounds=cohort.confounds, sample_mask=frames
    )


def test_fit_transform_cleans_in_one_way(cohort):
    """Time courses from `fit_transform` of a Bunch are those of `fit`, then `transform`."""
    ica = estimator().fit(cohort)

    np.testing.assert_array_equal(
        np.vstack(estimator().fit_transform(cohort)), np.vstack(ica.transform(cohort))
    )


def test_confounds_in_the_place_of_y(cohort, fitted):
    """What is given for y is not used, and that is said."""
    with pytest.warns(DataWarning, match="confounds are passed by name"):
        without = estimator().fit(cohort.func, cohort.confounds)

    assert not np.array_equal(without.components_, fitted.components_)


def test_a_fit_that_fails_leaves_nothing(cohort, monkeypatch):
    """An interrupt in the middle leaves an estimator that is not fitted."""

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(canica, "fast_ica", interrupted)
    stopped = estimator()
    with pytest.raises(KeyboardInterrupt):
        stopped.fit(cohort.func)

    assert not [name for name in vars(stopped) if name.endswith("_")]


# ---- how many, and in which order ----------------------------------------------------------------


def test_auto_finds_the_number_of_networks(cohort):
    """With n_components="auto", the planted five are found, by the rule and as maps."""
    ica = estimator(n_components="auto").fit(cohort.func, confounds=cohort.confounds)

    spectrum = ica.component_spectrum_
    assert ica.n_components_ == spectrum.n_components == 5
    assert ica.components_.shape == (5, MASK.sum())
    assert ica.canonical_correlations_.min() > spectrum.bar > spectrum.correlations[5]
    assert worst_match(ica.components_, cohort.maps) > 0.7
    assert (ica.runs_["warnings"] == "").all()  # runs of fewer than 64 frames are no news here


def test_auto_does_not_depend_on_the_seed(cohort):
    """Another seed finds as many components, and the same."""
    first, second = (
        estimator(n_components="auto", random_state=seed).fit(cohort.func) for seed in (0, 1)
    )

    assert first.component_spectrum_.bar == second.component_spectrum_.bar
    assert worst_match(first.components_, second.components_) > 0.999


def test_auto_says_when_nothing_is_shared(rng):
    """Runs of noise share nothing, nor does a single run; the error says what to do."""
    noise = [run_image(rng.standard_normal((30, MASK.sum())), MASK) for _ in range(3)]

    for runs in (noise, noise[:1]):
        with pytest.raises(DataError, match=r"share no dimension beyond chance.*as a number"):
            estimator(n_components="auto").fit(runs)
    with pytest.raises(ValueError, match="do_cca=True"):
        estimator(n_components="auto", do_cca=False).fit(noise)


def test_order_by_stability(cohort):
    """The same maps come in decreasing order of their stability."""
    options = {"n_components": 12, "n_init": 4, "max_iter": 30, "tol": 1e-3}
    by_variance, by_stability = (
        estimator(order=order, **options).fit(cohort.func) for order in ("variance", "stability")
    )

    assert np.diff(by_stability.stability_).max() <= 1e-3  # what differs by less is equal
    assert worst_match(by_variance.components_, by_stability.components_) > 0.99999
    with pytest.raises(ValueError, match="order is 'size'"):
        estimator(order="size").fit(cohort.func)


def test_p_threshold_of_a_fit(fitted, cohort):
    """A p-value keeps what a Gaussian map of norm 1 exceeds: isf(p / 2) / sqrt(n_voxels)."""
    ica = estimator(threshold=("p", 0.01)).fit(cohort.func, confounds=cohort.confounds)

    whole = np.abs(fitted.components_)
    expected = whole >= 2.5758293 / np.sqrt(whole.shape[1])
    assert ((ica.components_ != 0) == expected).mean() > 0.99999
    assert 0.005 < expected.mean() < 0.05


# ---- frames left out, masks, tables -------------------------------------------------------------

LEFT_OUT = [0, 11, 12, 30]


def without(path, left_out):
    """A run on disk as an image without some frames, and its table likewise."""
    img = nib.load(path)
    kept = np.delete(np.arange(img.shape[3]), left_out)
    return nib.Nifti1Image(np.asarray(img.dataobj)[..., kept], img.affine, img.header), kept


def test_frames_left_out_are_as_never_recorded(own_cohort):
    """In a fit, its parts, its transform and its score, given by argument or by a Bunch."""
    images, kept = zip(*(without(path, LEFT_OUT) for path in own_cohort.func), strict=True)
    tables = [
        pd.read_csv(t, sep="\t").to_numpy()[k]
        for t, k in zip(own_cohort.confounds, kept, strict=True)
    ]
    bunch = Bunch(func=own_cohort.func, confounds=own_cohort.confounds, sample_mask=list(kept))
    expected = estimator().fit(list(images), confounds=tables)

    found = estimator().fit(own_cohort.func, confounds=own_cohort.confounds, sample_mask=kept)

    np.testing.assert_allclose(found.components_, expected.components_, atol=1e-6)
    np.testing.assert_array_equal(estimator().fit(bunch).components_, found.components_)
    assert found.runs_["n_timepoints"].tolist() == [len(k) for k in kept]
    courses = found.transform(own_cohort.func, own_cohort.confounds, kept)
    wanted = expected.transform(list(images), tables)
    for ours, theirs in zip(courses, wanted, strict=True):
        np.testing.assert_allclose(ours, theirs, atol=2e-3 * np.abs(theirs).max())
    score = found.score(own_cohort.func, confounds=own_cohort.confounds, sample_mask=kept)
    assert score == pytest.approx(expected.score(list(images), confounds=tables), rel=1e-4)
    with pytest.raises(ValueError, match="one entry of sample_mask"):
        estimator().fit(own_cohort.func, sample_mask=kept[:1])


def test_other_frames_are_another_reduction(own_cohort, tmp_path, n_reads):
    """A cache keeps them apart, and gives both."""
    cached = estimator(memory=tmp_path / "cache")
    kept = [np.arange(5, 60)] * len(own_cohort.func)
    whole = cached.fit(own_cohort.func).components_
    part = cached.fit(own_cohort.func, sample_mask=kept).components_
    n_reads.clear()

    np.testing.assert_array_equal(cached.fit(own_cohort.func, sample_mask=kept).components_, part)

    assert n_reads == []
    assert np.abs(whole - part).max() > 1e-4


def test_regions_are_no_mask(cohort):
    """A region masker in the place of a mask is refused by name, one with CompCor too."""
    labels = nib.Nifti1Image(
        np.asarray(cohort.mask_img.dataobj).astype(np.int16), cohort.mask_img.affine
    )
    with pytest.raises(TypeError, match="NiftiLabelsMasker, whose regions"):
        estimator(mask=NiftiLabelsMasker(labels)).fit(cohort.func)
    masker = NiftiMasker(cohort.mask_img, high_variance_confounds=True)
    with pytest.raises(ValueError, match="high_variance_confounds=True"):
        estimator(mask=masker).fit(cohort.func)


def test_what_a_masker_overrides_is_told(cohort):
    """Parameters that were set and that the masker has otherwise; nothing where they agree."""
    masker = NiftiMasker(cohort.mask_img, smoothing_fwhm=5.0, standardize=True, detrend=True)
    with pytest.warns(IgnoredWarning, match="smoothing_fwhm=5.0 instead of 4"):
        estimator(mask=masker, smoothing_fwhm=4).fit(cohort.func)
    estimator(mask=masker, smoothing_fwhm=5).fit(cohort.func)


@pytest.mark.parametrize(("threshold", "n_maps"), [(5, 5), (7.5, 5)])
def test_a_ratio_from_the_number_of_maps_on(cohort, threshold, n_maps):
    """At it everything is kept, which is told; above it is an error, as in nilearn."""
    ica = estimator(threshold=threshold, n_components=n_maps)
    if threshold > n_maps:
        with pytest.raises(ValueError, match="Give a ratio below 5"):
            ica.fit(cohort.func)
    else:
        with pytest.warns(IgnoredWarning, match="keeps all values"):
            ica.fit(cohort.func)


def test_components_have_names_in_tables(fitted, cohort):
    """`set_output` gives one table per run, and `X=` names the runs as scikit-learn does."""
    ica = clone(fitted).set_output(transform="pandas")

    tables = ica.fit_transform(X=cohort.func[:2], confounds=cohort.confounds[:2])

    assert [table.columns[0] for table in tables] == ["canica0", "canica0"]
    assert [len(table) for table in tables] == ica.runs_["n_timepoints"].tolist()
