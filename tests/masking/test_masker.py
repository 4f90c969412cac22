"""NiftiMasker against nilearn's, as a scikit-learn transformer, and with a cache."""

import pickle
import warnings
from pathlib import Path

import nibabel as nib
import nilearn.maskers
import numpy as np
import pandas as pd
import pytest
from nilearn.image import resample_img, smooth_img
from nilearn.masking import apply_mask
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from nbica.exceptions import DataError, DataWarning
from nbica.masking import preparation
from nbica.masking.masker import NiftiMasker

pytestmark = pytest.mark.exact("signals are nilearn's, to the last digits")

SHAPE = (10, 11, 9)
N_TIMEPOINTS = 60
T_R = 2.0

# Of the largest value: smoothing in float32 errs by 2e-7 of the raw value, here up to 200 times
# the standard deviation that is left of it.
FLOAT32 = 5e-5


@pytest.fixture
def mask_img(rng, make_image):
    """A blob with holes."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:8, 2:9, 2:7] = rng.random((6, 7, 5)) > 0.1
    return make_image(mask)


@pytest.fixture
def data(rng):
    """A head of 1000 with drift and noise, and nothing around it."""
    data = np.zeros((*SHAPE, N_TIMEPOINTS), np.float32)
    noise = 20 * rng.standard_normal((8, 9, 7, N_TIMEPOINTS))
    data[1:9, 1:10, 1:8] = 1000 + noise + np.linspace(0, 50, N_TIMEPOINTS)
    return data


@pytest.fixture
def bold(save_image, data):
    """The same in a file."""
    return save_image(data)


@pytest.fixture
def confounds(rng):
    return rng.standard_normal((N_TIMEPOINTS, 3)).cumsum(axis=0)


def oracle(img, confounds=None, **options):
    """Signals of nilearn's masker."""
    with warnings.catch_warnings(action="ignore"):
        masker = nilearn.maskers.NiftiMasker(**options)
        return masker.fit_transform(img, confounds=confounds)


def assert_close(ours, expected, atol=FLOAT32):
    np.testing.assert_allclose(ours, expected, rtol=0, atol=atol * np.abs(expected).max())


# ---- against nilearn ----------------------------------------------------------------------------


@pytest.mark.parametrize("standardize", ["zscore_sample", "psc", None])
@pytest.mark.parametrize("detrend", [True, False])
@pytest.mark.parametrize("with_confounds", [True, False])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"smoothing_fwhm": 6.0},
        {"smoothing_fwhm": 4.0, "low_pass": 0.1, "high_pass": 0.01, "t_r": T_R},
        {"high_pass": 0.02, "t_r": T_R, "standardize_confounds": False},
        {"runs": np.repeat([0, 1], N_TIMEPOINTS // 2)},
    ],
    ids=["plain", "smoothed", "band", "high-pass", "runs"],
)
def test_signals_equal_nilearn(
    make_image, data, mask_img, confounds, standardize, detrend, with_confounds, options
):
    """Smoothing, cleaning, confounds and runs, in every combination."""
    options = options | {"mask_img": mask_img, "standardize": standardize, "detrend": detrend}
    confounds = confounds if with_confounds else None

    ours = NiftiMasker(**options).fit_transform(make_image(data), confounds=confounds)

    expected = oracle(make_image(data.astype(float)), confounds, **options)
    assert ours.dtype == np.float32
    assert_close(ours, expected)


