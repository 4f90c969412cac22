"""Maps on grayordinates, as images and back: CIFTI-2 of nibabel, or nilearn's SurfaceImage."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image.cifti import check_stored, header_of, is_cifti
from nbica.image.gifti import (
    SIDES,
    describe,
    is_gifti,
    is_pair,
    load_mesh,
    message_for_half,
    read_array,
    sides_of,
)
from nbica.image.grayordinates import CORTEX, Grayordinates, axis_of, structure_name
from nbica.image.grid import Grid
from nbica.image.space import image_of
from nbica.image.stored import read_numbers

if TYPE_CHECKING:
    from nibabel import Cifti2Image, Nifti1Image

    from nbica.hints import AnyPath, ImageLike

_INTENTS = {"ScalarAxis": "ConnDenseScalar", "SeriesAxis": "ConnDenseSeries",
            "LabelAxis": "ConnDenseLabel"}  # fmt: skip


_FSAVERAGE5 = 10242  # vertices of a hemisphere


class Maps(NamedTuple):
    """Values on grayordinates.

    Attributes
    ----------
    values : ndarray of shape (n_maps, n_grayordinates)
    space : Grayordinates
    names : list of str
        Empty where the image has none.
    labels : list of dict
        Of a dlabel: for each map, names by number.
    name : str
        What to call the image in messages.
    """

    values: np.ndarray
    space: Grayordinates
    names: list
    labels: list
    name: str


def is_surface(img):
    """Whether this is of surfaces or grayordinates: CIFTI-2, GIFTI or a SurfaceImage."""
    return is_pair(img) or is_gifti(img) or is_cifti(img)


def read_maps(img, name="image in memory"):
    """All maps of an image of grayordinates, in memory.

    Parameters
    ----------
    img : path or image of CIFTI-2 (dscalar, dlabel, dtseries), pair of GIFTI, or SurfaceImage

    Raises
    ------
    DataError
        If its columns are not grayordinates, or the file is damaged.
    """
    if is_pair(img):
        sides = sides_of(img)
        space, _, _ = describe(sides)
        mesh = load_mesh(img) if hasattr(img, "mesh") else None
        values = np.concatenate([read_array(part) for part in sides.values()]).T
        return Maps(values, _with(space, mesh), [], [], name)
    if is_gifti(img):
        raise DataError(message_for_half(str(img) if isinstance(img, str | os.PathLike) else name))
    header = header_of(img)
    name = header.frames.path if header.frames else name
    if not isinstance(header.columns, Grayordinates):
        kind = type(header.columns).__name__.removesuffix("Axis").lower()
        msg = f"{name} has {len(header.columns)} {kind} for columns; expected grayordinates."
        raise DataError(msg)
    check_stored(header.frames, name)
    values = read_numbers(header.frames) if header.frames else np.asarray(img.dataobj)
    rows = header.rows
    names = [str(one) for one in getattr(rows, "name", [])]
    labels = [
        {number: text for number, (text, _) in table.items()}
        for table in getattr(rows, "label", [])
    ]
    return Maps(values, header.columns, names, labels, name)


def _with(space, mesh):
    return Grayordinates(space.structures, mesh=mesh, is_gifti=True)


# ---- arrays as images ---------------------------------------------------------------------------


def surface_image(values, space, t_r=None, names=None):
    """Values on grayordinates as an image.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n) or (n,)
    space : Grayordinates
    t_r : float, optional
        Seconds between rows, which are frames then.
    names : list of str, optional
        Of the rows.

    Returns
    -------
    Cifti2Image or SurfaceImage
        The latter for surfaces of GIFTI of which the mesh is known; vertices that are left out have
        0 there. Rows of CIFTI are scalars, and with a `t_r` a series.
    """
    rows = np.atleast_2d(values)
    mesh = known_mesh(space).mesh if space.is_gifti else None
    if mesh is not None:
        return _nilearn_image(values, space, mesh)
    axis = _rows_axis(len(rows), t_r, names)
    return cifti_image(rows, axis, axis_of(space))


def cifti_image(rows, axis, columns):
    """A Cifti2Image of two of nibabel's axes, with the intent that its kind of file has."""
    img = nib.Cifti2Image(rows, header=(axis, columns))
    img.nifti_header.set_intent(_INTENTS[type(axis).__name__])
    img.update_headers()
    return img


def _rows_axis(n_rows, t_r, names):
    if t_r:
        return nib.cifti2.SeriesAxis(0, t_r, n_rows)
    return nib.cifti2.ScalarAxis(names or [f"map {row}" for row in range(n_rows)])


