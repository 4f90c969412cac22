"""Smoothing and resampling against scipy and nilearn."""

import warnings

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import resample_img, smooth_img
from scipy import ndimage

from nbica.image import spatial
from nbica.image.grid import Grid
from nbica.image.spatial import Box

pytestmark = pytest.mark.exact("smoothing and resampling are scipy's, to the last digits")

# Of the largest value: three float32 products, each a sum of at most a few dozen terms.
SMOOTHING = 2e-6
# Of the largest value: the spline is computed in float64, its result is stored in float32.
RESAMPLING = 5e-7

SHAPE = (13, 11, 9)
ANISOTROPIC = np.diag([2.0, 3.0, 4.5, 1.0])


def whole(shape):
    return Box(*(slice(0, n) for n in shape))


def oblique(degrees, zoom):
    angle = np.deg2rad(degrees)
    rotation = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0.1, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * zoom
    affine[:3, 3] = [-4, 1, -3.3]
    return affine


# ---- smoothing ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fwhm",
    [6.0, 1.0, (4.0, 6.0, 8.0), (0.0, 5.0, 0.0), 40.0],
    ids=["usual", "narrow", "per axis", "one axis", "wider than the volume"],
)
def test_smoothing_equals_scipy_and_nilearn(rng, make_image, fwhm):
    """A volume with anisotropic voxels is smoothed as scipy's filter and nilearn do."""
    volume = 1000 + 50 * rng.standard_normal(SHAPE)
    sigma = np.broadcast_to(fwhm, 3) / np.sqrt(8 * np.log(2)) / [2.0, 3.0, 4.5]
    by_scipy = volume
    for axis, width in enumerate(sigma):
        if width:
            by_scipy = ndimage.gaussian_filter1d(by_scipy, width, axis=axis)

    ours = spatial.smooth_volume(volume, ANISOTROPIC, fwhm)

    tolerance = {"rtol": 0, "atol": SMOOTHING * volume.max()}
    np.testing.assert_allclose(ours, by_scipy, **tolerance)
    with warnings.catch_warnings(action="ignore"):  # nilearn warns of a width of 0
        by_nilearn = smooth_img(make_image(volume, ANISOTROPIC), fwhm).get_fdata()
    np.testing.assert_allclose(ours, by_nilearn, **tolerance)


def test_smoothing_is_in_mm_for_oblique_voxels(rng, make_image):
    """The width counts in mm along each voxel axis, however the axes lie in space."""
    volume = rng.standard_normal(SHAPE)
    affine = oblique(30, [2.0, 3.0, 4.0])

    ours = spatial.smooth_volume(volume, affine, 6.0)

    expected = smooth_img(make_image(volume, affine), 6.0).get_fdata()
    np.testing.assert_allclose(ours, expected, rtol=0, atol=SMOOTHING)


@pytest.mark.parametrize(
    "box",
    [
        Box(slice(4, 9), slice(3, 8), slice(3, 6)),
        Box(slice(0, 2), slice(9, 11), slice(0, 9)),
        Box(slice(12, 13), slice(0, 11), slice(8, 9)),
        Box(slice(1, 12), slice(1, 10), slice(1, 8)),
    ],
    ids=["inside", "two edges", "a corner", "one voxel off the edges"],
)
@pytest.mark.parametrize("fwhm", [3.0, 9.0, 60.0])
def test_smoothing_a_box_equals_smoothing_the_volume(rng, box, fwhm):
    """What a box needs is the box and the kernel's reach around it, also at the edges."""
    frames = rng.standard_normal((2, *SHAPE[::-1])).astype(np.float32)
    sigma = spatial.smoothing_sigma(fwhm, ANISOTROPIC)
    wide = spatial.widen(box, spatial.kernel_reach(sigma), SHAPE)
    smoothers = spatial.smoothers(SHAPE, sigma, box, wide)

    ours = spatial.smooth_block(frames[:, wide.z, wide.y, wide.x], smoothers)

    for smooth, frame in zip(ours, frames, strict=True):
        expected = spatial.smooth_volume(frame.T, ANISOTROPIC, fwhm)
        np.testing.assert_allclose(smooth.T, expected[box], rtol=0, atol=SMOOTHING)


