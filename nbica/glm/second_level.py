"""Models of groups: nilearn's own."""

from nbica.masking.lending import with_our_maskers
from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.glm.second_level": [
            "SecondLevelModel", "make_second_level_design_matrix", "non_parametric_inference",
        ],
    },
    adapt=with_our_maskers,
)  # fmt: skip
