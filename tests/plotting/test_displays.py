"""Slices, projections and networks: what is planted at known mm is drawn there, in every figure."""

import os
import subprocess
import sys

import matplotlib.image
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from planted import AFFINES, BOX, one_voxel

from nbica import plotting
from nbica.exceptions import DataError, DataWarning
from nbica.image.slicing import plane_of
from nbica.plotting import cuts
from nbica.plotting.bars import draw_colorbar
from nbica.plotting.colors import BLUE_ORANGE, BLUE_ORANGE_ON_WHITE, distinct
from nbica.plotting.scales import scale_of
from nbica.plotting.volumes import Volume

MM = np.array([-20.0, 14, 8])


@pytest.fixture(scope="module")
def anatomy():
    """An ellipsoid in the box, brighter inside."""
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = BOX[:, 0]
    centre = (np.array([31, 31, 26]) - 1) / 2
    radius = np.sqrt((((np.indices((31, 31, 26)).T - centre) / centre) ** 2).sum(axis=-1)).T
    return nib.Nifti1Image(np.where(radius < 1, 200 - 100 * radius, 0).astype(np.float32), affine)


def colored(panel, index=-1):
    """Where the last picture of a panel has colour: its middle, in mm across and up."""
    image = panel.axes.images[index]
    rgba = image.get_array()
    strong = (rgba[..., 3] > 0) & (np.ptp(rgba[..., :3], axis=2) > 0.2)
    rows, columns = np.nonzero(strong)
    left, right, bottom, top = image.get_extent()
    n_rows, n_columns = strong.shape
    across = left + (columns.mean() + 0.5) * (right - left) / n_columns
    return across, bottom + (rows.mean() + 0.5) * (top - bottom) / n_rows


def fits(panel, mm, within):
    plane = list(plane_of(panel.view.axis))
    return np.abs(np.array(colored(panel)) - mm[plane]).max() <= within


@pytest.mark.parametrize(
    ("name", "mode"),
    [(name, "ortho") for name in AFFINES]
    + [("oblique", mode) for mode in ("tiled", "mosaic", "x", "y", "z", "xz", "zy")],
)
def test_a_planted_voxel_is_drawn_at_its_mm(name, mode, anatomy):
    """Found without being told where, in every mode and on every grid."""
    data, affine = one_voxel(AFFINES[name], MM)

    display = plotting.plot_stat_map(
        nib.Nifti1Image(data, affine), anatomy, display_mode=mode, threshold=1
    )

    through = [p for p in display.panels if abs(p.view.mm - MM[p.view.axis]) < 0.5]
    assert {panel.view.axis for panel in through} == {panel.view.axis for panel in display.panels}
    # Half a pixel: the blob of an oblique voxel is symmetric about it.
    assert all(fits(panel, MM, within=0.5) for panel in through)


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("plot_abs", [True, False])
def test_a_planted_voxel_is_seen_through_glass(name, plot_abs):
    """From every side; a hemisphere shows its own half only, the left one facing left."""
    data, affine = one_voxel(AFFINES[name], MM, value=-5.0)

    display = plotting.plot_glass_brain(
        nib.Nifti1Image(data, affine), display_mode="xyzlr", plot_abs=plot_abs, threshold=1
    )

    *seen, right = display.panels
    assert all(fits(panel, MM, within=1) for panel in seen)
    assert not (right.axes.images[-1].get_array()[..., 3] > 0).any()
    left = seen[-1].axes
    assert left.get_xlim()[0] > left.get_xlim()[1]
    blue = seen[0].axes.images[-1].get_array().reshape(-1, 4)
    r, _, b, _ = blue[blue[:, 3] > 0].mean(axis=0)
    assert (b > r) == (not plot_abs)


@pytest.mark.parametrize("name", AFFINES)
def test_a_planted_region_is_drawn_at_its_mm(name, anatomy):
    """Filled as voxels are, outlined around them, and as a map of an atlas."""
    data, affine = one_voxel(AFFINES[name], MM)
    img = nib.Nifti1Image(data.astype(np.int16), affine)
    maps = nib.Nifti1Image(np.stack([data, 0 * data], axis=-1), affine)

    filled = plotting.plot_roi(img, anatomy)
    outlined = plotting.plot_roi(img, anatomy, view_type="contours")
    atlas = plotting.plot_prob_atlas(maps, anatomy, view_type="contours", threshold=2.5)

    assert all(fits(panel, MM, within=1) for panel in filled.panels)
    for panel in (*outlined.panels, *atlas.panels):
        (lines,) = (c for c in panel.axes.collections if c.get_paths())
        ring = np.vstack([path.vertices for path in lines.get_paths()])
        plane = list(plane_of(panel.view.axis))
        middle = (ring.max(axis=0) + ring.min(axis=0)) / 2
        np.testing.assert_allclose(middle, MM[plane], atol=1)


