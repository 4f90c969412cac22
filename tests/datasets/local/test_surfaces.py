"""Runs on grayordinates are found in trees of the HCP and of fMRIPrep, each with its reasons."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from on_surfaces import models, planted, save_hemisphere, save_series, series

from nbica import CanICA
from nbica.datasets import find_bids, find_hcp, simulate_group
from nbica.exceptions import DataError, DataWarning


@pytest.fixture
def values():
    return series(planted(644), seed=0)


def an_hcp_tree(root, values, registered):
    """Two subjects with two runs each."""
    for subject in ("100307", "100408"):
        for run in ("REST1_LR", "REST1_RL"):
            folder = root / subject / "MNINonLinear" / "Results" / f"rfMRI_{run}"
            folder.mkdir(parents=True)
            for kind in registered:
                name = f"rfMRI_{run}_Atlas{kind}_hp2000_clean.dtseries.nii"
                save_series(folder / name, values, models())
            np.savetxt(folder / "Movement_Regressors.txt", np.ones((60, 12)))
        meshes = root / subject / "MNINonLinear" / "fsaverage_LR32k"
        meshes.mkdir()
        for side in "LR":
            for kind in ("", "_MSMAll"):
                (meshes / f"{subject}.{side}.midthickness{kind}.32k_fs_LR.surf.gii").touch()


@pytest.mark.parametrize("registered", [["_MSMAll", ""], [""]])
def test_an_hcp_tree_of_grayordinates(tmp_path, values, registered):
    """Those registered by all modalities where there are any; with the meshes that go with them."""
    an_hcp_tree(tmp_path, values, registered)

    data = find_hcp(tmp_path, ["REST1_LR", "REST1_RL"], "motion12", kind="cifti")

    assert len(data.func) == 4
    assert all(f"_Atlas{registered[0]}_hp2000" in path for path in data.func)
    assert data.t_r == 0.72
    assert [len(table) for table in data.confounds] == [60] * 4
    assert [Path(path).name for path in data.surf_mesh] == [
        f"100307.{side}.midthickness{registered[0]}.32k_fs_LR.surf.gii" for side in "LR"
    ]
    assert "grayordinates of fsLR 32k" in data.description


def test_a_tree_without_what_is_asked_for_names_the_other_kind(tmp_path, values):
    """And a kind that is none is refused; a damaged run is left out with the reason."""
    an_hcp_tree(tmp_path, values, [""])

    with pytest.raises(DataError, match=r"4 files \*.dtseries.nii: kind='cifti' takes those"):
        find_hcp(tmp_path)
    with pytest.raises(ValueError, match="expected one of 'volume', 'cifti'"):
        find_hcp(tmp_path, kind="gifti")
    first = next(tmp_path.rglob("*_LR_Atlas*.dtseries.nii"))
    first.write_bytes(first.read_bytes()[:600])
    with pytest.warns(DataWarning, match="1 of 4 runs"):
        data = find_hcp(tmp_path, ["REST1_LR", "REST1_RL"], kind="cifti")
    assert "cannot be read" in data.left_out["reason"][0]


# ---- fMRIPrep ------------------------------------------------------------------------------------


def derivatives(root, values, n_subjects=2):
    """Pairs of fsaverage5 and CIFTI of two subjects, as fMRIPrep names them, and their tables."""
    for number in range(1, n_subjects + 1):
        func = root / f"sub-{number:02d}" / "func"
        func.mkdir(parents=True)
        stem = f"sub-{number:02d}_task-rest"
        for side, label in (("left", "L"), ("right", "R")):
            name = f"{stem}_hemi-{label}_space-fsaverage5_bold.func.gii"
            save_hemisphere(func / name, values[:, :300], side)
        save_series(func / f"{stem}_space-fsLR_den-91k_bold.dtseries.nii", values, models())
        motion = {f"{kind}_{axis}{more}": np.arange(60.0) % (7 + place)
                  for place, (kind, axis, more) in enumerate(
                      (k, a, m) for k in ("trans", "rot") for a in "xyz"
                      for m in ("", "_derivative1", "_power2", "_derivative1_power2"))}  # fmt: skip
        table = func / f"{stem}_desc-confounds_timeseries.tsv"
        pd.DataFrame(motion).to_csv(table, sep="\t", index=False)
    return root


def test_fmriprep_on_fslr_and_fsaverage(tmp_path, values):
    """CIFTI as paths, GIFTI as pairs, each with its table of confounds."""
    root = derivatives(tmp_path, values)

    cifti, gifti = (find_bids(root, space=space) for space in ("fsLR", "fsaverage5"))

    assert [Path(path).name for path in cifti.func] == [
        f"sub-0{n}_task-rest_space-fsLR_den-91k_bold.dtseries.nii" for n in (1, 2)
    ]
    assert [tuple(Path(path).name for path in pair) for pair in gifti.func] == [
        tuple(f"sub-0{n}_task-rest_hemi-{side}_space-fsaverage5_bold.func.gii" for side in "LR")
        for n in (1, 2)
    ]
    assert cifti.t_r == 0.72
    assert gifti.t_r == 2.0
    assert cifti.mask_imgs == gifti.mask_imgs == [None, None]
    assert all(table.shape == (60, 24) for table in [*cifti.confounds, *gifti.confounds])


def test_a_hemisphere_that_is_missing_is_the_reason(tmp_path, values):
    """The other subject is taken."""
    root = derivatives(tmp_path, values)
    next(root.rglob("sub-01*hemi-R*.func.gii")).unlink()

    with pytest.warns(DataWarning, match="its right hemisphere is not there"):
        data = find_bids(root, space="fsaverage5")

    assert len(data.func) == 1
    assert "sub-01_task-rest_hemi-R" in data.left_out["reason"][0]


def test_two_densities_are_a_choice(tmp_path, values):
    """The same acquisition is not taken twice."""
    root = derivatives(tmp_path, values)
    for path in list(root.rglob("*den-91k*")):
        shutil.copy(path, path.with_name(path.name.replace("91k", "170k")))

    with pytest.raises(ValueError, match=r"several of den.*Choose one with den="):
        find_bids(root, space="fsLR")

    assert len(find_bids(root, space="fsLR", den="91k").func) == 2


def test_a_tree_without_surfaces_says_how_to_make_them(tmp_path):
    """The options of fMRIPrep are named."""
    with pytest.raises(DataError, match=r"no runs on surfaces.*--cifti-output"):
        find_bids(tmp_path, space="fsLR")


def test_the_simulated_cohort_is_found_and_fitted(tmp_path):
    """From a folder to components in two lines."""
    cohort = simulate_group(3, 100, space="surface", data_dir=tmp_path)

    data = find_bids(cohort.data_dir, space="fsLR")
    ica = CanICA(n_components=5, n_init=2, random_state=0).fit(data)

    assert data.func == cohort.func
    assert ica.components_img_.header.get_axis(1) == cohort.maps_img.header.get_axis(1)
