"""fsaverage5, the cortex that maps are shown on: meshes in nilearn's wheel, and values on them.

nilearn is never imported for it: its files are found and read, as for `nbica.image.template`. They
are FreeSurfer's average of 40 brains at 10 242 vertices a hemisphere (Fischl et al. 1999,
doi:10.1002/(SICI)1097-0193(1999)8:4<272::AID-HBM10>3.0.CO;2-4), in MNI305 space, which is a
few mm from MNI152: maps are put on it as nilearn does, without a transform between the two.
"""

from functools import cache
from typing import NamedTuple

import nibabel as nib
import numpy as np

from nbica.exceptions import DataError
from nbica.image.template import nilearn_data
from nbica.image.world_axes import table

NAME = "fsaverage5"
HEMISPHERES = ("left", "right")
LEVELS = 5  # how often the faces of an icosahedron are divided in four
N_DEPTHS = 10  # as in nilearn's vol_to_surf

# The vertices of an icosahedron as FreeSurfer numbers them.
ICOSAHEDRON = (
    (0, 3, 4), (0, 4, 5), (0, 5, 1), (0, 1, 2), (0, 2, 3), (3, 2, 8), (3, 8, 9), (3, 9, 4),
    (4, 9, 10), (4, 10, 5), (5, 10, 6), (5, 6, 1), (1, 6, 7), (1, 7, 2), (2, 7, 8), (8, 11, 9),
    (9, 11, 10), (10, 11, 6), (6, 11, 7), (7, 11, 8),
)  # fmt: skip


class Hemisphere(NamedTuple):
    """One half of the cortex, vertex by vertex.

    Attributes
    ----------
    pial, white, inflated : ndarrays of float32, shape (n_vertices, 3)
        Coordinates in mm: the outer and the inner surface of the cortex, and one blown up.
    sulc : ndarray of float32, shape (n_vertices,)
        Sulcal depth: above 0 in sulci, below on gyri.
    is_cortex : ndarray of bool, shape (n_vertices,)
        False where the mesh closes the hemisphere: the medial wall is no cortex.
    """

    pial: np.ndarray
    white: np.ndarray
    inflated: np.ndarray
    sulc: np.ndarray
    is_cortex: np.ndarray


@cache
def load_fsaverage5():
    """Both hemispheres of fsaverage5.

    Takes 0.1 s once, 1 MB of memory from then on.

    Returns
    -------
    tuple of two Hemisphere
        Left and right. Both have the faces that :func:`icosahedral_mesh` gives.

    Raises
    ------
    DataError
        If nilearn is not installed, or brings other meshes.
    """
    return tuple(_load_hemisphere(side) for side in HEMISPHERES)


def _load_hemisphere(side):
    pial, faces = _read("pial", side)
    if not np.array_equal(faces, icosahedral_mesh(LEVELS)[0]):
        msg = (
            f"fsaverage5 of nilearn's wheel has {len(faces)} faces of another order than "
            "FreeSurfer's; cortex=False does without. Please report it with nilearn's version."
        )
        raise DataError(msg)
    (white, _), (inflated, _), (sulc,) = (_read(n, side) for n in ("white", "infl", "sulc"))
    return Hemisphere(pial, white, inflated, sulc, ~_medial_wall(faces, _read("flat", side)[1]))


def _medial_wall(faces, flat_faces):
    """What the flat map leaves out: the medial wall, but for the cuts that let it lie flat.

    Cuts are a vertex wide. Vertices that are left out with all their neighbours are the wall's,
    and those beside them.
    """
    out = ~np.isin(np.arange(faces.max() + 1), flat_faces)
    return out & _with_neighbours(~_with_neighbours(~out, faces), faces)


def _with_neighbours(vertices, faces):
    """A mask of vertices, and all that share a face with one."""
    wider = vertices.copy()
    wider[faces[vertices[faces].any(axis=1)]] = True
    return wider


def _read(name, side):
    path = nilearn_data() / NAME / f"{name}_{side}.gii.gz"
    if not path.is_file():
        msg = f"{path} is missing: nilearn's wheel brings it. Install nilearn again."
        raise DataError(msg)
    return [array.data for array in nib.load(path).darrays]


@cache
def icosahedral_mesh(levels):
    """Faces of an icosahedron divided in four so many times, and what each vertex lies between.

    Parameters
    ----------
    levels : int

    Returns
    -------
    faces : ndarray of int, shape (20 * 4**levels, 3)
        In FreeSurfer's order.
    parents : ndarray of int, shape (10 * 4**levels + 2, 2)
        The two vertices of a coarser mesh that a vertex was put between; 0 for the first twelve.
    """
    faces = list(ICOSAHEDRON)
    parents = [(0, 0)] * 12
    for _ in range(levels):
        faces = _divide(faces, parents)
    return np.array(faces), np.array(parents)


def _divide(faces, parents):
    """Each face in four; the vertices between are added to `parents`."""
    known = {}

    def between(u, v):
        edge = (min(u, v), max(u, v))
        if edge not in known:
            known[edge] = len(parents)
            parents.append(edge)
        return known[edge]

    corners, rest = [], []
    for a, b, c in faces:
        ca, bc, ab = between(c, a), between(b, c), between(a, b)
        corners.append((a, ab, ca))
        rest += [(ca, bc, c), (ab, bc, ca), (ab, b, bc)]
    return corners + rest


def sample_between(volume, grid, outer, inner, n_depths=N_DEPTHS):
    """Values of a volume at vertices: the mean over depths of the cortex, trilinear at each.

    As nilearn's `vol_to_surf(img, pial, inner_mesh=white)`: depths are even from the outer surface
    to the inner one, both included, and those outside of the volume are left out. Where a
    neighbour has no data it counts as 0, as in the viewer's slices; in nilearn all of the sample is
    left out.

    Time: 12 ms for a hemisphere of fsaverage5.

    Parameters
    ----------
    volume : ndarray of shape `grid.shape`
        NaN is no data.
    grid : AlignedGrid
    outer, inner : ndarrays of shape (n_vertices, 3)
        In mm.
    n_depths : int

    Returns
    -------
    ndarray of float64, shape (n_vertices,)
        NaN where no depth has data.

    Examples
    --------
    >>> from nbica.image.world_axes import AlignedGrid
    >>> grid = AlignedGrid((2, 2, 2), np.zeros(3), np.ones(3))
    >>> x = np.indices(grid.shape)[0].astype(float)
    >>> sample_between(x, grid, np.array([[0.0, 0, 0]]), np.array([[0.5, 0, 0]]), 2)
    array([0.25])
    """
    total = np.zeros(len(outer))
    count = np.zeros(len(outer))
    filled = np.nan_to_num(volume)
    for depth in np.linspace(0, 1, n_depths):
        mm = outer + depth * (inner - outer)
        tables = [table(grid, axis, mm[:, axis]) for axis in range(3)]
        nearest = tuple(one.nearest for one in tables)
        known = np.all([index >= 0 for index in nearest], axis=0) & ~np.isnan(volume[nearest])
        total += np.where(known, _trilinear(filled, tables), 0.0)
        count += known
    return np.divide(total, count, out=np.full(len(outer), np.nan), where=count > 0)


def _trilinear(volume, tables):
    x, y, z = tables
    planes = []
    for k in (z.low, z.high):
        rows = []
        for j in (y.low, y.high):
            low, high = volume[x.low, j, k], volume[x.high, j, k]
            rows.append(low + (high - low) * x.weight)
        planes.append(rows[0] + (rows[1] - rows[0]) * y.weight)
    return planes[0] + (planes[1] - planes[0]) * z.weight
