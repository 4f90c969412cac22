"""Models of runs and subjects: nilearn's own."""

from nbica.masking.lending import with_our_maskers
from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.glm.first_level": [
            "FirstLevelModel", "check_design_matrix", "compute_regressor", "first_level_from_bids",
            "glover_dispersion_derivative", "glover_hrf", "glover_time_derivative",
            "make_first_level_design_matrix", "mean_scaling", "run_glm",
            "spm_dispersion_derivative", "spm_hrf", "spm_time_derivative",
        ],
    },
    adapt=with_our_maskers,
)  # fmt: skip