def test_anatomy_is_where_it_was(anatomy):
    """A bright voxel of an anatomical or functional image lies at its mm."""
    brain = np.asanyarray(anatomy.dataobj)
    ijk = np.round(np.linalg.solve(anatomy.affine, [*MM, 1])[:3]).astype(int)
    bright = brain.copy()
    bright[tuple(ijk)] = 1000
    for plot in (plotting.plot_anat, plotting.plot_epi):
        display = plot(nib.Nifti1Image(bright, anatomy.affine), cut_coords=MM, vmax=1000)
        for panel in display.panels:
            grey = panel.axes.images[-1].get_array()[..., 0]
            row, column = np.unravel_index(grey.argmax(), grey.shape)
            across, up = plane_of(panel.view.axis)
            assert abs(display.bounds[across, 0] + column - MM[across]) <= 1
            assert abs(display.bounds[up, 0] + row - MM[up]) <= 1


@pytest.mark.parametrize("radiological", [False, True])
def test_sides_are_marked(radiological, anatomy):
    """L is on the side of negative x, whichever side of the picture that is."""
    data, affine = one_voxel(AFFINES["flipped"], MM)

    display = plotting.plot_stat_map(
        nib.Nifti1Image(data, affine), anatomy, threshold=1, radiological=radiological
    )

    for panel in display.panels:
        letters = {text.get_text(): text for text in panel.axes.texts}
        assert ("L" in letters) == (panel.view.axis != 0)
        if panel.view.axis != 0:
            to_pixel = panel.axes.transAxes.transform
            at_left = to_pixel(letters["L"].get_position())[0]
            at_right = to_pixel(letters["R"].get_position())[0]
            blob = panel.axes.transData.transform(colored(panel))[0]
            assert abs(blob - at_left) < abs(blob - at_right)
            assert (at_left > at_right) == radiological


def test_markers_and_edges_are_at_their_mm():
    """Nodes and the ends of edges have the coordinates given; weak edges are not drawn."""
    points = np.array([[-40.0, 10, 20], [30, -50, 5], [0, 40, -10]])
    weights = np.array([[1, 0.8, -0.1], [0.8, 1, 0.5], [-0.1, 0.5, 1]])

    display = plotting.plot_connectome(weights, points, edge_threshold=0.4)

    for panel in display.panels:
        plane = list(plane_of(panel.view.axis))
        lines, nodes = panel.axes.collections[-2:]
        np.testing.assert_array_equal(nodes.get_offsets(), points[:, plane])
        ends = [tuple(map(tuple, segment)) for segment in lines.get_segments()]
        expected = [points[[1, 2]][:, plane], points[[0, 1]][:, plane]]  # weak before strong
        assert ends == [tuple(map(tuple, pair)) for pair in expected]


def test_an_edge_threshold_in_percent_counts_edges():
    """Of six edges, the upper half."""
    weights = np.zeros((4, 4))
    weights[np.triu_indices(4, 1)] = [1, -2, 3, -4, 5, -6]
    weights += weights.T

    display = plotting.plot_connectome(weights, np.eye(4)[:, :3] * 20, edge_threshold="50%")

    assert len(display.panels[0].axes.collections[-2].get_segments()) == 3


# ---- cuts ---------------------------------------------------------------------------------------


def slices(mode, cut_coords):
    data, affine = one_voxel(AFFINES["plain"], MM)
    rows = cuts.rows_of_slices(mode, cut_coords, Volume(data, affine), 1)
    return [[(view.axis, view.mm) for view in row] for row in rows]


@pytest.mark.parametrize(
    ("mode", "cut_coords", "expected"),
    [
        ("ortho", (1, 2, 3), [[(0, 1), (1, 2), (2, 3)]]),
        ("tiled", (1, 2, 3), [[(1, 2), (0, 1)], [(2, 3)]]),
        ("yx", (1, 2), [[(1, 2), (0, 1)]]),
        ("z", [5, -7.5], [[(2, 5), (2, -7.5)]]),
        ("z", 1, [[(2, 8)]]),
        ("x", 3, [[(0, -24), (0, -20), (0, -16)]]),
        ("mosaic", 1, [[(0, -20)], [(1, 14)], [(2, 8)]]),
        ("mosaic", {"z": [1, 2], "x": 1}, [[(2, 1), (2, 2)], [(0, -20)]]),
    ],
)
def test_cuts_are_those_asked_for(mode, cut_coords, expected):
    """In mm in the order x, y, z, or a count around what there is to see."""
    assert slices(mode, cut_coords) == expected


