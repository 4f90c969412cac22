"""The networks: in grey matter, at their coordinates, on the right side."""

import numpy as np
import pytest

from nbica.datasets.simulation import head, networks

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
AFFINE[:3, 3] = -80, -112, -72
SHAPE = (41, 49, 40)
MM = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) * 4 + AFFINE[:3, 3]


@pytest.fixture(scope="module")
def grey():
    return head.tissue_fractions(AFFINE, SHAPE)["grey"]


@pytest.fixture(scope="module")
def maps(grey):
    return networks.network_maps(AFFINE, grey)


def test_maps_have_unit_peak_and_live_in_grey_matter(maps, grey):
    """Every map has its maximum of 1, and nothing where there is no grey matter."""
    assert maps.dtype == np.float32
    np.testing.assert_allclose(maps.max(axis=(1, 2, 3)), 1, rtol=1e-6)
    assert maps.min() >= 0
    assert not maps[:, grey == 0].any()


@pytest.mark.parametrize("network", networks.NETWORKS, ids=networks.labels())
def test_peaks_lie_in_grey_matter_of_the_map(maps, grey, network):
    """At every published peak there is grey matter, and the map is high within a voxel."""
    network_map = maps[networks.NETWORKS.index(network)]

    for peak in network.peaks:
        near = np.linalg.norm(MM - peak, axis=-1) < 7
        assert grey[near].max() > 0.5, peak
        assert network_map[near].max() > 0.6, peak


@pytest.mark.parametrize(
    ("name", "side"), [("left fronto-parietal", -1), ("right fronto-parietal", 1)]
)
def test_left_is_negative_x(maps, name, side):
    """The lateral networks lie on their own side of the head."""
    network_map = maps[networks.labels().index(name)]
    weight = network_map[MM[..., 0] * side > 0].sum() / network_map.sum()

    assert weight > 0.98


def test_networks_hardly_overlap(maps):
    """No two maps have a correlation above .25."""
    correlation = np.corrcoef(maps.reshape(len(maps), -1))

    assert np.abs(correlation - np.eye(len(maps))).max() < 0.25


def test_every_network_names_its_source():
    """A coordinate without a source does not get in."""
    assert len(set(networks.labels())) == len(networks.NETWORKS) == 12
    assert all(network.source for network in networks.NETWORKS)
    assert set(networks.GROUP_PAIR) < set(networks.labels())


def test_oblique_grid_gives_the_same_blob():
    """The general way to draw a Gaussian equals the separable one."""
    affine = AFFINE.copy()
    straight = networks._separable_gaussian(affine, (9, 10, 11), (-60, -90, -50), 8.0)
    affine[0, 1] = 1e-9

    oblique = networks._separable_gaussian(affine, (9, 10, 11), (-60, -90, -50), 8.0)

    np.testing.assert_allclose(oblique, straight, rtol=1e-4, atol=1e-7)
