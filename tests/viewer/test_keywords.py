"""What viewers can be asked for: named in the signature, under nilearn's names too."""

import inspect

import ipywidgets
import nibabel as nib
import numpy as np
import pytest
from planted import AFFINE, brain_mask, network_maps
from sklearn.exceptions import NotFittedError

from nbica import CanICA, DictLearning, browse, view_img


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed."""
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def maps():
    mask = brain_mask()
    data = np.zeros((*mask.shape, 5), np.float32)
    data[mask] = network_maps(mask).T
    return nib.Nifti1Image(data, AFFINE)


@pytest.mark.parametrize("function", [view_img, browse])
def test_the_signature_names_all_that_can_be_given(function, maps):
    """No **options: a notebook completes each name, and each of them is taken."""
    parameters = inspect.signature(function).parameters
    begins = {
        "component": 2, "cut_coords": [2.0, 4.0, 6.0], "vmax": 2.5, "opacity": 0.5,
        "colormap": "amber", "view": "glass", "axis": "x", "n_slices": 7, "window": [0.0, 2.0],
        "radiological": True, "crosshair": False, "interpolate": False, "outlines": False,
        "zoom": 2.0, "follow_peaks": False, "presenter": True, "title": "networks",
    }  # fmt: skip

    assert all(p.kind is not p.VAR_KEYWORD for p in parameters.values())
    assert set(begins) <= set(parameters)
    viewer = function(maps, **begins, threshold=0.25)
    assert {name: viewer.state[name] for name in begins} == begins


def test_nilearns_names_are_taken(maps):
    """Cmap and draw_cross, and the colour map that is most like matplotlib's."""
    viewer = view_img(maps, cmap="cold_hot", draw_cross=False)

    assert viewer.colormap == "blue_orange"
    assert viewer.crosshair is False
    assert view_img(maps, cmap="hot").colormap == "amber"


def test_none_is_as_if_left_out(maps):
    """The defaults of the signature can be passed."""
    own = view_img(maps)

    assert view_img(maps, cut_coords=None, vmax=None, title=None).state == own.state


@pytest.mark.parametrize("function", [view_img, browse])
@pytest.mark.parametrize("estimator", [CanICA, DictLearning])
def test_what_is_not_fitted_is_said(function, estimator):
    """A class, an object before its fit: what it is, and what to do."""
    name = estimator.__name__
    with pytest.raises(TypeError, match=rf"is the class {name}; .* {name}\(\.\.\.\)\.fit\(imgs\)"):
        function(estimator)
    with pytest.raises(NotFittedError, match=rf"this {name} is not fitted yet; call fit\(imgs\)"):
        function(estimator())


def test_peaks_are_followed_through_maps_but_not_through_a_run(maps, rng):
    """A map of its own place comes into view there; a run's frames are looked at in one place."""
    run = 100 + rng.standard_normal((18, 20, 16, 12)).astype(np.float32)

    assert view_img(maps).follow_peaks
    assert not view_img(maps, follow_peaks=False).follow_peaks
    assert not view_img(nib.Nifti1Image(run, AFFINE)).follow_peaks