@pytest.mark.parametrize("fwhm", [None, 0, 0.0, (0, 0, 0), 0.1])
def test_no_width_is_no_smoothing(rng, fwhm):
    """None, 0 and a width below the voxels leave a volume as it is."""
    volume = rng.standard_normal(SHAPE).astype(np.float32)

    ours = spatial.smooth_volume(volume, ANISOTROPIC, fwhm)

    np.testing.assert_array_equal(ours, volume)


def test_smoothing_keeps_a_constant():
    """Every row of a smoothing matrix sums to one, at the edges too."""
    constant = spatial.smooth_volume(np.full(SHAPE, 7.0), ANISOTROPIC, 12.0)

    np.testing.assert_allclose(constant, 7.0, rtol=1e-6)


@pytest.mark.parametrize("fwhm", [-1, np.nan, np.inf, "fast", (4, 6), (4, 6, -1), {}])
def test_a_wrong_width_is_refused(fwhm):
    """The message holds what was given and what may be given."""
    with pytest.raises(ValueError, match=r"smoothing_fwhm is .*; give a width in mm"):
        spatial.smoothing_sigma(fwhm, np.eye(4))


# ---- boxes --------------------------------------------------------------------------------------


def test_bounding_box_holds_every_voxel_and_no_more():
    """The box ends where the mask ends, also with holes and islands."""
    mask = np.zeros((9, 8, 7), bool)
    mask[2, 3, 1] = mask[6, 4, 5] = True

    box = spatial.bounding_box(mask)

    assert box == Box(slice(2, 7), slice(3, 5), slice(1, 6))
    assert box.shape == (5, 2, 5)
    assert mask[box].sum() == 2


def test_a_widened_box_stays_in_the_volume():
    """Each side moves by the reach of its axis, as far as there are voxels."""
    box = Box(slice(1, 3), slice(3, 5), slice(6, 7))

    wide = spatial.widen(box, (2, 0, 1), (9, 8, 7))

    assert wide == Box(slice(0, 5), slice(3, 5), slice(5, 7))


# ---- resampling ---------------------------------------------------------------------------------

GRIDS = {
    "flipped": np.diag([-2.0, 2.0, 2.0, 1.0]) + np.outer([1, 0, 0, 0], [0, 0, 0, 24.0]),
    "shifted": np.diag([2.0, 2.0, 2.0, 1.0]) + np.outer([1, 1, 1, 0], [0, 0, 0, 0.7]),
    "anisotropic": np.diag([3.0, 1.5, 2.5, 1.0]),
    "oblique": oblique(20, [2.0, 2.5, 2.0]),
    "axes swapped": np.array([[0, 2.0, 0, 0], [2.0, 0, 0, 0], [0, 0, -2.0, 16], [0, 0, 0, 1.0]]),
    "half outside": np.diag([2.0, 2.0, 2.0, 1.0]) + np.outer([1, 0, 0, 0], [0, 0, 0, 14.0]),
}
INTERPOLATIONS = {3: "continuous", 1: "linear", 0: "nearest"}


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("order", INTERPOLATIONS)
def test_resampling_equals_nilearn(rng, make_image, grid, order):
    """Frames seen on another grid are those of nilearn's resample_img without clipping."""
    source = np.diag([2.0, 2.0, 2.0, 1.0])
    frames = rng.standard_normal((*SHAPE, 2)).astype(np.float32)
    shape = (12, 10, 8)
    matrix, offset = spatial.voxel_map(source, GRIDS[grid], whole(shape))

    ours = spatial.resample_block(frames.T, matrix, offset, shape, order)

    expected = resample_img(
        make_image(frames.astype(float), source), GRIDS[grid], shape,
        interpolation=INTERPOLATIONS[order], clip=False,
    )  # fmt: skip
    assert np.abs(ours).max() > 0.5
    np.testing.assert_allclose(
        ours.T, expected.get_fdata(), rtol=0, atol=RESAMPLING * np.abs(frames).max()
    )