def known_mesh(space, surf_mesh=None):
    """The space with a mesh: that given, its own, or fsaverage5's of nilearn's wheel, by its size.

    Parameters
    ----------
    space : Grayordinates
    surf_mesh : as :func:`gifti.load_mesh` takes it, optional

    Returns
    -------
    Grayordinates
        Without a mesh where none is known.

    Raises
    ------
    DataError
        If the mesh given has another number of vertices.
    """
    if surf_mesh is not None:
        mesh = load_mesh(surf_mesh)
        for one in space.structures:
            if one.name in mesh and len(mesh[one.name].coordinates) != one.n_vertices:
                msg = (
                    f"surf_mesh has {len(mesh[one.name].coordinates)} vertices for {one.word}, "
                    f"the images {one.n_vertices}: pass the mesh that the data are on."
                )
                raise DataError(msg)
        return replace(space, mesh=mesh)
    is_fsaverage = {one.n_vertices for one in space.structures} == {_FSAVERAGE5}
    if space.mesh is not None or not is_fsaverage:
        return space
    from nilearn.datasets import load_fsaverage

    return replace(space, mesh=load_mesh(load_fsaverage("fsaverage5")["pial"]))


def _nilearn_image(values, space, mesh):
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    parts, meshes = {}, {}
    for side in SIDES:
        name = CORTEX[side]
        parts[side] = np.zeros((len(mesh[name].coordinates), *values.shape[:-1]), values.dtype)
        meshes[side] = InMemoryMesh(*mesh[name])
    by_name = {structure.name: structure for structure in space.structures}
    for side in SIDES:
        if CORTEX[side] in by_name:
            vertices = by_name[CORTEX[side]].indices
            parts[side][vertices] = values[..., space.slices[CORTEX[side]]].T
    return SurfaceImage(mesh=PolyMesh(**meshes), data=parts)


# ---- parts of an image --------------------------------------------------------------------------


def volume_part(img: AnyPath | Cifti2Image) -> Nifti1Image:
    """The voxels of a CIFTI-2 image: what lies below the cortex, as a volume.

    Memory is that of the volume: n_rows x nx x ny x nz.

    Parameters
    ----------
    img : path or Cifti2Image
        Such as `ica.components_img_`.

    Returns
    -------
    Nifti1Image
        4D, or 3D for one row; 0 where there is no grayordinate.

    Raises
    ------
    DataError
        If it has no voxels.

    See Also
    --------
    surface_part : The vertices of the same image.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image import volume_part
    >>> cohort = datasets.simulate_group(2, 40, space="surface")
    >>> volume_part(cohort.maps_img).shape
    (45, 54, 46, 12)
    """
    maps = read_maps(img)
    space = maps.space
    chosen = [one for one in space.structures if not one.n_vertices]
    if not chosen:
        msg = f"{maps.name} has no voxels: it is made of {space.words}."
        raise DataError(msg)
    data = np.zeros((*space.volume_shape, len(maps.values)), _writable(maps.values.dtype))
    for one in chosen:
        data[tuple(one.indices.T)] = maps.values[:, space.slices[one.name]].T
    grid = Grid(space.volume_shape, space.volume_affine)
    return image_of(data[..., 0] if len(maps.values) == 1 else data, grid)


def _writable(dtype):
    return np.dtype(np.int32) if dtype == np.int64 else dtype


def surface_part(img: ImageLike | Cifti2Image, hemisphere: str) -> np.ndarray:
    """The vertices of one hemisphere of an image, those of the medial wall as NaN.

    Parameters
    ----------
    img : path or Cifti2Image, pair of GIFTI, or SurfaceImage
        Such as `ica.components_img_`.
    hemisphere : {"left", "right"} or name of a structure

    Returns
    -------
    ndarray of shape (n_vertices, n_rows), or (n_vertices,) for one row
        As `nilearn.plotting.plot_surf_stat_map` takes it beside a mesh.

    Raises
    ------
    DataError
        If the image does not have this surface.

    See Also
    --------
    volume_part : The voxels of the same image.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.image import surface_part
    >>> cohort = datasets.simulate_group(2, 40, space="surface")
    >>> surface_part(cohort.maps_img, "left").shape
    (2562, 12)
    """
    maps = read_maps(img)
    wanted = CORTEX.get(hemisphere) or structure_name(hemisphere)
    found = [one for one in maps.space.structures if one.name == wanted and one.n_vertices]
    if not found:
        msg = f"{maps.name} has no surface {hemisphere!r}: it is made of {maps.space.words}."
        raise DataError(msg)
    out = np.full((found[0].n_vertices, len(maps.values)), np.nan, np.float32)
    out[found[0].indices] = maps.values[:, maps.space.slices[wanted]].T
    return out[:, 0] if len(maps.values) == 1 else out
