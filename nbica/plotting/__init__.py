"""Static figures of brain maps.

Everything is drawn in world space (mm, RAS+): proportions are true, and left is left. No pyplot: a
figure belongs to who holds it, and a notebook shows it once, as the value of a cell or at its end.
"""

from nbica.masking.lending import with_our_maskers
from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".carpets": ["plot_carpet"],
        ".clusters": ["plot_icasso"],
        ".colors": ["BLUE_ORANGE", "BLUE_ORANGE_ON_WHITE"],
        ".components": ["plot_components"],
        ".displays": ["Display"],
        ".figures": ["MapsFigure", "show"],
        ".glass": ["plot_connectome", "plot_glass_brain"],
        ".matrices": ["plot_matrix"],
        ".slices": [
            "plot_anat", "plot_epi", "plot_prob_atlas", "plot_roi", "plot_stat_map",
        ],
        ".spectra": ["plot_spectrum", "power_spectrum"],
        ".states": ["plot_states"],
        ".trust": ["plot_component_spectrum", "plot_split_half"],
        "nbica.image.slicing": ["slice_at"],
        "nilearn.plotting": [
            "cm", "find_cut_slices", "find_parcellation_cut_coords",
            "find_probabilistic_atlas_cut_coords", "find_xyz_cut_coords", "plot_bland_altman",
            "plot_contrast_matrix", "plot_design_matrix", "plot_design_matrix_correlation",
            "plot_event", "plot_img", "plot_img_comparison", "plot_img_on_surf", "plot_markers",
            "plot_surf", "plot_surf_contours", "plot_surf_roi", "plot_surf_stat_map",
            "view_connectome", "view_img", "view_img_on_surf", "view_markers", "view_surf",
        ],
    },
    adapt=with_our_maskers,
)  # fmt: skip
