"""Grids along the world's axes, whatever order, direction or angle an image's voxels have."""

from itertools import permutations, product

import numpy as np
import pytest
from nibabel.affines import apply_affine
from scipy import ndimage

from nbica.image.world_axes import align, table
from nbica.viewer import quantise, render
from nbica.viewer.geometry import box_around, pixel_size, shrink

SHAPE = (5, 6, 7)
STEP = np.array([2.0, 3.0, 4.0])


def orientations():
    """All 48 ways to order and flip three axes, as affines of one anisotropic volume."""
    for order in permutations(range(3)):
        for signs in product((1, -1), repeat=3):
            affine = np.zeros((4, 4))
            for voxel_axis, (world_axis, sign) in enumerate(zip(order, signs, strict=True)):
                affine[world_axis, voxel_axis] = sign * STEP[voxel_axis]
            affine[:, 3] = [-7, 11, 3, 1]
            yield affine


def oblique():
    angle = 0.4
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn * [2.0, 2.0, 2.5]
    affine[:3, 3] = [-20, -25, -18]
    return affine


@pytest.mark.parametrize("affine", list(orientations()))
def test_every_voxel_keeps_its_mm(rng, affine):
    """For all 48 axis orders and flips, a value lies where the image's affine puts it."""
    data = rng.standard_normal(SHAPE)

    aligned, grid, resampled = align(data, affine)

    assert not resampled
    for voxel in np.ndindex(SHAPE):
        there = np.rint((apply_affine(affine, voxel) - grid.origin) / grid.step).astype(int)
        assert aligned[tuple(there)] == data[voxel]
    assert (grid.step > 0).all()
    assert aligned.size == data.size


@pytest.mark.parametrize("affine", list(orientations()))
def test_slices_are_numpys_through_the_affine(rng, affine):
    """For all 48, each pixel of each pane has the value of the voxel at its mm, as scipy says."""
    data = rng.integers(1, 100, (*SHAPE, 1)).astype(float)
    aligned, grid, _ = align(data, affine)
    volume = quantise.maps(aligned, grid, quantum=1.0)
    bounds = grid.faces
    scene = render.Scene(None, (), bounds, 1.0)
    layer = render.Layer(vmax=100.0, colormap="grays")

    for axis in range(3):
        mm = bounds[axis].mean() + 0.2
        look = render.Look(((volume, layer),), linear=False)
        picture = render.pane(scene, look, axis, mm)

        codes = scipy_slice(data[..., 0], affine, scene, axis, mm)
        table_of = render.colors.table_of("grays")
        expected = table_of[np.floor(codes / 100 * 255 + 0.5).astype(int)]
        np.testing.assert_array_equal(picture, expected)


def scipy_slice(data, affine, scene, axis, mm):
    """Nearest voxels at a pane's pixels, by mapping each one's mm through the inverse affine."""
    horizontal, vertical = (other for other in range(3) if other != axis)
    right = render.pixels(*scene.bounds[horizontal], scene.step)
    down = render.pixels(*scene.bounds[vertical], scene.step)[::-1]
    world = np.empty((len(down), len(right), 3))
    world[..., axis], world[..., horizontal], world[..., vertical] = mm, right, down[:, np.newaxis]
    voxels = np.moveaxis(apply_affine(np.linalg.inv(affine), world), -1, 0)
    # Between two voxels scipy rounds to even and we up: no pixel of these panes lies there.
    return ndimage.map_coordinates(data, voxels + 1e-9, order=0, mode="nearest")