@pytest.mark.parametrize(
    ("mode", "cut_coords", "message"),
    [
        ("w", None, "display_mode='w' is unknown; use one of ortho, tiled, mosaic"),
        ("xx", None, "display_mode='xx' is unknown"),
        (3, None, "display_mode=3 is unknown"),
        ("ortho", 3, r"cut_coords=3 does not fit display_mode='ortho'; give x, y, z in mm"),
        ("xz", (1, 2, 3), "give x, z in mm"),
        ("z", 0, "cut_coords=0 must be 1 or more"),
        ("z", [np.nan], "expected a list of mm along z"),
        ("mosaic", (1, 2), "a mosaic takes a count"),
    ],
)
def test_wrong_cuts_say_the_way_out(mode, cut_coords, message):
    """What was found, what was expected."""
    with pytest.raises(ValueError, match=message):
        slices(mode, cut_coords)


# ---- colours ------------------------------------------------------------------------------------


def test_nan_and_what_is_weak_are_transparent():
    """So are exact zeros, unless no threshold was asked for."""
    values = np.array([np.nan, 0, 0.5, -2, 3], dtype=np.float32)
    maps = values.reshape(1, 5, 1, 1)

    strict, loose, none = (
        scale_of(maps, cmap="gray", threshold=t).colors(values)[:, 3] for t in (1, 0, None)
    )

    np.testing.assert_array_equal(strict, [0, 0, 0, 1, 1])
    np.testing.assert_array_equal(loose, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(none, [0, 1, 1, 1, 1])


@pytest.mark.parametrize(
    ("values", "options", "limits", "ends"),
    [
        ([-1, 2], {}, (-2, 2), (-2, 2)),
        ([1, 2], {}, (0, 2), (-2, 2)),
        ([-3, -1], {}, (-3, 0), (-3, 3)),
        ([1, 2], {"symmetric_cbar": True}, (-2, 2), (-2, 2)),
        ([-1, 2], {"symmetric_cbar": False}, (0, 2), (-2, 2)),
        ([-1, 2], {"vmax": 5}, (-5, 5), (-5, 5)),
        ([1, 2], {"vmin": 1, "vmax": 4}, (1, 4), (1, 4)),
        ([1, 2], {"vmin": -1, "symmetric_cbar": True}, (-1, 1), (-1, 1)),
    ],
)
def test_the_range_of_colors(values, options, limits, ends):
    """Symmetric about 0 unless told otherwise; the bar shows the signs that there are."""
    maps = np.array(values, dtype=np.float32).reshape(1, -1, 1, 1)

    scale = scale_of(maps, cmap=BLUE_ORANGE, **options)

    assert scale.limits == limits
    assert (scale.vmin, scale.vmax) == ends


def test_a_sparse_map_ends_where_its_voxels_do(anatomy):
    """Between a voxel and zeros, colour ends half way: a cube of 12 mm is not one of 20."""
    data = np.zeros((21, 21, 21), np.float32)
    data[9:12, 9:12, 9:12] = 3
    img = nib.Nifti1Image(data, AFFINES["plain"])

    display = plotting.plot_stat_map(img, anatomy, cut_coords=(40, 40, 40))

    for panel in display.panels:
        shown = panel.axes.images[-1].get_array()[..., 3] > 0
        # Pixels of 1 mm, both ends included; corners are rounded.
        assert [shown.any(axis=axis).sum() for axis in (0, 1)] == [13, 13]


def test_colors_are_safe_for_color_vision():
    """Signs and regions stay apart where red, green or blue cones are missing."""
    signs = [[m(0.15), m(0.85)] for m in (BLUE_ORANGE, BLUE_ORANGE_ON_WHITE)]
    for pair in signs:
        assert smallest_distance([color[:3] for color in pair]) > 40
    from matplotlib.colors import to_rgb

    # CIELAB units; 2.3 is just noticeable, 10 is clear at a glance.
    assert smallest_distance([to_rgb(color) for color in distinct(8)]) > 24
    assert smallest_distance([to_rgb(color) for color in distinct(14)]) > 15


# Machado et al. (2009): full protanopia, deuteranopia, tritanopia; of linear RGB.
DEFICIENCIES = [
    np.eye(3),
    [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
]
TO_XYZ = np.array([[0.4125, 0.3576, 0.1804], [0.2127, 0.7152, 0.0722], [0.0193, 0.1192, 0.9503]])


def smallest_distance(colors):
    """Between any two colours, for normal and colour-blind readers, in CIELAB units."""
    rgb = np.array(colors)
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    distances = []
    for matrix in DEFICIENCIES:
        xyz = np.clip(linear @ np.transpose(matrix), 0, 1) @ TO_XYZ.T / [0.9505, 1, 1.089]
        f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
        lab = np.stack(
            [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
        )
        apart = np.linalg.norm(lab[:, np.newaxis] - lab, axis=2)
        distances.append(apart[np.triu_indices(len(lab), 1)].min())
    return min(distances)


# ---- figures ------------------------------------------------------------------------------------


@pytest.fixture
def blob():
    return nib.Nifti1Image(*one_voxel(AFFINES["plain"], MM))


def test_it_draws_where_it_is_told(blob, anatomy, tmp_path):
    """In a figure or axes of the user's, in a part of a figure; and to a file, whole or not."""
    own = Figure(figsize=(6, 4))
    axes = own.add_subplot(1, 2, 2)

    in_axes = plotting.plot_stat_map(blob, anatomy, axes=axes)
    in_part = plotting.plot_stat_map(blob, anatomy, figure=own, axes=(0, 0, 0.5, 0.5))
    sized = plotting.plot_stat_map(
        blob, anatomy, figure=(5, 2), output_file=tmp_path / "map.png", title="A map"
    )

    assert in_axes.figure is own
    assert in_part.figure is own
    x0, y0, x1, y1 = axes.get_position().extents
    for panel in in_axes.panels:
        place = panel.axes.get_position()
        assert x0 <= place.x0 < place.x1 <= x1
        assert y0 <= place.y0 < place.y1 <= y1
    assert all(panel.axes.get_position().y1 <= 0.5 for panel in in_part.panels)
    assert tuple(sized.figure.get_size_inches()) == (5, 2)
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileNotFoundError, match="make it"):
        sized.savefig(tmp_path / "nowhere" / "map.png")
    assert [path.name for path in tmp_path.iterdir()] == ["map.png"]
    own.savefig(tmp_path / "own.png", dpi=50)
    picture = matplotlib.image.imread(tmp_path / "own.png")[..., :3]
    # White paper, but black where slices and their white letters are.
    assert picture[5, 5].min() == 1
    assert picture[-2, 2].max() == 0
    x, y = int(300 * (x0 + x1) / 2), int(200 * (1 - y1)) + 1
    assert picture[y, x].max() < 0.1


def test_it_draws_in_a_subfigure(blob, anatomy):
    """Axes of a subfigure lie in the whole figure where they seem to."""
    upper, lower = Figure(figsize=(4, 6)).subfigures(2, 1)
    upper.subplots()

    display = plotting.plot_stat_map(blob, anatomy, axes=lower.subplots())

    assert all(panel.axes.get_position().y1 <= 0.5 for panel in display.panels)
    with pytest.raises(TypeError, match="figure is 3; expected a Figure"):
        plotting.plot_stat_map(blob, anatomy, figure=3)


@pytest.mark.parametrize("mode", ["ortho", "tiled", "mosaic", "z"])
def test_all_panels_have_one_scale(mode, blob, anatomy):
    """A millimetre is as long in every slice, across and up, and panels do not overlap."""
    display = plotting.plot_stat_map(blob, anatomy, display_mode=mode)

    boxes = [panel.axes.get_window_extent() for panel in display.panels]
    lengths = []
    for panel, box in zip(display.panels, boxes, strict=True):
        lengths.append(box.width / np.ptp(panel.axes.get_xlim()))
        lengths.append(box.height / np.ptp(panel.axes.get_ylim()))
    np.testing.assert_allclose(lengths, lengths[0], rtol=1e-6)
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[i + 1 :])


def test_more_can_be_laid_over(blob, anatomy):
    """Overlays, contours, edges and markers, in mm."""
    display = plotting.plot_anat(anatomy, cut_coords=MM)
    before = [len(panel.axes.images) for panel in display.panels]

    display.add_overlay(blob, threshold=1)
    display.add_contours(blob, levels=[2.5], colors="w")
    display.add_edges(anatomy)
    display.add_markers([MM, MM + 40], marker_color=["r", "b"])

    assert [len(panel.axes.images) for panel in display.panels] == [n + 1 for n in before]
    assert all(fits(panel, MM, within=0.5) for panel in display.panels)
    for panel in display.panels:
        points = panel.axes.collections[-1].get_offsets()
        np.testing.assert_array_equal(points, [MM[list(plane_of(panel.view.axis))]])
    assert display._repr_png_().startswith(b"\x89PNG")
    display.close()
    assert not display.figure.axes


def greys(display):
    """The largest grey of what lies below the map, in any panel; 0 for paper."""
    below = [panel.axes.images[0].get_array() for panel in display.panels]
    return max(float((rgba[..., 0] * rgba[..., 3]).max()) for rgba in below)


def test_the_brain_behind_a_map_is_chosen_by_where_the_map_is():
    """MNI152 behind a blob in its field of view; else the brain a map covers; None is none."""
    data = np.zeros((45, 54, 45), np.float32)
    data[20, 20, 20] = 5
    affine = np.diag([4.0, 4, 4, 1])
    affine[:3, 3] = -88, -124, -72
    in_mni = plotting.plot_stat_map(nib.Nifti1Image(data, affine), threshold=1)
    masked = np.zeros((30, 30, 30), np.float32)
    masked[2:, 2:, 2:] = 1
    elsewhere = nib.Nifti1Image(masked, np.diag([4.0, 4, 4, 1]))
    covered = plotting.plot_stat_map(elsewhere, threshold=0.5)
    nothing = plotting.plot_stat_map(elsewhere, None, threshold=0.5)

    np.testing.assert_allclose(in_mni.bounds, [[-76, 76], [-112, 78], [-76, 86]], atol=2)
    assert greys(in_mni) > 0.5
    np.testing.assert_array_equal(covered.bounds, [[4, 120]] * 3)
    assert 0.1 < greys(covered) < 0.3
    np.testing.assert_array_equal(nothing.bounds, covered.bounds)
    assert greys(nothing) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.plot_stat_map(four()), "nbica.image.index_img"),
        (lambda: plotting.plot_epi(four()), r"epi_img has shape \(3, 3, 3, 2\)"),
        (lambda: plotting.plot_stat_map(ones(), threshold=-1), "threshold=-1 must be"),
        (lambda: plotting.plot_stat_map(ones(), vmin=2, vmax=1), "vmin=2 is not below vmax=1"),
        (
            lambda: plotting.plot_stat_map(ones(), symmetric_cbar=True, vmin=0, vmax=1),
            "symmetric_cbar is True, but vmin=0 and vmax=1",
        ),
        (lambda: plotting.plot_stat_map(ones(), resampling_interpolation="x"), "is unknown"),
        (lambda: plotting.plot_roi(ones(), labels=["a", "b"]), "found 2 labels for 1 regions"),
        (lambda: plotting.plot_roi(ones(), view_type="x"), "view_type='x' is unknown"),
        (lambda: plotting.plot_prob_atlas(four(), view_type="x"), "view_type is 'x'; expected one"),
        (lambda: plotting.plot_glass_brain(ones(), display_mode="q"), "display_mode='q'"),
        (lambda: plotting.plot_connectome(np.ones((2, 3)), np.ones((2, 3))), r"shape \(2, 3\)"),
        (lambda: plotting.plot_connectome(np.ones((2, 2)), np.ones((2, 2))), "expected .n_points"),
        (lambda: plotting.plot_anat(ones(), dim="dark"), "dim='dark'; expected a number"),
        (
            lambda: plotting.plot_connectome(np.ones((2, 2)), np.ones((2, 3)), edge_threshold="9"),
            "edge_threshold='9'",
        ),
    ],
)
def test_wrong_input_says_the_way_out(call, message):
    """What was found, what was expected."""
    with pytest.raises((ValueError, DataError), match=message):
        call()