def test_runs_keep_their_frames_in_order(make_image, data, mask_img):
    """Frames of two runs that alternate come out where they went in (nilearn sorts them)."""
    runs = np.array(["rest", "task"] * (N_TIMEPOINTS // 2))
    masker = NiftiMasker(mask_img, runs=runs, standardize=True, detrend=True)

    ours = masker.fit_transform(make_image(data))

    alone = NiftiMasker(mask_img, standardize=True, detrend=True)
    expected = alone.fit_transform(make_image(np.ascontiguousarray(data[..., 1::2])))
    np.testing.assert_allclose(ours[1::2], expected, atol=1e-6)


@pytest.mark.parametrize(
    ("target_affine", "target_shape"),
    [
        (np.diag([4.0, 4.0, 4.0]), None),
        (np.array([[3.5, 0, 0, -3], [0, 3.5, 0, -26], [0, 0, 3.5, -18], [0, 0, 0, 1]]), (9, 8, 7)),
    ],
)
@pytest.mark.parametrize("fwhm", [None, 6.0])
def test_signals_on_another_grid_equal_nilearn(
    rng, make_image, mask_img, target_affine, target_shape, fwhm
):
    """Mask and image go to the grid that is asked for; the image's own is named in a warning."""
    img = make_image(100 + rng.standard_normal((*SHAPE, 8)))
    options = {
        "mask_img": mask_img, "target_affine": target_affine, "target_shape": target_shape,
    }  # fmt: skip
    masker = NiftiMasker(**options, smoothing_fwhm=fwhm).fit()

    with pytest.warns(DataWarning, match="resampled to"):
        ours = masker.transform(img)

    their_mask = nilearn.maskers.NiftiMasker(**options, standardize=None).fit().mask_img_
    # Step by step, because nilearn's masker clips what it resamples to the range of the image.
    resampled = resample_img(img, their_mask.affine, their_mask.shape, clip=False)
    expected = apply_mask(smooth_img(resampled, fwhm), their_mask)
    np.testing.assert_array_equal(masker.mask_img_.get_fdata(), their_mask.get_fdata())
    np.testing.assert_allclose(masker.mask_img_.affine, their_mask.affine)
    assert_close(ours, expected, atol=2e-6)


@pytest.mark.parametrize("strategy", ["background", "epi"])
@pytest.mark.parametrize("mask_args", [None, {"opening": 1}])
def test_a_computed_mask_equals_nilearn(rng, make_image, data, strategy, mask_args):
    """Without a mask, the image gives it."""
    data = data + (5 * np.abs(rng.standard_normal(data.shape)) if strategy == "epi" else 0)
    img = make_image(data)
    options = {"mask_strategy": strategy, "mask_args": mask_args}

    ours = NiftiMasker(**options).fit(img)

    with warnings.catch_warnings(action="ignore"):
        expected = nilearn.maskers.NiftiMasker(**options).fit(img)
    np.testing.assert_array_equal(ours.mask_img_.get_fdata(), expected.mask_img_.get_fdata())
    assert ours.n_elements_ == expected.n_elements_ > 100


def test_a_mask_of_several_images_is_that_of_a_list(make_image, data):
    """As nilearn's MultiNiftiMasker, whose masks are opened and connected."""
    data[0, 0, 0] = 500
    imgs = [make_image(data), make_image(np.roll(data, 1, axis=0))]

    ours = NiftiMasker(mask_strategy="background").fit(imgs)

    with warnings.catch_warnings(action="ignore"):
        expected = nilearn.maskers.MultiNiftiMasker(mask_strategy="background").fit(imgs)
    np.testing.assert_array_equal(ours.mask_img_.get_fdata(), expected.mask_img_.get_fdata())


def test_a_template_gives_the_mask(make_image, data):
    """With its own grid, or on the one that is asked for."""
    template = make_image(data.mean(axis=-1))
    mask_args = {"template_img": template, "opening": False}
    options = {"mask_strategy": "whole-brain-template", "mask_args": mask_args}

    ours = NiftiMasker(**options).fit(make_image(data))
    coarse = NiftiMasker(**options, target_affine=np.diag([3.5, 3.5, 3.5])).fit(make_image(data))

    assert ours.mask_img_.shape == SHAPE
    assert ours.n_elements_ == 8 * 9 * 7
    assert np.abs(coarse.mask_img_.affine[:3, :3]).sum() == 10.5


def test_inverse_transform_equals_nilearn(rng, make_image, data, mask_img):
    """Rows give a 4D image and a vector a 3D one."""
    masker = NiftiMasker(mask_img).fit()
    theirs = nilearn.maskers.NiftiMasker(mask_img, standardize=None).fit()
    X = masker.transform(make_image(data))

    for rows in (X, X[:1], X[0]):
        ours = masker.inverse_transform(rows)
        expected = theirs.inverse_transform(rows)
        np.testing.assert_array_equal(ours.get_fdata(), expected.get_fdata())


def test_the_line_of_the_talk(bold, mask_img):
    """One line takes a file to standardized signals."""
    X = NiftiMasker(mask_img=mask_img, standardize=True).fit_transform(bold)

    assert X.shape == (N_TIMEPOINTS, int(mask_img.get_fdata().sum()))
    np.testing.assert_allclose(X.std(axis=0, ddof=1), 1, rtol=1e-5)
    np.testing.assert_allclose(X.mean(axis=0), 0, atol=1e-6)


@pytest.mark.real
def test_signals_of_real_runs_equal_nilearn(real_data):
    """A measured run with its mask."""
    folder = real_data / "real_rest_10mm"
    path = str(sorted(folder.glob("rtswa_*.nii"))[0])
    options = {
        "mask_img": str(folder / "mask.nii"), "smoothing_fwhm": 12.0, "detrend": True,
        "standardize": "zscore_sample",
    }  # fmt: skip

    ours = NiftiMasker(**options).fit_transform(path)

    assert_close(ours, oracle(path, dtype="float64", **options))


# ---- confounds ----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["array", "frame", "tsv", "csv", "str", "list", "1D"])
def test_confounds_come_in_every_form(bold, mask_img, confounds, tmp_path, form):
    """Arrays, tables, files with and without a header, lists of these."""
    frame = pd.DataFrame(confounds, columns=["trans_x", "trans_y", "rot_z"])
    frame.to_csv(tmp_path / "confounds.tsv", sep="\t", index=False)
    np.savetxt(tmp_path / "confounds.csv", confounds, delimiter=",")
    forms = {
        "array": confounds,
        "frame": frame,
        "tsv": tmp_path / "confounds.tsv",
        "csv": tmp_path / "confounds.csv",
        "str": str(tmp_path / "confounds.tsv"),
        "list": [confounds[:, :2], frame[["rot_z"]]],
        "1D": confounds[:, 0],
    }
    masker = NiftiMasker(mask_img, standardize=True, detrend=True).fit()

    ours = masker.transform(bold, confounds=forms[form])

    expected = masker.transform(bold, confounds=confounds[:, :1] if form == "1D" else confounds)
    np.testing.assert_allclose(ours, expected, atol=1e-5)
    assert np.abs(ours - masker.transform(bold)).max() > 0.1


# ---- as a transformer ---------------------------------------------------------------------------


def test_it_is_a_scikit_learn_transformer(bold, mask_img):
    """Cloned, changed by its parameters, pickled and put into a pipeline."""
    masker = NiftiMasker(mask_img, standardize=True, smoothing_fwhm=6.0)
    expected = masker.fit_transform(bold)

    assert clone(masker).get_params().keys() == masker.get_params().keys()
    assert not hasattr(clone(masker), "mask_img_")
    restored = pickle.loads(pickle.dumps(masker))
    np.testing.assert_array_equal(restored.transform(bold), expected)
    pipeline = make_pipeline(NiftiMasker(mask_img), FunctionTransformer(np.abs))
    assert pipeline.fit_transform(bold).shape == expected.shape
    plain = masker.set_params(standardize=False).fit_transform(bold)
    assert plain.mean() > 900


def test_init_stores_and_nothing_else():
    """Wrong options are accepted until fit."""
    assert NiftiMasker(mask_strategy="none", smoothing_fwhm=-1).get_params()["smoothing_fwhm"] == -1


@pytest.mark.parametrize("dtype", [None, "auto", np.float32, "float64", "f8"])
def test_the_type_of_the_signals_can_be_chosen(bold, mask_img, dtype):
    """float32 unless asked otherwise."""
    X = NiftiMasker(mask_img, dtype=dtype).fit_transform(bold)

    assert X.dtype == (np.float32 if dtype in (None, "auto") else np.dtype(dtype))


def test_before_fit_there_is_no_transform(bold):
    """scikit-learn's own error says so."""
    for call in (NiftiMasker().transform, NiftiMasker().inverse_transform):
        with pytest.raises(NotFittedError):
            call(bold)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"mask_strategy": "brain"}, "mask_strategy is 'brain'; expected one of background, epi"),
        ({"smoothing_fwhm": "fast"}, "smoothing_fwhm is 'fast'; give a width in mm"),
        ({"standardize": "zscore"}, "standardize='zscore' is unknown"),
        ({"low_pass": 0.1}, "need the repetition time"),
        ({"low_pass": 0.4, "t_r": T_R}, "not below 0.25 Hz"),
        ({"dtype": np.int16}, "dtype is .*int16.*; expected a float type"),
        ({"dtype": "none"}, "dtype is 'none'; expected a float type"),
        ({"target_shape": (5, 5, 5)}, "target_shape needs a target_affine"),
        ({"target_affine": np.eye(2)}, "target_affine must be an invertible 3 x 3"),
    ],
)
def test_a_wrong_option_is_refused_in_fit(mask_img, options, message):
    """Before any image is read; the message says what may be given."""
    with pytest.raises(ValueError, match=message):
        NiftiMasker(mask_img, **options).fit()


