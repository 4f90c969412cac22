"""Grayordinates where `mask.py` and `extract.py` have voxels: which to keep, and their signals.

A mask of grayordinates is a :class:`grayordinates.Grayordinates`: those that are kept, in order.
"""

import os
import warnings
from dataclasses import replace

import numpy as np

from nbica.exceptions import DataError, DataWarning
from nbica.image import columns
from nbica.image.frames import read_ahead
from nbica.image.gifti import is_pair
from nbica.image.grayordinates import Grayordinates, structure_name
from nbica.image.run import is_iterator, iter_runs
from nbica.image.series import runs_of_images
from nbica.image.surface_images import is_surface, known_mesh, read_maps
from nbica.runtime import machine
from nbica.runtime.scratch import voxel_blocks

# What leads from a volume's mask to a grid means nothing here.
_FOR_VOLUMES = ("target_affine", "target_shape", "mask_args")


def is_structures(mask_img):
    """Whether a mask is given as names of structures."""
    return (
        isinstance(mask_img, tuple | list)
        and not is_pair(mask_img)
        and bool(mask_img)
        and all(isinstance(name, str) and not {".", "/", os.sep} & set(name) for name in mask_img)
    )


def load_surface_mask(mask_img):
    """The grayordinates that an image of them marks.

    Parameters
    ----------
    mask_img : dlabel, dscalar, pair of GIFTI, or SurfaceImage
        The first map of a dlabel: what has a label other than 0. Else one map, with one value
        beside 0 or no 0 at all.

    Returns
    -------
    Grayordinates

    Raises
    ------
    DataError
        If it marks nothing, or holds more than two values.
    """
    maps = read_maps(mask_img, "The mask")
    values = np.nan_to_num(maps.values[0])
    found = np.unique(values)
    if not maps.labels and (len(maps.values) > 1 or len(found) > 2 or (found != 0).sum() > 1):
        msg = (
            f"{maps.name} holds {len(maps.values)} maps with values {found[:5].tolist()}…; a mask "
            "is one map of 0 and one other value, or a dlabel."
        )
        raise DataError(msg)
    if not found.any():
        msg = f"{maps.name} is empty: no grayordinate is different from 0."
        raise DataError(msg)
    return maps.space.selected(values != 0)


def space_of_first(imgs):
    """The Grayordinates of the first run that a user passes; None for volumes or nothing."""
    if imgs is None or is_iterator(imgs):
        return None
    first = next(iter_runs(runs_of_images(imgs)))
    return first.grid if first.on_surfaces else None


def surface_mask(mask_img, imgs, surf_mesh=None):
    """The mask that parameters of a masker stand for, on grayordinates; None for volumes.

    Parameters
    ----------
    mask_img : None, list of names of structures, Grayordinates, or as :func:`load_surface_mask`
        None keeps all that the runs have.
    imgs : runs, or None
        The first says which grayordinates there are, and in which order.
    surf_mesh : as :func:`gifti.load_mesh` takes it

    Returns
    -------
    Grayordinates or None

    Raises
    ------
    DataError
        If runs differ, or a mask and the runs have nothing in common.
    ValueError
        For names of structures without runs, or that the runs do not have.
    """
    space = space_of_first(imgs)
    if is_structures(mask_img):
        mask = _of_structures(mask_img, space)
    elif mask_img is None:
        mask = space
        if mask is not None:
            check_same_space(iter_runs(runs_of_images(imgs)), mask)
    elif isinstance(mask_img, Grayordinates) or is_surface(mask_img):
        mask = _within(mask_img, space)
    else:
        return None
    return mask if mask is None or surf_mesh is None else known_mesh(mask, surf_mesh)


def _of_structures(names, space):
    if space is None:
        msg = (
            f"mask={list(names)!r} names structures: pass CIFTI or GIFTI runs to fit, which say "
            "what they consist of; or a dlabel or dscalar as mask."
        )
        raise ValueError(msg)
    wanted = {structure_name(name) for name in names}
    lacking = sorted(wanted - {one.name for one in space.structures})
    if lacking:
        msg = f"The runs have no {', '.join(lacking)}: they are made of {space.words}."
        raise ValueError(msg)
    return replace(space, structures=tuple(one for one in space.structures if one.name in wanted))


def _within(mask_img, space):
    """A mask, in the order of the runs' columns; what these do not have is left out, and said."""
    is_space = isinstance(mask_img, Grayordinates)
    mask = mask_img if is_space else load_surface_mask(mask_img)
    if space is None:
        return mask
    places = space.places_of(mask)
    there = places[places >= 0]
    if not len(there):
        msg = f"The mask ({mask.words}) and the runs ({space.words}) have nothing in common."
        raise DataError(msg)
    if len(there) < len(places):
        msg = (
            f"The mask has {len(places) - len(there)} of {len(places)} grayordinates that the runs "
            "do not have, such as a medial wall: they are left out."
        )
        warnings.warn(msg, DataWarning, stacklevel=5)
    keep = np.zeros(space.n_voxels, bool)
    keep[there] = True
    return space.selected(keep)


def difference_of(run, space):
    """What sets a run apart from a space, in words that follow its name; or nothing."""
    if not run.on_surfaces:
        return "it is a volume, and the others are made of grayordinates"
    return space.difference(run.grid)


