"""Connectomes under the import path that nilearn gives them; ours live in `nbica.connectivity`."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nbica.connectivity": ["ConnectivityMeasure", "sym_matrix_to_vec", "vec_to_sym_matrix"],
        "nilearn.connectome": [
            "GroupSparseCovariance", "GroupSparseCovarianceCV", "cov_to_corr",
            "group_sparse_covariance", "prec_to_partial",
        ],
    },
)  # fmt: skip
