"""Twelve resting-state networks: names, peak coordinates with their sources, and maps."""

from typing import NamedTuple

import numpy as np

CONN = (
    "network ROIs of the CONN toolbox (Whitfield-Gabrieli & Nieto-Castanon 2012, Brain "
    "Connectivity 2:125-141), centres of an ICA of 497 HCP subjects; read from scripts that use "
    "these ROIs"
)
RAICHLE = (
    "after Raichle (2011), The restless brain, Brain Connectivity 1:3-12, Table 1; quoted from "
    "memory, not checked against the paper"
)
ANATOMY = (
    "basal-ganglia network after Shirer et al. (2012), Cerebral Cortex 22:158-165; the centres "
    "are those of putamen and caudate in this head, not published peaks"
)


class Network(NamedTuple):
    """A named network: peaks in MNI mm (left is x < 0), width of a blob in mm, and the source."""

    name: str
    peaks: tuple
    fwhm: float
    source: str


NETWORKS = (
    Network("default mode", ((1, -61, 38), (1, 55, -3), (-39, -77, 33), (47, -67, 29)), 19, CONN),
    Network(
        "dorsal attention",
        ((-27, -9, 64), (30, -6, 64), (-39, -43, 52), (39, -42, 54)),
        15,
        CONN,
    ),
    Network("left fronto-parietal", ((-43, 33, 28), (-46, -58, 49)), 20, CONN),
    Network("right fronto-parietal", ((41, 38, 30), (52, -52, 45)), 20, CONN),
    Network(
        "salience",
        ((0, 22, 35), (-44, 13, 1), (47, 14, 0), (-60, -39, 31), (62, -35, 32)),
        15,
        CONN + ". Its rostral prefrontal centres (-32,45,27), (32,46,27) are left out: they lie "
        "within a blob of the fronto-parietal ones",
    ),
    Network("sensorimotor hand", ((-39, -26, 51), (38, -26, 51), (0, -21, 48)), 16, RAICHLE),
    Network("sensorimotor face", ((-55, -12, 29), (56, -10, 29)), 17, CONN),
    Network("primary visual", ((2, -79, 12), (0, -93, -4)), 19, CONN),
    Network("lateral visual", ((-37, -79, 10), (38, -72, 13)), 18, CONN),
    Network("auditory", ((-62, -30, 12), (59, -27, 15)), 18, RAICHLE),
    Network("cerebellum", ((0, -63, -30), (0, -79, -32)), 22, CONN),
    Network("basal ganglia", ((-26, 4, 1), (26, 4, 1), (-13, 13, 6), (13, 13, 6)), 13, ANATOMY),
)  # fmt: skip

# The pair whose correlation differs between the two groups of the simulated cohort.
GROUP_PAIR = ("default mode", "left fronto-parietal")

_FWHM_TO_SIGMA = 1 / np.sqrt(8 * np.log(2))


def labels():
    """Names of the networks, in the order of their maps."""
    return [network.name for network in NETWORKS]


def network_maps(affine, grey, *, shifts=None, sizes=None):
    """Draw the networks on a grid: smooth blobs at the peaks, weighted by grey matter.

    Takes n_networks x n_voxels x 4 B and well under a second per million voxels.

    Parameters
    ----------
    affine : ndarray of shape (4, 4)
        Voxel indices to world coordinates, in mm.
    grey : ndarray of shape (nx, ny, nz)
        Fraction of grey matter, in [0, 1].
    shifts : sequence of ndarray of shape (n_peaks, 3), optional
        For every network, displacement of its peaks in mm: a subject differs from the group.
    sizes : array-like of shape (n_networks,), optional
        Factors on the width of the blobs.

    Returns
    -------
    maps : ndarray of shape (n_networks, nx, ny, nz), float32
        Zero or above, largest value 1.
    """
    sizes = np.ones(len(NETWORKS)) if sizes is None else sizes
    shifts = [0.0] * len(NETWORKS) if shifts is None else shifts
    maps = np.empty((len(NETWORKS), *grey.shape), dtype=np.float32)
    for network_map, network, shift, size in zip(maps, NETWORKS, shifts, sizes, strict=True):
        peaks = np.asarray(network.peaks, dtype=float) + shift
        sigma = network.fwhm * size * _FWHM_TO_SIGMA
        network_map[...] = sum(_blob(affine, grey, peak, sigma) for peak in peaks)
        network_map /= max(network_map.max(), 1e-6)
    return maps


def _blob(affine, grey, peak, sigma):
    """Flat-topped blob around a peak times grey matter, scaled to a maximum of 1.

    Scaling each blob makes the peaks of a network equally strong, however much of the blob
    falls into white matter or into a fissure.
    """
    gaussian = _separable_gaussian(affine, grey.shape, peak, sigma)
    blob = (1 - (1 - gaussian) ** 3) * grey
    blob[blob < 0.02 * blob.max()] = 0
    return blob / max(blob.max(), 1e-6)


def _separable_gaussian(affine, shape, centre, sigma):
    """Gaussian on a grid, as a product of three vectors (an oblique grid takes the long way)."""
    affine = np.asarray(affine, dtype=float)
    if np.count_nonzero(affine[:3, :3]) == 3:
        axes = np.abs(affine[:3, :3]).argmax(axis=0)
        profiles = []
        for i, (axis, n) in enumerate(zip(axes, shape, strict=True)):
            mm = affine[axis, i] * np.arange(n) + affine[axis, 3]
            profiles.append(np.exp(-0.5 * ((mm - centre[axis]) / sigma) ** 2))
        x, y, z = (profile.astype(np.float32) for profile in profiles)
        return x[:, None, None] * y[:, None] * z
    ijk = np.indices(shape).reshape(3, -1)
    mm = affine[:3, :3] @ ijk + affine[:3, 3:]
    square = ((mm - np.reshape(centre, (3, 1))) ** 2).sum(axis=0)
    return np.exp(-0.5 * square / sigma**2).reshape(shape).astype(np.float32)
