"""Signals of regions against nilearn's maskers; streamed, cached, and where they refuse."""

import pickle
import tracemalloc
import warnings

import nibabel as nib
import nilearn.maskers
import numpy as np
import pandas as pd
import pytest
from nilearn.image import resample_img
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import nbica
from nbica import NiftiLabelsMasker, NiftiMapsMasker
from nbica.exceptions import DataError, DataWarning
from nbica.masking.regions import STRATEGIES

pytestmark = pytest.mark.exact("signals are nilearn's, to the last digits")

SHAPE = (10, 11, 9)
N_TIMEPOINTS = 60
T_R = 2.0

# Of the largest value. Frames are read, and smoothed, in float32; a mean over a region and the
# cleaning are computed in float64, so what is left is far below the 5e-5 of single voxels.
FLOAT32 = 2e-5


@pytest.fixture
def data(rng):
    """A head of 1000 with drift and noise of its own in each corner."""
    noise = 20 * rng.standard_normal((*SHAPE, N_TIMEPOINTS))
    drift = np.linspace(0, 50, N_TIMEPOINTS)
    return (1000 + noise + drift).astype(np.float32)


@pytest.fixture
def bold(save_image, data):
    return save_image(data)


@pytest.fixture
def confounds(rng):
    return rng.standard_normal((N_TIMEPOINTS, 3)).cumsum(axis=0)


@pytest.fixture
def labels_img(make_image):
    """Five regions of different sizes; numbers with a gap, the background between them."""
    labels = np.zeros(SHAPE, np.int16)
    labels[1:5, 1:6, 1:8] = 3
    labels[6:9, 2:9, 2:5] = 1
    labels[6:9, 2:9, 6:8] = 7
    labels[1:4, 7:10, 2:7] = 12
    labels[5, 5, 5] = 40
    return make_image(labels)


@pytest.fixture
def maps_img(rng, make_image):
    """Three maps that overlap, one with negative weights."""
    maps = np.zeros((*SHAPE, 3), np.float32)
    maps[1:6, 1:8, 1:7, 0] = rng.random((5, 7, 6))
    maps[4:9, 2:9, 2:8, 1] = rng.random((5, 7, 6))
    maps[3:8, 5:10, 3:6, 2] = rng.standard_normal((5, 5, 3))
    return make_image(maps)


@pytest.fixture
def mask_img(make_image):
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:8, 1:9, 2:7] = 1
    return make_image(mask)


def oracle(masker, img, confounds=None):
    """Signals of nilearn's masker."""
    with warnings.catch_warnings(action="ignore"):
        return masker.fit_transform(img, confounds=confounds)


def assert_close(ours, expected, atol=FLOAT32):
    np.testing.assert_allclose(ours, expected, rtol=0, atol=atol * np.abs(expected).max())


# ---- against nilearn ----------------------------------------------------------------------------

CLEANINGS = [
    {},
    {"standardize": "zscore_sample", "detrend": True},
    {"standardize": "psc", "smoothing_fwhm": 6.0},
    {"standardize": True, "low_pass": 0.1, "high_pass": 0.01, "t_r": T_R},
    {"detrend": True, "standardize_confounds": False, "smoothing_fwhm": 4.0},
]


