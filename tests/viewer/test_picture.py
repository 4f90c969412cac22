"""Pictures of viewers, for print: their size, what they hold, and that none of it is blurred."""

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

from nbica import view_img
from nbica.viewer.poster import _LINE


@pytest.fixture
def viewer():
    """A block in a head, on a grid of 3 mm."""
    data = np.zeros((24, 26, 22), np.float32)
    data[8:16, 8:16, 8:16] = 5
    head = np.full(data.shape, 100, np.float32)
    affine = np.diag([3.0, 3, 3, 1])
    return view_img(nib.Nifti1Image(data, affine), nib.Nifti1Image(head, affine), threshold=2)


def saved(viewer, path, **options):
    viewer.save(path, **options)
    return Image.open(path)


def count(image, color):
    return int((np.asarray(image.convert("RGB")) == color).all(axis=2).sum())


def colored(image):
    """Pixels of the map's colours."""
    rgb = np.asarray(image.convert("RGB")).astype(int)
    return int((rgb[..., 0] - rgb[..., 2] > 60).sum())


@pytest.mark.parametrize(("size", "dpi"), [(3.5, 300), (7, 150), (5, 72)])
def test_a_picture_has_the_size_asked_for(viewer, tmp_path, size, dpi):
    """Its width is so many inches of so many pixels, and the file says how many there are."""
    image = saved(viewer, tmp_path / "picture.png", size=size, dpi=dpi)

    assert image.width == round(size * dpi)
    assert image.info["dpi"] == pytest.approx((dpi, dpi), abs=0.1)


def test_more_dots_are_more_of_the_same(viewer, tmp_path):
    """At three times the dots all is three times as wide and high, the map's area nine times."""
    small = saved(viewer, tmp_path / "small.png")
    large = saved(viewer, tmp_path / "large.png", dpi=300)

    assert large.width == 3 * small.width
    assert large.height == pytest.approx(3 * small.height, abs=4)
    assert colored(large) == pytest.approx(9 * colored(small), rel=0.1)


def test_crosshair_and_color_bar_can_be_left_out(viewer, tmp_path):
    """Without them, no pixel of the crosshair's colour is left, and fewer of the map's."""
    whole = saved(viewer, tmp_path / "whole.png")
    viewer.crosshair = False
    bare = saved(viewer, tmp_path / "bare.png", colorbar=False)

    assert count(whole, _LINE) > 500
    assert count(bare, _LINE) == 0
    assert colored(bare) > 0
    viewer.crosshair = True
    assert colored(saved(viewer, tmp_path / "no_bar.png", colorbar=False)) < colored(whole)


@pytest.mark.parametrize("wrong", [{"dpi": 0}, {"size": -3}])
def test_sizes_that_are_none_are_refused(viewer, tmp_path, wrong):
    """The error names the parameter, and no file is written."""
    with pytest.raises(ValueError, match=f"{next(iter(wrong))} is .*above 0"):
        viewer.save(tmp_path / "picture.png", **wrong)

    assert list(tmp_path.iterdir()) == []
