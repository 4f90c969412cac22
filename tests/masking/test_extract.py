"""Into the mask and back, against nilearn, and what it costs."""

import tracemalloc

import nibabel as nib
import nilearn.masking
import numpy as np
import pytest
from nilearn.image import resample_img, smooth_img

from nbica.exceptions import DataWarning
from nbica.image import frames
from nbica.image.run import load_run
from nbica.masking import apply_mask, unmask
from nbica.masking.extract import extract
from nbica.masking.mask import Mask, load_mask
from nbica.masking.preparation import Preparation, prepare
from nbica.signal import Cleaning

pytestmark = pytest.mark.exact("values are those of the image, to the bit")

SHAPE = (12, 11, 9)

# Of the largest value: three float32 products, each a sum of at most a few dozen terms.
SMOOTHING = 2e-6


@pytest.fixture
def mask_img(rng, make_image):
    """A blob with holes, touching two faces of the volume."""
    mask = np.zeros(SHAPE, np.uint8)
    mask[2:9, :8, 3:] = rng.random((7, 8, 6)) > 0.2
    return make_image(mask)


@pytest.fixture
def data(rng):
    return (1000 + 30 * rng.standard_normal((*SHAPE, 10))).astype(np.float32)


# ---- in -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("fwhm", [None, 6.0, (4.0, 0.0, 9.0), 70.0], ids=str)
@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz", None])
def test_apply_mask_equals_nilearn(save_image, make_image, data, mask_img, name, fwhm):
    """The same rows and columns, smoothed or not, from a file or from memory."""
    img = save_image(data, name) if name else make_image(data)

    ours = apply_mask(img, mask_img, smoothing_fwhm=fwhm)

    smooth = smooth_img(make_image(data.astype(float)), fwhm)
    expected = nilearn.masking.apply_mask(smooth, mask_img)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, expected, rtol=0, atol=SMOOTHING * data.max())


def test_columns_are_in_c_order(make_image, mask_img, data):
    """Column j is the j-th voxel of the mask's array in C order."""
    ours = apply_mask(make_image(data), mask_img)

    np.testing.assert_array_equal(ours, data[mask_img.get_fdata() > 0].T)


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.int64])
def test_a_volume_gives_one_row(save_image, make_image, data, mask_img, dtype):
    """A 3D image of any type, from a file or from memory, becomes a vector."""
    volume = data[..., 0].astype(dtype)

    for img in (make_image(volume), save_image(volume, "volume.nii.gz")):
        ours = apply_mask(img, mask_img)
        np.testing.assert_array_equal(ours, volume[mask_img.get_fdata() > 0])


def test_the_type_of_the_result_can_be_chosen(make_image, mask_img, data):
    """float64 holds the float32 values."""
    ours = apply_mask(make_image(data), mask_img, dtype=np.float64)

    assert ours.dtype == np.float64
    np.testing.assert_array_equal(ours, apply_mask(make_image(data), mask_img))


def test_another_grid_is_resampled_with_a_warning(make_image, mask_img, data):
    """The image goes to the mask's grid, as with nilearn's resampling, and is named."""
    affine = np.diag([3.5, 3.5, 3.5, 1.0])
    affine[:3, 3] = [-5, -25, -20]
    img = make_image(data, affine)

    with pytest.warns(DataWarning, match=r"image in memory: on a grid of \(12, 11, 9\) with anoth"):
        ours = apply_mask(img, mask_img)

    resampled = resample_img(img, mask_img.affine, SHAPE, clip=False)
    expected = nilearn.masking.apply_mask(resampled, mask_img)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-6 * data.max())


def test_values_that_are_not_finite_are_zero_before_smoothing(make_image, mask_img, data):
    """They are counted and told of; their neighbours stay numbers, as with zeros in their place."""
    zeroed = data.copy()
    data[4, 4, 5, 2], data[5, 5, 5, 3], zeroed[4, 4, 5, 2], zeroed[5, 5, 5, 3] = (
        np.nan,
        np.inf,
        0,
        0,
    )

    with pytest.warns(DataWarning, match="2 values were NaN or infinite; set to 0"):
        ours = apply_mask(make_image(data), mask_img, smoothing_fwhm=8.0)

    expected = apply_mask(make_image(zeroed), mask_img, smoothing_fwhm=8.0)
    np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("block_bytes", [1, 1e4, 1e9])
def test_blocks_do_not_matter(save_image, data, mask_img, monkeypatch, block_bytes):
    """Frame by frame or all at once, the signals agree to rounding."""
    run, mask = load_run(save_image(data)), load_mask(mask_img)
    expected = extract(run, mask, 6.0).signals

    monkeypatch.setattr(frames, "BLOCK_BYTES", block_bytes)

    ours = extract(run, mask, 6.0).signals
    np.testing.assert_allclose(ours, expected, rtol=0, atol=SMOOTHING * data.max())


