"""Maskers under the import path that nilearn gives them; ours live in `nbica.masking`."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nbica.masking": ["NiftiLabelsMasker", "NiftiMapsMasker", "NiftiMasker"],
        "nilearn.maskers": [
            "BaseMasker", "MultiNiftiLabelsMasker", "MultiNiftiMapsMasker", "MultiNiftiMasker",
            "MultiSurfaceLabelsMasker", "MultiSurfaceMapsMasker", "MultiSurfaceMasker",
            "NiftiSpheresMasker", "SurfaceLabelsMasker", "SurfaceMapsMasker", "SurfaceMasker",
        ],
    },
)  # fmt: skip
