"""Smoothing along surfaces: a Gaussian of the distance on them, that keeps what is there."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
from on_surfaces import AFFINE, planted, save_series, series

from nbica import CanICA, NiftiMasker
from nbica.datasets.simulation.hemispheres import brain, icosphere
from nbica.image.grayordinates import CORTEX, Grayordinates, Structure, Surface, axis_of
from nbica.image.surface_smoothing import geodesics, smoother_of, vertex_areas
from nbica.runtime import budget

RADIUS = 50.0


@pytest.fixture(scope="module")
def sphere():
    vertices, faces = icosphere(4)
    return Surface((RADIUS * vertices).astype("f4"), faces)


@pytest.fixture(scope="module")
def space(sphere):
    whole = np.arange(len(sphere.coordinates), dtype=np.int32)
    structures = tuple(Structure(CORTEX[side], len(whole), whole) for side in CORTEX)
    return Grayordinates(structures, mesh=dict.fromkeys(CORTEX.values(), sphere))


def angles(sphere):
    """Angles between the places of a sphere."""
    unit = sphere.coordinates.astype(float) / RADIUS
    return np.arccos(np.clip(unit @ unit.T, -1, 1))


def test_a_sphere_has_its_area(sphere):
    """Areas of the vertices sum to that of the ball."""
    assert vertex_areas(sphere).sum() == pytest.approx(4 * np.pi * RADIUS**2, rel=2e-3)


def test_distances_are_those_of_great_circles(sphere):
    """To 3 %, for all pairs within the limit."""
    found = geodesics(sphere, 15.0).tocoo()
    apart = found.row != found.col

    expected = RADIUS * angles(sphere)[found.row, found.col]

    np.testing.assert_allclose(found.data[apart], expected[apart], rtol=0.03)
    assert found.nnz >= (RADIUS * angles(sphere) < 14.5).sum()


def test_a_constant_and_the_integral_stay(space, sphere):
    """Rows sum to 1, and areas come out as they went in."""
    smoother = smoother_of(space, 9.0)
    areas = np.tile(vertex_areas(sphere), 2)

    np.testing.assert_allclose(smoother.sum(axis=1), 1, atol=2e-6)
    np.testing.assert_allclose(smoother.T @ areas, areas, rtol=1e-5)


def test_a_point_becomes_a_gaussian_of_the_distance(space, sphere):
    """To 5 % of its height, everywhere on the sphere; nothing of it is on the other one."""
    n, fwhm = len(sphere.coordinates), 12.0
    point = np.zeros(2 * n, "f4")
    point[5] = 1 / vertex_areas(sphere)[5]

    smooth = smoother_of(space, fwhm) @ point

    distances = RADIUS * angles(sphere)[5]
    expected = np.exp(-4 * np.log(2) * (distances / fwhm) ** 2)
    expected /= vertex_areas(sphere) @ expected
    np.testing.assert_allclose(smooth[:n], expected, atol=0.05 * expected.max())
    assert not smooth[n:].any()


def test_the_edge_of_a_medial_wall_keeps_its_mass(space, sphere):
    """What lies beside it does not leak into it."""
    half = space.selected(np.tile(sphere.coordinates[:, 0] > 0, 2))
    areas = np.tile(vertex_areas(sphere)[sphere.coordinates[:, 0] > 0], 2)

    smoother = smoother_of(half, 9.0)

    np.testing.assert_allclose(smoother.T @ areas, areas, rtol=1e-5)


def test_voxels_are_smoothed_within_their_structure(rng):
    """As a Gaussian of straight distances, scaled to keep sums; the neighbour has none of it."""
    voxels = np.argwhere(np.ones((4, 5, 3))).astype(np.int32)
    structures = (
        Structure("CIFTI_STRUCTURE_PUTAMEN_LEFT", 0, voxels),
        Structure("CIFTI_STRUCTURE_CAUDATE_LEFT", 0, voxels + np.array([4, 0, 0], np.int32)),
    )
    space = Grayordinates(structures, (9, 9, 9), AFFINE)
    values = rng.normal(size=(60, 7)).astype("f4")

    smooth = smoother_of(space, 4.0) @ np.vstack([values, np.zeros_like(values)])

    places = voxels @ np.abs(AFFINE[:3, :3]).T
    d2 = ((places[:, np.newaxis] - places) ** 2).sum(axis=2)
    variance = 16 / (8 * np.log(2))
    kernel = np.exp(-d2 / (2 * variance)) * (d2 <= 3.5**2 * variance)
    u = np.ones(60)
    for _ in range(1000):
        u = np.sqrt(u / (kernel @ u))
    expected = np.diag(u) @ kernel @ np.diag(u) @ values
    np.testing.assert_allclose(smooth[:60], expected, atol=1e-5)
    assert not smooth[60:].any()


# ---- in a masker and in a fit --------------------------------------------------------------------


@pytest.fixture
def runs(tmp_path):
    """Two runs on a coarse brain, and its mesh."""
    space = brain(2, 6.0).space
    maps = planted(space.n_voxels)
    files = [
        save_series(tmp_path / f"{n}.dtseries.nii", series(maps, n) + 10000, axis_of(space))
        for n in range(2)
    ]
    return files, space, {side: space.mesh[name] for side, name in CORTEX.items()}


def test_signals_are_the_frames_smoothed(runs):
    """As the smoother does it in float64, baseline and all; and without what a mask leaves out."""
    (run, _), space, mesh = runs
    values = np.asarray(nib.load(run).dataobj).astype(float)
    cortex = [name.removeprefix("CIFTI_STRUCTURE_") for name in CORTEX.values()]

    ours = NiftiMasker(smoothing_fwhm=8, surf_mesh=mesh).fit_transform(run)
    of_cortex = NiftiMasker(cortex, smoothing_fwhm=8, surf_mesh=mesh).fit_transform(run)

    expected = (smoother_of(space, 8.0).astype(float) @ values.T).T
    np.testing.assert_allclose(ours, expected, rtol=1e-6)
    np.testing.assert_array_equal(of_cortex, ours[:, : of_cortex.shape[1]])


def test_a_fit_smooths_where_it_is_given_surfaces(runs, monkeypatch):
    """Wherever the matrix is kept; the width is part of what the cache knows."""
    files, _, mesh = runs
    fast = {"n_components": 3, "n_init": 2, "random_state": 0, "surf_mesh": mesh}
    smooth = CanICA(smoothing_fwhm=8, **fast).fit(files)
    make_plan = budget.make_plan
    monkeypatch.setattr(budget, "make_plan", lambda *a: replace(make_plan(*a), in_ram=False))

    on_disk = CanICA(smoothing_fwhm=8, **fast).fit(files)
    plain = CanICA(smoothing_fwhm=None, **fast).fit(files)

    np.testing.assert_array_equal(on_disk.components_, smooth.components_)
    assert not np.array_equal(plain.components_, smooth.components_)
    assert on_disk.masker_.preparation_.key() != plain.masker_.preparation_.key()


def test_three_widths_are_refused(runs):
    """Along a surface there is one."""
    files, _, mesh = runs

    with pytest.raises(ValueError, match="along surfaces it is one number"):
        NiftiMasker(smoothing_fwhm=(4, 4, 4), surf_mesh=mesh).fit(files[0])
