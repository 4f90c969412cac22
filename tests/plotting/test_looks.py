"""Pictures as they should look: each figure against a small one that a person has looked at.

A small picture has one pixel for 4 x 4 of the figure's, which pictures.py compares as a person
would: kept with the tests (a few KB each), to be opened by a reviewer, and blind to what differs
between platforms. Pixel-exact comparison would have to be renewed with each release of matplotlib
or FreeType.

    python tests/plotting/test_looks.py        draws them anew: look at them before they are saved
"""

from io import BytesIO
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from pictures import cells, unlike_cells
from PIL import Image

from nbica import plotting

pytestmark = pytest.mark.slow  # draws and compares whole figures
FOLDER = Path(__file__).parent / "looks"

AFFINE = np.array([[-6.0, 0, 0, 84], [0, 6, 0, -114], [0, 0, 6, -72], [0, 0, 0, 1]])
SHAPE = (29, 32, 26)


def world():
    return nib.affines.apply_affine(AFFINE, np.indices(SHAPE).T).T


def ball(centre, radius):
    return np.exp(-0.5 * ((world().T - centre) ** 2).sum(axis=-1).T / radius**2)


def image(data):
    return nib.Nifti1Image(data.astype(np.float32), AFFINE)


def anatomy():
    """A head that is not symmetric: an ellipsoid, brighter to the left and in front."""
    x, y, z = world()
    inside = (x / 68) ** 2 + ((y + 17) / 85) ** 2 + ((z - 5) / 65) ** 2 < 1
    return image(np.where(inside, 500 - x + y + 0.5 * z, 0))


def stat_map():
    return image(4 * ball((-40, -50, 30), 12) - 3 * ball((35, 30, 10), 10))


def maps():
    places = [(-40, -50, 30), (35, 30, 10), (0, -60, 20), (30, -20, -20)]
    return image(np.stack([ball(place, 11) for place in places], axis=-1))


def regions():
    strongest = np.asanyarray(maps().dataobj)
    return image(np.where(strongest.max(axis=-1) > 0.5, 1 + strongest.argmax(axis=-1), 0))


def run():
    rng = np.random.default_rng(0)
    times = np.sin(np.arange(40) / 4)
    # Little noise: which of so many voxels a release of matplotlib draws is no look.
    data = (
        100
        + 0.2 * rng.standard_normal((*SHAPE, 40))
        + 2 * ball((0, -20, 10), 60)[..., None] * times
    )
    return image(data)


def matrix():
    return np.array([[1, 0.8, -0.3], [0.8, 1, 0.1], [-0.3, 0.1, 1]])


def courses():
    return np.sin(np.outer(np.arange(200), [0.1, 0.3, 1.2])) + 0.01 * np.eye(200, 3)


POINTS = [(-40, -50, 30), (35, 30, 10), (0, -60, 20)]
LOOKS = {
    "anat": lambda: plotting.plot_anat(anatomy()),
    "epi": lambda: plotting.plot_epi(anatomy(), display_mode="z", cut_coords=3, colorbar=True),
    "stat_map": lambda: plotting.plot_stat_map(stat_map(), anatomy(), threshold=1, title="Map"),
    "stat_map_tiled": lambda: plotting.plot_stat_map(
        stat_map(), anatomy(), threshold=1, display_mode="tiled", black_bg=False
    ),
    "stat_map_mosaic": lambda: plotting.plot_stat_map(
        stat_map(), anatomy(), threshold=1, display_mode="mosaic", cut_coords=4
    ),
    "stat_map_alone": lambda: plotting.plot_stat_map(stat_map(), threshold=1, colorbar=False),
    "roi": lambda: plotting.plot_roi(regions(), anatomy()),
    "prob_atlas": lambda: plotting.plot_prob_atlas(maps(), anatomy(), labels=list("abcd")),
    "glass_brain": lambda: plotting.plot_glass_brain(
        stat_map(), threshold=1, plot_abs=False, display_mode="lyrz"
    ),
    "connectome": lambda: plotting.plot_connectome(matrix(), POINTS, black_bg=True),
    "components": lambda: plotting.plot_components(
        maps(), anatomy(), stability=[1, 0.9, 0.5, 0.1], n_columns=2
    ),
    "carpet": lambda: plotting.plot_carpet(
        run(), image(np.asanyarray(anatomy().dataobj) > 0), framewise_displacement=np.eye(1, 40, 9)
    ),
    "matrix": lambda: plotting.plot_matrix(matrix(), ["one", "two", "three"]).figure,
    "spectrum": lambda: plotting.plot_spectrum(courses(), 2.0),
}


def drawn(figure):
    png = BytesIO()
    figure.savefig(png)
    return cells(Image.open(png))


def unlike_expected(figure, name):
    expected = np.asarray(Image.open(FOLDER / f"{name}.png").convert("RGB"), dtype=float)
    found = drawn(figure)
    assert found.shape == expected.shape
    return unlike_cells(found, expected)


@pytest.mark.parametrize("name", LOOKS)
def test_it_looks_as_it_should(name):
    """Every patch has about the colour that it had when someone looked at it."""
    assert not unlike_expected(LOOKS[name](), name)


WRONG = {
    "stat_map": [
        lambda: plotting.plot_stat_map(flipped(), anatomy(), threshold=1, title="Map"),
        lambda: plotting.plot_stat_map(stat_map(), anatomy(), threshold=2.5, title="Map"),
        lambda: plotting.plot_stat_map(stat_map(), anatomy(), cmap="RdBu", title="Map"),
        lambda: plotting.plot_stat_map(
            stat_map(), anatomy(), threshold=1, title="Map", cut_coords=(-40, -50, 38)
        ),
    ],
    "glass_brain": [
        lambda: plotting.plot_glass_brain(
            flipped(), threshold=1, plot_abs=False, display_mode="lyrz"
        ),
        lambda: plotting.plot_glass_brain(stat_map(), threshold=1, display_mode="lyrz"),
    ],
    "connectome": [lambda: plotting.plot_connectome(-matrix(), POINTS, black_bg=True)],
    "matrix": [lambda: plotting.plot_matrix(matrix().T[::-1], ["one", "two", "three"]).figure],
}


def flipped():
    return image(np.asanyarray(stat_map().dataobj)[::-1])


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_picture_is_noticed(name):
    """Mirrored, with another threshold, other colours, a slice 8 mm off, other signs."""
    assert all(unlike_expected(wrong(), name) for wrong in WRONG[name])


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, look in LOOKS.items():
        picture = Image.fromarray(np.round(drawn(look())).astype(np.uint8))
        picture.save(FOLDER / f"{name}.png", optimize=True)
