"""Models of groups: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.glm.second_level": [
            "SecondLevelModel", "make_second_level_design_matrix", "non_parametric_inference",
        ],
    },
)  # fmt: skip
