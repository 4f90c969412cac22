"""Maskers under the import path that nilearn gives them; they live in `nbica.masking`."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__, {"nbica.masking": ["NiftiLabelsMasker", "NiftiMapsMasker", "NiftiMasker"]}
)
