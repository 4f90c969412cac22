"""An image in, an image out: nilearn's functions give the same."""

import nibabel as nib
import numpy as np
import pytest
from nilearn import image as theirs

from nbica.exceptions import DataError, DataWarning
from nbica.image.operations import index_img, mean_img, resample_img, resample_to_img, smooth_img

pytestmark = pytest.mark.exact("images are nilearn's, to the last digits")

# Of the largest value: sums and splines in float32 against float64.
CLOSE = 3e-6
# Crooked numbers: where a voxel falls right between two, rounding decides which is nearest.
OBLIQUE = np.array(
    [
        [2.917, -0.613, 0.131, -10.37],
        [0.523, 3.117, -0.219, -12.71],
        [0.227, 0.331, 3.913, -15.23],
        [0.0, 0.0, 0.0, 1.0],
    ]
)


@pytest.fixture
def run_img(rng, make_image):
    """A short run of a smooth object on anisotropic voxels, flipped along x."""
    data = 100 + 10 * rng.standard_normal((12, 14, 10, 5))
    return make_image(data.astype(np.float32))


def assert_same(ours, other, tolerance=CLOSE):
    """Values, place and time between frames are the same."""
    other_data = other.get_fdata()
    np.testing.assert_allclose(ours.affine, other.affine, atol=1e-6)
    np.testing.assert_allclose(
        ours.get_fdata(), other_data, rtol=0, atol=tolerance * np.abs(other_data).max()
    )
    assert ours.header.get_zooms()[3:] == other.header.get_zooms()[3:]


@pytest.mark.parametrize("fwhm", [6.0, (4.0, 0.5, 8.0)])
def test_smooth_img_equals_nilearn(run_img, fwhm):
    """A run and a volume are smoothed as nilearn smooths them."""
    assert_same(smooth_img(run_img, fwhm), theirs.smooth_img(run_img, fwhm))
    volume = index_img(run_img, 1)
    assert_same(smooth_img(volume, fwhm), theirs.smooth_img(volume, fwhm))


def test_smooth_img_takes_a_list_and_no_width(run_img):
    """A list gives a list; None changes nothing."""
    (same,) = smooth_img([run_img], None)

    np.testing.assert_array_equal(same.get_fdata(), run_img.get_fdata())


def test_smooth_img_says_what_was_not_finite(run_img):
    """Values that are not finite count as 0, as in nilearn, and a warning says how many."""
    data = run_img.get_fdata(dtype=np.float32).copy()
    data[3, 4, 5, :2] = np.nan, np.inf
    holed = nib.Nifti1Image(data, run_img.affine, run_img.header)

    with pytest.warns(DataWarning, match="2 values were NaN or infinite") as caught:
        ours = smooth_img(holed, 5)

    assert caught[0].filename == __file__
    assert_same(ours, theirs.smooth_img(holed, 5))


@pytest.mark.parametrize("interpolation", ["continuous", "linear", "nearest"])
@pytest.mark.parametrize(
    ("affine", "shape"),
    [(OBLIQUE, (13, 12, 9)), (np.diag([4.0, 4.0, 4.0]), None), (OBLIQUE, None)],
    ids=["oblique", "4 mm", "oblique, all of it"],
)
def test_resample_img_equals_nilearn(run_img, interpolation, affine, shape):
    """Every interpolation, on oblique and parallel grids, gives nilearn's values."""
    ours = resample_img(run_img, affine, shape, interpolation)
    other = theirs.resample_img(run_img, affine, shape, interpolation)

    assert ours.shape == other.shape
    assert_same(ours, other)


def test_resample_to_img_equals_nilearn(run_img, rng, make_image):
    """The grid of another image, with the spline's overshoot, which nilearn leaves here."""
    target = make_image(rng.standard_normal((9, 8, 7, 2)), OBLIQUE)

    ours = resample_to_img(run_img, target)

    assert ours.shape == (9, 8, 7, 5)
    assert_same(ours, theirs.resample_to_img(run_img, index_img(target, 0)))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32", "int64", "float32"])
def test_labels_stay_labels(rng, make_image, dtype):
    """By "nearest" no value arises that was not there, and whole numbers stay whole numbers."""
    labels = make_image(rng.integers(0, 7, (8, 9, 10)).astype(dtype))

    moved = resample_img(labels, OBLIQUE, (9, 9, 9), "nearest")

    assert set(np.unique(moved.get_fdata())) <= set(range(7))
    assert moved.get_data_dtype() == np.dtype("int32" if dtype == "int64" else dtype)


def test_mean_img_equals_nilearn(run_img, save_image, rng):
    """The mean of a run, and the mean of the means of files on two grids."""
    other = save_image(rng.uniform(0, 9, (9, 9, 8, 4)).astype(np.float32), affine=OBLIQUE)

    assert_same(mean_img(run_img), theirs.mean_img(run_img))
    # A mean over one frame less or more would be off by a fraction of the noise, not by 1e-3.
    assert_same(mean_img([run_img, other]), theirs.mean_img([run_img, str(other)]), 1e-3)


def test_nothing_can_be_asked_for_by_mistake(run_img):
    """An unknown interpolation, a grid elsewhere, no images: each says what was expected."""
    with pytest.raises(ValueError, match="'cubic'; expected one of continuous, linear, nearest"):
        resample_img(run_img, np.eye(3), interpolation="cubic")
    elsewhere = nib.affines.from_matvec(np.eye(3), [500, 500, 500])
    with pytest.raises(ValueError, match="holds none of the image"):
        resample_img(run_img, elsewhere)
    with pytest.raises(ValueError, match="No images to average"):
        mean_img([])
    with pytest.raises(TypeError, match="expected a path or a nibabel image"):
        smooth_img([np.zeros((3, 3, 3))], 5)
    with pytest.raises(DataError, match="dimensions"):
        smooth_img(nib.Nifti1Image(np.zeros((3, 3)), np.eye(4)), 5)