def test_resampling_a_box_equals_resampling_the_volume(rng):
    """A box of the target is the same part of the whole target."""
    frames = rng.standard_normal((1, *SHAPE[::-1]))
    target, shape = GRIDS["oblique"], (12, 10, 8)
    box = Box(slice(2, 7), slice(1, 10), slice(3, 4))
    everything = spatial.voxel_map(np.eye(4), target, whole(shape))
    part = spatial.voxel_map(np.eye(4), target, box)

    full = spatial.resample_block(frames, *everything, shape)
    ours = spatial.resample_block(frames, *part, box.shape)

    np.testing.assert_allclose(ours[0].T, full[0].T[box], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("target_affine", "target_shape"),
    [
        (np.diag([3.0, 3.0, 3.0]), None),
        (np.diag([-3.0, 3.0, 3.0]), None),
        (np.diag([4.0, 2.0, 1.3]), None),
        (oblique(25, 2.0)[:3, :3], None),
        (np.diag([3.0, 3.0, 3.0, 1.0]), None),
        (oblique(25, 2.0), None),
        (oblique(25, 2.0), (7, 8, 9)),
        (np.diag([2.0, 2.0, 2.0]), None),
        (np.diag([1.0, 1.0, 1.0]), None),
    ],
)
@pytest.mark.parametrize("source", ["flipped", "shifted", "anisotropic", "oblique"])
def test_target_grid_equals_nilearn(make_image, source, target_affine, target_shape):
    """The grid around an image is the one that nilearn makes."""
    img = make_image(np.ones(SHAPE), GRIDS[source])

    affine, shape = spatial.target_grid(SHAPE, img.affine, target_affine, target_shape)

    with warnings.catch_warnings(action="ignore"):  # nilearn warns that ones look binary
        expected = resample_img(img, target_affine, target_shape)
    assert shape == expected.shape
    np.testing.assert_allclose(affine, expected.affine, atol=1e-9)


