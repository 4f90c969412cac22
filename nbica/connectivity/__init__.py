"""What components are used for: subjects' maps, cleaned runs, connectomes, groups, diagnosis."""

from nbica.connectivity.denoise import remove_components
from nbica.connectivity.diagnosis import Diagnosis, classify_groups
from nbica.connectivity.groups import GroupComparison, compare_groups
from nbica.connectivity.matrices import sym_matrix_to_vec, vec_to_sym_matrix
from nbica.connectivity.measure import ConnectivityMeasure, connectomes
from nbica.connectivity.subjects import back_reconstruct, dual_regression
from nbica.subject_maps import SubjectMaps

__all__ = [
    "ConnectivityMeasure",
    "Diagnosis",
    "GroupComparison",
    "SubjectMaps",
    "back_reconstruct",
    "classify_groups",
    "compare_groups",
    "connectomes",
    "dual_regression",
    "remove_components",
    "sym_matrix_to_vec",
    "vec_to_sym_matrix",
]
