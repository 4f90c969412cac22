"""fsaverage5 as it is read from nilearn's wheel, and values of volumes at its vertices."""

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nbica.image import surfaces
from nbica.image.template import AFFINE, SHAPE, load_tissue, nilearn_data
from nbica.image.world_axes import AlignedGrid, align

# The first axis from right to left.
FLIP = np.array([[-1.0, 0, 0, SHAPE[0] - 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])


@pytest.fixture(scope="module", params=[0, 1], ids=surfaces.HEMISPHERES)
def hemisphere(request):
    return surfaces.load_fsaverage5()[request.param]


@pytest.fixture
def unit_cube():
    """A grid of 2 mm voxels, and its values: x + 2 y + 3 z in mm."""
    grid = AlignedGrid((6, 7, 8), np.array([-5.0, -6, -7]), np.full(3, 2.0))
    mm = np.moveaxis(np.indices(grid.shape), 0, -1) * grid.step + grid.origin
    return mm @ [1.0, 2, 3], grid


@pytest.mark.parametrize("side", [0, 1], ids=surfaces.HEMISPHERES)
def test_values_are_those_of_nilearn(side):
    """Sampling between white and pial equals nilearn's vol_to_surf with an inner mesh."""
    from nilearn.surface import vol_to_surf

    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal(SHAPE), 2).astype(np.float32)
    img = nib.Nifti1Image(noise[::-1], AFFINE @ FLIP)
    folder, name = nilearn_data() / "fsaverage5", surfaces.HEMISPHERES[side]
    meshes = [str(folder / f"{kind}_{name}.gii.gz") for kind in ("pial", "white")]

    expected = vol_to_surf(img, meshes[0], inner_mesh=meshes[1])

    volume, grid, _ = align(img.get_fdata(), img.affine)
    half = surfaces.load_fsaverage5()[side]
    found = surfaces.sample_between(volume, grid, *(m.astype(float) for m in half[:2]))
    np.testing.assert_allclose(found, expected, atol=1e-6 * np.abs(expected).max())


def test_a_linear_volume_gives_its_value_halfway(unit_cube):
    """Where values grow evenly, the mean over the cortex is the value in its middle."""
    volume, grid = unit_cube
    outer, inner = np.array([[1.0, 2, 3], [-2, 0, 1]]), np.array([[2.0, 1, 0], [-1, 1, 2]])

    found = surfaces.sample_between(volume, grid, outer, inner)

    np.testing.assert_allclose(found, (outer + inner) / 2 @ [1.0, 2, 3])


def test_depths_without_data_are_left_out(unit_cube):
    """Depths beyond the volume, or at voxels without data, do not count; without any it is NaN."""
    volume, grid = unit_cube
    volume = volume.copy()
    volume[grid.origin[0] + 2 * np.arange(6) > 2] = np.nan
    outer = np.array([[9.0, 0, 1], [9, 0, 1], [4.9, 0, 1]])
    inner = np.array([[-3.0, 0, 1], [8, 0, 1], [2.2, 0, 1]])

    found = surfaces.sample_between(volume, grid, outer, inner, n_depths=5)

    # Of x = 9, 6, 3, 0, -3 the last two have data.
    np.testing.assert_allclose(found, [-1.5 + 3, np.nan, np.nan])


def test_the_mesh_is_a_divided_icosahedron():
    """Faces close a sphere, and each vertex lies beside the two it was put between."""
    faces, parents = surfaces.icosahedral_mesh(3)
    edges = {frozenset(pair) for a, b, c in faces for pair in ((a, b), (b, c), (c, a))}

    assert len(faces) == 20 * 4**3
    assert len(parents) == 10 * 4**3 + 2 == faces.max() + 1
    assert len(parents) - len(edges) + len(faces) == 2
    last = range(10 * 4**2 + 2, len(parents))
    assert all(frozenset((v, u)) in edges for v in last for u in parents[v])


def test_the_medial_wall_is_one_patch_without_cuts(hemisphere):
    """What is no cortex hangs together, is at the middle, and holds all that has no thickness."""
    wall = ~hemisphere.is_cortex
    faces = surfaces.icosahedral_mesh(surfaces.LEVELS)[0]
    patch = np.zeros(len(wall), bool)
    patch[np.flatnonzero(wall)[0]] = True
    for _ in range(100):
        beside = np.isin(np.arange(len(wall)), faces[patch[faces].any(axis=1)])
        patch |= beside & wall

    assert 0.05 < wall.mean() < 0.1
    np.testing.assert_array_equal(patch, wall)
    assert np.median(np.abs(hemisphere.pial[wall, 0])) < 15
    flat = np.abs(hemisphere.pial - hemisphere.white).max(axis=1) == 0
    assert (flat & wall).sum() > 0.95 * flat.sum()


def test_sulci_are_deep_and_gyri_at_the_surface(hemisphere):
    """Depth is above 0 in sulci: inside of the hull of the brain, where the template is grey."""
    grey, grid, _ = align(load_tissue("gm"), AFFINE)
    share = surfaces.sample_between(grey.astype(float), grid, hemisphere.pial, hemisphere.white)
    sulci, gyri = hemisphere.sulc > 0.5, hemisphere.sulc < -0.5
    middle = hemisphere.pial.mean(axis=0)

    def far(vertices):
        return np.linalg.norm(hemisphere.pial[vertices] - middle, axis=1).mean()

    assert far(gyri) > far(sulci) + 5
    # MNI305 fits MNI152 well enough for the vertices of the cortex to lie in grey matter.
    assert np.median(share[hemisphere.is_cortex]) > 0.4 * 255


def test_missing_files_are_named(monkeypatch, tmp_path):
    """Without the meshes the error says which file is missing and what brings it."""
    monkeypatch.setattr(surfaces, "nilearn_data", lambda: tmp_path)
    surfaces.load_fsaverage5.cache_clear()

    with pytest.raises(surfaces.DataError, match=r"pial_left.gii.gz is missing: nilearn"):
        surfaces.load_fsaverage5()
