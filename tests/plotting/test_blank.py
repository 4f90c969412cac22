"""A blank picture says why it is blank."""

import nibabel as nib
import numpy as np
import pytest

from nbica import plotting
from nbica.exceptions import DataWarning


@pytest.fixture
def img(rng):
    return nib.Nifti1Image(rng.normal(size=(20, 24, 20)).astype("f4"), np.diag([4.0, 4, 4, 1]))


@pytest.mark.parametrize(
    "draw",
    [
        plotting.plot_stat_map,
        plotting.plot_glass_brain,
        plotting.plot_anat,
        plotting.plot_roi,
        lambda img, threshold: plotting.plot_prob_atlas(as_4d(img), threshold=threshold),
        lambda img, threshold: plotting.plot_components(as_4d(img), threshold=threshold),
        lambda img, threshold: plotting.plot_anat(img).add_overlay(img, threshold=threshold),
        lambda img, threshold: plotting.plot_anat(img).add_contours(img, threshold=threshold),
    ],
)
def test_a_threshold_above_all_values_is_said(img, draw):
    """Wherever there is a threshold."""
    with pytest.warns(DataWarning, match=r"=100 is above the largest absolute value, [34].*Lower"):
        draw(img, threshold=100)


def as_4d(img):
    return nib.Nifti1Image(np.stack([img.dataobj] * 2, axis=-1), img.affine)


@pytest.mark.parametrize(
    ("mode", "cuts", "said"),
    [
        ("ortho", (0, 0, 500), "z = 500"),
        ("z", [20, -300], "z = −300"),
        ("x", [900], "x = 900"),
        ("mosaic", {"x": [10], "y": [2000]}, "y = 2000"),
    ],
)
def test_a_cut_outside_of_the_image_is_said(img, mode, cuts, said):
    """With the ends of what there is to see."""
    with pytest.warns(DataWarning, match=rf"{said} lies outside .*x from .* mm\): blank"):
        plotting.plot_stat_map(img, display_mode=mode, cut_coords=cuts)


@pytest.mark.parametrize(
    ("mode", "cuts"),
    [
        ("ortho", (0, np.nan, 0)),
        ("ortho", "abc"),
        ("ortho", 5),
        ("z", ["low"]),
        ("z", [np.inf]),
        ("mosaic", {"w": [3]}),
        ("mosaic", {}),
    ],
)
def test_what_are_no_cuts_is_refused(img, mode, cuts):
    """Coordinates are finite numbers, as many as there are axes."""
    with pytest.raises(ValueError, match="cut_coords="):
        plotting.plot_stat_map(img, display_mode=mode, cut_coords=cuts)


@pytest.mark.parametrize("threshold", [-1, np.nan, np.inf, "high", True])
def test_what_is_no_threshold_is_refused(img, threshold):
    """A finite number from 0 on."""
    with pytest.raises(ValueError, match=r"threshold=.* must be a number from 0 on"):
        plotting.plot_stat_map(img, threshold=threshold)