def check_same_space(runs, space):
    """Raise DataError, naming the run and the model, where a run has other grayordinates."""
    for run in runs:
        if reason := difference_of(run, space):
            msg = (
                f"{run.name} has other grayordinates than the first run: {reason}. Runs of one fit "
                "have the same models. Pass those of one space; or a mask, or a list of "
                "structures, that all of them cover."
            )
            raise DataError(msg)


def check_for_surfaces(parameters):
    """Raise ValueError for what is set and means nothing on grayordinates."""
    for name in _FOR_VOLUMES:
        if parameters.get(name) is not None:
            msg = (
                f"{name} is for volumes; grayordinates have no grid to be brought to. Leave it "
                "out, and choose what to keep by the mask: structures, a dlabel or a dscalar."
            )
            raise ValueError(msg)
    if str(parameters.get("mask_strategy", "")).endswith("-template"):
        msg = (
            f"mask_strategy={parameters['mask_strategy']!r} is for volumes; of grayordinates the "
            "file says itself which there are. Pass a mask to keep some of them."
        )
        raise ValueError(msg)


def check_surface_smoothing(fwhm, mask):
    """Raise ValueError where a width cannot be used to smooth along surfaces."""
    if fwhm is None or not np.any(fwhm):
        return
    if np.ndim(fwhm):
        msg = f"smoothing_fwhm is {fwhm!r}; along surfaces it is one number, in mm."
        raise ValueError(msg)
    flat = [one.word for one in mask.structures if one.n_vertices and one.name not in
            (mask.mesh or {})]  # fmt: skip
    if flat:
        msg = (
            f"smoothing_fwhm={fwhm:g} smooths along the surface of {', '.join(flat)}, whose shape "
            "is not known: pass surf_mesh=(left.surf.gii, right.surf.gii), such as the "
            "midthickness surfaces of the data's space, or smoothing_fwhm=None."
        )
        raise ValueError(msg)


def values_on(mask, img):
    """Values of an image in the grayordinates of a mask, 0 where it has none.

    Returns
    -------
    ndarray of float32, shape (n_rows, n_grayordinates), or (n_grayordinates,) for one row
        Values that are not finite become 0.
    """
    if not is_surface(img):
        msg = (
            f"{img if isinstance(img, str | os.PathLike) else type(img).__name__} is no image of "
            f"grayordinates, and the mask is made of {mask.words}. Pass CIFTI or GIFTI."
        )
        raise DataError(msg)
    maps = read_maps(img)
    places = maps.space.places_of(mask)
    values = np.where(places >= 0, np.nan_to_num(maps.values[:, places]), 0).astype(np.float32)
    return values[0] if len(values) == 1 else values


# ---- a run's signals ----------------------------------------------------------------------------


def read_columns_into(signals, run, mask, watch):
    """Fill a matrix, in RAM or in a scratch file, with the grayordinates of a mask.

    Memory beside the matrix is a few pieces of 4 MB and, for a scratch file, a block of it; the
    file is read once.

    Parameters
    ----------
    signals : scratch.RamSignals or scratch.DiskSignals
        With a row for each frame of the run that is kept.
    run : Run
    mask : Grayordinates
    watch : stopwatch.Stopwatch
        Counts the stage "read".

    Returns
    -------
    n_nonfinite : int
        Values that were not finite, in the columns that are wanted, and became 0.

    Raises
    ------
    DataError
        If the run lacks some of them, is of another kind, or is damaged.
    """
    if not run.on_surfaces:
        msg = (
            f"{run.name} is a volume, and the mask is made of grayordinates. Pass CIFTI or GIFTI "
            "runs, or a mask of voxels."
        )
        raise DataError(msg)
    pieces = _Pieces(run, run.grid.columns_of(mask, run.name), watch)
    for wanted in voxel_blocks(mask.n_voxels):
        block = signals.columns(wanted)
        pieces.fill(block, wanted.start)
        signals.put_columns(wanted, block)
    pieces.finish()
    return pieces.n_nonfinite


class _Pieces:
    """The wanted columns of a run, one after the other."""

    def __init__(self, run, places, watch):
        self._places, self._kept, self._watch = places, run.kept, watch
        blocks = columns.iter_columns(run)
        if machine.threads_allowed() > 1:
            blocks = read_ahead(blocks)
        self._stream, self._piece = watch.each("read", blocks), None
        self.n_nonfinite = 0

    def fill(self, block, start):
        """Write the wanted columns from a number on into a block, (n_kept, n)."""
        done, width = 0, block.shape[1]
        while done < width:
            piece = self._piece_with(self._places[start + done])
            end = np.searchsorted(self._places, piece.start + len(piece.values))
            n_new = min(end - start - done, width - done)
            rows = self._places[start + done : start + done + n_new] - piece.start
            with self._watch.stage("smooth"):  # where volumes are put in order, too
                values = piece.values[rows]
                values = values if self._kept is None else values[:, self._kept]
                block[:, done : done + n_new] = values.T
            done += n_new

    def _piece_with(self, place):
        while self._piece is None or place >= self._piece.start + len(self._piece.values):
            self._piece = next(self._stream)
            self.n_nonfinite += self._piece.n_nonfinite
        return self._piece

    def finish(self):
        """Read on to the end: only then is a compressed file known to be whole."""
        for piece in self._stream:
            del piece
