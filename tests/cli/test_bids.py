"""`nbica run FOLDER`: from fMRIPrep's derivatives to one of our own."""

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica import CanICA
from nbica.__main__ import main
from nbica.datasets import find_bids, simulate_group
from nbica.masking import intersect_masks

OPTIONS = ["--task", "rest", "-n", "4", "--smoothing-fwhm", "0"]
START = "task-rest_space-MNI152NLin2009cAsym_desc-CanICA"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A BIDS data set as it is on disk, with runs of three people."""
    root = tmp_path_factory.mktemp("study")
    cohort = simulate_group(3, 40, voxel_size=12.0, data_dir=root / "simulated")
    shutil.copytree(cohort.data_dir, root / "derivatives" / "fmriprep")
    (root / "dataset_description.json").write_text('{"Name": "study", "BIDSVersion": "1.10.0"}')
    return root


@pytest.fixture
def fmriprep(written, tmp_path):
    """A copy of one's own."""
    shutil.copytree(written, tmp_path / "study")
    return tmp_path / "study" / "derivatives" / "fmriprep"


@pytest.fixture
def derivative(fmriprep):
    """What a fit leaves, beside fMRIPrep's folder."""
    assert main(["run", str(fmriprep), "--subjects", "1", "2", *OPTIONS]) == 0
    return fmriprep.parent / "nbica"


def test_names_and_side_files_are_those_of_bids(derivative):
    """Maps, mask and table have a JSON file each; the folder says who made it, and from what."""
    names = {path.name for path in derivative.glob(f"{START}_*")}
    endings = ["components.nii.gz", "components.json", "mask.nii.gz", "mask.json", "runs.tsv"]
    endings += ["runs.json", "report.html", "record.json"]
    assert names == {f"{START}_{ending}" for ending in endings}
    about = json.loads((derivative / "dataset_description.json").read_text())
    assert (about["DatasetType"], about["GeneratedBy"][0]["Name"]) == ("derivative", "nbica")
    sources = json.loads((derivative / f"{START}_components.json").read_text())["Sources"]
    linked = derivative / about["DatasetLinks"]["preprocessed"]
    assert all((linked / uri.removeprefix("bids:preprocessed:")).is_file() for uri in sources)
    table = pd.read_csv(derivative / f"{START}_runs.tsv", sep="\t")
    columns = json.loads((derivative / f"{START}_runs.json").read_text())
    assert len(table) == len(sources) == 2
    assert set(columns) <= set(table.columns)


def test_the_fit_is_that_of_python(fmriprep, derivative):
    """Runs, confounds and masks are what find_bids finds; the maps are those of its fit."""
    data = find_bids(fmriprep, task="rest", subjects=["01", "02"])
    ica = CanICA(mask=data.mask_imgs, n_components=4, smoothing_fwhm=None, random_state=0).fit(data)

    maps = nib.load(derivative / f"{START}_components.nii.gz").get_fdata()
    mask = nib.load(derivative / f"{START}_mask.nii.gz").get_fdata()

    np.testing.assert_allclose(maps, ica.components_img_.get_fdata(), rtol=1e-4, atol=1e-4)
    everywhere = intersect_masks(data.mask_imgs, threshold=1, connected=False).get_fdata()
    np.testing.assert_array_equal(mask, everywhere)


def test_what_was_removed_is_kept(fmriprep, derivative):
    """Beside the maps lie the confounds of each run, as they were taken out."""
    data = find_bids(fmriprep, task="rest", subjects=["01", "02"])

    kept = sorted(derivative.glob("sub-*/func/*_desc-removed_timeseries.tsv"))

    assert len(kept) == 2
    for path, table in zip(kept, data.confounds, strict=True):
        pd.testing.assert_frame_equal(pd.read_csv(path, sep="\t"), table, rtol=1e-6)


def test_the_record_repeats_it(derivative, tmp_path):
    """All that went in is on disk, so that the record is enough."""
    record = derivative / f"{START}_record.json"

    assert main(["run", "--again", str(record), "-o", str(tmp_path / "again")]) == 0

    maps = (nib.load(p).get_fdata() for p in (
        derivative / f"{START}_components.nii.gz", tmp_path / "again" / "maps.nii.gz"
    ))  # fmt: skip
    np.testing.assert_array_equal(*maps)


def test_an_earlier_fit_is_replaced_on_demand_only(fmriprep, derivative, capsys):
    """The second run stops before it reads an image; --overwrite lets it go on."""
    command = ["run", str(fmriprep), "--subjects", "1", "2", *OPTIONS]
    before = (derivative / f"{START}_record.json").read_bytes()

    assert main(command) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert (derivative / f"{START}_record.json").read_bytes() == before
    assert main([*command, "--overwrite"]) == 0
    assert (derivative / f"{START}_record.json").read_bytes() != before


def test_the_data_set_itself_may_be_named(written, tmp_path, capsys):
    """Its derivatives are found, and ours go beside them unless -o says otherwise."""
    assert (
        main(["run", str(written), "-o", str(tmp_path / "o"), "--strategy", "none", *OPTIONS]) == 0
    )

    assert str(tmp_path / "o") in capsys.readouterr().out
    assert not list((tmp_path / "o").glob("sub-*"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--subjects", "7"], "no runs of sub-7"),
        (["--task", "nap"], "no runs of task 'nap'"),
        (["--strategy", "motion99"], "motion99"),
        (["-c", "table.tsv"], "--strategy"),
    ],
)
def test_what_is_not_there_is_named(fmriprep, arguments, said, capsys):
    """A slip is met by what was found, and nothing is written."""
    assert main(["run", str(fmriprep), *arguments]) == 1

    assert said in capsys.readouterr().err
    assert not (fmriprep.parent / "nbica").exists()


def test_options_of_folders_are_refused_beside_images(tmp_path, capsys):
    """--task cannot mean anything for a list of files."""
    assert main(["run", "a.nii.gz", "--task", "rest", "-o", str(tmp_path)]) == 1

    assert "--task" in capsys.readouterr().err


def test_images_need_a_folder_for_the_results(capsys):
    """Only a BIDS folder has a place for them."""
    assert main(["run", "a.nii.gz"]) == 1

    assert "-o" in capsys.readouterr().err


def test_a_plan_takes_the_same_folder(fmriprep, capsys):
    """What a fit would take can be asked before."""
    assert main(["plan", str(fmriprep), "--task", "rest", "-n", "4"]) == 0

    assert "3 runs" in capsys.readouterr().out