NAMES = ["$x_{$", "100 % <b>", "\\frac"]
MATRIX = np.eye(3) + 0.1


@pytest.mark.parametrize(
    "call",
    [
        lambda: plotting.plot_stat_map(ones(), title=NAMES[0]),
        lambda: plotting.plot_roi(ones(), labels=NAMES[:1]),
        lambda: plotting.plot_connectome(MATRIX, 30 * MATRIX, title=NAMES[0]),
        lambda: plotting.plot_components(four(), titles=NAMES[:2]),
        lambda: plotting.plot_matrix(MATRIX, NAMES, title=NAMES[0]),
        lambda: plotting.plot_spectrum(np.eye(9, 3), 2, labels=NAMES, title=NAMES[0]),
    ],
)
def test_names_are_written_as_they_are(call):
    """What people call their files and networks is no formula, and stops no figure."""
    assert call()._repr_png_().startswith(b"\x89PNG")


@pytest.mark.filterwarnings("ignore:The image holds nothing but 0")
@pytest.mark.parametrize("value", [0, np.nan, np.inf])
def test_nothing_to_see_is_drawn_all_the_same(value):
    """Empty maps, regions, atlases and networks get their brain and no error."""
    for figure in (
        plotting.plot_stat_map(ones(value)),
        plotting.plot_stat_map(ones(value), display_mode="mosaic", cut_coords=2),
        plotting.plot_glass_brain(ones(value)),
        plotting.plot_anat(ones(value)),
        plotting.plot_roi(ones(value)),
        plotting.plot_connectome(np.full((2, 2), np.nan_to_num(value, posinf=0)), np.eye(2, 3)),
    ):
        assert figure._repr_png_().startswith(b"\x89PNG")


