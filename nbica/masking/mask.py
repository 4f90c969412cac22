"""Which voxels to keep: masks from files, on another grid, intersected, tidied."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.files import load_volume, open_image
from nbica.image.grayordinates import Grayordinates
from nbica.image.grid import Grid, volume_on_grid
from nbica.image.run import is_one
from nbica.image.space import UNKNOWN, Space, image_of, space_of
from nbica.image.surface_images import is_surface, surface_image
from nbica.masking.surfaces import load_surface_mask
from nbica.runtime.checks import as_flag, is_number

if TYPE_CHECKING:
    from nibabel import Nifti1Image

    from nbica.hints import ImageLike


@dataclass(frozen=True, eq=False)
class Mask:
    """The voxels to keep, on their grid.

    Attributes
    ----------
    array : ndarray of bool, shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    space : Space
        The space of the affine.
    """

    array: np.ndarray
    affine: np.ndarray
    space: Space = UNKNOWN

    @property
    def grid(self):
        """Shape and affine."""
        return Grid(self.array.shape, self.affine, self.space)

    @property
    def identity(self):
        """What makes it this mask and no other, to be hashed: voxels, and affine to 1e-6 mm."""
        return self.array, np.asarray(self.affine).round(6)

    @cached_property
    def n_voxels(self):
        """Number of voxels kept."""
        return int(self.array.sum())

    @cached_property
    def box(self):
        """Smallest box that holds the mask."""
        return spatial.bounding_box(self.array)

    def positions(self):
        """Where the voxels are in a flattened frame (nz, ny, nx) of the box."""
        x, y, z = np.nonzero(self.array[self.box])
        n_x, n_y, _ = self.box.shape
        return (z * n_y + y) * n_x + x


def load_mask(mask_img: ImageLike | Mask) -> Mask:
    """Load a mask image as a Mask.

    Parameters
    ----------
    mask_img : path, nibabel image, Mask or list of them
        3D, with one value beside 0 (or no 0 at all). Of several, such as
        ``find_bids(…).mask_imgs``, the voxels that are in all of them. Or of grayordinates, as
        :func:`surfaces.load_surface_mask` takes it.

    Returns
    -------
    Mask, or Grayordinates

    Raises
    ------
    DataError
        If the image is not 3D, is damaged, is empty, or holds more than two values.

    See Also
    --------
    nbica.NiftiMasker : takes a mask image as it is.

    Examples
    --------
    >>> from nbica import datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> mask = masking.load_mask(cohort.mask_img)
    >>> mask.grid.shape, mask.n_voxels == int(cohort.mask_img.get_fdata().sum())
    ((13, 16, 14), True)
    """
    if isinstance(mask_img, Mask | Grayordinates):
        return mask_img
    if is_surface(mask_img):
        return load_surface_mask(mask_img)
    if isinstance(mask_img, list | tuple) and mask_img:
        return intersect(map(load_mask, mask_img), threshold=1, connected=False)
    img, name = open_image(mask_img, "The mask image")
    data, affine, name = load_volume(img, name)
    if data.dtype.kind not in "biuf":
        msg = f"{name} holds numbers of type {data.dtype}; expected a mask of 0 and 1."
        raise DataError(msg)
    data = np.nan_to_num(data)
    values = np.unique(data)
    if not values.any():
        msg = f"{name} is empty: no voxel is different from 0."
        raise DataError(msg)
    if len(values) > 2 or (len(values) == 2 and 0 not in values):
        msg = (
            f"{name} holds the values {values[:5].tolist()}…; a mask holds 0 and one other value. "
            "Threshold it first, such as Nifti1Image((data > 0.5).astype('uint8'), img.affine)."
        )
        raise DataError(msg)
    return Mask(data.astype(bool), affine, space_of(img))


def mask_to_image(mask: Mask | Grayordinates) -> Nifti1Image:
    """A Mask as an image of 0 and 1 (uint8); of grayordinates, of those that are kept."""
    if isinstance(mask, Grayordinates):
        return surface_image(np.ones(mask.n_voxels, np.uint8), mask)
    return image_of(mask.array.astype(np.uint8), mask.grid)


def resample_mask(mask: Mask, grid: Grid) -> Mask:
    """A Mask on another grid, by nearest neighbour.

    Raises
    ------
    DataError
        If none of it is left there.
    """
    array = volume_on_grid(mask.array.astype(np.float32), mask.affine, grid, order=0) > 0.5
    if not array.any():
        msg = "The mask is empty on the grid of target_affine: they do not overlap."
        raise DataError(msg)
    return Mask(array, grid.affine, grid.space)


def intersect_masks(
    mask_imgs: ImageLike | Iterable[ImageLike], threshold: float = 0.5, connected: bool = True
) -> Nifti1Image:
    """Find the voxels that lie in more than a fraction of several masks.

    Memory is one volume of counts; the masks are read one after the other.

    Parameters
    ----------
    mask_imgs : iterable of paths or images, all on one grid
    threshold : float in [0, 1]
        1 is the intersection, 0 the union.
    connected : bool
        Keep the largest connected component only.

    Returns
    -------
    Nifti1Image of uint8

    Raises
    ------
    ValueError
        If there are no masks, their grids differ, or `threshold` is outside of [0, 1].
    DataError
        If no voxel is left.

    See Also
    --------
    compute_epi_mask : intersects the masks of several runs itself.

    Examples
    --------
    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica import masking
    >>> left, right = np.zeros((2, 6, 6, 6), "uint8")
    >>> left[:4], right[2:] = 1, 1
    >>> imgs = [nib.Nifti1Image(half, np.eye(4)) for half in (left, right)]
    >>> int(masking.intersect_masks(imgs, threshold=1).get_fdata().sum())
    72
    >>> int(masking.intersect_masks(imgs, threshold=0).get_fdata().sum())
    216
    """
    if is_one(mask_imgs):
        mask_imgs = [mask_imgs]
    if not isinstance(mask_imgs, Iterable):
        msg = f"mask_imgs is a {type(mask_imgs).__name__}; expected a list of paths or images."
        raise TypeError(msg)
    return mask_to_image(intersect((load_mask(img) for img in mask_imgs), threshold, connected))


def tidy(mask, opening=2, connected=True):
    """A binary volume without thin bridges, holes of their size, and islands.

    A volume of one or a few slices is opened within its slices only: across them nothing would be
    left.
    """
    from scipy import ndimage  # only who computes a mask pays for it

    # More than a volume is wide takes away no more.
    opening = min(checked_opening(opening), max(mask.shape))
    connected = as_flag("connected", connected)
    neighbours = _neighbours(mask.shape, opening)
    if opening:
        mask = ndimage.binary_erosion(mask, neighbours, opening)
    if connected and mask.any():
        mask = largest_component(mask)
    if opening:
        mask = ndimage.binary_dilation(mask, neighbours, 2 * opening)
        mask = ndimage.binary_erosion(mask, neighbours, opening)
    return mask


def checked_opening(opening):
    """Voxels of an opening as an int; False is none."""
    is_count = isinstance(opening, bool | int | np.integer | np.bool_) and opening >= 0
    if not is_count:
        msg = f"opening is {opening!r}; expected a whole number of voxels, 0 or False for none."
        raise ValueError(msg)
    return int(opening)


def _neighbours(shape, opening):
    """Those by faces, along axes that have more voxels than an erosion takes from both ends."""
    cross = np.zeros((3, 3, 3), bool)
    cross[1, 1, 1] = True
    for axis in is_thick(shape, opening).nonzero()[0]:
        np.moveaxis(cross, axis, 0)[:, 1, 1] = True
    return cross


def is_thick(shape, margin):
    """Which axes have voxels left where a margin is taken from both ends."""
    return np.array(shape) > 2 * margin


def largest_component(mask):
    """The largest connected component (by faces) of a binary volume."""
    from scipy import ndimage

    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    return labels == sizes.argmax()


def intersect(masks: Iterable[Mask], threshold: float, connected: bool) -> Mask:
    """As :func:`intersect_masks`, of Masks."""
    connected = as_flag("connected", connected)
    if not is_number(threshold) or not 0 <= threshold <= 1:
        msg = f"threshold is {threshold!r}; expected a fraction between 0 (union) and 1 (all)."
        raise ValueError(msg)
    n_masks, counts, first = 0, None, None
    for mask in masks:
        first = first or mask
        if not mask.grid.same_as(first.grid):
            msg = (
                f"Mask {n_masks + 1} is on another grid than the first: {_in_words(mask.grid)}, "
                f"not {_in_words(first.grid)}. Bring them to one grid with "
                "nbica.image.resample_to_img(mask, target, interpolation='nearest')."
            )
            raise ValueError(msg)
        counts = mask.array.astype(np.int32) if counts is None else counts + mask.array
        n_masks += 1
    if counts is None:
        msg = "No masks to intersect: the list is empty."
        raise ValueError(msg)
    kept = counts > min(threshold, 1 - 1e-7) * n_masks
    if not kept.any():
        msg = (
            f"No voxel lies in more than {threshold:.0%} of the {n_masks} masks. "
            "Are the runs in one space? Pass a mask, or a lower threshold."
        )
        raise DataError(msg)
    return Mask(largest_component(kept) if connected else kept, first.affine, first.space)


def _in_words(grid):
    return f"{grid.shape} with affine {grid.affine[:3].round(3).tolist()}"
