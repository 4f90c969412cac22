"""Images: what a header says, their frames a block at a time, and an image made of an image.

Public are the functions that nilearn.image has too. Inside, a `run.Run` is an image without its
data, `frames` reads it block by block, `spatial` smooths and resamples arrays.
"""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".high_variance": ["high_variance_confounds"],
        ".operations": ["index_img", "iter_img", "mean_img", "smooth_img"],
        ".surface_images": ["surface_part", "volume_part"],
        "nilearn.image": [
            "binarize_img", "check_niimg", "check_niimg_3d", "check_niimg_4d", "clean_img",
            "concat_imgs", "coord_transform", "copy_img", "crop_img", "get_data",
            "largest_connected_component_img", "load_img", "math_img",
            "new_img_like", "reorder_img", "resample_img", "resample_to_img",
            "swap_img_hemispheres", "threshold_img",
        ],
    },
)  # fmt: skip
