"""Do the starts of an ICA agree? Clusters of what all of them found, as ICASSO makes; arrays only.

References
----------
.. [1] J. Himberg, A. Hyvärinen, F. Esposito, "Validating the independent components of neuroimaging
   time series via clustering and visualization", NeuroImage 22 (2004), 1214-1222.
"""

import numpy as np
from scipy import linalg
from scipy.cluster import hierarchy


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
