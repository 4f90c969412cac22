"""Where grayordinates are: vertices of surfaces, and voxels of what lies below the cortex.

What a :class:`grid.Grid` is to a volume, a :class:`Grayordinates` is to CIFTI and GIFTI: it says
which place each column of a run is. It is its own mask as well, as a mask only leaves some out.
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image.grid import NO_VOLUME, Grid

_PREFIX = "CIFTI_STRUCTURE_"
CORTEX = {"left": f"{_PREFIX}CORTEX_LEFT", "right": f"{_PREFIX}CORTEX_RIGHT"}


class Structure(NamedTuple):
    """One part of the brain.

    Attributes
    ----------
    name : str
        CIFTI's, such as "CIFTI_STRUCTURE_CORTEX_LEFT".
    n_vertices : int
        Of the whole surface, the medial wall included; 0 for voxels.
    indices : ndarray of int32
        Vertices, of shape (n,), or voxels, (n, 3).
    """

    name: str
    n_vertices: int
    indices: np.ndarray

    @property
    def word(self):
        """The name as people write it."""
        return self.name.removeprefix(_PREFIX)

    @property
    def kind(self):
        """What it consists of, in a word."""
        return "vertices" if self.n_vertices else "voxels"


class Surface(NamedTuple):
    """A mesh of triangles: places, (n_vertices, 3) in mm, and which three each face joins."""

    coordinates: np.ndarray
    faces: np.ndarray


@dataclass(frozen=True, eq=False)
class Grayordinates:
    """Where the columns of a run are: structure after structure.

    Memory is 4 B for a vertex and 12 B for a voxel: 0.6 MB for the 91 282 of the HCP.

    Attributes
    ----------
    structures : tuple of Structure
    volume_shape, volume_affine : tuple and ndarray of shape (4, 4), or None
        Grid of the voxels, where there are any.
    mesh : dict of str to Surface, or None
        Surfaces by the names of their structures, where they are known. Does not matter for whether
        two spaces are the same.
    is_gifti : bool
        Whether images of it are surfaces (nilearn's `SurfaceImage`), not CIFTI.
    """

    structures: tuple
    volume_shape: tuple | None = None
    volume_affine: np.ndarray | None = None
    mesh: dict | None = None
    is_gifti: bool = False

    # ---- what a Grid and a Mask have too ----------------------------------------------------

    @property
    def shape(self):
        """Their number, in a tuple."""
        return (self.n_voxels,)

    @cached_property
    def n_voxels(self):
        """Number of grayordinates."""
        return sum(len(structure.indices) for structure in self.structures)

    def __len__(self):
        return self.n_voxels

    @property
    def grid(self):
        """Itself: a mask of grayordinates is where its columns are."""
        return self

    @property
    def affine(self):
        """There is none: a DataError that says what to do."""
        msg = f"The image {NO_VOLUME}"
        raise DataError(msg)

    array = affine

    @cached_property
    def identity(self):
        """What makes them these and no others, to be hashed: a short text, in a tuple."""
        digest = hashlib.sha256()
        for name, n_vertices, indices in self.structures:
            digest.update(f"{name} {n_vertices} {len(indices)}".encode())
            digest.update(np.ascontiguousarray(indices, "<i4").tobytes())
        if self.volume_affine is not None:
            place = self.volume_shape, self.volume_affine.round(6).tolist()
            digest.update(repr(place).encode())
        for name, surface in sorted((self.mesh or {}).items()):
            digest.update(name.encode() + surface.coordinates.tobytes() + surface.faces.tobytes())
        return (digest.hexdigest(),)

    def same_as(self, other):
        """Whether both name the same places in the same order."""
        return isinstance(other, Grayordinates) and not self.difference(other)

    def is_turned(self, other):
        """Grayordinates have no axes, and nothing is resampled to or from them."""
        del other
        return False

    # ---- one space and another ---------------------------------------------------------------

    @cached_property
    def slices(self):
        """Where each structure's columns are: slices by name."""
        ends = np.cumsum([0, *(len(one.indices) for one in self.structures)]).tolist()
        names = [structure.name for structure in self.structures]
        return {name: slice(*ends[i : i + 2]) for i, name in enumerate(names)}

    def difference(self, other):
        """What sets another space apart from this one, in words after its name; or nothing."""
        if self.identity == other.identity:
            return ""
        if reason := self._other_grid(other):
            return reason
        own, others = ([one.word for one in space.structures] for space in (self, other))
        if own != others:
            lacking, more = [n for n in own if n not in others], [n for n in others if n not in own]
            said = [f"without {', '.join(lacking)}"] * bool(lacking)
            said += [f"with {', '.join(more)} besides"] * bool(more)
            return " and ".join(said) or f"its structures are in another order: {others[:3]}…"
        for mine, its in zip(self.structures, other.structures, strict=True):
            if reason := _other_indices(mine, its):
                return reason
        return ""

    def _other_grid(self, other):
        if self.volume_affine is None or other.volume_affine is None:
            return ""
        mine, its = (Grid(one.volume_shape, one.volume_affine) for one in (self, other))
        if mine.same_as(its):
            return ""
        return (
            f"its voxels are on a grid of {its.shape} with affine {its.affine[:3].tolist()}, not "
            f"{mine.shape} with {mine.affine[:3].tolist()}"
        )

    def places_of(self, wanted):
        """Columns in which wanted grayordinates are, -1 where they are not.

        Raises
        ------
        DataError
            If a surface has another number of vertices, or the voxels are on another grid.
        """
        if self.identity == wanted.identity:
            return np.arange(self.n_voxels)
        if reason := self._other_grid(wanted):
            msg = f"The grayordinates differ: {reason}."
            raise DataError(msg)
        own = {structure.name: structure for structure in self.structures}
        places = [
            _find(own[one.name], one, self.volume_shape, self.slices[one.name].start)
            if one.name in own
            else np.full(len(one.indices), -1)
            for one in wanted.structures
        ]
        return np.concatenate(places).astype(np.intp)

    def columns_of(self, mask, name):
        """Columns in which the grayordinates of a mask are: all of them, increasing.

        Raises
        ------
        DataError
            If some are not there, or in another order; `name` is what the run is called.
        """
        if not isinstance(mask, Grayordinates):
            msg = (
                f"{name} is made of grayordinates, and the mask of voxels. Pass runs and mask of "
                "one kind, or no mask: the runs say which grayordinates there are."
            )
            raise DataError(msg)
        places = self.places_of(mask)
        if (places < 0).any():
            lost = [
                f"{int((places[mask.slices[one.name]] < 0).sum())} of {len(one.indices)} {one.kind}"
                f" of {one.word}"
                for one in mask.structures
                if (places[mask.slices[one.name]] < 0).any()
            ]
            msg = (
                f"{name} has not all grayordinates of the mask: it lacks {', '.join(lost[:3])}. "
                "Runs of one fit have the same models; pass those of one space, or a mask that all "
                "of them cover."
            )
            raise DataError(msg)
        if (np.diff(places) <= 0).any():
            msg = (
                f"{name} has the structures in another order than the mask: fit the masker to the "
                "runs (masker.fit(runs)), which puts the mask in their order."
            )
            raise DataError(msg)
        return places

    def selected(self, keep):
        """Those of some columns.

        Parameters
        ----------
        keep : ndarray of bool, shape (n,)

        Returns
        -------
        Grayordinates
        """
        parts = [
            one._replace(indices=one.indices[keep[self.slices[one.name]]])
            for one in self.structures
        ]
        left = tuple(one for one in parts if len(one.indices))
        return replace(self, structures=left)

    @property
    def words(self):
        """Structures and their sizes, to be read."""
        named = [f"{one.word} ({len(one.indices)} {one.kind})" for one in self.structures]
        more = f" and {len(named) - 4} more" if len(named) > 4 else ""
        return ", ".join(named[:4]) + more


def _other_indices(mine, its):
    if mine.n_vertices != its.n_vertices:
        return f"{mine.word} is a surface of {its.n_vertices} vertices, not {mine.n_vertices}"
    if len(mine.indices) != len(its.indices):
        sizes = f"{len(its.indices)} {its.kind} of {mine.word}, not {len(mine.indices)}"
        return f"it has {sizes}"
    if not np.array_equal(mine.indices, its.indices):
        first = int((mine.indices != its.indices).reshape(len(mine.indices), -1).any(1).argmax())
        return f"{mine.word} has other {mine.kind} from number {first} on"
    return ""


def _find(own, wanted, volume_shape, start):
    """Columns of wanted vertices or voxels of a structure, -1 where they are not."""
    if own.n_vertices != wanted.n_vertices:
        msg = (
            f"The surface of {own.word} has {own.n_vertices} vertices in one image and "
            f"{wanted.n_vertices} in the other: bring both to one mesh, such as fsLR 32k."
        )
        raise DataError(msg)
    keys, asked = own.indices, wanted.indices
    if not own.n_vertices:
        keys, asked = (np.ravel_multi_index(part.T, volume_shape) for part in (keys, asked))
    order = np.argsort(keys, kind="stable")
    places = order[np.searchsorted(keys, asked, sorter=order).clip(max=len(keys) - 1)]
    return np.where(keys[places] == asked, start + places, -1)


# ---- from and to nibabel's axis ------------------------------------------------------------------


def of_axis(axis):
    """The Grayordinates of nibabel's BrainModelAxis."""
    structures = tuple(
        Structure(
            name,
            int(axis.nvertices.get(name, 0)),
            np.asarray(part.vertex if name in axis.nvertices else part.voxel, np.int32),
        )
        for name, _, part in axis.iter_structures()
    )
    if axis.affine is None:
        return Grayordinates(structures)
    shape = tuple(int(n) for n in axis.volume_shape)
    return Grayordinates(structures, shape, np.array(axis.affine, float))


def axis_of(space):
    """Nibabel's BrainModelAxis of Grayordinates."""
    n, has_voxels = space.n_voxels, any(not one.n_vertices for one in space.structures)
    voxel, vertex = np.full((n, 3), -1), np.full(n, -1)
    names = np.concatenate([np.full(len(s.indices), s.name) for s in space.structures])
    for one in space.structures:
        (vertex if one.n_vertices else voxel)[space.slices[one.name]] = one.indices
    return nib.cifti2.BrainModelAxis(
        names, voxel, vertex,
        affine=space.volume_affine if has_voxels else None,
        volume_shape=space.volume_shape if has_voxels else None,
        nvertices={one.name: one.n_vertices for one in space.structures if one.n_vertices},
    )  # fmt: skip


def structure_name(word):
    """CIFTI's name of a structure that people may call "CORTEX_LEFT" or "left_cortex".

    Raises
    ------
    ValueError
        If there is no such structure.
    """
    text = str(word).upper()
    full = text if text.startswith(_PREFIX) else f"{_PREFIX}{text}"
    known = nib.cifti2.CIFTI_BRAIN_STRUCTURES
    if full in known:
        return full
    try:
        return nib.cifti2.BrainModelAxis.to_cifti_brain_structure_name(word)
    except (ValueError, AttributeError) as error:
        names = ", ".join(name.removeprefix(_PREFIX) for name in sorted(known.value_set())[:6])
        msg = f"There is no structure {word!r}; CIFTI's are {names} and so on."
        raise ValueError(msg) from error
