"""Functions of images and masks, called with what they cannot use: they say what they can."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica import CanICA, NiftiMasker
from nbica.connectivity import remove_components
from nbica.exceptions import DataError, DataWarning
from nbica.image import index_img, mean_img
from nbica.image.run import iter_runs
from nbica.masking import (
    apply_mask,
    compute_background_mask,
    compute_brain_mask,
    compute_epi_mask,
    intersect_masks,
    unmask,
)

SHAPE, AFFINE = (6, 7, 5), np.diag([3.0, 3, 3, 1])
_RNG = np.random.default_rng(0)
RUN = nib.Nifti1Image(_RNG.normal(100, 1, (*SHAPE, 12)).astype("f4"), AFFINE)
MASK = nib.Nifti1Image(np.ones(SHAPE, "u1"), AFFINE)

ODD = [
    (lambda: index_img(RUN, 1.5), IndexError, "index is 1.5; expected a whole number, a slice"),
    (lambda: index_img(RUN, True), IndexError, "index is True; expected"),
    (lambda: index_img(RUN, slice(0.5, 3)), IndexError, "takes none of the volumes 0 to 11"),
    (lambda: index_img(RUN, slice(50, 60)), IndexError, "takes none of the volumes 0 to 11"),
    (lambda: index_img(RUN, [3, 12]), IndexError, "has volumes 0 to 11; there is no"),
    (lambda: index_img(RUN, np.ones(5, bool)), IndexError, "True or False for each of the 12"),
    (lambda: mean_img(RUN, "3 mm"), ValueError, "target_affine must be an invertible"),
    (lambda: mean_img(RUN, AFFINE, (5, np.inf, 5)), ValueError, "expected three numbers"),
    (lambda: mean_img(RUN, AFFINE, (10**6,) * 3), ValueError, "are they in mm"),
    (lambda: mean_img(RUN, np.eye(3) * 1e-4), ValueError, "voxels: are they in mm"),
    (lambda: mean_img(nib.Nifti1Image(np.zeros((0, 5, 5), "f4"), AFFINE)), DataError, "no voxels"),
    (lambda: apply_mask(RUN, MASK, dtype="abc"), ValueError, "dtype is 'abc'; expected a type of"),
    (lambda: unmask(np.array(["a"] * 210), MASK), TypeError, "expected numbers"),
    (lambda: intersect_masks(None), TypeError, "mask_imgs is a NoneType; expected a list"),
    (lambda: intersect_masks([MASK], "half"), ValueError, "threshold is 'half'; expected"),
    (lambda: intersect_masks([MASK], connected="no"), ValueError, "connected is 'no'"),
    (lambda: compute_epi_mask(RUN, 0.9, 0.1), ValueError, "lower_cutoff is 0.9 and upper_cutoff"),
    (lambda: compute_epi_mask(RUN, "a"), ValueError, "lower_cutoff is 'a'"),
    (lambda: compute_epi_mask(RUN, opening="big"), ValueError, "opening is 'big'; expected"),
    (lambda: compute_epi_mask(RUN, opening=-1), ValueError, "opening is -1; expected"),
    (lambda: compute_epi_mask(RUN, exclude_zeros="False"), ValueError, "exclude_zeros is 'False'"),
    (lambda: compute_epi_mask(RUN, n_jobs="a"), ValueError, "n_jobs is 'a'; expected"),
    (lambda: compute_background_mask(RUN, border_size=-1), ValueError, "border_size is -1"),
    (lambda: compute_brain_mask(RUN, threshold="a"), ValueError, "threshold is 'a'"),
    (lambda: list(iter_runs({"a": 1})), TypeError, "Got a dict, which does not say which runs"),
    (lambda: list(iter_runs({"a", "b"})), TypeError, "Got a set, which does not say which runs"),
    (lambda: list(iter_runs(pd.DataFrame({"a": ["b"]}))), TypeError, "one of its columns"),
    (lambda: list(iter_runs([""])), FileNotFoundError, "empty text in place of a path"),
    (lambda: NiftiMasker(MASK, runs=[np.nan] * 12).fit().transform(RUN), ValueError, "holds NaN"),
    (lambda: NiftiMasker(MASK, runs=[[1], [1, 2]]).fit().transform(RUN), ValueError, "one label"),
    (lambda: CanICA(NiftiMasker).fit(RUN), TypeError, "The mask image is a type"),
    (lambda: CanICA(MASK, memory="").fit(RUN), ValueError, "memory is '', an empty text"),
    (lambda: CanICA(MASK, do_cca=np.array([1, 0])).fit(RUN), ValueError, "do_cca is array"),
    (lambda: CanICA(MASK, callback=lambda: 1).fit(RUN), TypeError, r"called as callback\(state\)"),
]  # fmt: skip


@pytest.mark.parametrize(("use", "error", "message"), ODD, ids=[row[2] for row in ODD])
def test_what_cannot_be_used_is_said(use, error, message):
    """Neither a guess nor an error of numpy's."""
    with pytest.raises(error, match=message):
        use()


def test_a_list_of_arrays_gives_a_list_of_images(rng):
    """As in nilearn; a list of rows of numbers is an array."""
    images = unmask([rng.random(210), rng.random((2, 210))], MASK)

    assert [img.shape for img in images] == [SHAPE, (*SHAPE, 2)]
    assert unmask([[1.0] * 210, [2.0] * 210], MASK).shape == (*SHAPE, 2)


def test_a_mask_beyond_the_images_is_said():
    """Voxels of which a run knows nothing are 0, and counted."""
    affine = AFFINE.copy()
    affine[0, 3] = 9

    with pytest.warns(DataWarning, match="105 of 210 voxels of the mask lie outside of its images"):
        signals = apply_mask(RUN, nib.Nifti1Image(np.ones(SHAPE, "u1"), affine))
    assert (signals == 0).all(axis=0).sum() == 105


def test_a_run_is_not_written_over_itself(tmp_path):
    """The raw data would be gone."""
    nib.save(RUN, tmp_path / "run.nii.gz")
    before = (tmp_path / "run.nii.gz").read_bytes()
    ica = CanICA(MASK, 1, n_init=1, random_state=0).fit(str(tmp_path / "run.nii.gz"))
    (tmp_path / "link.nii.gz").symlink_to(tmp_path / "run.nii.gz")

    for name in ("run.nii.gz", "link.nii.gz"):
        with pytest.raises(ValueError, match="out_file is the run itself"):
            remove_components(ica, tmp_path / "run.nii.gz", [0], tmp_path / name)
    assert (tmp_path / "run.nii.gz").read_bytes() == before


def test_runs_come_as_an_array_of_paths_too(tmp_path):
    """A column of a table, as numpy or pandas has it."""
    for number in range(2):
        nib.save(RUN, tmp_path / f"run-{number}.nii")
    paths = [str(tmp_path / f"run-{number}.nii") for number in range(2)]

    for given in (np.array(paths), np.array(paths, object), pd.Series(paths)):
        assert [run.name for run in iter_runs(given)] == paths
