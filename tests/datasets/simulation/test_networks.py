"""The networks: in grey matter, at their coordinates, on the right side."""

import numpy as np
import pytest

from nbica.datasets.simulation import anatomy, networks

AFFINE = np.diag([4.0, 4.0, 4.0, 1.0])
AFFINE[:3, 3] = -80, -112, -72
SHAPE = (41, 49, 40)
MM = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1) * 4 + AFFINE[:3, 3]


@pytest.fixture(scope="module")
def grey():
    return anatomy.tissue_fractions(AFFINE, SHAPE)["grey"]


@pytest.fixture(scope="module")
def maps(grey):
    return networks.network_maps(AFFINE, grey)


def test_maps_have_unit_peak_and_live_in_grey_matter(maps, grey):
    """Every map has its maximum of 1, and nothing where there is no grey matter."""
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


def test_networks_overlap_a_little(maps):
    """Neighbours share some cortex, as real ones do; no two maps have a correlation above .3."""
    correlation = np.corrcoef(maps.reshape(len(maps), -1))

    assert 0.1 < np.abs(correlation - np.eye(len(maps))).max() < 0.3


def test_every_network_names_its_source():
    """A coordinate without a source does not get in."""
    assert len(set(networks.labels())) == len(networks.NETWORKS) == 12
    assert all(network.source for network in networks.NETWORKS)
    assert set(networks.GROUP_PAIR) < set(networks.labels())


def test_networks_follow_the_ribbon(maps, grey):
    """Where a network is strong there is more grey matter than around its peaks at large."""
    for one, network in zip(maps, networks.NETWORKS, strict=True):
        apart = [np.linalg.norm(MM - peak, axis=-1) for peak in network.peaks]
        around = np.min(apart, axis=0) < 12

        assert grey[one > 0.5].mean() > 1.1 * grey[around].mean(), network.name


def middles(maps):
    """Centres of mass, in mm of the straight grid."""
    return np.array([np.average(MM.reshape(-1, 3), axis=0, weights=one.ravel()) for one in maps])


def test_an_oblique_grid_shows_the_same_networks():
    """On a grid that is turned by ten degrees, networks are at the same mm."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.17), -np.sin(0.17)], [np.sin(0.17), np.cos(0.17)]]

    straight = networks.network_maps(AFFINE, np.ones(SHAPE))
    turned = networks.network_maps(turn @ AFFINE, np.ones(SHAPE))

    inside = np.abs(middles(straight)[:, 1] + 18) < 50  # the others leave the turned grid
    found = middles(turned) @ turn[:3, :3].T
    np.testing.assert_allclose(found[inside], middles(straight)[inside], atol=0.5)


def test_a_network_can_be_moved_and_stretched():
    """In a world all grey a displacement moves the map by as much; a larger size enlarges it."""
    grey = np.ones(SHAPE)
    shift = np.array([2.0, 8.0, -4.0])
    shifts = [np.tile(shift, (len(network.peaks), 1)) for network in networks.NETWORKS]

    plain, moved = (networks.network_maps(AFFINE, grey, shifts=s) for s in (None, shifts))
    large = networks.network_maps(AFFINE, grey, sizes=np.full(12, 1.3))

    inside = [networks.labels().index(n) for n in ("salience", "auditory")]
    found = (middles(moved) - middles(plain))[inside]
    np.testing.assert_allclose(found, np.tile(shift, (2, 1)), atol=0.3)
    ratio = (large[inside] > 0.5).sum(axis=(1, 2, 3)) / (plain[inside] > 0.5).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(ratio, 1.3**3, rtol=0.15)