def test_an_unknown_keyword_is_refused_and_known_ones_are_listed():
    """A typo is not swallowed, and a notebook completes the names."""
    import inspect

    with pytest.raises(TypeError, match="tresh"):
        plotting.plot_stat_map(ones(), tresh=3)
    names = inspect.signature(plotting.plot_stat_map).parameters
    assert {"display_mode", "cut_coords", "title", "output_file", "bg_img"} <= set(names)
    assert "look" not in names


def ones(value=1.0):
    return nib.Nifti1Image(np.full((3, 3, 3), value, np.float32), np.diag([9.0, 9, 9, 1]))


def four():
    return nib.Nifti1Image(np.ones((3, 3, 3, 2), np.float32), np.diag([9.0, 9, 9, 1]))


# ---- how opaque ----------------------------------------------------------------------------------


@pytest.fixture
def two_strengths():
    """Two cubes of 27 mm: a strong one at x = -20 mm, a weak one at x = 20 mm."""
    affine = np.array([[3.0, 0, 0, -45], [0, 3, 0, -45], [0, 0, 3, -45], [0, 0, 0, 1]])
    data = np.zeros((31, 31, 31), np.float32)
    data[4:13, 11:20, 11:20], data[18:27, 11:20, 11:20] = 4.0, 1.0
    return nib.Nifti1Image(data, affine)


