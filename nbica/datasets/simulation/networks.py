"""Twelve resting-state networks: names, peak coordinates with their sources, and maps.

A network spreads from its published peaks along the cortical ribbon: heat that starts there and
diffuses in grey matter only, so that it fills a gyrus and does not jump a sulcus.
"""

from functools import cache
from typing import NamedTuple

import nibabel as nib
import numpy as np
from scipy import ndimage

from nbica.image import spatial, template

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
    "are those of putamen and caudate in MNI152, not published peaks"
)


class Network(NamedTuple):
    """A named network: peaks in MNI mm (left is x < 0), its reach in mm, and the source."""

    name: str
    peaks: tuple
    reach: float
    source: str


NETWORKS = (
    Network("default mode", ((1, -61, 38), (1, 55, -3), (-39, -77, 33), (47, -67, 29)), 30, CONN),
    Network(
        "dorsal attention",
        ((-27, -9, 64), (30, -6, 64), (-39, -43, 52), (39, -42, 54)),
        24,
        CONN,
    ),
    Network("left fronto-parietal", ((-43, 33, 28), (-46, -58, 49)), 32, CONN),
    Network("right fronto-parietal", ((41, 38, 30), (52, -52, 45)), 32, CONN),
    Network(
        "salience",
        ((0, 22, 35), (-44, 13, 1), (47, 14, 0), (-60, -39, 31), (62, -35, 32)),
        24,
        CONN + ". Its rostral prefrontal centres (-32,45,27), (32,46,27) are left out: they lie "
        "within a blob of the fronto-parietal ones",
    ),
    Network("sensorimotor hand", ((-39, -26, 51), (38, -26, 51), (0, -21, 48)), 26, RAICHLE),
    Network("sensorimotor face", ((-55, -12, 29), (56, -10, 29)), 28, CONN),
    Network("primary visual", ((2, -79, 12), (0, -93, -4)), 28, CONN),
    Network("lateral visual", ((-37, -79, 10), (38, -72, 13)), 32, CONN),
    Network("auditory", ((-62, -30, 12), (59, -27, 15)), 28, RAICHLE),
    Network("cerebellum", ((0, -63, -30), (0, -79, -32)), 34, CONN),
    Network("basal ganglia", ((-26, 4, 0), (26, 4, 0), (-13, 13, 8), (13, 13, 8)), 20, ANATOMY),
)  # fmt: skip

# The pair whose correlation differs between the two groups of the simulated cohort.
GROUP_PAIR = ("default mode", "left fronto-parietal")

# Heat starts as a small ball around a peak and spreads by this kernel, on voxels of 2 mm.
_START = 3.5  # mm, standard deviation
_KERNEL = np.array([1, 4, 6, 4, 1]) / 16
_STEP_VARIANCE = 4.0  # mm², what the kernel adds
_STEPS = 4096  # of a map's maximum: every processor gets the same
_FAINTEST = 0.02  # of a blob's maximum: below, there is nothing


class Blob(NamedTuple):
    """How far a network reaches around one of its peaks: values in a box, and where they are."""

    values: np.ndarray
    affine: np.ndarray


def labels():
    """Names of the networks, in the order of their maps."""
    return [network.name for network in NETWORKS]


def network_maps(affine, grey, *, shifts=None, sizes=None):
    """Draw the networks on a grid: along the ribbon around their peaks, weighted by grey matter.

    Takes n_networks x n_voxels x 8 B and well under a second per million voxels; the first call in
    a process half a second more.

    Parameters
    ----------
    affine : ndarray of shape (4, 4)
        Voxel indices to world coordinates, in mm.
    grey : ndarray of shape (nx, ny, nz)
        Fraction of grey matter, in [0, 1].
    shifts : sequence of ndarray of shape (n_peaks, 3), optional
        For every network, displacement of its peaks in mm: a subject differs from the group.
    sizes : array-like of shape (n_networks,), optional
        Factors on how far they reach.

    Returns
    -------
    maps : ndarray of shape (n_networks, nx, ny, nz)
        Zero or above, largest value 1.
    """
    sizes = np.ones(len(NETWORKS)) if sizes is None else sizes
    shifts = [np.zeros((len(n.peaks), 3)) for n in NETWORKS] if shifts is None else shifts
    maps = np.zeros((len(NETWORKS), *grey.shape))
    for network_map, network, shift, size in zip(maps, NETWORKS, shifts, sizes, strict=True):
        for peak, moved in zip(network.peaks, shift, strict=True):
            _add_blob(network_map, _spread(peak, network.reach), peak, moved, size, affine, grey)
        network_map /= max(network_map.max(), 1 / _STEPS)
    return np.rint(_STEPS * maps) / _STEPS


def _add_blob(total, blob, peak, moved, size, affine, grey):
    """Add a blob, moved and stretched about its peak, times grey matter, its maximum 1.

    Scaling each blob makes the peaks of a network equally strong, however much grey matter is
    around them.
    """
    peak = np.asarray(peak, float)
    stretch = nib.affines.from_matvec(np.eye(3) * size, peak + moved - size * peak)
    source = stretch @ blob.affine
    box = _box_on(affine, source, blob.values.shape, grey.shape)
    where = tuple(box)
    matrix, offset = spatial.voxel_map(source, affine, box)
    block = blob.values.T[np.newaxis]
    values = spatial.resample_block(block, matrix, offset, box.shape, order=1)[0].T * grey[where]
    strongest = values.max(initial=0.0)
    if strongest > 0:
        total[where] += np.where(values < _FAINTEST * strongest, 0, values / strongest)


def _box_on(affine, source, shape, grid_shape):
    """The voxels of a grid that a box of voxels, placed by its own affine, covers."""
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(shape) - 1)
    there = nib.affines.apply_affine(np.linalg.inv(affine) @ source, corners)
    low = np.clip(np.floor(there.min(axis=0)), 0, grid_shape).astype(int)
    high = np.clip(np.ceil(there.max(axis=0)) + 1, 0, grid_shape).astype(int)
    return spatial.Box(*map(slice, low.tolist(), high.tolist()))


@cache
def _spread(peak, reach):
    """Heat from a peak after it has diffused through MNI152's grey matter, nowhere else.

    Parameters
    ----------
    peak : tuple of 3 numbers
        In mm.
    reach : float
        Full width at half maximum in mm that it would have in a world all grey.
    """
    sigma = reach * spatial.SIGMA_PER_FWHM
    half = int(np.ceil(3 * sigma / 2)) + 2
    centre = np.rint(nib.affines.apply_affine(np.linalg.inv(template.AFFINE), peak)).astype(int)
    low, high = np.maximum(centre - half, 0), centre + half + 1
    grey = template.load_tissue("gm")[tuple(map(slice, low, high))] / 255
    corner = nib.affines.apply_affine(template.AFFINE, low)
    affine = nib.affines.from_matvec(template.AFFINE[:3, :3], corner)
    x, y, z = (c + 2.0 * np.arange(n) - p for c, n, p in zip(corner, grey.shape, peak, strict=True))
    square = x[:, None, None] ** 2 + y[:, None] ** 2 + z**2
    heat = np.exp(-0.5 * square / _START**2)
    near = _blurred(grey) + 1e-3
    for _ in range(round((sigma**2 - _START**2) / _STEP_VARIANCE)):
        heat = _blurred(heat * grey) / near
    heat /= heat.max()
    return Blob((np.rint(_STEPS * heat) / _STEPS).astype(np.float32), affine)


def _blurred(volume):
    for axis in range(3):
        volume = ndimage.correlate1d(volume, _KERNEL, axis=axis, mode="constant")
    return volume
