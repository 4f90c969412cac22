"""Do the starts of an ICA agree? Clusters of what all of them found, as ICASSO makes; arrays only.

References
----------
.. [1] J. Himberg, A. Hyvärinen, F. Esposito, "Validating the independent components of neuroimaging
   time series via clustering and visualization", NeuroImage 22 (2004), 1214-1222.
"""

import numpy as np
from scipy import linalg
from scipy.cluster import hierarchy
from scipy.spatial.distance import cdist


def cluster(rotations):
    """Cluster the components of all restarts, as ICASSO does [1]_.

    Costs (k x n_restarts)² products of k numbers and as much memory; nothing that grows with the
    voxels, since all restarts live in one whitened space, where a correlation of two maps is a
    cosine of two unmixing vectors.

    Parameters
    ----------
    rotations : ndarray of shape (n_restarts, k, k)
        Rows of each are unmixing vectors in whitened space, of norm 1.

    Returns
    -------
    labels : ndarray of int, shape (n_restarts, k)
        Cluster of each component of each restart: average linkage on 1 - |r|, cut at k clusters.
    stability : ndarray of shape (n_clusters,)
        Iq: mean |r| inside of the cluster less mean |r| to all outside, from 0 to 1.
    axes : ndarray of shape (n_clusters, k)
        Their principal axes, of norm 1.
    """
    k = rotations.shape[2]
    vectors = np.vstack(rotations)
    r = np.minimum(np.abs(vectors @ vectors.T), 1.0)
    # The maps of one start are a cluster each; scipy 1.13 would join what is equally far apart.
    labels = np.arange(len(r))
    if len(rotations) > 1:
        tree = hierarchy.linkage(1.0 - r[np.triu_indices(len(r), 1)], "average")
        labels = hierarchy.fcluster(tree, k, "maxclust") - 1
    members = [labels == label for label in range(labels.max() + 1)]
    iq = [r[np.ix_(m, m)].mean() - (r[np.ix_(m, ~m)].mean() if not m.all() else 0.0)
          for m in members]  # fmt: skip
    axes = [linalg.svd(vectors[m], full_matrices=False)[2][0] for m in members]
    return labels.reshape(len(rotations), k), np.clip(iq, 0.0, 1.0), np.array(axes)


def plane_of(rotations, n_iter=100):
    """Places in a plane of the components of all restarts, alike ones near each other.

    Distances are as near to 1 - |r| as a plane allows: principal coordinates, then steps of SMACOF
    [2]_, each of which lowers the sum of squared errors. Costs an eigendecomposition of
    (k x n_restarts)² numbers and a few operations on as many in each step.

    Parameters
    ----------
    rotations : as in :func:`cluster`
    n_iter : int
        Steps.

    Returns
    -------
    ndarray of shape (n_restarts * k, 2)

    References
    ----------
    .. [2] J. de Leeuw, "Applications of convex analysis to multidimensional scaling", in Recent
       Developments in Statistics (1977), 133-145.

    Examples
    --------
    >>> one, other = plane_of(np.eye(2)[np.newaxis])
    >>> float(np.linalg.norm(one - other).round(6))
    1.0
    """
    vectors = np.vstack(rotations)
    wanted = 1.0 - np.minimum(np.abs(vectors @ vectors.T), 1.0)
    places = _principal_coordinates(wanted)
    for _ in range(n_iter):
        found = cdist(places, places)
        ratios = np.divide(wanted, found, out=np.zeros_like(found), where=found > 0)
        places = (ratios.sum(axis=1, keepdims=True) * places - ratios @ places) / len(places)
    return places


def _principal_coordinates(distances):
    centered = distances**2
    centered = centered - centered.mean(axis=0)
    centered -= centered.mean(axis=1, keepdims=True)
    n = len(centered)
    d, U = linalg.eigh(-centered / 2.0, subset_by_index=[n - 2, n - 1])
    return (U * np.sqrt(np.maximum(d, 0.0)))[:, ::-1]
