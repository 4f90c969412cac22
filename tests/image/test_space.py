"""What a header says of space and time goes into what is written; what nobody said, does not."""

import nibabel as nib
import numpy as np
import pytest

from nbica import CanICA, NiftiLabelsMasker, NiftiMapsMasker, NiftiMasker
from nbica.connectivity import remove_components
from nbica.exceptions import DataWarning
from nbica.image import mean_img, smooth_img
from nbica.image.run import load_run
from nbica.masking import compute_background_mask, intersect_masks, unmask

SHAPE = (6, 7, 5)
AFFINE = np.array([[-3.0, 0, 0, 20], [0, 3, 0, -20], [0, 0, 3, -10], [0, 0, 0, 1]])


@pytest.fixture
def run(rng, tmp_path):
    """A run in MNI space, TR 2.5 s given in milliseconds."""
    img = nib.Nifti1Image(rng.normal(100, 1, (*SHAPE, 40)).astype("f4"), AFFINE)
    img.header.set_xyzt_units("mm", "msec")
    img.header.set_zooms((3, 3, 3, 2500))
    img.set_qform(AFFINE, 1)
    img.set_sform(AFFINE, 4)
    nib.save(img, tmp_path / "run.nii.gz")
    return str(tmp_path / "run.nii.gz")


@pytest.fixture
def mask(tmp_path):
    img = nib.Nifti1Image(np.ones(SHAPE, "u1"), AFFINE)
    img.set_qform(AFFINE, 4)
    img.set_sform(AFFINE, 4)
    nib.save(img, tmp_path / "mask.nii.gz")
    return str(tmp_path / "mask.nii.gz")


def codes(img):
    return int(img.header["qform_code"]), int(img.header["sform_code"])


def test_codes_units_and_tr_are_kept(run):
    """Smoothed or averaged: whose millimetres they are, and the seconds."""
    smoothed = smooth_img(run, 4)
    for img in [smoothed, mean_img(run)]:
        assert codes(img) == (1, 4)
        assert img.header.get_xyzt_units()[0] == "mm"
        np.testing.assert_allclose(img.get_qform(), img.affine, atol=1e-4)
    assert load_run(smoothed).t_r == 2.5
    assert smoothed.header.get_xyzt_units()[1] == "sec"


def test_masks_and_what_is_put_into_them_keep_the_space(run, mask):
    """A computed mask has its run's space, an image made of an array its mask's."""
    assert codes(compute_background_mask(run)) == (1, 4)
    assert codes(intersect_masks([mask, mask])) == (4, 4)
    assert codes(unmask(np.ones(210), mask)) == (4, 4)
    assert codes(CanICA(mask, 2, n_init=1, random_state=0).fit(run).components_img_) == (4, 4)


def test_a_qform_of_another_space_is_not_passed_off_as_this_one(rng):
    """Where qform and sform differ, what is written has the sform's space only."""
    img = nib.Nifti1Image(rng.standard_normal(SHAPE).astype("f4"), AFFINE)
    img.set_sform(AFFINE, 4)
    img.set_qform(np.diag([3.0, 3, 3, 1]), 1)

    assert codes(smooth_img(img, 4)) == (0, 4)


def test_an_affine_that_comes_from_a_qform_is_written_whole(rng):
    """What is in the qform alone is in the sform as well, under its code."""
    img = nib.Nifti1Image(rng.standard_normal(SHAPE).astype("f4"), AFFINE)
    img.set_qform(AFFINE, 1)
    img.set_sform(None, 0)

    assert codes(smooth_img(img, 4)) == (1, 1)


def test_tr_comes_back(rng, run, mask, tmp_path):
    """Masked, unmasked and saved: the seconds that were given, or none; never nibabel's 1."""
    labels = nib.Nifti1Image((np.arange(210).reshape(SHAPE) % 3 + 1).astype("i2"), AFFINE)
    maps = nib.Nifti1Image(rng.random((*SHAPE, 2)), AFFINE)
    for t_r in (2.5, None):
        for masker in (
            NiftiMasker(mask, t_r=t_r), NiftiLabelsMasker(labels, t_r=t_r),
            NiftiMapsMasker(maps, t_r=t_r),
        ):  # fmt: skip
            nib.save(masker.inverse_transform(masker.fit_transform(run)), tmp_path / "back.nii")
            assert load_run(tmp_path / "back.nii").t_r == t_r
        ica = CanICA(mask, 2, t_r=t_r, n_init=1, smoothing_fwhm=None, random_state=0).fit(run)
        assert load_run(ica.inverse_transform(ica.transform(run))[0]).t_r == t_r
        assert load_run(ica.components_img_).t_r is None
    assert load_run(unmask(np.ones((3, 210)), mask)).t_r is None
    removed = remove_components(ica, run, [0], tmp_path / "removed.nii.gz")
    assert load_run(removed).t_r == 2.5
    assert codes(nib.load(removed)) == (1, 4)


def test_a_second_that_nobody_gave_is_no_tr(rng):
    """Nibabel writes 1 without a unit where it was told nothing."""
    img = nib.Nifti1Image(rng.standard_normal((*SHAPE, 3)), AFFINE)
    assert load_run(img).t_r is None
    img.header.set_xyzt_units("mm", "sec")
    assert load_run(img).t_r == 1.0


def test_a_tr_other_than_the_headers_is_said(run, mask):
    """Cut-offs in Hz hang on it: which of the two is wrong only a person knows."""
    with pytest.warns(DataWarning, match=r"t_r is 2 s, its header says 2\.5 s"):
        NiftiMasker(mask, t_r=2, low_pass=0.1).fit_transform(run)
    labels = nib.Nifti1Image((np.arange(210).reshape(SHAPE) % 3 + 1).astype("i2"), AFFINE)
    with pytest.warns(DataWarning, match=r"t_r is 2 s, its header says 2\.5 s"):
        NiftiLabelsMasker(labels, t_r=2).fit_transform(run)
    ica = CanICA(mask, 2, t_r=2, n_init=1, random_state=0)
    with pytest.warns(DataWarning, match=r"t_r is 2 s, its header says 2\.5 s"):
        ica.fit(run)
    assert "t_r is 2 s" in ica.runs_["warnings"][0]
    NiftiMasker(mask, t_r=2.5, low_pass=0.1).fit_transform(run)


def test_other_units_of_length_are_said(rng, mask):
    """Micrometres are taken for millimetres, in fwhm as in volumes."""
    img = nib.Nifti1Image(rng.normal(100, 1, (*SHAPE, 9)).astype("f4"), AFFINE)
    img.header.set_xyzt_units("micron", "sec")

    with pytest.warns(DataWarning, match="counts in micron, which is taken for mm"):
        smoothed = smooth_img(img, 4)
    assert smoothed.header.get_xyzt_units() == ("micron", "sec")
