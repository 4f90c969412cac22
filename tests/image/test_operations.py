"""An image in, an image out: nilearn's functions give the same."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn import image as theirs
from nilearn.datasets import load_fsaverage
from nilearn.surface import SurfaceImage

from nbica.exceptions import DataError, DataWarning
from nbica.image.high_variance import high_variance_confounds
from nbica.image.operations import index_img, iter_img, mean_img, smooth_img

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


def test_mean_img_equals_nilearn(run_img, save_image, rng):
    """The mean of a run, and the mean of the means of files on two grids."""
    other = save_image(rng.uniform(0, 9, (9, 9, 8, 4)).astype(np.float32), affine=OBLIQUE)

    assert_same(mean_img(run_img), theirs.mean_img(run_img))
    # A mean over one frame less or more would be off by a fraction of the noise, not by 1e-3.
    assert_same(mean_img([run_img, other]), theirs.mean_img([run_img, str(other)]), 1e-3)


def test_nothing_can_be_asked_for_by_mistake():
    """No images, arrays, other dimensions: each says what was expected."""
    with pytest.raises(ValueError, match="No images to average"):
        mean_img([])
    with pytest.raises(TypeError, match="Pass a nibabel image"):
        smooth_img([np.zeros((3, 3, 3))], 5)
    with pytest.raises(DataError, match="dimensions"):
        smooth_img(nib.Nifti1Image(np.zeros((3, 3)), np.eye(4)), 5)


INDICES = {
    "list": [0, 3, 4],
    "array": np.array([0, 3, 4]),
    "booleans": np.array([True, False, False, True, True]),
    "Series": pd.Series([True, False, False, True, True]),
    "negative": [-5, -2, -1],
}


@pytest.mark.parametrize("index", INDICES.values(), ids=INDICES)
def test_index_img_takes_what_indexes_an_array(run_img, index):
    """Volumes by number, from the end and by a condition are numpy's, in that place and TR."""
    found = index_img(run_img, index)

    np.testing.assert_array_equal(found.get_fdata(), run_img.get_fdata()[..., [0, 3, 4]])
    np.testing.assert_array_equal(found.affine, run_img.affine)
    assert found.header.get_zooms() == run_img.header.get_zooms()


@pytest.mark.parametrize("index", [5, [0, 5], -6, [True, False], 1.5, "2", [[0, 1]]])
def test_index_img_refuses_what_is_no_volume(run_img, index):
    """A volume that is not there, or no volume at all, is an IndexError that says what there is."""
    with pytest.raises(IndexError, match="volumes"):
        index_img(run_img, index)


def test_a_list_of_volumes_is_a_run(run_img):
    """3D images in a list are indexed and walked as the run that they make."""
    volumes = [index_img(run_img, i) for i in range(5)]

    np.testing.assert_array_equal(
        index_img(volumes, [1, 2]).get_fdata(), run_img.get_fdata()[..., 1:3]
    )
    assert [np.array_equal(v.get_fdata(), run_img.get_fdata()[..., i])
            for i, v in enumerate(iter_img(volumes))] == [True] * 5  # fmt: skip


def test_surfaces_and_fast_are_nilearns(run_img):
    """What only nilearn has, a surface and the filter "fast", is done by it."""
    mesh = load_fsaverage("fsaverage5")["pial"]
    rng = np.random.default_rng(0)
    data = {part: rng.normal(size=(mesh.parts[part].n_vertices, 3)) for part in mesh.parts}
    surface = SurfaceImage(mesh, data)

    one = index_img(surface, 1)
    mean = mean_img(surface)
    fast = smooth_img(run_img, "fast")

    np.testing.assert_array_equal(one.data.parts["left"].ravel(), data["left"][:, 1])
    np.testing.assert_allclose(mean.data.parts["left"].ravel(), data["left"].mean(axis=1))
    assert_same(fast, theirs.smooth_img(run_img, "fast"))


@pytest.mark.parametrize("detrend", [True, False])
def test_high_variance_confounds_span_what_nilearns_do(rng, make_image, detrend):
    """The same subspace in the same order, from blocks of a file, on a baseline and a trend."""
    courses = rng.normal(size=(40, 3)) * [30, 20, 10]
    data = 1000 + rng.normal(size=(12, 14, 10, 40)) + np.arange(40)
    data[:3, :, :2] += rng.uniform(0.5, 1, (3, 14, 2, 3)) @ courses.T
    img = make_image(data.astype(np.float32))

    ours = high_variance_confounds(img, n_confounds=3, detrend=detrend)
    other = theirs.high_variance_confounds(img, n_confounds=3, detrend=detrend)

    np.testing.assert_allclose(np.abs((ours * other).sum(axis=0)), 1, atol=1e-4)