def test_oblique_volumes_lie_where_their_affine_says():
    """A ball in an oblique volume is a ball at the same mm after its one resampling."""
    affine = oblique()
    centre = apply_affine(affine, [10, 12, 9])
    voxels = np.indices((24, 26, 20)).reshape(3, -1).T
    distance = np.linalg.norm(apply_affine(affine, voxels) - centre, axis=1)
    data = (15 - distance).reshape(24, 26, 20)

    aligned, grid, resampled = align(data, affine)

    assert resampled
    places = grid.mm_of(np.indices(grid.shape).reshape(3, -1).T)
    expected = (15 - np.linalg.norm(places - centre, axis=1)).reshape(grid.shape)
    inside = expected > 2
    # The height is a cone, which linear interpolation rounds off by a fraction of a voxel.
    np.testing.assert_allclose(aligned[inside], expected[inside], atol=0.6)
    assert inside.sum() * grid.step.prod() == pytest.approx(4 / 3 * np.pi * 13**3, rel=0.02)


def test_oblique_gaps_and_labels_are_not_blended():
    """NaN of an oblique volume stay NaN and eat no neighbour; labels stay whole numbers."""
    data = np.full((24, 26, 20), 3.0)
    data[8:16, 8:16, 8:16] = np.nan
    regions = np.where(np.isnan(data), 5, 2)

    aligned, grid, _ = align(data, oblique())
    whole, _, _ = align(regions, oblique(), order=0)

    finite = aligned[np.isfinite(aligned)]
    assert finite.max() == pytest.approx(3)
    assert np.isnan(aligned).sum() * grid.step.prod() == pytest.approx(8**3 * 10, rel=0.1)
    assert set(np.unique(whole)) == {0, 2, 5}


def test_rounded_headers_are_not_oblique():
    """An affine that a quaternion in float32 has rounded is taken as it was meant."""
    affine = np.diag([2.0, 2, 2, 1])
    affine[0, 1] = 3e-7

    assert not align(np.zeros(SHAPE), affine)[2]


def test_a_table_is_exact_at_faces_and_centres():
    """A volume ends at the faces of its outer voxels; between centres, weights say how far."""
    _, grid, _ = align(np.zeros((4, 1, 1)), np.diag([2.0, 2, 2, 1]))

    found = table(grid, 0, [-1.01, -1.0, 0.0, 0.5, 2.0, 6.99, 7.0])

    assert found.nearest.tolist() == [-1, 0, 0, 0, 1, 3, -1]
    np.testing.assert_allclose(found.low + found.weight, [0, 0, 0, 0.25, 1, 3, 3])


def test_shrinking_keeps_means_places_and_gaps(rng):
    """Means over blocks lie in the blocks' middle; a block is a gap only if all of it is."""
    data = rng.standard_normal((7, 6, 4, 2))
    data[:2, :2, :2, 0] = np.nan
    data[2, 2, 2, 0] = np.nan
    _, grid, _ = align(data, np.diag([2.0, 2, 3, 1]))

    small, coarse = shrink(data, grid, 2)

    assert small.shape == (4, 3, 2, 2)
    np.testing.assert_allclose(coarse.mm_of([0, 0, 0]), [1, 1, 1.5])
    np.testing.assert_allclose(small[1, 1, 1, 1], data[2:4, 2:4, 2:4, 1].mean(), rtol=1e-6)
    assert np.isnan(small[..., 0]).sum() == 1


def test_pixels_are_fine_and_panes_small():
    """2 mm voxels are drawn at 1 mm; finer ones only as far as a pane stays small."""
    box = np.array([[0, 190.0]] * 3)

    def side(voxel):
        return pixel_size([align(np.zeros((2, 2, 2)), np.diag([voxel] * 3 + [1]))[1]], box)

    assert side(2.0) == 1.0
    assert side(4.0) == 2.0
    assert side(1.0) == 1.0
    assert 190 / side(0.7) <= 256


def test_the_box_shows_what_is_there():
    """A box reaches to the faces of the outermost voxels; all is shown where nothing is."""
    mask = np.zeros(SHAPE, bool)
    _, grid, _ = align(mask, np.diag([2.0, 3, 4, 1]))
    np.testing.assert_allclose(box_around(mask, grid), grid.faces)

    mask[1, 2, 3] = True
    np.testing.assert_allclose(box_around(mask, grid), [[1, 3], [4.5, 7.5], [10, 14]])
