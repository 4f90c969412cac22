"""Slices and projections in world space, whatever the affine."""

import nibabel as nib
import numpy as np
import pytest
from planted import AFFINES, BOX, one_voxel
from scipy import ndimage

from nbica.image.slicing import on_world_grid, plane_of, slice_at, strongest, world_box


@pytest.mark.parametrize("name", AFFINES)
def test_a_planted_voxel_lights_up_at_its_mm(name):
    """In all three slices, the brightest pixel lies where the affine says."""
    mm = np.array([-21.0, 14, 9])
    data, affine = one_voxel(AFFINES[name], mm)

    for axis in range(3):
        picture = slice_at(data, affine, axis, mm[axis], BOX)
        row, column = np.unravel_index(np.nanargmax(picture), picture.shape)

        horizontal, vertical = (other for other in range(3) if other != axis)
        assert picture[row, column] == pytest.approx(5, abs=1e-4)
        assert BOX[horizontal, 0] + column == mm[horizontal]
        assert BOX[vertical, 0] + row == mm[vertical]


@pytest.mark.parametrize("name", AFFINES)
def test_proportions_are_true(name):
    """A ball of 20 mm is round and as large in every slice, on every grid."""
    data, affine = one_voxel(AFFINES[name], np.zeros(3))
    voxels = np.indices(data.shape).reshape(3, -1).T
    distance = np.linalg.norm(nib.affines.apply_affine(affine, voxels), axis=1)
    height = (20 - distance).reshape(data.shape)

    for axis in range(3):
        picture = slice_at(height, affine, axis, 0.0, BOX) > 0

        rows, columns = np.nonzero(picture)
        assert np.ptp(rows) == pytest.approx(39, abs=2)
        assert np.ptp(columns) == pytest.approx(39, abs=2)
        assert picture.sum() == pytest.approx(np.pi * 20**2, rel=0.05)


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("flip", [1, -1])
def test_on_the_grid_a_slice_is_numpys(order, flip):
    """Where pixels fall on voxels, a slice is an index; a flipped x is read backwards."""
    data = np.random.default_rng(0).standard_normal((5, 6, 7))
    affine = np.diag([flip * 2.0, 2, 2, 1])
    affine[0, 3] = 8 if flip < 0 else 0
    box = np.array([[0, 8], [0, 10], [0, 12]])
    as_world = data[::flip]

    for axis in range(3):
        picture = slice_at(data, affine, axis, 4.0, box, step=2.0, order=order)

        np.testing.assert_allclose(picture, as_world.take(2, axis=axis).T, atol=1e-12)


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("order", [0, 1])
def test_a_slice_is_what_scipy_reads_at_its_mm(rng, name, order):
    """Whatever the axes' order, direction and angle: each pixel by itself, through the affine."""
    data, affine = rng.standard_normal((9, 10, 11)), AFFINES[name].copy()
    affine[:3, 3] = -affine[:3, :3] @ [4.2, 4.4, 4.7]
    data[3:5, 4, 5] = np.nan
    lines = [np.arange(low, high + 0.5) for low, high in BOX]

    for axis in range(3):
        picture = slice_at(data, affine, axis, 1.3, BOX, order=order)

        horizontal, vertical = plane_of(axis)
        world = np.empty((*picture.shape, 3))
        world[..., axis], world[..., horizontal] = 1.3, lines[horizontal]
        world[..., vertical] = lines[vertical][:, np.newaxis]
        voxels = np.moveaxis(nib.affines.apply_affine(np.linalg.inv(affine), world), -1, 0)
        nearest = np.floor(voxels + 0.5).astype(int)
        limit = np.reshape(data.shape, (3, 1, 1))
        inside = ((nearest >= 0) & (nearest < limit)).all(axis=0)
        there = data[tuple(np.clip(nearest, 0, limit - 1))]
        shown = inside & np.isfinite(there)
        linear = ndimage.map_coordinates(np.nan_to_num(data), voxels, order=1, mode="nearest")
        np.testing.assert_array_equal(np.isfinite(picture), shown)
        np.testing.assert_allclose(picture[shown], (linear if order else there)[shown], atol=1e-12)
        assert shown.any()


def test_outside_is_nan_and_the_outer_half_voxel_is_inside():
    """A volume ends at the faces of its voxels; a face belongs to the voxel beyond it."""
    picture = slice_at(np.ones((2, 2, 2)), np.diag([4.0, 4, 4, 1]), 2, 0.0, [[-4, 8]] * 3)

    inside = np.arange(-4, 9)
    inside = (inside >= -2) & (inside < 6)
    np.testing.assert_array_equal(np.isfinite(picture), inside[:, np.newaxis] & inside)


def test_nan_does_not_eat_its_neighbours():
    """A voxel among NaN keeps its own pixel."""
    data = np.full((5, 5, 5), np.nan)
    data[2, 2, 2] = 3

    picture = slice_at(data, np.eye(4), 2, 2.0, [[0, 4]] * 3)

    assert picture[2, 2] == 3
    assert np.isnan(picture).sum() == 24


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("value", [5.0, -5.0])
def test_a_planted_voxel_is_seen_through_the_brain(name, value):
    """From all sides, the strongest pixel lies where the affine says, with its sign."""
    mm = np.array([-20.0, 14, 8])
    data, affine = one_voxel(AFFINES[name], mm, value=value)

    world = on_world_grid(data, affine, BOX, 2.0)

    for axis in range(3):
        picture = strongest(world, axis)
        row, column = np.unravel_index(np.abs(picture).argmax(), picture.shape)
        horizontal, vertical = (other for other in range(3) if other != axis)
        assert picture[row, column] == pytest.approx(value, rel=1e-5)
        assert BOX[horizontal, 0] + 2 * column == mm[horizontal]
        assert BOX[vertical, 0] + 2 * row == mm[vertical]


def test_a_projection_is_the_maximum_of_slices():
    """Looking through a volume shows what its slices show, the strongest of each pixel."""
    data = np.random.default_rng(0).standard_normal((40, 42, 44)).astype(np.float32)
    affine = np.diag([3.0, 3, 3, 1])
    affine[:3, 3] = -60
    box = np.array([[-30, 30], [-32, 20], [-28, 30]])

    world = on_world_grid(data, affine, box, 2.0)

    for axis in range(3):
        places = np.arange(box[axis, 0], box[axis, 1] + 1, 2)
        slices = np.array([slice_at(data, affine, axis, mm, box, step=2.0) for mm in places])
        where = np.abs(slices).argmax(axis=0)
        expected = np.take_along_axis(slices, where[np.newaxis], 0)[0]
        # float32 interpolation, done in another order.
        np.testing.assert_allclose(strongest(world, axis), expected, atol=1e-5)


@pytest.mark.parametrize("name", AFFINES)
def test_the_box_holds_what_is_there(name):
    """Whole millimetres around the voxels, with the margin; all of an empty volume."""
    mm = np.array([-21.3, 14.2, 9.0])
    data, affine = one_voxel(AFFINES[name], mm)

    box = world_box(data, affine, margin=4)

    np.testing.assert_array_equal(box, [[-26, -17], [10, 19], [5, 13]])
    corners = nib.affines.apply_affine(affine, np.argwhere(np.ones(data.shape)))
    empty = world_box(np.zeros_like(data), affine)
    assert (empty[:, 0] <= corners.min(axis=0)).all()
    assert (empty[:, 1] >= corners.max(axis=0)).all()
