"""Images: what a header says, their frames a block at a time, and an image made of an image.

Public are the functions that nilearn.image has too. Inside, a `run.Run` is an image without its
data, `frames` reads it block by block, `spatial` smooths and resamples arrays.
"""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".operations": [
            "index_img", "iter_img", "mean_img", "resample_img", "resample_to_img", "smooth_img",
        ],
    },
)  # fmt: skip
