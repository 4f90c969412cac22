"""`~` is the home folder in every path that a user can pass."""

import nibabel as nib
import numpy as np
import pytest

from nbica import (
    CanICA,
    DictLearning,
    NiftiLabelsMasker,
    NiftiMapsMasker,
    NiftiMasker,
    cache_info,
    plotting,
    report,
    view_img,
)
from nbica.connectivity import remove_components
from nbica.image import index_img, iter_img, mean_img, resample_to_img, smooth_img
from nbica.masking import apply_mask, compute_brain_mask, compute_epi_mask, intersect_masks, unmask
from nbica.matching import label, split_half
from nbica.matching.quality import framewise_displacement
from nbica.runtime import machine


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    home, rng = tmp_path_factory.mktemp("home"), np.random.default_rng(0)
    for number in range(4):
        data = rng.normal(100, 1, (6, 6, 6, 20)).astype("f4")
        nib.save(nib.Nifti1Image(data, np.eye(4)), home / f"run-{number}.nii.gz")
    data = rng.random((6, 6, 6, 2)).astype("f4")
    nib.save(nib.Nifti1Image(data, np.eye(4)), home / "maps.nii.gz")
    nib.save(nib.Nifti1Image(np.ones((6, 6, 6), "u1"), np.eye(4)), home / "mask.nii.gz")
    np.savetxt(home / "confounds.txt", rng.normal(size=(20, 2)))
    return home


RUN, MASK, MAPS, TABLE = "~/run-0.nii.gz", "~/mask.nii.gz", "~/maps.nii.gz", "~/confounds.txt"


def fit(estimator=CanICA, **options):
    defaults = {"mask": MASK, "n_components": 2, "random_state": 0, "smoothing_fwhm": None}
    return estimator(**(defaults | options)).fit("~/run-*.nii.gz")


USES = {
    "mask of a masker": lambda: NiftiMasker(MASK).fit_transform(RUN, confounds=TABLE),
    "mask and memory of a fit": lambda: fit(memory="~/cache"),
    "confounds of a fit": lambda: CanICA(MASK, 2).fit([RUN, RUN.replace("0", "1")],
                                                       confounds=[TABLE, TABLE]),
    "dict_init": lambda: fit(DictLearning, dict_init=MAPS, alpha=0.1),
    "template": lambda: NiftiMasker(mask_strategy="whole-brain-template",
                                    mask_args={"template_img": MASK, "opening": 0}).fit(RUN),
    "labels": lambda: NiftiLabelsMasker(MASK, mask_img=MASK).fit(),
    "maps": lambda: NiftiMapsMasker(MAPS).fit(RUN),
    "functions of images": lambda: [f(RUN) for f in (mean_img, list)] and [
        smooth_img(RUN, 3), resample_to_img(RUN, MASK), index_img(RUN, 0), list(iter_img(RUN))],
    "functions of masks": lambda: [apply_mask(RUN, MASK), unmask(np.ones(216), MASK),
        intersect_masks([MASK, MASK]), compute_brain_mask(RUN, MASK, opening=0),
        compute_epi_mask(RUN, opening=0)],
    "plots": lambda: [plotting.plot_stat_map(MASK, MASK), plotting.plot_roi(MASK),
        plotting.plot_prob_atlas(MAPS), plotting.plot_anat(MASK, output_file="~/a.png"),
        plotting.plot_carpet(RUN, MASK)],
    "viewer": lambda: view_img(MAPS, MASK, labels_img=MASK).to_html("~/page.html"),
    "matching": lambda: label(MAPS, MAPS, mask_img=MASK),
    "halves": lambda: split_half(CanICA(MASK, 2, random_state=0), "~/run-*.nii.gz", n_splits=1),
    "written": lambda: remove_components(fit(), RUN, [0], "~/removed.nii.gz"),
    "report": lambda: report(fit(), "~/report.html"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::nbica.NbicaWarning")
@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_home_is_expanded(home, monkeypatch, use):
    """Runs, masks, atlases, templates, tables, caches and what is written."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))  # Windows
    monkeypatch.chdir(home.parent)

    use()

    assert not (home.parent / "~").exists()


def test_other_paths_of_the_home_folder(home, monkeypatch):
    """Scratch files, the table of a run's motion, a cache that is looked into."""
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    monkeypatch.setenv("NBICA_SCRATCH", "~/scratch")
    (home / "fd.tsv").write_text("framewise_displacement\tcsf\n0\t1\n1\t1\n")
    (home / "known").mkdir()

    assert machine.choose_scratch_folder() == str(home / "scratch")
    np.testing.assert_array_equal(framewise_displacement("~/fd.tsv"), [0, 1])
    assert cache_info("~/known").n_bytes == 0
