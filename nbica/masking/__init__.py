"""From images to arrays of voxels or regions, and back."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".compute": ["compute_background_mask", "compute_brain_mask", "compute_epi_mask"],
        ".extract": ["apply_mask", "unmask"],
        ".mask": ["intersect_masks", "load_mask"],
        ".masker": ["NiftiMasker"],
        ".region_maskers": ["NiftiLabelsMasker", "NiftiMapsMasker"],
        "nilearn.masking": [
            "compute_multi_background_mask", "compute_multi_brain_mask", "compute_multi_epi_mask",
        ],
    },
)  # fmt: skip
