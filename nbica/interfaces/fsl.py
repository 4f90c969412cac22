"""Designs of FSL: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.interfaces.fsl": ["get_design_from_fslmat"],
    },
)  # fmt: skip
