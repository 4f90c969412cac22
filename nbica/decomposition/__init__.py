"""Group decompositions: estimators, and the steps that they are made of.

`canica` and `dict_learning` hold the estimators; `group_fit` is the way that both take through the
runs; the other modules are its steps, most of them functions of arrays.
"""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".canica": ["CanICA"],
        ".dict_learning": ["DictLearning"],
        ".ica": ["fast_ica"],
        ".maps": ["threshold_maps"],
        ".subspace": ["GroupSubspace"],
    },
)