def opacities(display):
    """Of the coloured picture in the axial panel, in the middle of each cube."""
    image = display.axes["z"].images[-1]
    left, right, bottom, top = image.get_extent()
    alpha = image.get_array()[..., 3]
    row = int((0 - bottom) / (top - bottom) * len(alpha))
    return [alpha[row, int((x - left) / (right - left) * alpha.shape[1])] for x in (-20, 20)]


@pytest.mark.parametrize("plot", [plotting.plot_stat_map, plotting.plot_glass_brain])
def test_transparency_of_a_number_and_of_an_image(plot, two_strengths, anatomy):
    """As in nilearn: a number for all, or an image whose values between two are a ramp."""
    options = {"threshold": 0.1, "display_mode": "z"}
    if plot is plotting.plot_stat_map:
        options |= {"bg_img": anatomy, "cut_coords": [0]}

    def drawn(**given):
        return opacities(plot(two_strengths, **given, **options))

    assert drawn(transparency=0.5) == pytest.approx([0.5, 0.5])
    assert drawn(transparency=two_strengths) == pytest.approx([1, 0.25], abs=1e-3)
    ranged = {"transparency": two_strengths, "transparency_range": (0.5, 1.5)}
    assert drawn(**ranged) == pytest.approx([1, 0.5], abs=1e-3)
    with pytest.raises(ValueError, match=r"transparency=1.5; expected 0 \(invisible\)"):
        drawn(transparency=1.5)
    with pytest.raises(ValueError, match="transparency_range"):
        drawn(transparency=two_strengths, transparency_range=(3, 2))


# ---- tiled: the corner ---------------------------------------------------------------------------


