"""The mosaic of components."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest
from matplotlib.figure import Figure
from planted import AFFINES, BOX, one_voxel

from nbica.exceptions import DataWarning
from nbica.plotting import plot_components


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize("name", AFFINES)
def test_left_is_left(name):
    """A peak at x = -21 mm is nearer to L than to R, and its coordinates are written."""
    data, affine = one_voxel(AFFINES[name], np.array([-21.0, 14, 9]))
    anatomy = nib.Nifti1Image(np.ones((31, 31, 26), np.float32), _affine_of_box(4))

    figure = plot_components(nib.Nifti1Image(data, affine), anatomy)

    assert [text for text in texts(figure) if "=" in text] == [
        "x = −21 mm",
        "y = 14 mm",
        "z = 9 mm",
    ]
    tile = figure.axes[0]
    for image, which in zip(tile.images[1:], (0, 1), strict=True):
        letters = [text for text in tile.texts if text.get_text() in "LR"][2 * which :][:2]
        left, right = (letter.get_position()[0] for letter in letters)
        assert [letter.get_text() for letter in letters] == ["L", "R"]
        assert abs(_colored_x(image) - left) < abs(_colored_x(image) - right)


def _affine_of_box(step):
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = BOX[:, 0]
    return affine


def _colored_x(image):
    picture, (left, right, _, _) = image.get_array(), image.get_extent()
    columns = np.nonzero(np.ptp(picture, axis=2) > 0.05)[1]
    return left + (columns.mean() + 0.5) * (right - left) / picture.shape[1]


def volumes(n_maps, seed=0):
    data = np.random.default_rng(seed).standard_normal((12, 13, 14, n_maps)).astype(np.float32)
    return nib.Nifti1Image(data, np.diag([8.0, 8, 8, 1]))


def colored(figure, index=0):
    return [np.ptp(image.get_array(), axis=2) > 0.05 for image in figure.axes[index].images]


def test_one_tile_per_component_with_its_title():
    """Titles are IC 0, IC 1… or those given."""
    figure = plot_components(volumes(5))

    assert isinstance(figure, Figure)
    assert [axes.get_title(loc="left") for axes in figure.axes[:5]] == [f"IC {i}" for i in range(5)]
    figure = plot_components(volumes(2), titles=["visual", "motor"], n_columns=2, figsize=(9, 3))
    assert [axes.get_title(loc="left") for axes in figure.axes[:2]] == ["visual", "motor"]
    assert tuple(figure.get_size_inches()) == (9, 3)


def test_threshold_hides_what_is_smaller():
    """A threshold above all values shows no colour; 0 colours every voxel that is not 0."""
    with pytest.warns(DataWarning, match="nothing is shown"):
        blank = plot_components(volumes(1), threshold=99)
    assert not any(mask.any() for mask in colored(blank))
    full = colored(plot_components(volumes(1), threshold=0))
    some = colored(plot_components(volumes(1), threshold=2))
    assert sum(mask.sum() for mask in full) > 5 * sum(mask.sum() for mask in some) > 0


def test_sparse_maps_show_in_full_by_default():
    """Maps that were thresholded before are not thresholded again."""
    img = volumes(4)
    sparse = nib.Nifti1Image(np.where(np.abs(img.dataobj) > 1.5, img.dataobj, 0), img.affine)

    automatic, half = plot_components(sparse), plot_components(sparse, threshold=0.75)

    # 0.75: half of what survived, which is where linear interpolation ends a voxel.
    for ours, expected in zip(colored(automatic), colored(half), strict=True):
        assert np.mean(ours != expected) < 0.005


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_empty_maps_are_drawn_without_color(value):
    """A component of zeros, NaN or Inf gets its tile, its anatomy and no error."""
    img = nib.Nifti1Image(np.full((6, 6, 6, 2), value, np.float32), np.diag([8.0, 8, 8, 1]))

    with pytest.warns(DataWarning, match="nothing but 0, NaN and infinity"):
        figure = plot_components(img, volumes(1).slicer[..., 0])

    assert not any(mask.any() for mask in colored(figure, 1))
    assert figure._repr_png_()


def test_files_are_written_and_read(tmp_path):
    """Paths in, a picture out, nothing else left behind."""
    nib.save(volumes(1), tmp_path / "maps.nii.gz")

    plot_components(str(tmp_path / "maps.nii.gz"), output_file=tmp_path / "mosaic.png")

    assert (tmp_path / "mosaic.png").read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"maps.nii.gz", "mosaic.png"}


@pytest.mark.slow
def test_the_figure_shows_itself_without_pyplot():
    """It has its own picture and one stable sentence, and pyplot keeps no reference."""
    code = (
        "import sys, numpy as np, nibabel as nib\n"
        "from nbica.plotting import plot_components\n"
        "data = np.arange(2.0 * 6**3).reshape(6, 6, 6, 2)\n"
        "figure = plot_components(nib.Nifti1Image(data, np.eye(4)))\n"
        "assert figure._repr_png_().startswith(b'\\x89PNG')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
        "print(repr(figure))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout == "<2 brain maps, each in three slices through its peak>\n"


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((4, 4, 4, 1, 2), {}, r"components_img has shape \(4, 4, 4, 1, 2\); a 3D image"),
        ((4, 4), {}, r"components_img has shape \(4, 4\)"),
        ((4, 4, 4, 2), {"titles": ["a"]}, "found 1 titles for 2 components"),
        ((4, 4, 4, 2), {"titles": "ab"}, "found 'ab' for 2 components"),
        ((4, 4, 4), {"threshold": -1}, "threshold=-1 must be a number from 0"),
        ((4, 4, 4), {"threshold": "80%"}, "threshold='80%' must be"),
        ((4, 4, 4), {"threshold": 3, "vmax": 2}, "vmax=2 is not above threshold=3"),
        ((4, 4, 4), {"n_columns": 0}, "n_columns=0 must be 1 or more"),
    ],
)
def test_wrong_input_says_the_way_out(shape, options, message):
    """What was found, what was expected."""
    with pytest.raises(ValueError, match=message):
        plot_components(nib.Nifti1Image(np.ones(shape, np.float32), np.eye(4)), **options)


def test_four_dimensional_background_is_refused():
    """A background is one volume; one with a single frame will do."""
    with pytest.raises(ValueError, match=r"bg_img has shape \(12, 13, 14, 2\)"):
        plot_components(volumes(1), volumes(2))
    plot_components(volumes(1), volumes(1))


def coordinates(figure):
    return [text for text in texts(figure) if "=" in text]


def test_maps_are_cut_where_another_figure_is():
    """Cuts, threshold and colours of a figure make another one that can be compared with it."""
    first = plot_components(volumes(3), None)
    other = volumes(3, seed=1)

    alike = plot_components(
        other, None, cut_coords=first.cut_coords, threshold=first.threshold, vmax=first.vmax
    )

    assert coordinates(alike) == coordinates(first) != coordinates(plot_components(other, None))
    assert (alike.threshold, alike.vmax) == (first.threshold, first.vmax)
    np.testing.assert_array_equal(alike.cut_coords, first.cut_coords)


def test_all_maps_can_be_cut_in_one_place():
    """One x, y, z holds for all maps, and is written below each."""
    figure = plot_components(volumes(2), None, cut_coords=(8, 16, 24))

    assert coordinates(figure) == ["x = 8 mm", "y = 16 mm", "z = 24 mm"] * 2
    assert "at given coordinates" in repr(figure)


@pytest.mark.parametrize("cuts", [(1, 2), [[1, 2, 3]] * 2, (0, np.nan, 0), 3])
def test_cuts_that_fit_no_map_are_refused(cuts):
    """Neither one place nor one for each of three maps."""
    with pytest.raises(ValueError, match="one such row for each of 3 components"):
        plot_components(volumes(3), None, cut_coords=cuts)
