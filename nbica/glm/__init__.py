"""General linear models of task runs: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.glm": [
            "ARModel", "Contrast", "FContrastResults", "LikelihoodModelResults", "OLSModel",
            "RegressionResults", "SimpleRegressionResults", "TContrastResults",
            "cluster_level_inference", "compute_contrast", "compute_fixed_effects",
            "expression_to_contrast_vector", "fdr_threshold", "save_glm_to_bids",
            "threshold_stats_img",
        ],
    },
    rooms=["first_level", "second_level"],
)  # fmt: skip
