"""From where on maps are shown: no crumbs beside the blobs."""

import ipywidgets
import nibabel as nib
import numpy as np
import pytest
from planted import AFFINE, brain_mask, estimator, network_maps, write_cohort

from nbica import browse, view_img
from nbica.image.world_axes import AlignedGrid
from nbica.viewer import quantise, thresholds

GRID = AlignedGrid((18, 20, 16), np.zeros(3), np.ones(3))


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed."""
    yield
    ipywidgets.Widget.close_all()


def noisy_maps(rng, noise=0.12):
    """Planted blobs, and noise that passes any low threshold but none of half a peak."""
    mask = brain_mask()
    data = np.zeros((*mask.shape, 5), np.float32)
    values = network_maps(mask) + noise * rng.standard_normal((5, mask.sum()))
    data[mask] = np.where(np.abs(values) > 2 * noise, values, 0).T
    return data


def test_maps_that_were_cut_in_their_noise_have_no_crumbs(rng):
    """The least threshold is raised to where the typical map is its blobs and nothing beside."""
    data = noisy_maps(rng)
    volume = quantise.maps(data, GRID)
    threshold = thresholds.auto_threshold(volume)

    assert np.median([thresholds.crumbs(data[..., k] != 0) for k in range(5)]) > 0.1
    shown = [np.abs(data[..., k]) >= threshold for k in range(5)]
    assert np.median([thresholds.crumbs(one) for one in shown]) <= 0.02
    assert threshold < 0.5 * np.median(volume.peaks)


def test_crumbs_are_what_lies_beside_four_blobs():
    """Four blobs of any size are none; a fifth is."""
    shown = np.zeros((30, 5, 5), bool)
    shown[0:10] = shown[12:14] = shown[16:18] = shown[20:21] = True
    assert thresholds.crumbs(shown) == 0
    shown[25, 2, 2:4] = True

    assert thresholds.crumbs(shown) == pytest.approx(2 / shown.sum())
    assert thresholds.crumbs(np.zeros((3, 3, 3), bool)) == 0


def test_maps_of_a_fit_are_z_scores(tmp_path):
    """Values times the root of the number of voxels, shown from 3 on; an image's stay."""
    cohort = write_cohort(tmp_path, n_runs=4, n_timepoints=40)
    ica = estimator().fit(cohort.func, confounds=cohort.confounds)
    peaks = np.abs(ica.components_).max(axis=1)
    root = np.sqrt(ica.components_.shape[1])

    for viewer in (browse(ica), view_img(ica)):
        assert viewer.scene.maps.unit == "z"
        assert viewer.scene.maps.peaks == pytest.approx(peaks * root)
        assert viewer.threshold == pytest.approx(3)
    plain = browse(ica.components_img_)
    assert plain.scene.maps.unit == ""
    assert plain.scene.maps.peaks == pytest.approx(peaks)
    assert browse(ica, quantum=0.1).scene.maps.scales == pytest.approx(0.1)


def test_a_weak_map_is_not_hidden_by_a_threshold_for_strong_ones(rng):
    """Where the typical peak is below 4, half of it."""
    data = noisy_maps(rng)
    weak = quantise.maps(data / data.max(), GRID).in_z_scores(3.0)

    assert thresholds.auto_threshold(weak) == pytest.approx(np.median(weak.peaks) / 2)


def test_a_percentile_is_that_of_the_whole_image(rng):
    """As nilearn takes it; air counts."""
    data = rng.standard_normal((18, 20, 16)).astype(np.float32)
    data[:9] = 0
    viewer = view_img(nib.Nifti1Image(data, AFFINE), threshold="95%")

    # To the two digits of a threshold, and half of one of 127 steps.
    expected = np.percentile(np.abs(data), 95)
    assert viewer.threshold == pytest.approx(expected, abs=0.05 + float(np.abs(data).max()) / 254)
