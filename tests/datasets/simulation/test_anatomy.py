"""Tissues of the simulated subjects: where things are, and that the grid does not matter."""

import numpy as np
import pytest

from nbica.datasets.simulation import anatomy

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
AFFINE[:3, 3] = -80, -112, -72
SHAPE = (41, 49, 40)


@pytest.fixture(scope="module")
def fractions():
    return anatomy.tissue_fractions(AFFINE, SHAPE)


def at(image, mm):
    index = np.rint(np.linalg.inv(AFFINE) @ (*mm, 1)).astype(int)[:3]
    return image[tuple(index)]


def test_tissues_share_each_voxel(fractions):
    """Fractions lie in [0, 1] and the tissues of a voxel add up to no more than 1."""
    total = sum(fractions[name] for name in ("grey", "white", "csf", "skull", "scalp"))

    assert all(f.dtype == np.float32 and f.min() >= 0 for f in fractions.values())
    assert total.max() <= 1 + 2.5 / 256  # each is kept in steps of 1/256


def test_brain_has_the_extents_of_mni(fractions):
    """Brain and fluid reach as far as those of MNI152, within a voxel or two."""
    found = np.argwhere(anatomy.brain_mask(fractions)) @ AFFINE[:3, :3] + AFFINE[:3, 3]

    np.testing.assert_allclose(found.min(axis=0), (-70, -106, -72), atol=4)
    np.testing.assert_allclose(found.max(axis=0), (70, 72, 80), atol=4)


def test_volumes_are_those_of_a_person(fractions):
    """Tissues have the volumes of MNI152, which is larger than most, in litres."""
    litres = {name: f.sum() * 64e-6 for name, f in fractions.items()}

    assert 0.8 < litres["grey"] < 1.1
    assert 0.5 < litres["white"] < 0.85
    assert 0.15 < litres["csf"] < 0.35
    assert 0.01 < litres["ventricles"] < 0.06


@pytest.mark.parametrize(
    ("tissue", "mm"),
    [
        ("white", (-28, -22, 28)),
        ("white", (28, -22, 28)),
        ("grey", (-12, 12, 8)),  # caudate
        ("grey", (26, 4, 0)),  # putamen
        ("grey", (-40, 6, -4)),  # insula
        ("grey", (-40, -64, -28)),  # cerebellum
        ("ventricles", (12, -16, 22)),
        ("ventricles", (-12, -16, 22)),
        ("csf", (0, -40, -8)),  # behind the brainstem
        ("brainstem", (0, -26, -32)),
    ],
)
def test_parts_are_where_they_belong(fractions, tissue, mm):
    """Known places hold the tissue an atlas would show there."""
    assert at(fractions[tissue], mm) > 0.4


def test_left_and_right_are_alike(fractions):
    """The template is symmetric: a side that was mixed up with another axis would show."""
    grey = fractions["grey"]

    assert np.corrcoef(grey.ravel(), grey[::-1].ravel())[0, 1] > 0.98
    assert np.corrcoef(grey[:, :41].ravel(), grey[:, :41][:, ::-1].ravel())[0, 1] < 0.8


def test_coarse_voxels_average_fine_ones():
    """A grid of 4 mm holds the means of the 2 mm voxels within it."""
    fine_affine = np.diag([2.0, 2.0, 2.0, 1.0])
    fine_affine[:3, 3] = np.array([-8, -60, 20]) - 1
    coarse_affine = np.diag([4.0, 4.0, 4.0, 1.0])
    coarse_affine[:3, 3] = -8, -60, 20
    fine = anatomy.tissue_fractions(fine_affine, (12, 12, 12))["grey"]

    coarse = anatomy.tissue_fractions(coarse_affine, (6, 6, 6))["grey"]

    means = fine.reshape(6, 2, 6, 2, 6, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(coarse, means, atol=1 / 256)


def test_fluid_of_the_ventricles_is_apart_from_that_around_the_brain(fractions):
    """The ventricles are fluid, and none of it is near the surface or below the brain."""
    ventricles = fractions["ventricles"]
    mm = np.argwhere(ventricles > 0) @ AFFINE[:3, :3] + AFFINE[:3, 3]

    assert (ventricles <= fractions["csf"]).all()
    assert (np.abs(mm[:, 0]) <= 36).all()
    assert mm[:, 2].min() >= -8


def test_t1_orders_the_tissues(fractions):
    """White matter is brighter than grey matter, and that than fluid."""
    image = anatomy.t1_on(AFFINE, SHAPE)
    means = [image[fractions[name] > 0.8].mean() for name in ("csf", "grey", "white")]

    assert means[0] < means[1] < means[2]