def test_nothing_to_make_a_mask_of_is_refused():
    """Neither a mask nor images."""
    with pytest.raises(ValueError, match="There is no mask_img to use and no image"):
        NiftiMasker().fit()


def test_wrong_images_and_runs_are_refused(bold, make_image, data, mask_img):
    """Two images at once, an empty mask, labels of another length."""
    masker = NiftiMasker(mask_img).fit()

    with pytest.raises(ValueError, match="Got 2 images; transform takes one 4D image"):
        masker.transform([bold, bold])
    with pytest.raises(DataError, match="The mask image is empty"):
        NiftiMasker(make_image(np.zeros(SHAPE))).fit()
    with pytest.raises(ValueError, match=r"runs has shape \(3,\); .* expected one label"):
        NiftiMasker(mask_img, runs=[0, 1, 2]).fit_transform(bold)
    with pytest.raises(ValueError, match=r"bold\.nii\.gz have 3 rows but the run has 60"):
        masker.transform(bold, confounds=np.zeros((3, 1)))


# ---- warnings -----------------------------------------------------------------------------------


def test_what_is_noticed_is_told_once_and_by_name(save_image, data, mask_img, tmp_path):
    """All of it in one warning that names the file, from the cache as well."""
    data[4, 4, 4, 3] = np.nan
    data[5, 5, 4] = 7
    path = save_image(data, "odd_bold.nii.gz")
    masker = NiftiMasker(mask_img, standardize=True, memory=tmp_path / "cache").fit()

    for _ in range(2):
        with pytest.warns(DataWarning, match=r"odd_bold.*1 values were NaN.*voxels are") as caught:
            masker.transform(path)
        assert len(caught) == 1
        assert Path(caught[0].filename).name == Path(__file__).name


