"""A small brain of grayordinates: two hemispheres of an icosahedron each, and voxels below them.

Places are in MNI mm, on ellipsoids of the size of a brain: enough for networks to lie where they
belong, and drawn in a blink. The medial wall is left out, as the HCP does.
"""

from functools import cache
from typing import NamedTuple

import nibabel as nib
import numpy as np

from nbica.image.grayordinates import CORTEX, Grayordinates, Structure, Surface

# A hemisphere of the MNI152 template, without folds.
_CENTRE, _RADII = np.array([33.0, -18.0, 14.0]), np.array([31.0, 86.0, 56.0])
_FLAT = 3.0  # mm from the midline that the medial side keeps
# Around this place of the medial side there is no cortex.
_WALL, _WALL_RADII = np.array([-12.0, 2.0]), np.array([30.0, 17.0])
# Below the cortex: centres and radii in mm, of the right side.
_BELOW = {
    "CAUDATE": ((13, 13, 8), (6, 10, 9)),
    "CEREBELLUM": ((23, -67, -36), (21, 20, 16)),
    "HIPPOCAMPUS": ((27, -24, -14), (6, 14, 6)),
    "PUTAMEN": ((26, 4, 0), (7, 14, 10)),
    "THALAMUS": ((12, -18, 8), (9, 13, 9)),
}
_FIELD = ((-90.0, -126.0, -72.0), (90.0, 90.0, 108.0))  # mm


class Brain(NamedTuple):
    """Where the grayordinates of the simulated cohort are.

    Attributes
    ----------
    space : Grayordinates
        With its mesh.
    places : ndarray of shape (n, 3)
        In MNI mm.
    """

    space: Grayordinates
    places: np.ndarray

    def sides(self):
        """-1 for what is on the left, 1 for what is on the right: ndarray of shape (n,)."""
        return np.sign(self.places[:, 0])

    def on_cortex(self):
        """Which grayordinates are vertices: ndarray of bool, shape (n,)."""
        return np.concatenate(
            [np.full(len(one.indices), one.n_vertices > 0) for one in self.space.structures]
        )


@cache
def icosphere(order):
    """A unit sphere of 10 x 4^order + 2 vertices, and its triangles.

    Returns
    -------
    vertices : ndarray of shape (n_vertices, 3)
    faces : ndarray of int32, shape (n_faces, 3)
    """
    golden = (1 + np.sqrt(5)) / 2
    vertices = np.array([(s, t * golden, 0) for s in (-1, 1) for t in (-1, 1)])
    vertices = np.vstack([np.roll(vertices, turn, axis=1) for turn in range(3)])
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    near = vertices @ vertices.T > 0.4
    np.fill_diagonal(near, val=False)
    n = range(12)
    faces = [(i, j, k) for i in n for j in n for k in n
             if i < j < k and near[i, j] and near[j, k] and near[i, k]]  # fmt: skip
    faces = np.array([_outward(vertices, face) for face in faces], np.int32)
    for _ in range(order):
        vertices, faces = _divided(vertices, faces)
    return vertices, faces


def _outward(vertices, face):
    a, b, c = vertices[list(face)]
    return face if np.cross(b - a, c - a) @ a > 0 else (face[0], face[2], face[1])


def _divided(vertices, faces):
    """Each triangle in four, the new corners in the middle of its sides, on the sphere."""
    sides = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    ends, which = np.unique(sides, axis=0, return_inverse=True)
    middles = vertices[ends].sum(axis=1)
    middles /= np.linalg.norm(middles, axis=1, keepdims=True)
    ab, bc, ca = (which.ravel() + len(vertices)).reshape(3, -1)
    a, b, c = faces.T
    corners = [(a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca)]
    new = np.concatenate([np.stack(three, axis=1) for three in corners])
    return np.vstack([vertices, middles]), new.astype(np.int32)


def brain(order=4, voxel_size=4.0):
    """The grayordinates of the simulated cohort.

    Parameters
    ----------
    order : int
        10 x 4^order + 2 vertices a hemisphere, the medial wall included.
    voxel_size : float
        Of what lies below, in mm.

    Returns
    -------
    Brain
    """
    meshes = {side: _hemisphere(order, side) for side in CORTEX}
    affine, shape = _grid(voxel_size)
    structures, places = [], []
    for side, surface in meshes.items():
        vertices = np.flatnonzero(~_on_wall(surface.coordinates)).astype(np.int32)
        structures.append(Structure(CORTEX[side], len(surface.coordinates), vertices))
        places.append(surface.coordinates[vertices])
    for name, (centre, radii) in _BELOW.items():
        for side, sign in (("LEFT", -1), ("RIGHT", 1)):
            voxels = _inside(np.array(centre) * (sign, 1, 1), radii, affine, shape)
            structures.append(Structure(f"CIFTI_STRUCTURE_{name}_{side}", 0, voxels))
            places.append(nib.affines.apply_affine(affine, voxels))
    mesh = {CORTEX[side]: surface for side, surface in meshes.items()}
    space = Grayordinates(tuple(structures), shape, affine, mesh)
    return Brain(space, np.vstack(places))


def _hemisphere(order, side):
    vertices, faces = icosphere(order)
    places = vertices * _RADII + _CENTRE
    places[:, 0] = np.maximum(places[:, 0], _FLAT)
    if side == "left":
        places, faces = places * (-1, 1, 1), faces[:, ::-1]
    return Surface(places.astype(np.float32), faces)


def _on_wall(places):
    """The middle of the flat side."""
    is_medial = np.abs(places[:, 0]) < 2 * _FLAT
    return is_medial & ((((places[:, 1:] - _WALL) / _WALL_RADII) ** 2).sum(axis=1) < 1)


def _grid(voxel_size):
    low, high = map(np.array, _FIELD)
    first, last = np.ceil(low / voxel_size), np.floor(high / voxel_size)
    affine = nib.affines.from_matvec(np.eye(3) * voxel_size, first * voxel_size)
    return affine, tuple(int(n) for n in last - first + 1)


def _inside(centre, radii, affine, shape):
    voxels = np.indices(shape).reshape(3, -1).T
    apart = (nib.affines.apply_affine(affine, voxels) - centre) / np.array(radii)
    return voxels[(apart**2).sum(axis=1) < 1].astype(np.int32)
