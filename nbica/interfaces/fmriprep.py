"""Confounds of fMRIPrep: nilearn's own. What it gives goes into our `fit` and `transform`."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.interfaces.fmriprep": ["load_confounds", "load_confounds_strategy"],
    },
)  # fmt: skip
