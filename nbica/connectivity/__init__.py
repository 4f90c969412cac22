"""What components are used for: subjects' maps, cleaned runs, connectomes, groups, diagnosis."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".denoise": ["remove_components"],
        ".diagnosis": ["Diagnosis", "classify_groups"],
        ".dynamic": ["DynamicConnectivity", "dynamic_connectivity", "sliding_windows"],
        ".groups": ["GroupComparison", "compare_groups"],
        ".matrices": ["sym_matrix_to_vec", "vec_to_sym_matrix"],
        ".measure": ["ConnectivityMeasure", "connectomes"],
        ".seeds": ["seed_map"],
        ".subject_maps": ["SubjectMaps"],
        ".subjects": ["back_reconstruct", "dual_regression", "guided_ica"],
    },
)