# ---- the cache ----------------------------------------------------------------------------------


@pytest.fixture
def extractions(monkeypatch):
    """The runs that were really read, by name."""
    read = []
    read_into = preparation.read_into

    def counted(signals, run, *args, **kwargs):
        read.append(Path(run.name).name)
        return read_into(signals, run, *args, **kwargs)

    monkeypatch.setattr(preparation, "read_into", counted)
    return read


def test_signals_are_computed_once(bold, mask_img, tmp_path, extractions):
    """A second transform reads no image, whatever the file is called by then."""
    masker = NiftiMasker(mask_img, standardize=True, memory=tmp_path / "cache")
    first = masker.fit_transform(bold)
    again = clone(masker).fit_transform(bold)
    renamed = bold.rename(bold.with_name("other.nii.gz"))
    by_other_name = masker.transform(renamed)

    assert extractions == ["bold.nii.gz"]
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(by_other_name, first)


def test_what_changes_the_signals_is_computed_again(
    save_image, data, mask_img, confounds, tmp_path, extractions
):
    """Another content, parameter, confound or division into runs."""
    masker = NiftiMasker(mask_img, standardize=True, memory=tmp_path / "cache").fit()
    path = save_image(data)
    masker.transform(path)
    masker.transform(path, confounds=confounds)
    masker.transform(path, confounds=confounds + np.eye(N_TIMEPOINTS, 3))
    clone(masker).set_params(smoothing_fwhm=6.0).fit().transform(path)
    clone(masker).set_params(runs=np.repeat([0, 1], 30)).fit().transform(path)
    data[5, 5, 4, 7] += 1
    masker.transform(save_image(data))

    assert len(extractions) == 6


def test_signals_from_the_cache_can_be_changed(bold, mask_img, tmp_path):
    """They are the user's own, and what he does to them does not reach the cache."""
    masker = NiftiMasker(mask_img, memory=tmp_path / "cache").fit()
    expected = NiftiMasker(mask_img).fit().transform(bold)

    for _ in range(2):
        X = masker.transform(bold)
        assert type(X) is np.ndarray
        np.testing.assert_array_equal(X, expected)
        X[...] = 0


