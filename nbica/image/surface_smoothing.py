"""Smoothing on grayordinates: along the cortex, and within each structure below it.

Weights are a Gaussian of the distance along the surface (of the straight one between voxels), cut
at 3.5 standard deviations; nothing passes from one structure to another. They are scaled on both
sides, so that a constant stays what it is and the integral over a surface does too [1]_. A distance
along a surface is that of the shortest path over its edges and over the diagonals of pairs of
triangles, laid flat, less the 2 % by which such paths are too long on the average.

References
----------
.. [1] R. Sinkhorn, "A relationship between arbitrary positive matrices and doubly stochastic
   matrices", Annals of Mathematical Statistics 35 (1964), 876-879. Connectome Workbench's
   -cifti-smoothing weights by vertex areas too (GEO_GAUSS_AREA); it keeps constants, and
   integrals nearly.
"""

import nibabel as nib
import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import dijkstra, reverse_cuthill_mckee
from scipy.spatial import cKDTree

_REACH = 3.5  # standard deviations
# A path over edges and diagonals has twelve directions: 0 to 3.5 % too long, on the average 2 %.
_TOO_LONG = 1.02
_AT_ONCE = 256  # sources of shortest paths
_FRAMES = 32
_FWHM = np.sqrt(8 * np.log(2))

_known = {}


def smooth_signals(signals, space, fwhm):
    """Smooth a matrix of signals in place, less its first row.

    Costs the smoother, see :func:`smoother_of`, and 32 rows beside the matrix.

    Parameters
    ----------
    signals : scratch.RamSignals or scratch.DiskSignals
    space : Grayordinates
        Where the columns are; with a mesh for its surfaces.
    fwhm : float
        In mm.

    Returns
    -------
    ndarray of float32, shape (n,)
        The first row, smoothed, which was taken out of all: what float32 would round on a baseline
        of ten thousand is then none of the fluctuation's.
    """
    smoother = smoother_of(space, fwhm)
    first = np.array(signals.get_rows(0, 1)[0])
    for start in range(0, signals.shape[0], _FRAMES):
        rows = signals.get_rows(start, min(_FRAMES, signals.shape[0] - start))
        rows[:] = (smoother @ (rows - first).T).T
        signals.put_rows(start, rows)
    return smoother @ first


def smoother_of(space, fwhm):
    """What smooths values on grayordinates: a sparse matrix of float32, (n, n).

    Costs some 10 s and 100 MB for 91 282 grayordinates and 4 mm, more in proportion to fwhm² on
    surfaces and fwhm³ below; once in a process.

    Parameters
    ----------
    space : Grayordinates
        With a mesh for its surfaces.
    fwhm : float
        In mm.
    """
    key = space.identity, float(fwhm)
    if key not in _known:
        _known.clear()  # a fit has one
        blocks = [_smoother(one, space, fwhm / _FWHM) for one in space.structures]
        _known[key] = sparse.block_diag(blocks, format="csr", dtype=np.float32)
    return _known[key]


def _smoother(structure, space, sigma):
    """That of one structure."""
    if structure.n_vertices:
        surface = space.mesh[structure.name]
        apart = geodesics(surface, _REACH * sigma)[structure.indices][:, structure.indices]
        areas = vertex_areas(surface)[structure.indices]
    else:
        places = nib.affines.apply_affine(space.volume_affine, structure.indices)
        tree = cKDTree(places)
        apart = tree.sparse_distance_matrix(tree, _REACH * sigma, output_type="coo_matrix").tocsr()
        areas = np.ones(len(places))
    kernel = sparse.csr_array(apart)
    kernel.setdiag(0)
    kernel.eliminate_zeros()
    kernel.data = np.exp(-(kernel.data**2) / (2 * sigma**2))
    return doubly_stochastic(kernel + sparse.eye_array(len(areas), format="csr"), areas)


def doubly_stochastic(kernel, areas):
    """A symmetric kernel scaled so that it keeps constants and the integral over areas.

    Parameters
    ----------
    kernel : sparse array of shape (n, n)
        Symmetric, with a diagonal of 1.
    areas : ndarray of shape (n,)

    Returns
    -------
    sparse array of shape (n, n)
        S with S 1 = 1 and areas S = areas, to 1e-6.
    """
    areas = np.maximum(areas / areas.mean(), 1e-6)  # a vertex of no triangle has none
    u = np.ones(len(areas))
    for _ in range(500):
        sums = u * (kernel @ (areas * u))
        if np.abs(sums - 1).max() < 1e-6:
            break
        u /= np.sqrt(sums)
    return sparse.diags_array(u) @ kernel @ sparse.diags_array(areas * u)