def test_tiled_puts_the_bar_into_the_free_corner(anatomy):
    """Below the sagittal slice is room for the bar: the figure is no wider than without one."""
    data, affine = one_voxel(AFFINES["plain"], MM)
    img = nib.Nifti1Image(data, affine)

    with_bar, without = (
        plotting.plot_stat_map(img, anatomy, display_mode="tiled", colorbar=bar)
        for bar in (True, False)
    )

    bar = with_bar._bar.get_position()
    x, z = (with_bar.axes[name].get_position() for name in "xz")
    assert with_bar.figure.get_size_inches() == pytest.approx(without.figure.get_size_inches())
    assert z.x1 < bar.x0 < bar.x1 < x.x1
    assert z.y0 < bar.y0 < bar.y1 < x.y0


# ---- windows -------------------------------------------------------------------------------------

_WINDOWS = """
from matplotlib.backend_bases import FigureManagerBase
from matplotlib.backends.backend_agg import FigureCanvasAgg

class FigureManager(FigureManagerBase):
    @classmethod
    def pyplot_show(cls, *, block=None):
        from matplotlib._pylab_helpers import Gcf
        print([type(manager.canvas.figure).__name__ for manager in Gcf.get_all_fig_managers()])

class FigureCanvas(FigureCanvasAgg):
    manager_class = FigureManager
"""
_SCRIPT = """
import nibabel, numpy
from nbica import plotting
img = nibabel.Nifti1Image(numpy.ones((5, 5, 5), "f4"), numpy.diag([9.0, 9, 9, 1]))
plotting.plot_anat(img)
plotting.plot_anat(img).close()
plotting.plot_anat(img, output_file="kept.png")
plotting.plot_stat_map(img)
plotting.show()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "told"),
    [("module://windows", "['MapsFigure', 'MapsFigure']"), ("agg", "IgnoredWarning: matplotlib")],
)
def test_show_opens_windows_where_there_are_any(tmp_path, backend, told):
    """A script's figures are shown together, but for those closed or written; else it is told."""
    (tmp_path / "windows.py").write_text(_WINDOWS)
    own = {"MPLBACKEND": backend, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}

    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], cwd=tmp_path, env=os.environ | own, text=True,
        capture_output=True, check=True,
    )  # fmt: skip

    assert told in done.stdout + done.stderr


@pytest.mark.parametrize("threshold", [0.001, 0.0047, 0.009, 0.02])
def test_numbers_below_a_bar_keep_apart(threshold):
    """Whatever the threshold, the labels of a bar as wide as that of a mosaic do not overlap."""
    figure = Figure(figsize=(7, 4), dpi=120)
    axes = figure.add_axes((0.35, 0.1, 0.3, 0.02))
    data = np.linspace(-0.046, 0.046, 1000).reshape(1, 10, 10, 10)

    draw_colorbar(
        axes, scale_of(data, cmap=BLUE_ORANGE, threshold=threshold), ink="w", vertical=False
    )

    figure.draw_without_rendering()
    ends = np.sort(
        [label.get_window_extent().intervalx for label in axes.get_xticklabels()], axis=0
    )
    assert len(ends) >= 3
    assert (ends[1:, 0] > ends[:-1, 1]).all()


@pytest.mark.parametrize(
    ("mode", "cuts"),
    [
        ("ortho", [-20.0, 14.0, 8.0]),
        ("tiled", [-20.0, 14.0, 8.0]),
        ("zx", [-20.0, 8.0]),
        ("z", [8.0, 12.0]),
        ("mosaic", {"x": [-20.0, 0.0], "z": [8.0]}),
    ],
)
def test_a_display_says_where_it_cuts(mode, cuts, blob, anatomy):
    """What it says can be given to another one."""
    display = plotting.plot_stat_map(blob, anatomy, display_mode=mode, cut_coords=cuts)

    assert display.cut_coords == cuts


def test_panels_answer_as_nilearns_do():
    """By their letter, hemispheres as well, with `.ax`, `.direction` and `.coord`."""
    cut = plotting.plot_stat_map(ones(), cut_coords=(1, 1, 1))
    glass = plotting.plot_glass_brain(None, display_mode="lyrz")

    assert cut.axes["x"].ax is cut.axes["x"]
    assert (cut.axes["z"].direction, cut.axes["z"].coord) == ("z", 1)
    assert cut.cut_coords == [1, 1, 1]
    assert list(glass.axes) == ["l", "y", "r", "z"]


