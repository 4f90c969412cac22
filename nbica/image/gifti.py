"""GIFTI: one hemisphere a file; a pair is a brain."""

import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image.files import READ_ERRORS
from nbica.image.grayordinates import CORTEX, Grayordinates, Structure, Surface
from nbica.runtime.placeholders import placeholder

SIDES = ("left", "right")
_SUFFIXES = (".gii", ".gii.gz")
_DAMAGE = (*READ_ERRORS, expat.ExpatError, AssertionError, AttributeError, KeyError)


@dataclass(frozen=True, eq=False)
class GiftiFrames:
    """Time series in a file of each hemisphere, left and right."""

    paths: tuple
    dtype = np.dtype(np.float32)
    slope = 1.0
    inter = 0.0


class GiftiHeader(NamedTuple):
    """What a GIFTI file says of itself before its first number."""

    n_arrays: int
    shape: tuple
    facts: dict


def is_gifti(img):
    """Whether this is one hemisphere: an image of nibabel, or a path by its suffix."""
    if isinstance(img, nib.GiftiImage):
        return True
    return isinstance(img, str | os.PathLike) and str(img).lower().endswith(_SUFFIXES)


def is_pair(img):
    """Whether this is a brain in two: a pair of GIFTI, a dict of sides, or a SurfaceImage."""
    if isinstance(img, tuple | list):
        return len(img) == 2 and all(map(is_gifti, img))
    if isinstance(img, Mapping):
        return not hasattr(img, "func") and bool(img) and set(img) <= set(SIDES)
    return is_surface_image(img)


def is_surface_image(img):
    """Whether this is nilearn's SurfaceImage, by its looks: nilearn is not imported for it."""
    return hasattr(getattr(img, "data", None), "parts") and hasattr(img, "mesh")


def sides_of(img):
    """Left and right of a pair; a DataError where a hemisphere is missing.

    Returns
    -------
    dict of str to path, GiftiImage or ndarray
    """
    if isinstance(img, tuple | list):
        return dict(zip(SIDES, img, strict=True))
    parts = dict(img) if isinstance(img, Mapping) else dict(img.data.parts)
    lacking = [side for side in SIDES if side not in parts]
    if lacking:
        msg = (
            f"A hemisphere is missing: there is {', '.join(parts)} and no {', '.join(lacking)}. "
            "Pass both, as (left, right) or {'left': ..., 'right': ...}."
        )
        raise DataError(msg)
    return {side: parts[side] for side in SIDES}


def message_for_half(name):
    """What to say to who passed one hemisphere."""
    return (
        f"{name} is one hemisphere (GIFTI). Pass both together, as (left, right) or "
        "{'left': ..., 'right': ...}; a list of such pairs is a list of runs."
    )


# ---- one file -----------------------------------------------------------------------------------


