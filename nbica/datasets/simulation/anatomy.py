"""Tissues of MNI152 on any grid: where networks, fluid and vessels of the simulated subjects are.

Fractions are kept in steps of 1/256, so that every processor gets the same.
"""

from functools import cache

import nibabel as nib
import numpy as np
from scipy import ndimage

from nbica.image import spatial, template

TISSUES = ("grey", "white", "csf", "ventricles", "brainstem", "skull", "scalp")
FINEST = 2.0  # mm, of the template: coarser voxels are averaged over samples this far apart
_STEPS = 256  # of a fraction

_GAP = 6  # voxels of the template: half of the widest gap that fluid fills

# Boxes in mm: the lateral ventricles, and centre and half axes of the brainstem below the thalamus.
_VENTRICLES = ((-34, 34), (-50, 30), (-2, 28))
_BRAINSTEM = ((0, -30, -38), (20, 16, 32))


def tissue_fractions(affine, shape):
    """MNI152's tissues on a grid.

    Takes some 0.3 s and 100 MB beyond the result for a whole brain at 2 mm or coarser; in
    proportion to the number of voxels below that.

    Parameters
    ----------
    affine : array-like of shape (4, 4)
        Voxel indices to world coordinates, in mm, RAS+.
    shape : tuple of 3 int
        The grid.

    Returns
    -------
    fractions : dict of ndarray of shape `shape`, float32
        For every name of `TISSUES` the fraction of each voxel, in [0, 1]. `grey`, `white`, `csf`,
        `skull` and `scalp` share the voxel between them; `ventricles` (part of `csf`) and
        `brainstem` (part of `grey` and `white`) say where.
    """
    sample = _sampler(affine, shape)
    return {
        name: (np.rint(_STEPS * sample(tissue)) / _STEPS).astype(np.float32)
        for name, tissue in _tissues().items()
    }


def t1_on(affine, shape):
    """MNI152's T1, without the skull, on a grid: from 0 to 255."""
    return np.rint(_sampler(affine, shape)(template.load_tissue("t1"))).astype(np.uint8)


def _sampler(affine, shape):
    """A function: a volume on the template's grid to its means over the voxels of another."""
    affine = np.asarray(affine, dtype=float)
    n_samples = np.maximum(1, np.ceil(np.linalg.norm(affine[:3, :3], axis=0) / FINEST - 1e-6))
    n_samples = n_samples.astype(int)
    fine = affine @ nib.affines.from_matvec(np.diag(1 / n_samples), (1 / n_samples - 1) / 2)
    to_template = np.linalg.inv(template.AFFINE) @ fine
    fine_shape = tuple((n_samples * shape).tolist())
    blocks = [size for pair in zip(shape, n_samples, strict=True) for size in pair]

    def sample(volume):
        block = volume.T[np.newaxis]
        matrix, offset = to_template[:3, :3], to_template[:3, 3]
        samples = spatial.resample_block(block, matrix, offset, fine_shape, order=1)[0].T
        return samples.reshape(blocks).mean(axis=(1, 3, 5), dtype=float)

    return sample


def brain_mask(fractions, threshold=0.5):
    """Voxels that are mostly grey and white matter and fluid, and gaps of up to 4 voxels."""
    whole = fractions["grey"] + fractions["white"] + fractions["csf"] > threshold
    return _closed(whole, 2)


@cache
def _tissues():
    """The tissues on the template's grid, float32 from 0 to 1."""
    grey, white = (template.load_tissue(name) / np.float32(255) for name in ("gm", "wm"))
    brain = template.load_brain() / np.float32(255)
    # The maps of tissue reach a little beyond the T1, and fluid fills what lies between its parts.
    within = np.maximum(np.maximum(grey + white, brain), _cisterns(brain))
    grey, white = grey / np.maximum(grey + white, 1), white / np.maximum(grey + white, 1)
    csf = np.clip(within - grey - white, 0, 1)
    near = ndimage.gaussian_filter(within.astype(float), 3.0)  # falls from 1/2 at the surface
    outside = np.clip(1 - within, 0, 1)
    bone = outside * (near > 0.12)  # up to 7 mm away
    skin = outside * (near > 0.01) - bone  # up to 14 mm
    parts = (grey, white, csf, _largest_part(csf), (grey + white) * _stem(), bone, skin)
    return {name: np.asarray(part, np.float32) for name, part in zip(TISSUES, parts, strict=True)}


def _cisterns(brain):
    """Gaps below the brain, of which its T1 without the skull knows nothing: up to 24 mm wide."""
    return _closed(brain > 0.5, _GAP)


def _closed(mask, half):
    """A mask without the gaps that are up to 2 x half voxels wide."""
    inner = (slice(half, -half),) * 3
    return ndimage.binary_closing(np.pad(mask, half), iterations=half)[inner]


def _largest_part(csf):
    """The fluid of the lateral ventricles: the largest connected part in their box."""
    x, y, z = _world()
    (left, right), (back, front), (low, high) = _VENTRICLES
    box = (x >= left) & (x <= right) & (y >= back) & (y <= front) & (z >= low) & (z <= high)
    labels, _ = ndimage.label((csf > 0.3) & box)
    largest = 1 + np.bincount(labels.ravel())[1:].argmax()
    return csf * (labels == largest)


def _stem():
    centre, axes = _BRAINSTEM
    return sum(((mm - c) / a) ** 2 for mm, c, a in zip(_world(), centre, axes, strict=True)) < 1


def _world():
    """Coordinates of the template's voxels, in mm, to be broadcast."""
    corner = template.AFFINE[:3, 3]
    axes = [low + FINEST * np.arange(n) for low, n in zip(corner, template.SHAPE, strict=True)]
    return np.meshgrid(*axes, indexing="ij", sparse=True)