def vertex_areas(surface):
    """A third of the triangles around each vertex: ndarray of shape (n_vertices,)."""
    a, b, c = surface.coordinates.astype(float)[surface.faces.T]
    of_faces = np.linalg.norm(np.cross(b - a, c - a), axis=1) / 2
    n = len(surface.coordinates)
    return np.bincount(surface.faces.ravel(), np.repeat(of_faces / 3, 3), n)


def geodesics(surface, limit):
    """Distances along a surface between vertices that are no farther apart than a limit.

    Parameters
    ----------
    surface : Surface
    limit : float
        In mm.

    Returns
    -------
    sparse array of shape (n_vertices, n_vertices)
        Symmetric.
    """
    graph, places = _paths(surface), surface.coordinates.astype(float)
    order = reverse_cuthill_mckee(graph, symmetric_mode=True)
    rows, columns, apart = [], [], []
    for start in range(0, len(order), _AT_ONCE):
        sources = order[start : start + _AT_ONCE]
        # No path is shorter than the straight line: what is farther than that cannot be reached.
        margin = limit * _TOO_LONG
        low, high = places[sources].min(0) - margin, places[sources].max(0) + margin
        near = np.flatnonzero(((places >= low) & (places <= high)).all(axis=1))
        part = graph[near][:, near]
        found = dijkstra(part, indices=np.searchsorted(near, sources), limit=margin)
        i, j = np.nonzero(np.isfinite(found))
        rows.append(sources[i].astype(np.int32))
        columns.append(near[j].astype(np.int32))
        apart.append(found[i, j].astype(np.float32))
    entries = (np.concatenate(rows), np.concatenate(columns))
    shape = (len(places), len(places))
    return sparse.csr_array((np.concatenate(apart) / _TOO_LONG, entries), shape=shape)


def _paths(surface):
    """Lengths of edges, and of the diagonals of pairs of triangles: a sparse graph."""
    places, faces = surface.coordinates.astype(float), surface.faces
    sides = np.concatenate([np.roll(faces, -turn, axis=1) for turn in range(3)])  # edge, opposite
    sides[:, :2].sort(axis=1)
    sides = sides[np.lexsort((sides[:, 1], sides[:, 0]))]
    is_pair = (sides[1:, :2] == sides[:-1, :2]).all(axis=1)
    edges = np.unique(sides[:, :2], axis=0)
    lengths = np.linalg.norm(places[edges[:, 0]] - places[edges[:, 1]], axis=1)
    first, second = sides[:-1][is_pair], sides[1:][is_pair]
    diagonals, across = _diagonals(places, first, second[:, 2])
    ends = np.concatenate([edges, diagonals])
    lengths = np.concatenate([lengths, across])
    both = np.concatenate([ends, ends[:, ::-1]])
    # The shortest of several between the same two.
    order = np.lexsort((np.tile(lengths, 2), both[:, 1], both[:, 0]))
    both, lengths = both[order], np.tile(lengths, 2)[order]
    is_first = np.r_[True, (np.diff(both, axis=0) != 0).any(axis=1)]
    shape = (len(places), len(places))
    return sparse.csr_array((lengths[is_first], tuple(both[is_first].T)), shape=shape)


def _diagonals(places, sides, opposite):
    """From corner to corner over an edge, both triangles laid flat, where that line crosses it."""
    a, b, p, q = (places[index] for index in (*sides.T, opposite))
    length = np.linalg.norm(b - a, axis=1)
    along = (b - a) / np.maximum(length, 1e-12)[:, np.newaxis]

    def flat(corner):
        x = ((corner - a) * along).sum(axis=1)
        return x, np.linalg.norm(corner - a - x[:, np.newaxis] * along, axis=1)

    (x_p, y_p), (x_q, y_q) = flat(p), flat(q)
    crossing = x_p + (x_q - x_p) * y_p / np.maximum(y_p + y_q, 1e-12)
    crosses = (crossing > 0) & (crossing < length)
    across = np.hypot(x_p - x_q, y_p + y_q)
    return np.stack([sides[:, 2], opposite], axis=1)[crosses], across[crosses]