def read_header(path):
    """Number and shape of the arrays of a GIFTI file; reads it up to the first number.

    Raises
    ------
    FileNotFoundError, DataError
        If there is no such file, or it is none.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        why = placeholder(path) or f"No such file: {str(path)!r} (looked from {Path.cwd()})"
        msg = f"{why}."
        raise FileNotFoundError(msg)
    scan = _Scan()
    try:
        with _open(path) as stream:
            scan.read(stream)
    except _DAMAGE as error:
        raise DataError(_message_for_damage(path, error)) from error
    if scan.shape is None:
        raise DataError(_message_for_damage(path, "it has no array"))
    return GiftiHeader(scan.n_arrays, scan.shape, scan.facts)


def _open(path):
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


def _message_for_damage(path, error):
    return f"{path} cannot be read as GIFTI: {error}. Copy or download it again."


class _Scan:
    """Attributes and metadata of a GIFTI file, up to its first number."""

    def __init__(self):
        self.n_arrays, self.shape, self.facts = 0, None, {}
        self._name, self._text, self._is_enough = "", "", False

    def read(self, stream):
        """Read until it is known what is there."""
        parser = expat.ParserCreate()
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.CharacterDataHandler = self._add
        while not self._is_enough and (piece := stream.read(1 << 14)):
            parser.Parse(piece)

    def _begin(self, tag, attributes):
        self._text = ""
        if tag == "GIFTI":
            self.n_arrays = int(attributes["NumberOfDataArrays"])
        elif tag == "DataArray":
            n_axes = int(attributes["Dimensionality"])
            self.shape = tuple(int(attributes[f"Dim{axis}"]) for axis in range(n_axes))
        self._is_enough |= tag == "Data"

    def _add(self, text):
        if not self._is_enough:
            self._text += text

    def _end(self, tag):
        if tag == "Name":
            self._name = self._text.strip()
        elif tag == "Value":
            self.facts.setdefault(self._name, self._text.strip())
        self._text = ""


def read_array(img):
    """All numbers of a hemisphere: ndarray of shape (n_vertices, n_rows).

    Memory is that of the array, twice while it is made.

    Parameters
    ----------
    img : path, GiftiImage or ndarray
    """
    if isinstance(img, np.ndarray):
        return img[:, np.newaxis] if img.ndim == 1 else img
    try:
        arrays = (img if isinstance(img, nib.GiftiImage) else nib.load(img)).darrays
        return np.column_stack([array.data for array in arrays])
    except _DAMAGE as error:
        raise DataError(_message_for_damage(img, error)) from error


# ---- both ---------------------------------------------------------------------------------------


def describe(sides):
    """Space, number of rows and seconds between them, of a pair; of files, headers only.

    Returns
    -------
    space : Grayordinates
    n_rows : int
    t_r : float or None
    """
    sizes, facts = [], []
    for side, img in sides.items():
        n_vertices, n_rows, said = _size(img)
        told = said.get("AnatomicalStructurePrimary", "").lower().replace("cortex", "").strip()
        if told in SIDES and told != side:
            msg = f"The {side} hemisphere says that it is the {told} one: {_name(img)}."
            raise DataError(msg)
        sizes.append((n_vertices, n_rows))
        facts.append(said)
    n_rows = [rows for _, rows in sizes]
    if n_rows[0] != n_rows[1]:
        msg = (
            f"The left hemisphere has {n_rows[0]} frames, the right {n_rows[1]}: "
            f"{', '.join(map(_name, sides.values()))} are not of one run."
        )
        raise DataError(msg)
    return space_of([n_vertices for n_vertices, _ in sizes]), n_rows[0], _seconds(facts[0])


def _name(img):
    if isinstance(img, nib.GiftiImage):
        return img.get_filename() or "image in memory"
    return str(img) if isinstance(img, str | os.PathLike) else "image in memory"


def _size(img):
    if isinstance(img, str | os.PathLike):
        n_arrays, shape, facts = read_header(img)
        return (*shape, facts) if len(shape) == 2 else (shape[0], n_arrays, facts)
    facts = dict(img.meta) if isinstance(img, nib.GiftiImage) else {}
    return (*read_array(img).shape, facts)


def _seconds(facts):
    """AFNI and FreeSurfer write the TimeStep in ms."""
    try:
        step = float(facts.get("TimeStep", 0)) / 1000
    except ValueError:
        return None
    return step if step > 0 else None


def space_of(n_vertices, mesh=None):
    """All vertices of two hemispheres."""
    structures = tuple(
        Structure(CORTEX[side], int(n), np.arange(n, dtype=np.int32))
        for side, n in zip(SIDES, n_vertices, strict=True)
    )
    return Grayordinates(structures, mesh=mesh, is_gifti=True)


def load_mesh(surf_mesh):
    """Surfaces by structure, of whatever form.

    Parameters
    ----------
    surf_mesh : (left, right), dict, nilearn's PolyMesh or SurfaceImage, or None
        Of a hemisphere: path of a .surf.gii, GiftiImage, (coordinates, faces), or an object that
        has both.

    Returns
    -------
    dict of str to Surface, or None

    Raises
    ------
    DataError, FileNotFoundError
        For what is no mesh.
    """
    if surf_mesh is None:
        return None
    parts = getattr(getattr(surf_mesh, "mesh", surf_mesh), "parts", surf_mesh)
    if not isinstance(parts, Mapping):
        if not isinstance(parts, tuple | list) or len(parts) != 2:
            msg = f"surf_mesh is a {type(surf_mesh).__name__}; expected (left, right)."
            raise DataError(msg)
        parts = dict(zip(SIDES, parts, strict=True))
    return {CORTEX[side]: _surface(part) for side, part in parts.items()}


def _surface(part):
    if isinstance(part, tuple | list):
        coordinates, faces = part
    elif hasattr(part, "coordinates"):
        coordinates, faces = part.coordinates, part.faces
    else:
        if not isinstance(part, nib.GiftiImage):
            read_header(part)
            part = nib.load(part)
        coordinates, faces = part.agg_data(("pointset", "triangle"))
    if not len(coordinates) or not len(faces):
        msg = f"{part} is no mesh: expected a .surf.gii with places and triangles."
        raise DataError(msg)
    return Surface(np.asarray(coordinates, np.float32), np.asarray(faces, np.int32))
