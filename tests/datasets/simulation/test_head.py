"""The analytic head: where things are, and that the grid does not matter."""

import numpy as np
import pytest

from nbica.datasets.simulation import head

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
AFFINE[:3, 3] = -80, -112, -72
SHAPE = (41, 49, 40)


@pytest.fixture(scope="module")
def fractions():
    return head.tissue_fractions(AFFINE, SHAPE)


def at(image, mm):
    index = np.rint(np.linalg.inv(AFFINE) @ (*mm, 1)).astype(int)[:3]
    return image[tuple(index)]


def test_tissues_share_each_voxel(fractions):
    """Fractions lie in [0, 1] and the tissues of a voxel add up to no more than 1."""
    total = sum(fractions[name] for name in ("grey", "white", "csf", "skull", "scalp"))

    assert all(f.dtype == np.float32 and f.min() >= 0 for f in fractions.values())
    assert total.max() <= 1 + 1e-5


def test_brain_has_the_extents_of_mni(fractions):
    """Brain and fluid reach as far as those of MNI152, within a voxel or two."""
    found = np.argwhere(head.brain_mask(fractions)) @ AFFINE[:3, :3] + AFFINE[:3, 3]

    np.testing.assert_allclose(found.min(axis=0), (-70, -106, -70), atol=6)
    np.testing.assert_allclose(found.max(axis=0), (70, 71, 79), atol=6)


def test_volumes_are_those_of_a_person(fractions):
    """Grey and white matter have the volumes of an adult, in litres."""
    litres = {name: f.sum() * 64e-6 for name, f in fractions.items()}

    assert 0.6 < litres["grey"] < 0.95
    assert 0.4 < litres["white"] < 0.85
    assert 0.01 < litres["ventricles"] < 0.06


@pytest.mark.parametrize(
    ("tissue", "mm"),
    [
        ("white", (-28, -22, 28)),
        ("white", (28, -22, 28)),
        ("grey", (-12, -18, 8)),
        ("grey", (26, 2, 0)),
        ("ventricles", (10, 8, 16)),
        ("ventricles", (-10, 8, 16)),
        ("cerebellum", (-24, -64, -40)),
        ("brainstem", (0, -26, -32)),
    ],
)
def test_parts_are_where_they_belong(fractions, tissue, mm):
    """Known places hold the tissue an atlas would show there."""
    assert at(fractions[tissue], mm) > 0.4


def test_sulci_differ_between_the_sides(fractions):
    """The two sides resemble each other but are not mirror images."""
    grey = fractions["grey"]
    alike = np.corrcoef(grey.ravel(), grey[::-1].ravel())[0, 1]

    assert 0.5 < alike < 0.98


def test_coarse_voxels_average_fine_ones():
    """A grid of 4 mm holds the means of the 2 mm voxels within it."""
    fine_affine = np.diag([2.0, 2.0, 2.0, 1.0])
    fine_affine[:3, 3] = np.array([-8, -60, 20]) - 1
    coarse_affine = np.diag([4.0, 4.0, 4.0, 1.0])
    coarse_affine[:3, 3] = -8, -60, 20
    fine = head.tissue_fractions(fine_affine, (12, 12, 12))["grey"]

    coarse = head.tissue_fractions(coarse_affine, (6, 6, 6))["grey"]

    means = fine.reshape(6, 2, 6, 2, 6, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(coarse, means, atol=1e-4)


def test_t1_contrast_orders_the_tissues(fractions):
    """White matter is brighter than grey matter, and that than fluid."""
    image = head.t1_contrast(fractions)
    means = [image[fractions[name] > 0.85].mean() for name in ("csf", "grey", "white")]

    assert means[0] < means[1] < means[2]