@pytest.mark.parametrize("with_confounds", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("options", CLEANINGS)
def test_means_of_labels_equal_nilearn(
    make_image, bold, data, labels_img, mask_img, confounds, options, masked, with_confounds
):
    """Mean signals of regions: smoothed, masked and cleaned, in nilearn's order of columns."""
    options = {"labels_img": labels_img, "mask_img": mask_img if masked else None} | options
    confounds = confounds if with_confounds else None

    ours = NiftiLabelsMasker(**options).fit_transform(bold, confounds=confounds)

    img = make_image(data.astype(float))
    assert ours.shape == (N_TIMEPOINTS, 5)
    assert_close(ours, oracle(nilearn.maskers.NiftiLabelsMasker(**options), img, confounds))


@pytest.mark.parametrize("with_confounds", [True, False])
@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize("options", CLEANINGS)
def test_fits_of_maps_equal_nilearn(
    make_image, bold, data, maps_img, mask_img, confounds, options, masked, with_confounds
):
    """Least squares on overlapping maps, masked and cleaned."""
    options = {"maps_img": maps_img, "mask_img": mask_img if masked else None} | options
    confounds = confounds if with_confounds else None

    ours = NiftiMapsMasker(**options).fit_transform(bold, confounds=confounds)

    img = make_image(data.astype(float))
    theirs = nilearn.maskers.NiftiMapsMasker(**options, keep_masked_maps=False)
    assert_close(ours, oracle(theirs, img, confounds))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_strategy_equals_nilearn(make_image, bold, data, labels_img, strategy):
    """What stands for a region may be more than its mean."""
    # Without the region of one voxel: it has no variance, which is told.
    options = {"labels_img": big(labels_img), "strategy": strategy}

    ours = NiftiLabelsMasker(**options).fit_transform(bold)

    img = make_image(data.astype(float))
    assert_close(ours, oracle(nilearn.maskers.NiftiLabelsMasker(**options), img))


COARSE = np.array([[-4.0, 0, 0, 29], [0, 3.5, 0, -24], [0, 0, 4.5, -19], [0, 0, 0, 1]])


@pytest.mark.parametrize("kind", ["labels", "maps"])
def test_an_atlas_on_another_grid_comes_to_the_image(make_image, rng, labels_img, maps_img, kind):
    """By nearest neighbour, or linear, as nilearn's resampling_target="data"."""
    img = make_image(1000 + rng.standard_normal((7, 8, 8, 5)), affine=COARSE)
    ours, theirs, atlas = {
        "labels": (NiftiLabelsMasker, nilearn.maskers.NiftiLabelsMasker, big(labels_img)),
        "maps": (NiftiMapsMasker, nilearn.maskers.NiftiMapsMasker, maps_img),
    }[kind]

    signals = ours(atlas).fit_transform(img)

    expected = oracle(theirs(atlas), img)
    assert signals.shape == expected.shape
    assert_close(signals, expected, atol=1e-6)
    # Fitted to nothing, the atlas comes to the image all the same.
    np.testing.assert_array_equal(ours(atlas).fit().transform(img), signals)


def big(labels_img):
    """The same without the region of one voxel, which another grid may miss."""
    labels = np.asarray(labels_img.dataobj)
    return nib.Nifti1Image(np.where(labels == 40, 0, labels).astype(np.int16), labels_img.affine)


@pytest.mark.parametrize("kind", ["labels", "maps"])
def test_or_the_image_comes_to_the_atlas(make_image, rng, labels_img, maps_img, kind):
    """By cubic splines, and the run is named in a warning."""
    img = make_image(1000 + rng.standard_normal((7, 8, 8, 5)), affine=COARSE)
    ours, theirs, atlas = {
        "labels": (NiftiLabelsMasker, nilearn.maskers.NiftiLabelsMasker, labels_img),
        "maps": (NiftiMapsMasker, nilearn.maskers.NiftiMapsMasker, maps_img),
    }[kind]
    masker = ours(atlas, resampling_target=kind).fit()

    with pytest.warns(DataWarning, match="resampled to"):
        signals = masker.transform(img)

    # Step by step, because nilearn's masker clips what it resamples to the range of the image.
    resampled = resample_img(img, atlas.affine, SHAPE, clip=False)
    assert_close(signals, oracle(theirs(atlas), resampled), atol=1e-6)


@pytest.mark.parametrize("rows", [(4,), ()])
def test_the_way_back_equals_nilearn(rng, bold, labels_img, maps_img, rows):
    """Signals as images, 4D or 3D."""
    for ours, theirs, atlas in (
        (NiftiLabelsMasker, nilearn.maskers.NiftiLabelsMasker, labels_img),
        (NiftiMapsMasker, nilearn.maskers.NiftiMapsMasker, maps_img),
    ):
        ours, theirs = ours(atlas).fit(), theirs(atlas).fit()
        signals = rng.standard_normal((*rows, ours.n_elements_))

        img = ours.inverse_transform(signals)

        expected = theirs.inverse_transform(signals)
        np.testing.assert_allclose(img.get_fdata(), expected.get_fdata(), atol=1e-6)
        np.testing.assert_array_equal(img.affine, expected.affine)


# ---- what is lost is told -----------------------------------------------------------------------


def test_regions_outside_the_mask_are_dropped_by_name(make_image, bold, data, labels_img):
    """As nilearn drops their columns; a warning names them."""
    mask = np.ones(SHAPE, np.uint8)
    mask[6:9, :, 2:5] = 0
    options = {"labels_img": labels_img, "mask_img": make_image(mask)}
    masker = NiftiLabelsMasker(**options, labels=["bg", "one", "three", "seven", "twelve", "dot"])

    with pytest.warns(DataWarning, match="leaves nothing of one: dropped"):
        ours = masker.fit_transform(bold)

    expected = oracle(nilearn.maskers.NiftiLabelsMasker(**options), make_image(data.astype(float)))
    assert_close(ours, expected)
    assert masker.region_ids_ == {"background": 0, 0: 3, 1: 7, 2: 12, 3: 40}
    assert list(masker.region_names_.values()) == ["three", "seven", "twelve", "dot"]


def test_maps_outside_the_mask_are_dropped(make_image, bold, maps_img):
    """The indices of those that stay are known."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 1:8, 1:7] = 1
    masker = NiftiMapsMasker(maps_img, make_image(mask))

    with pytest.warns(DataWarning, match="map 1, map 2"):
        signals = masker.fit_transform(bold)

    assert masker.kept_.tolist() == [0]
    assert signals.shape == (N_TIMEPOINTS, 1)


def test_a_region_lost_on_a_coarse_grid_keeps_its_column(make_image, rng, labels_img):
    """Columns mean the same in all runs: the lost one is 0, with a warning that names it."""
    img = make_image(1000 + rng.standard_normal((7, 8, 8, 5)), affine=COARSE)
    masker = NiftiLabelsMasker(labels_img).fit()

    with pytest.warns(DataWarning, match=r"columns \[4\]: they are 0"):
        signals = masker.transform(img)

    assert not signals[:, 4].any()
    assert_close(signals[:, :4], NiftiLabelsMasker(big(labels_img)).fit_transform(img), atol=0)


def test_values_that_are_not_finite_are_told(make_image, data, labels_img):
    """They become 0, as everywhere."""
    data[3, 3, 3, 4] = np.nan

    with pytest.warns(DataWarning, match="1 values were NaN"):
        signals = NiftiLabelsMasker(labels_img).fit_transform(make_image(data))

    assert np.isfinite(signals).all()


def test_an_atlas_elsewhere_is_refused(make_image, data, labels_img):
    """No signals of nothing."""
    far = labels_img.affine.copy()
    far[:3, 3] += 1000

    with pytest.raises(DataError, match="No region of the atlas is left"):
        NiftiLabelsMasker(labels_img).fit().transform(make_image(data, affine=far))


# ---- names --------------------------------------------------------------------------------------


@pytest.mark.parametrize("has_background", [True, False])
def test_names_equal_nilearn(bold, labels_img, has_background):
    """A list of names, with or without the background, or a table."""
    labels = ["Background"] * has_background + ["one", "three", "seven", "twelve", "dot"]
    lut = pd.DataFrame(
        {"index": [12, 3, 1, 7, 40], "name": ["twelve", "three", "one", "seven", "dot"]}
    )

    by_list = NiftiLabelsMasker(labels_img, labels=labels).fit()
    by_table = NiftiLabelsMasker(labels_img, lut=lut).fit()

    theirs = nilearn.maskers.NiftiLabelsMasker(
        labels_img, labels=["Background", *labels[-5:]]
    ).fit()
    assert by_list.region_names_ == by_table.region_names_ == theirs.region_names_
    assert by_list.n_elements_ == theirs.n_elements_ == 5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["a", "b"]}, "2 labels for 5 regions"),
        ({"labels": ["a"], "lut": pd.DataFrame()}, "pass one of them"),
        ({"strategy": "mode"}, "standard_deviation"),
        ({"resampling_target": "maps"}, "expected one of 'data', 'labels', None"),
        ({"standardize": "z"}, "standardize"),
        ({"low_pass": 0.1}, "t_r"),
        ({"smoothing_fwhm": -1}, "fwhm"),
        ({"dtype": "int8"}, "float type"),
    ],
)
def test_unknown_options_are_refused_before_any_reading(labels_img, options, message):
    """An error says what may be."""
    with pytest.raises(ValueError, match=message):
        NiftiLabelsMasker(labels_img, **options).fit()


def test_what_is_no_atlas_is_refused(make_image, maps_img, labels_img):
    """Fractions are no labels, 3D is no set of maps, nothing is nothing."""
    one_map = nib.Nifti1Image(np.asarray(maps_img.dataobj)[..., 0], maps_img.affine)
    with pytest.raises(DataError, match="fractions"):
        NiftiLabelsMasker(one_map).fit()
    with pytest.raises(DataError, match="expected 4D"):
        NiftiMapsMasker(labels_img).fit()
    with pytest.raises(DataError, match="No region of"):
        NiftiLabelsMasker(make_image(np.zeros(SHAPE, np.int16))).fit()
    with pytest.raises(TypeError, match="labels_img is a NoneType"):
        NiftiLabelsMasker().fit()


def test_overlap_and_other_grids_are_refused_when_asked(make_image, rng, maps_img, labels_img):
    """allow_overlap=False and resampling_target=None are checks."""
    with pytest.raises(ValueError, match="overlap"):
        NiftiMapsMasker(maps_img, allow_overlap=False).fit()
    img = make_image(rng.standard_normal((7, 8, 8, 5)), affine=COARSE)
    with pytest.raises(ValueError, match="resampling_target='data'"):
        NiftiLabelsMasker(labels_img, resampling_target=None).fit().transform(img)


def test_wrong_numbers_of_columns_and_images_are_refused(bold, labels_img):
    """One image in, as many columns back as there are regions."""
    masker = NiftiLabelsMasker(labels_img).fit()
    with pytest.raises(ValueError, match=r"expected \(n_rows, 5\)"):
        masker.inverse_transform(np.zeros((2, 4)))
    with pytest.raises(ValueError, match="2 images"):
        masker.transform([bold, bold])


def test_confounds_in_the_place_of_y_are_told(bold, labels_img, confounds):
    """The second argument is y, as in scikit-learn: a table there would be ignored in silence."""
    with pytest.warns(DataWarning, match="passed by name"):
        NiftiLabelsMasker(labels_img).fit_transform(bold, confounds)
    NiftiLabelsMasker(labels_img).fit_transform(bold, np.zeros(N_TIMEPOINTS))


# ---- as an estimator, with a cache, in little memory --------------------------------------------


@pytest.mark.parametrize("kind", [NiftiLabelsMasker, NiftiMapsMasker])
def test_is_an_estimator(bold, labels_img, maps_img, kind):
    """It clones, pickles, and says when it is not fitted."""
    masker = kind(labels_img if kind is NiftiLabelsMasker else maps_img, standardize=True)

    with pytest.raises(NotFittedError):
        masker.transform(bold)
    copy = clone(masker).fit(bold)
    np.testing.assert_array_equal(
        pickle.loads(pickle.dumps(copy)).transform(bold), masker.fit_transform(bold)
    )
    assert {
        name for name in vars(copy) if not name.startswith("_") and not name.endswith("_")
    } == set(copy.get_params())


@pytest.mark.parametrize("kind", [NiftiLabelsMasker, NiftiMapsMasker])
def test_parameters_are_those_of_nilearn(kind):
    """The names are nilearn's, and where nilearn has a default it is ours."""
    theirs = getattr(nilearn.maskers, kind.__name__)().get_params()

    assert all(theirs[name] == value for name, value in kind().get_params().items())


def test_a_cache_is_asked_before_the_file(tmp_path, bold, labels_img, confounds, n_reads):
    """The same run, regions and cleaning are read once; anything else is read anew."""
    options = {"labels_img": labels_img, "memory": tmp_path / "cache"}
    first = NiftiLabelsMasker(**options).fit_transform(bold, confounds=confounds)
    assert len(n_reads) == 1

    again = NiftiLabelsMasker(**options).fit_transform(bold, confounds=confounds)
    assert len(n_reads) == 1
    np.testing.assert_array_equal(again, first)
    again[0] = 0  # the user's own copy

    for changes in ({"detrend": True}, {"smoothing_fwhm": 5}, {"strategy": "median"}):
        before = len(n_reads)
        NiftiLabelsMasker(**(options | changes)).fit_transform(bold, confounds=confounds)
        assert len(n_reads) == before + 1, changes
    NiftiLabelsMasker(big(labels_img), memory=tmp_path / "cache").fit_transform(
        bold, confounds=confounds
    )
    assert len(n_reads) == 5


def test_memory_does_not_grow_with_the_run(tmp_path, rng):
    """Frames are summarised as they come: a run of 400 frames takes some blocks, not its size."""
    shape = (40, 40, 40, 400)
    path = tmp_path / "long.nii"
    nib.save(nib.Nifti1Image(rng.integers(0, 9, shape, np.int16), np.diag([2.0, 2, 2, 1])), path)
    labels = np.arange(40**3).reshape(shape[:3]) // 800
    masker = NiftiLabelsMasker(nib.Nifti1Image(labels.astype(np.int16), np.diag([2.0, 2, 2, 1])))
    masker.fit(path)

    tracemalloc.start()
    signals = masker.transform(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert signals.shape == (400, 79)
    # The cleaned matrix alone would take 102 MB.
    assert peak < 40e6


# ---- names, by number ---------------------------------------------------------------------------


def test_names_stay_with_their_numbers_when_regions_are_missing(make_image):
    """Of the names of 1, 2, 3 in an image of 1 and 3, the second is left out, and that is said."""
    labels = np.zeros((6, 6, 6), np.int16)
    labels[0], labels[3] = 1, 3
    masker = NiftiLabelsMasker(make_image(labels), labels=["Background", b"A", "B", "C"])

    with pytest.warns(DataWarning, match="no region B"):
        masker.fit()

    assert masker.region_names_ == {0: "A", 1: "C"}
    assert masker.region_ids_ == {"background": 0, 0: 1, 1: 3}
    assert masker.region_names_["background"] == "Background"
    assert masker.lut_.to_dict("list") == {"index": [0, 1, 3], "name": ["Background", "A", "C"]}


LARGE = [16777216, 16777217, 576073730, 2**31 + 5, 2**31 + 6]


def test_numbers_beyond_24_and_31_bits_are_kept_apart(make_image, rng):
    """Ids that float32 merges and int32 wraps are regions of their own, on another grid as well."""
    ids = np.repeat(np.array(LARGE, np.uint32), 3)[:, None, None] * np.ones((15, 9, 9), np.uint32)
    grid = np.diag([3.0, 3, 3, 1])
    grid[:3, 3] = 1
    data = rng.normal(100, 5, (5, 3, 3, 6)).astype(np.float32)
    masker = NiftiLabelsMasker(make_image(ids, affine=np.eye(4)))

    found = masker.fit_transform(make_image(data, affine=grid))

    np.testing.assert_allclose(found, data.mean(axis=(1, 2)).T, rtol=1e-5)
    assert masker.labels_[-5:] == LARGE
    assert np.unique(masker.labels_img_.dataobj).tolist() == LARGE


def test_a_lookup_table_may_be_a_file(tmp_path, labels_img):
    """Its names go by number, as those of the table in memory, and its colours stay."""
    lut = pd.DataFrame(
        {
            "index": [12, 3, 1, 7, 40],
            "name": list("abcde"),
            "color": ["#111", "#222", "#333", "#444", "#555"],
        }
    )
    lut.to_csv(tmp_path / "lut.tsv", sep="\t", index=False)

    masker = NiftiLabelsMasker(labels_img, lut=tmp_path / "lut.tsv").fit()

    assert list(masker.region_names_.values()) == ["c", "b", "d", "a", "e"]
    assert masker.lut_["color"].tolist()[1:] == ["#333", "#222", "#444", "#111", "#555"]


def test_tables_that_do_not_fit_say_so(labels_img):
    """A number twice, columns that are none, a region without a name."""
    twice = pd.DataFrame({"index": [1, 3, 3], "name": ["a", "b", "c"]})
    with pytest.raises(ValueError, match=r"more than one name for \[3\]"):
        NiftiLabelsMasker(labels_img, lut=twice).fit()
    with pytest.raises(ValueError, match="expected a table with 'index'"):
        NiftiLabelsMasker(labels_img, lut=pd.DataFrame({"number": [1]})).fit()
    with pytest.warns(DataWarning, match=r"no name for \[40\]"):
        NiftiLabelsMasker(
            labels_img, lut=pd.DataFrame({"index": [1, 3, 7, 12], "name": list("abcd")})
        ).fit()


# ---- as nilearn's take and give -----------------------------------------------------------------

KINDS = ("labels", "maps")


def both(kind, labels_img, maps_img, **options):
    """Our masker and nilearn's of one kind, with the same parameters."""
    name = {"labels": "NiftiLabelsMasker", "maps": "NiftiMapsMasker"}[kind]
    atlas = {"labels": labels_img, "maps": maps_img}[kind]
    return getattr(nbica, name)(atlas, **options), getattr(nilearn.maskers, name)(atlas, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_3d_images_are_rows(make_image, data, labels_img, maps_img, kind):
    """One gives a row without its dimension, a list a row for each, as in nilearn."""
    ours, theirs = both(kind, labels_img, maps_img)
    volumes = [make_image(data[..., i]) for i in range(3)]

    assert_close(ours.fit_transform(volumes[0]), oracle(theirs, volumes[0]))
    assert_close(ours.fit_transform(volumes), oracle(theirs, volumes))
    assert ours.fit_transform(volumes[0]).ndim == 1
    with pytest.raises(DataError, match="3D image 2 of 2 is on another grid"):
        ours.transform([volumes[0], make_image(data[..., 1], affine=np.eye(4))])


@pytest.mark.parametrize("kind", KINDS)
def test_frames_are_left_out(bold, data, make_image, confounds, labels_img, maps_img, kind):
    """As nilearn leaves them out, before the signals are cleaned."""
    kept = np.delete(np.arange(N_TIMEPOINTS), [0, 9, 10])
    ours, theirs = both(kind, labels_img, maps_img, standardize="zscore_sample", detrend=True)
    img = make_image(data.astype(float))

    expected = theirs.fit(img).transform(img, confounds=confounds, sample_mask=kept)

    assert_close(ours.fit(bold).transform(bold, confounds, kept), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_masked_away_may_keep_its_column(make_image, bold, labels_img, maps_img, kind):
    """As a column of 0."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[1:3, 1:6, 1:7] = 1
    keep = {"labels": "keep_masked_labels", "maps": "keep_masked_maps"}[kind]
    masker, _ = both(kind, labels_img, maps_img, mask_img=make_image(mask))
    masker.set_params(**{keep: True})

    with pytest.warns(DataWarning, match="kept as columns of 0"):
        masker.fit(bold)
    with pytest.warns(DataWarning, match="they are 0"):
        signals = masker.transform(bold)

    n_all = {"labels": 5, "maps": 3}[kind]
    assert signals.shape == (N_TIMEPOINTS, n_all)
    assert 0 < np.count_nonzero(signals.any(axis=0)) < n_all


def test_tables_have_the_regions_names(bold, labels_img):
    """`set_output` gives DataFrames of pandas or polars, a clone as well, and arrays again."""
    names = ["one", "three", "seven", "twelve", "dot"]
    masker = NiftiLabelsMasker(labels_img, labels=names).set_output(transform="pandas")
    array = NiftiLabelsMasker(labels_img).fit_transform(bold)

    table = clone(masker).fit_transform(bold)
    other = masker.set_output(transform="polars").fit_transform(bold)

    assert isinstance(table, pd.DataFrame)
    assert list(table.columns) == names == other.columns
    np.testing.assert_array_equal(table.to_numpy(), array)
    np.testing.assert_array_equal(other.to_numpy(), array)
    assert isinstance(masker.set_output(transform="default").transform(bold), np.ndarray)
    with pytest.raises(ValueError, match="expected one of default, pandas, polars"):
        masker.set_output(transform="csv")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_a_report_shows_the_regions(bold, labels_img, maps_img, kind):
    """Nilearn's page, with a picture; before a fit it says that there is none."""
    masker, _ = both(kind, labels_img, maps_img)

    empty, page = masker.generate_report().body, masker.fit(str(bold)).generate_report().body

    assert "image/svg+xml;base64" in page or "image/png;base64" in page
    assert "not been fit" in empty
    assert len(pickle.dumps(masker)) < 100_000


def test_maps_may_come_to_the_mask(make_image, bold, maps_img, mask_img):
    """With `resampling_target="mask"`, which needs one."""
    masker = NiftiMapsMasker(maps_img, mask_img, resampling_target="mask").fit(bold)

    assert masker.maps_img_.shape == (*mask_img.shape, 3)
    with pytest.raises(ValueError, match="there is no mask_img"):
        NiftiMapsMasker(maps_img, resampling_target="mask").fit(bold)


def test_a_mask_elsewhere_is_refused_where_nothing_is_resampled(make_image, bold, labels_img):
    """`resampling_target=None` means all three: image, atlas and mask."""
    mask = make_image(np.ones((10, 11, 12), np.uint8))

    with pytest.raises(ValueError, match="The mask_img is on a grid of"):
        NiftiLabelsMasker(labels_img, mask_img=mask, resampling_target=None).fit(bold)


def test_the_most_variable_voxels_are_confounds(bold, data, make_image, labels_img):
    """As in nilearn; together with others that are given."""
    options = {"high_variance_confounds": True, "standardize": None, "detrend": True}
    img = make_image(data.astype(float))
    expected = oracle(nilearn.maskers.NiftiLabelsMasker(labels_img, **options), img)

    assert_close(NiftiLabelsMasker(labels_img, **options).fit_transform(bold), expected, 1e-3)


def test_clean_args_go_on_to_the_cleaning(bold, data, make_image, labels_img):
    """A filter by cosines, as nilearn's; what there is not is refused."""
    options = {"high_pass": 0.01, "t_r": T_R, "standardize": None}
    options["clean_args"] = {"filter": "cosine"}
    expected = oracle(nilearn.maskers.NiftiLabelsMasker(labels_img, **options), make_image(data))

    assert_close(NiftiLabelsMasker(labels_img, **options).fit_transform(bold), expected)
    with pytest.raises(TypeError, match="clean_args takes no depth"):
        NiftiLabelsMasker(labels_img, clean_args={"depth": 2}).fit()
