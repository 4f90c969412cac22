"""A blank picture says why it is blank."""

import nibabel as nib
import numpy as np
import pytest

from nbica import plotting, view_img
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
    with pytest.warns(
        DataWarning,
        match=rf"{said} seem to be out of the image \(x from .* mm\): they show nothing",
    ):
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


@pytest.mark.parametrize("draw", [plotting.plot_stat_map, plotting.plot_glass_brain, view_img])
@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_an_image_without_values_is_said(draw, value):
    """Zeros, and what is no number, show nothing."""
    empty = nib.Nifti1Image(np.full((5, 5, 5), value, "f4"), np.eye(4))

    with pytest.warns(DataWarning, match="nothing but 0, NaN and infinity: nothing is shown"):
        draw(empty)


def test_other_blank_pictures_are_said(img):
    """Regions below the threshold, edges below theirs, a background elsewhere."""
    negative = nib.Nifti1Image(-np.ones((5, 5, 5), "i2"), np.eye(4))
    far = nib.Nifti1Image(np.ones((5, 5, 5), "f4"), np.diag([4.0, 4, 4, 1]) + 9000 * np.eye(4, k=3))
    with pytest.warns(DataWarning, match="no region is shown"):
        plotting.plot_roi(negative)
    with pytest.warns(DataWarning, match="edge_threshold=99 is above .*no edge is shown"):
        plotting.plot_connectome(np.ones((2, 2)), np.eye(3)[:2], edge_threshold=99)
    with pytest.warns(DataWarning, match="seem to be out of the image .* in one space"):
        plotting.plot_stat_map(img, far)


ODD = [
    ({"colorbar": "False"}, "colorbar is 'False'; expected True or False"),
    ({"black_bg": "no"}, "black_bg is 'no'; expected True or False"),
    ({"draw_cross": "no"}, "draw_cross is 'no'"),
    ({"annotate": 2}, "annotate is 2"),
    ({"radiological": "False"}, "radiological is 'False'"),
    ({"symmetric_cbar": "yes"}, "symmetric_cbar is 'yes'"),
    ({"vmax": np.inf}, "vmax=inf; expected a number"),
    ({"vmax": "3"}, "vmax='3'; expected a number"),
    ({"vmin": np.nan}, "vmin=nan; expected a number"),
    ({"dim": "dark"}, "dim='dark'; expected a number"),
    ({"transparency_range": "ab"}, "transparency_range='ab'; expected two numbers"),
    ({"transparency_range": (1,)}, "transparency_range=.*expected two numbers"),
    ({"resampling_interpolation": ["nearest"]}, "resampling_interpolation=.*is unknown"),
    ({"figure": (0, 0)}, "figure is .*expected a Figure, or width and height"),
    ({"axes": (0, 0, 1)}, "axes is .*expected Axes, or left, bottom"),
    ({"output_file": "picture"}, "is not the name of a picture: a suffix such as .png"),
]


@pytest.mark.parametrize(("options", "message"), ODD, ids=[str(row[0]) for row in ODD])
def test_odd_options_are_refused(img, options, message):
    """Flags, numbers and sizes that are none, with what they may be."""
    if "transparency_range" in options:
        options = options | {"transparency": img}

    with pytest.raises((ValueError, TypeError), match=message):
        plotting.plot_stat_map(img, **options)


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda img: plotting.plot_roi(img, threshold="a"), "threshold='a' must be a number"),
        (lambda img: plotting.plot_glass_brain(img, alpha=5), "alpha=5; expected 0"),
        (lambda img: plotting.plot_glass_brain(img, plot_abs="False"), "plot_abs is 'False'"),
        (lambda img: plotting.plot_stat_map(img).add_contours(img, levels=[]), "levels="),
        (lambda img: plotting.plot_stat_map(img).add_contours(img, levels="ab"), "levels='ab'"),
        (lambda img: plotting.plot_stat_map(img).add_markers([[1, 2]]), "marker_coords has shape"),
        (lambda img: plotting.plot_connectome("abc", np.eye(3)), "adjacency_matrix is a str"),
        (lambda img: plotting.plot_connectome(np.ones((1, 1)), [[np.nan] * 3]), "node_coords"),
        (
            lambda img: plotting.plot_connectome(np.ones((2, 2)), np.eye(3)[:2], edge_vmin=2),
            "edge_vmin=2.0 and edge_vmax=1.0",
        ),
        (lambda img: plotting.plot_components(as_4d(img), n_columns=1.5), "n_columns=1.5"),
        (lambda img: view_img(img, quantum="a"), "quantum is 'a'"),
        (lambda img: plotting.plot_stat_map(in_metres(img)), "span .* m: are their affines in mm"),
        (lambda img: plotting.plot_roi(of_large_numbers()), "float32 merges some"),
    ],
)
def test_odd_arguments_are_refused(img, use, message):
    """In every function, before anything is drawn for ever."""
    with pytest.raises(ValueError, match=message):
        use(img)


def of_large_numbers():
    return nib.Nifti1Image(np.full((4, 4, 4), 2**24 + 1, "i4"), np.eye(4))


def in_metres(img):
    return nib.Nifti1Image(img.dataobj, np.diag([4000.0, 4000, 4000, 1]))