def test_the_cache_holds_the_result_and_little_else(bold, mask_img, tmp_path):
    """Keys are hashes of content: neither the 4D image nor the mask is pickled beside it."""
    X = NiftiMasker(mask_img, memory=tmp_path / "cache").fit_transform(bold)

    n_bytes = sum(path.stat().st_size for path in (tmp_path / "cache").rglob("*.*"))
    assert X.nbytes <= n_bytes < X.nbytes + 20_000


# ---- as nilearn's takes and gives ---------------------------------------------------------------


def test_3d_images_are_rows(make_image, data, mask_img):
    """One gives a row without its dimension, a list a row for each; the mask may come of them."""
    volumes = [make_image(data[..., i]) for i in range(3)]
    masker = NiftiMasker(mask_img).fit()

    rows = masker.transform(volumes)

    np.testing.assert_array_equal(rows, masker.transform(make_image(data))[:3])
    np.testing.assert_array_equal(masker.transform(volumes[0]), rows[0])
    assert masker.inverse_transform(rows[0]).shape == SHAPE
    by_volumes = NiftiMasker(mask_strategy="background").fit(volumes).mask_img_
    by_run = NiftiMasker(mask_strategy="background").fit(make_image(data[..., :3])).mask_img_
    np.testing.assert_array_equal(by_volumes.dataobj, by_run.dataobj)


@pytest.mark.parametrize("memory", [False, True])
def test_frames_are_left_out(make_image, data, mask_img, tmp_path, memory):
    """As nilearn leaves them out, of runs recorded apart as well, and apart in a cache."""
    img, options = make_image(data), {"standardize": "zscore_sample", "detrend": True}
    runs = np.repeat([0, 1], [30, data.shape[-1] - 30])
    kept = np.delete(np.arange(data.shape[-1]), [0, 9, 10])
    masks = [np.arange(3, 30), np.arange(20)]
    memory = str(tmp_path) if memory else None
    ours = NiftiMasker(mask_img, memory=memory, **options).fit()
    theirs = nilearn.maskers.NiftiMasker(mask_img, **options).fit()

    whole = ours.transform(img)
    left = ours.transform(img, sample_mask=kept)
    by_runs = ours.set_params(runs=runs).transform(img, sample_mask=masks)

    assert len(whole) == data.shape[-1]
    np.testing.assert_allclose(left, theirs.transform(img, sample_mask=kept), atol=2e-4)
    expected = theirs.set_params(runs=runs).transform(img, sample_mask=masks)
    np.testing.assert_allclose(by_runs, expected, atol=2e-4)


@pytest.mark.parametrize("what", ["whole-brain", "gm", "wm"])
def test_masks_of_the_template_equal_nilearn(make_image, what):
    """MNI152, its grey and its white matter, on the grid of an image in that space."""
    affine = nib.affines.from_matvec(np.diag([6.0, 6, 6]), [-90, -126, -72])
    img = make_image(np.ones((31, 37, 31), np.float32), affine)
    options = {"mask_strategy": f"{what}-template"}

    ours = NiftiMasker(**options).fit(img).mask_img_
    theirs = nilearn.maskers.NiftiMasker(**options, standardize=None).fit(img).mask_img_

    same = np.asarray(ours.dataobj) == np.asarray(theirs.dataobj)
    assert same.mean() > 0.999
    assert NiftiMasker(**options).fit(make_image(np.ones((31, 37, 31, 3), "f4"), affine))


def test_voxels_have_names(make_image, data, mask_img):
    """As nilearn calls them, in a table of pandas; a single volume stays a row of it."""
    masker = NiftiMasker(mask_img).set_output(transform="pandas")

    table = masker.fit_transform(make_image(data[..., 0]))

    assert table.shape == (1, masker.n_elements_)
    assert list(table.columns[:2]) == ["niftimasker0", "niftimasker1"]


def test_images_in_memory_do_not_travel_in_a_pickle(make_image, data, mask_img):
    """What a report would show stays where it was fitted; the report is still given."""
    img = make_image(data)
    masker = NiftiMasker(mask_img).fit(img)

    again = pickle.loads(pickle.dumps(masker))

    assert again._seen_imgs is None
    assert masker._seen_imgs is img
    assert NiftiMasker(mask_img, reports=False).fit(img)._seen_imgs is None
    np.testing.assert_array_equal(again.transform(img), masker.transform(img))
