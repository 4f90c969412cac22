"""MNI152 of nilearn's wheel: what is read, and which images lie in its space."""

import subprocess
import sys

import nibabel as nib
import numpy as np
import pytest

from nbica.exceptions import DataError
from nbica.image import template


def grid_of(name):
    """Fields of view that are in use for MNI space: shape and affine."""
    step, corner, shape = {
        "FSL": ((-2, 2, 2), (90, -126, -72), (91, 109, 91)),
        "SPM": ((-3, 3, 3), (78, -112, -70), (53, 63, 52)),
        "fMRIPrep": ((2, 2, 2), (-96.5, -132.5, -78.5), (97, 115, 97)),
        "nilearn": ((1, 1, 1), (-98, -134, -72), (197, 233, 189)),
        "coarse": ((-10, 10, 10), (78, -112, -70), (17, 20, 17)),
    }[name]
    return shape, nib.affines.from_matvec(np.diag(np.array(step, float)), corner)


def brain_on(shape, affine):
    """Voxels of a grid whose middle is in MNI152's brain."""
    voxels = np.indices(shape).reshape(3, -1).T
    there = np.linalg.inv(template.AFFINE) @ affine
    index = np.rint(nib.affines.apply_affine(there, voxels)).astype(int)
    inside = ((index >= 0) & (index < template.SHAPE)).all(axis=1)
    mask = np.zeros(len(voxels), bool)
    mask[inside] = template.load_brain()[tuple(index[inside].T)] > 127
    return mask.reshape(shape)


def test_the_template_is_nilearns_at_2_mm():
    """T1, grey and white matter agree with what nilearn makes of the same files."""
    datasets = pytest.importorskip("nilearn.datasets")
    image = pytest.importorskip("nilearn.image")
    theirs = [
        datasets.load_mni152_template(resolution=1),
        datasets.load_mni152_gm_template(resolution=1),
        datasets.load_mni152_wm_template(resolution=1),
    ]
    for name, img in zip(("t1", "gm", "wm"), theirs, strict=True):
        coarse = image.resample_img(
            image.smooth_img(img, 2.0), template.AFFINE, template.SHAPE, copy_header=True,
            force_resample=True,
        ).get_fdata()  # fmt: skip
        ours = template.load_tissue(name) / 255

        assert np.corrcoef(ours.ravel(), coarse.ravel())[0, 1] > 0.995


def test_nilearn_is_not_imported_for_it():
    """A reader of the template does not pay for nilearn's import."""
    code = (
        "import sys; from nbica.image import template; template.template_img(); "
        "sys.exit('nilearn' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_nilearn_the_way_out_is_named(monkeypatch):
    """An installation that lacks nilearn is told what is missing, and what to do."""
    monkeypatch.setattr(template, "find_spec", lambda name: None)

    with pytest.raises(DataError, match="pip install nilearn"):
        template.nilearn_data()


def test_surfaces_are_beside_it():
    """fsaverage5 lies in the folder that is said to hold it."""
    assert (template.nilearn_data() / "fsaverage5" / "infl_left.gii.gz").is_file()


def test_nobody_can_change_the_template_for_others():
    """What is kept for all is not to be written to."""
    with pytest.raises(ValueError, match="read-only"):
        template.load_tissue("t1")[0, 0, 0] = 1


@pytest.mark.parametrize("name", ["FSL", "SPM", "fMRIPrep", "nilearn", "coarse"])
@pytest.mark.parametrize("shown", ["brain", "blob", "all", "half"])
def test_mni_grids_are_known(name, shown):
    """A brain, a blob, values everywhere or the upper half of a brain, on any grid in use."""
    shape, affine = grid_of(name)
    support = brain_on(shape, affine)
    if shown == "blob":
        support &= np.indices(shape)[0] < np.argwhere(support)[:, 0].min() + 2
    elif shown == "all":
        support[:] = True
    elif shown == "half":
        first = shape[2] // 2
        support, affine = support[:, :, first:], affine.copy()
        affine[2, 3] += first * affine[2, 2]

    assert template.is_mni(support, affine)


@pytest.mark.parametrize(
    ("matrix", "shift"),
    [
        (np.eye(3), (0, 18, -5)),  # the middle of the brain at the middle of the scanner
        (0.9 * np.eye(3), (5, 25, 0)),
        (np.eye(3), (0, 0, 30)),
        (np.eye(3)[[1, 0, 2]], (0, 0, 0)),  # x and y mixed up
        (np.array([[1, 0, 0], [0, 0.98, -0.2], [0, 0.2, 0.98]]), (0, 0, 0)),  # oblique
    ],
)
def test_a_brain_elsewhere_is_no_mni_brain(matrix, shift):
    """A brain that is shifted, turned or tilted against MNI152's does not get its anatomy."""
    shape, affine = grid_of("FSL")
    support = brain_on(shape, affine)

    assert not template.is_mni(support, nib.affines.from_matvec(matrix, shift) @ affine)


@pytest.mark.parametrize(
    ("shape", "corner", "side"),
    [
        ((64, 64, 36), (-110, -110, -60), 3.5),  # a scanner's: its middle at 0
        ((10, 12, 9), (-20, -48, -18), 4.0),  # a small piece
        ((80, 80, 80), (0, 0, 0), 2.0),  # no origin was ever set
    ],
)
def test_a_field_of_view_elsewhere_is_not_mni(shape, corner, side):
    """Where a blob does not tell, the field of view does."""
    support = np.zeros(shape, bool)
    support[3:5, 3:5, 3:5] = True

    assert not template.is_mni(support, nib.affines.from_matvec(np.eye(3) * side, corner))


@pytest.mark.real
def test_real_images_are_known(real_data):
    """Files of several origins are in MNI space, whatever their headers call it."""
    found = {}
    for name in ("real_rest_10mm/mask.nii", "networks/abide_melodic32_cc0/component01.nii.gz",
                 "anatomy/2mm-MNI152-2009c-brain.nii.gz",
                 "networks/Yeo_7_Liberal_2mm.nii.gz"):  # fmt: skip
        img = nib.load(real_data / name)
        found[name] = template.is_mni(np.asanyarray(img.dataobj).squeeze() != 0, img.affine)
    haxby = nib.load(real_data / "decoding/haxby_slice/bold.nii.gz")

    assert all(found.values()), found
    assert not template.is_mni(np.ones(haxby.shape[:3], bool), haxby.affine)


def test_what_a_user_passes_is_handed_back():
    """Only "auto" is a choice; a mean of the run is drawn where MNI152 would be wrong."""
    shape, affine = grid_of("SPM")
    brain, own = brain_on(shape, affine), nib.Nifti1Image(np.ones((2, 2, 2)), np.eye(4))
    shifted = nib.affines.from_matvec(np.eye(3), (0, 40, 0)) @ affine
    run = nib.Nifti1Image(np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3), shifted)

    assert template.resolve_background(None, brain, affine) is None
    assert template.resolve_background(own, brain, affine) is own
    assert template.resolve_background("a.nii", brain, affine) == "a.nii"
    assert template.resolve_background("auto", brain, affine) is template.template_img()
    assert template.resolve_background("auto", brain, shifted) is None
    mean = template.resolve_background("auto", brain, shifted, run)
    np.testing.assert_allclose(mean.get_fdata().ravel(), np.arange(1, 24, 3))