@pytest.mark.parametrize("fwhm", [None, 6.0])
def test_extracting_takes_the_memory_of_its_result(rng, save_image, monkeypatch, fwhm):
    """Beside the result, a few blocks: never the 4D array, which is twenty times larger."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", 4e5)
    shape, n_timepoints = (40, 40, 30), 120
    array = np.zeros(shape, bool)
    array[10:25, 10:25, 10:20] = True
    mask = Mask(array, nib.load(save_image(np.zeros((*shape, 1), np.uint8), "a.nii")).affine)
    path = save_image(rng.integers(0, 9, (*shape, n_timepoints)).astype(np.uint8))
    result_bytes = n_timepoints * mask.n_voxels * 4

    tracemalloc.start()
    signals, _ = extract(load_run(path), mask, fwhm)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert signals.nbytes == result_bytes
    assert 4 * np.prod(shape) * n_timepoints > 20 * result_bytes
    assert peak < 1.5 * result_bytes + 4 * 4e5


# ---- back ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "i4", "u1"])
@pytest.mark.parametrize("n_rows", [None, 1, 3])
def test_unmask_equals_nilearn(rng, mask_img, n_rows, dtype):
    """4D for rows, 3D for a vector, 0 outside, the type kept."""
    n_voxels = load_mask(mask_img).n_voxels
    X = (100 * rng.random(n_voxels if n_rows is None else (n_rows, n_voxels))).astype(dtype)

    ours = unmask(X, mask_img)

    expected = nilearn.masking.unmask(X, mask_img)
    assert ours.shape == expected.shape
    assert ours.get_data_dtype() == X.dtype
    np.testing.assert_array_equal(ours.get_fdata(), expected.get_fdata())
    np.testing.assert_array_equal(ours.affine, mask_img.affine)
    np.testing.assert_array_equal(apply_mask(ours, mask_img), X.astype(np.float32))


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint64, np.float16])
def test_types_that_few_can_read_are_widened(mask_img, tmp_path, dtype):
    """The image can be saved and read back, and holds the same numbers."""
    X = np.arange(load_mask(mask_img).n_voxels).astype(dtype)

    nib.save(unmask(X, mask_img), tmp_path / "map.nii.gz")

    np.testing.assert_array_equal(apply_mask(tmp_path / "map.nii.gz", mask_img), X)


def test_there_and_back(make_image, mask_img, data):
    """What was in the mask is where it was."""
    img = unmask(apply_mask(make_image(data), mask_img), mask_img)

    inside = mask_img.get_fdata()[..., np.newaxis] > 0
    np.testing.assert_array_equal(img.get_fdata(), np.where(inside, data, 0))


@pytest.mark.parametrize("shape", [(3, 5), (5,), (), (2, 3, 5)])
def test_arrays_of_another_mask_are_refused(mask_img, shape):
    """The message holds both numbers of voxels."""
    with pytest.raises(ValueError, match=r"Got an array of shape .*; this mask has \d+ voxels"):
        unmask(np.zeros(shape), mask_img)


# ---- preparing a run ----------------------------------------------------------------------------


def test_preparing_tells_what_it_noticed(save_image, mask_img, data):
    """Values that are not finite and constant voxels; nothing for a sound run."""
    preparation = Preparation(load_mask(mask_img), None, Cleaning())
    assert prepare(load_run(save_image(data)), preparation)[1] == []
    first, second = np.argwhere(preparation.mask.array)[:2]
    data[(*first, 0)] = np.nan
    data[tuple(second)] = 5

    _, notices = prepare(load_run(save_image(data)), preparation)

    assert notices[0] == "1 values were NaN or infinite; set to 0"
    assert notices[1] == f"1 of {preparation.mask.n_voxels} voxels are constant"


def test_preparing_a_run_of_zeros_says_so(save_image, mask_img):
    """It adds nothing, and the signals are 0 rather than NaN."""
    run = load_run(save_image(np.zeros((*SHAPE, 5), np.float32)))

    signals, notices = prepare(run, Preparation(load_mask(mask_img), 6.0, Cleaning()))

    assert notices == ["all voxels of the mask are constant: the run adds nothing"]
    assert not signals.any()


def test_the_key_of_a_preparation_is_its_content(mask_img):
    """Equal parameters and masks give one key; any other parameter gives another."""
    mask = load_mask(mask_img)
    other = mask.array.copy()
    other[0, 0, 0] = True
    key = Preparation(mask, 6.0, Cleaning()).key()

    assert Preparation(load_mask(mask_img), 6.0, Cleaning(standardize=True)).key() == key
    assert len(str(key)) < 300
    different = [
        Preparation(mask, 5.0, Cleaning()),
        Preparation(mask, 6.0, Cleaning(detrend=False)),
        Preparation(mask, 6.0, Cleaning(low_pass=0.1, t_r=2.0)),
        Preparation(Mask(other, mask.affine), 6.0, Cleaning()),
        Preparation(Mask(mask.array, 2 * mask.affine), 6.0, Cleaning()),
    ]
    assert len({key, *(preparation.key() for preparation in different)}) == 6
