"""Time series and confounds: arrays and tables, no images."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".cleaning": ["Cleaning", "clean"],
        ".confounds": ["load_confounds"],
        "nilearn.signal": ["butterworth", "high_variance_confounds"],
    },
)  # fmt: skip