def test_values_that_are_no_labels_are_drawn_as_they_are():
    """A mask of fractions is shown by its values, with what is below the threshold left out."""
    data = np.zeros((5, 5, 5), np.float32)
    data[1:4, 1:4, 1:4] = np.linspace(0.2, 0.9, 27).reshape(3, 3, 3)
    display = plotting.plot_roi(
        nib.Nifti1Image(data, np.eye(4)), threshold=0.5, display_mode="z", cut_coords=[2], alpha=1
    )
    alpha = np.asarray(display.axes["z"].images[-1].get_array())[..., 3]

    # Of the slice's 3 x 3 mm, in pixels of the slice's step, those from 0.5 on.
    above = np.count_nonzero(data[:, :, 2] >= 0.5)
    assert "slices of values" in repr(display)
    assert np.count_nonzero(alpha) == pytest.approx(
        above / display.panels[0].view.step ** 2, rel=0.3
    )


def test_a_lookup_table_colors_regions():
    """Colours go by number, wherever the rows of the table lie, and names beside them."""
    data = np.zeros((4, 4, 4), np.int16)
    data[:2], data[2:] = 7, 3
    table = pd.DataFrame({"index": [7, 3], "name": ["seven", "three"], "color": ["#f00", "#00f"]})
    display = plotting.plot_roi(
        nib.Nifti1Image(data, np.eye(4)), cmap=table, display_mode="z", cut_coords=[1], alpha=1
    )
    rgba = np.asarray(display.axes["z"].images[-1].get_array())
    row = rgba[np.flatnonzero(rgba[..., 3].any(axis=1))[0]]
    seen = row[row[:, 3] > 0].round(2)

    assert seen[0].tolist() == [1, 0, 0, 1]
    assert seen[-1].tolist() == [0, 0, 1, 1]
    assert [t.get_text() for t in display._bar.get_yticklabels()] == ["three", "seven"]


def test_keywords_go_on_to_matplotlib():
    """Interpolation of pictures, width of lines, format of numbers; a slip is refused by name."""
    picture = plotting.plot_stat_map(
        ones(0.123456), interpolation="nearest", cbar_tick_format="%.4f", cut_coords=(1, 1, 1)
    )
    lines = plotting.plot_roi(ones(), view_type="contours", linewidth=4.5, cut_coords=(1, 1, 1))
    widths = [
        width
        for axes in lines.axes.values()
        for c in axes.collections
        for width in c.get_linewidth()
    ]

    assert picture.axes["x"].images[-1].get_interpolation() == "nearest"
    assert "0.1235" in [t.get_text() for t in picture._bar.get_yticklabels()]
    assert 4.5 in widths
    with pytest.raises(TypeError, match="unknown keywords: tresholt"):
        plotting.plot_stat_map(ones(), tresholt=3)


def test_a_directed_network_is_drawn_by_arrows():
    """One arrow for each weight off the diagonal, and a warning that says that it is directed."""
    points = np.array([[-20.0, 0, 0], [20, 0, 0], [0, 30, 10]])
    weights = np.array([[0, 1.0, 0], [0, 0, 2], [0.5, 0, 0]])
    with pytest.warns(DataWarning, match="A directed graph will be plotted"):
        display = plotting.plot_connectome(
            weights,
            points,
            display_mode="z",
            node_kwargs={"marker": "s"},
            edge_kwargs={"alpha": 0.4},
        )
    arrows = [p for p in display.axes["z"].patches if isinstance(p, FancyArrowPatch)]

    assert len(arrows) == 3
    assert {arrow.get_alpha() for arrow in arrows} == {0.4}


def test_an_anatomy_of_nobody_is_the_template():
    """`plot_anat()` alone shows MNI152, whose middle lies 18 mm behind the origin."""
    display = plotting.plot_anat(display_mode="x", cut_coords=[0])

    assert abs(display.bounds[1].mean() + 18) < 6
    assert np.asarray(display.axes["x"].images[-1].get_array())[..., :3].max() > 0.5


def test_cuts_outside_of_the_image_are_told():
    """An empty slice is no surprise."""
    with pytest.warns(DataWarning, match="x = 500 seem to be out of the image"):
        plotting.plot_stat_map(ones(), cut_coords=(500, 1, 1))


def test_a_bar_of_5_cm_is_5_cm():
    """Whatever the panel, its length in mm is 50."""
    display = plotting.plot_anat(display_mode="ortho")
    display.annotate(scalebar=True, positions=False, left_right=False)

    for axes in display.axes.values():
        ends = axes.lines[-1].get_xdata()
        assert abs(ends[1] - ends[0]) == pytest.approx(50)
