"""What our estimators take, as nilearn asks scikit-learn's tags for it; needs scikit-learn 1.6."""

from dataclasses import dataclass

from sklearn.utils import InputTags


@dataclass
class ImageTags(InputTags):
    """Images, and no tables."""

    two_d_array: bool = False
    niimg_like: bool = True
    surf_img: bool = False