@pytest.mark.parametrize(
    ("target_affine", "target_shape", "message"),
    [
        (np.eye(2), None, "invertible 3 x 3 or 4 x 4"),
        (np.zeros((3, 3)), None, "invertible 3 x 3 or 4 x 4"),
        (3.0, None, "invertible 3 x 3 or 4 x 4"),
        (np.eye(3), (5, 5, 5), "target_shape needs a 4 x 4 target_affine"),
        (np.eye(4), (5, 5), r"target_shape is \(5, 5\); expected three"),
        (np.eye(4), (5, 0, 5), r"target_shape is \(5, 0, 5\); expected three"),
        (np.array([[1.0, 0, 0, 99], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), None, "none of"),
    ],
)
def test_a_wrong_target_is_refused(target_affine, target_shape, message):
    """The message says what is wrong with the grid that was asked for."""
    with pytest.raises(ValueError, match=message):
        spatial.target_grid(SHAPE, np.eye(4), target_affine, target_shape)


# ---- voxels that lie on each other --------------------------------------------------------------


def flipped(img, rng):
    """The same voxels in another order: axes turned round and swapped."""
    orientation = np.column_stack([rng.permutation(3), rng.choice([-1, 1], 3)])
    return img.as_reoriented(orientation)


def cropped(img, rng):
    return img.slicer[2:, 1:-1, :-2]


@pytest.mark.parametrize("change", [flipped, cropped])
@pytest.mark.parametrize("order", [0, 1, 3])
def test_voxels_that_lie_on_each_other_are_copied(rng, change, order):
    """On grids that coincide, whatever their order and crop: no plane is lost to rounding."""
    for _ in range(20):
        affine = np.diag([*rng.uniform(1.5, 4.5, 3) * rng.choice([-1, 1], 3), 1.0])
        affine[:3, 3] = rng.uniform(-120, 120, 3)
        shape = tuple(rng.integers(6, 14, 3))
        data = rng.standard_normal((*shape, 2)).astype("f4")
        img = nib.Nifti1Image(data, affine.astype("f4"))
        other = change(img, rng)
        grid = Grid(other.shape[:3], other.affine.astype("f4").astype(float))
        where = spatial.voxel_map(img.affine, grid.affine, whole(grid.shape))

        ours = spatial.resample_block(data.T, *where, grid.shape, order).T

        np.testing.assert_array_equal(ours, other.dataobj)


@pytest.mark.parametrize("order", [1, 3])
def test_edge_planes_of_finer_grids_are_there(rng, order):
    """Where the ends of two grids coincide, the last plane is the source's, however they round."""
    for _ in range(20):
        size, origin = rng.uniform(1.5, 4.5, 3), rng.uniform(-120, 120, 3)
        source, target = np.diag([*size, 1.0]), np.diag([*size / 2, 1.0])
        source[:3, 3] = target[:3, 3] = origin
        frame = 100 + rng.standard_normal((1, 8, 9, 7)).astype("f4")
        grid = Grid((13, 17, 15), target.astype("f4").astype(float))
        where = spatial.voxel_map(source.astype("f4").astype(float), grid.affine, whole(grid.shape))

        ours = spatial.resample_block(frame, *where, grid.shape, order)

        np.testing.assert_allclose(ours[:, ::2, ::2, ::2], frame, rtol=1e-5)


@pytest.mark.parametrize("tilt", [0.0, 0.01])
def test_a_single_slice_is_as_thick_as_it_is(rng, tilt):
    """Shifted by a fifth of its thickness it is the same slice, by more than half it is gone."""
    slice_ = 100 + rng.standard_normal((1, 1, 9, 7)).astype("f4")
    matrix = np.eye(3)
    matrix[0, 1] = tilt
    shifted = {
        shift: spatial.resample_block(slice_, matrix, np.array([0, 0, shift]), (7, 9, 1))
        for shift in (0.0, 0.2, -0.4, 0.6)
    }

    for shift in (0.2, -0.4):
        np.testing.assert_allclose(shifted[shift], shifted[0.0], rtol=1e-6)
    assert shifted[0.0].any()
    assert not shifted[0.6].any()


def test_the_nearest_voxel_keeps_whole_numbers(rng):
    """Labels above 2²⁴ stay apart, on parallel axes and oblique ones."""
    labels = rng.integers(2**24, 2**32, (1, 6, 5, 7)).astype(np.uint32)
    for tilt in (0.0, 0.1):
        matrix = np.eye(3) * 0.8
        matrix[0, 1] = tilt
        found = spatial.resample_block(labels, matrix, np.zeros(3), (8, 6, 7), 0)

        assert found.dtype == np.uint32
        assert set(np.unique(found)) <= {0, *np.unique(labels)}


def test_halfway_between_two_voxels_rounding_does_not_decide(rng):
    """A header's last digits do not choose the nearest voxel."""
    labels = rng.integers(0, 100, (1, 6, 6, 6))
    offsets = [np.full(3, 0.5) + noise for noise in (-1e-6, 0, 1e-6)]

    found = [spatial.resample_block(labels, np.eye(3), o, (5, 5, 5), 0) for o in offsets]

    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[1], found[2])
    np.testing.assert_array_equal(found[1], labels[:, 1:, 1:, 1:])


@pytest.mark.parametrize("order", [1, 3])
def test_parallel_axes_are_resampled_as_scipy_does(rng, order):
    """Turned, swapped, scaled and shifted: a matrix for each axis is the spline of scipy."""
    frame = rng.standard_normal((9, 8, 11)).astype("f4")
    matrix = np.array([[0, -0.7, 0], [0, 0, 1.3], [0.9, 0, 0]])
    offset, shape = np.array([8.3, 0.4, 0.7]), (8, 12, 6)

    ours = spatial.resample_block(frame[np.newaxis], matrix, offset, shape, order)[0]

    expected = ndimage.affine_transform(
        frame.astype(float), matrix[::-1, ::-1], offset[::-1], shape[::-1], order=order
    )
    assert np.count_nonzero(expected) > 300
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-5)
