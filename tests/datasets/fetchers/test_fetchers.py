"""Every fetcher, whole, against simulated archives in the layout of the real ones."""

import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from nilearn import datasets as nilearn_datasets

import nbica
from nbica import CanICA, datasets
from nbica.datasets import registry
from nbica.datasets.download import fetch as download
from nbica.datasets.download.hash_record import NAME, hash_of
from nbica.datasets.fetchers import harvard_oxford, mirrors
from nbica.datasets.stand_in.contents import Pins
from nbica.datasets.stand_in.server import Fault
from nbica.exceptions import DataWarning, DownloadError

PINNED = ["templateflow", "networks_abide", "ds000228", "ds000105"]


@pytest.fixture
def pins(contents, monkeypatch):
    """The registry, with the hashes of the simulated files where the real ones are published."""
    original = registry._files

    def files(name, base):
        known = original(name, base)
        return Pins(contents, name, known) if name in PINNED else known

    monkeypatch.setattr(registry, "_files", files)


def exist(paths):
    return bool(paths) and all(Path(path).is_file() for path in paths)


def has_origin(data):
    """Whether a Bunch says what it is, under which licence, and whom to cite."""
    return data.licence in data.description and data.citation in data.description


# --- runs ---


def test_adhd(mirror):
    """Runs, tab-separated regressors, ids of seven digits in the order of the runs."""
    adhd = datasets.fetch_adhd(n_subjects=12, verbose=0)

    assert exist(adhd.func)
    assert len(adhd.func) == len(adhd.confounds) == len(adhd.phenotypic) == 12
    ids = [Path(path).parent.name for path in adhd.func]
    assert adhd.phenotypic["Subject"].tolist() == ids
    assert ids[0] == "0010042"
    assert "motion-pitch" in pd.read_csv(adhd.confounds[0], sep="\t")
    assert adhd.t_r == 2.0
    assert has_origin(adhd)


def test_adhd_sites_that_differ_are_said(mirror):
    """Where repetition times differ, a warning names the runs and t_r is left to the headers."""
    with pytest.warns(DataWarning, match="3994098 2.5 s"):
        adhd = datasets.fetch_adhd(n_subjects=30, verbose=0)

    assert adhd.t_r is None
    assert adhd.t_rs == [2.0] * 28 + [2.5] * 2


def test_adhd_goes_straight_into_a_fit(mirror, contents):
    """A Bunch is all that fit needs."""
    adhd = datasets.fetch_adhd(n_subjects=2, verbose=0)
    mask = contents.cohort.mask_img
    ica = CanICA(n_components=3, mask=mask, random_state=0, n_init=2, smoothing_fwhm=None)

    assert ica.fit(adhd).components_.shape[0] == 3


def test_development_fmri(mirror):
    """Adults before children, both in proportion; the repetition time is not the header's."""
    data = datasets.fetch_development_fmri(n_subjects=10, verbose=0)

    assert exist(data.func)
    assert data.phenotypic["Child_Adult"].tolist() == ["adult"] * 2 + ["child"] * 8
    assert list(data.phenotypic) == ["participant_id", "Age", "AgeGroup", "Child_Adult", "Gender",
                                     "Handedness"]  # fmt: skip
    assert [Path(p).name.split("_")[0] for p in data.func] == list(data.phenotypic.participant_id)
    assert data.t_r == 2.0
    assert nib.load(data.func[0]).header.get_zooms()[3] == 1.0
    reduced = pd.read_csv(data.confounds[0], sep="\t")
    assert reduced.shape[1] == 15
    assert "a_comp_cor_05" in reduced
    assert has_origin(data)


@pytest.mark.parametrize(
    ("options", "people"),
    [
        ({"n_subjects": 1}, ["sub-pixar123"]),
        ({"n_subjects": 2}, ["sub-pixar123", "sub-pixar001"]),
        ({"n_subjects": 2, "age_group": "child"}, ["sub-pixar001", "sub-pixar002"]),
        ({"n_subjects": 1, "age_group": "adults"}, ["sub-pixar123"]),
    ],
)
def test_development_fmri_chooses_as_nilearn_does(mirror, options, people):
    """One is an adult, two are one of each; age groups by either name."""
    data = datasets.fetch_development_fmri(**options, reduce_confounds=False, verbose=0)

    assert data.phenotypic["participant_id"].tolist() == people
    assert pd.read_csv(data.confounds[0], sep="\t").shape[1] > 15


def test_haxby(mirror):
    """All six; subject 6 has no anatomy; labels have a row per frame; sums are the source's."""
    haxby = datasets.fetch_haxby(subjects=None, fetch_stimuli=True, verbose=0)

    for key in ("func", "session_target", "mask_vt", "mask_face", "mask_house"):
        assert exist(haxby[key])
        assert len(haxby[key]) == 6
    assert haxby.anat[5] is None
    assert exist(haxby.anat[:5])
    assert Path(haxby.mask_face[0]).name == "mask8b_face_vt.nii.gz"
    assert Path(haxby.mask_face_little[0]).name == "mask8_face_vt.nii.gz"
    labels = pd.read_csv(haxby.session_target[0], sep=" ")
    assert list(labels) == ["labels", "chunks"]
    assert len(labels) == nib.load(haxby.func[0]).shape[3]
    assert sorted(haxby.stimuli) == ["faces", "houses"]
    assert haxby.t_r == 2.5


def test_haxby_refuses_what_the_sums_do_not_say(mirror):
    """An archive that is not the one in MD5SUMS does not come in."""
    mirror.misbehave("haxby2001/subj2-2010.01.14.tar.gz", Fault(changes=True), always=True)

    with pytest.raises(DownloadError, match="expected md5:"):
        datasets.fetch_haxby(subjects=[2], verbose=0)


def test_abide_is_filtered(mirror):
    """Without files, of failed quality or filtered out: not fetched; files match the rows."""
    abide = datasets.fetch_abide_pcp(
        derivatives=["func_preproc", "rois_cc200"], verbose=0, DX_GROUP=1, AGE_AT_SCAN=(10, 17)
    )

    assert abide.phenotypic["SUB_ID"].tolist() == [50001, 50003, 50005, 50007]
    assert exist(abide.func_preproc)
    assert abide.func == abide.func_preproc
    for path, name in zip(abide.func, abide.phenotypic["FILE_ID"], strict=True):
        assert Path(path).name == f"{name}_func_preproc.nii.gz"
        assert "cpac/nofilt_noglobal" in path
    assert abide.rois_cc200[0].shape == (20, 5)
    everyone = datasets.fetch_abide_pcp(derivatives="func_mask", quality_checked=False, verbose=0)
    assert len(everyone.func_mask) == 11


def test_abide_is_planned_in_two_steps(mirror):
    """Whose files are fetched stands in the table: before it is here, the plan says so."""
    before = datasets.plan("abide_pcp", n_subjects=2)
    download.fetch(before, verbose=0)
    after = datasets.plan("abide_pcp", n_subjects=2)

    assert len(before.items) == 1
    assert "plan again" in before.next_step
    assert [item.state for item in after.items] == ["here", "missing", "missing"]


def test_localizer(mirror):
    """A run and its events."""
    data = datasets.fetch_localizer_first_level(verbose=0)

    assert exist([data.epi_img, data.events])
    assert data.func == [data.epi_img]
    assert (data.t_r, data.slice_time_ref, data.template) == (2.4, 0.5, "MNI305")


def test_openneuro(mirror, pins):
    """Normalised runs of ds000228 in BIDS folders, each with its published sum."""
    data = datasets.fetch_openneuro("ds000228", n_subjects=2, verbose=0)

    assert exist(data.func)
    assert all(path.endswith("_swrf_bold.nii.gz") for path in data.func)
    assert data.subjects == ["sub-pixar001", "sub-pixar002"]
    assert data.phenotypic["Age"].between(3, 13).all()
    raw = datasets.fetch_openneuro("ds000228", n_subjects=1, kind="raw", anat=True, verbose=0)
    assert Path(raw.func[0]).name == "sub-pixar001_task-pixar_bold.nii.gz"
    assert exist(raw.anat)


def test_openneuro_has_several_runs(mirror, pins):
    """Twelve runs per subject of ds000105, eleven of the fifth."""
    data = datasets.fetch_openneuro("ds000105", n_subjects=5, verbose=0)

    assert len(data.func) == len(data.phenotypic) == 4 * 12 + 11
    assert data.subjects.count("sub-5") == 11


@pytest.mark.parametrize("name", ["ds000228", "ds000105", "templateflow", "networks_abide"])
def test_published_sums_are_enforced(mirror, name):
    """Files that are not the real ones, as here, are refused."""
    file = registry.dataset(name).files
    first = next(path for path, remote in file.items() if path.endswith(".gz"))
    assert file[first].hash
    assert file[first].size

    fetcher = {"ds000228": datasets.fetch_openneuro, "ds000105": datasets.fetch_openneuro}
    fetch = fetcher.get(name) or getattr(datasets, f"fetch_{name}")
    options = {"dataset": name, "n_subjects": 1} if name.startswith("ds") else {}
    refused = r"bytes, expected \d+; what came was removed|at most were planned: stopped"
    with pytest.raises(DownloadError, match=refused):
        fetch(**options, verbose=0)


# --- atlases and templates ---


def test_atlas_msdl(mirror):
    """Names without the blanks of the table, coordinates and networks, one per map."""
    msdl = datasets.fetch_atlas_msdl(verbose=0)

    assert nib.load(msdl.maps).shape[3] == len(msdl.labels) == len(msdl.networks) == 39
    assert (msdl.labels[3], msdl.networks[3]) == ("Region 3", "Net 0")
    assert msdl.region_coords[1] == [-19.5, -1, 0.5]
    assert msdl.atlas_type == "probabilistic"
    assert has_origin(msdl)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "PNAS_Smith09_rsn10.nii.gz"),
        ({"dimension": 70, "resting": False}, "bm70.nii.gz"),
        ({"dimension": 20, "mirror": "nitrc"}, "rsn20.nii.gz"),
    ],
)
def test_atlas_smith(mirror, options, name):
    """The file of the order asked for, with as many maps."""
    smith = datasets.fetch_atlas_smith_2009(**options, verbose=0)

    assert Path(smith.maps).name == name
    assert nib.load(smith.maps).shape[3] == options.get("dimension", 10)


@pytest.mark.parametrize("n_networks", [7, 17])
def test_atlas_yeo(mirror, n_networks):
    """Background and networks, with colors; the value of a label is its place in the list."""
    yeo = datasets.fetch_atlas_yeo_2011(n_networks=n_networks, thickness="thin", verbose=0)

    assert "LiberalMask" not in yeo.maps
    assert yeo.labels == [
        "Background",
        *[f"{n_networks}Networks_{i + 1}" for i in range(n_networks)],
    ]
    assert list(yeo.lut) == ["index", "name", "color"]
    assert yeo.lut["color"][2] == "#141286"
    assert exist([yeo.maps, yeo.anat])


@pytest.mark.parametrize("part", ["cort", "cortl", "sub"])
def test_atlas_harvard_oxford(mirror, part):
    """Values are places in the list of labels; axes run from left to right; spelling is mended."""
    atlas = datasets.fetch_atlas_harvard_oxford(f"{part}-maxprob-thr25-2mm", verbose=0)

    assert atlas.maps.affine[0, 0] > 0
    assert np.asarray(atlas.maps.dataobj).max() == len(atlas.labels) - 1
    assert atlas.labels[:2] == ["Background", {"sub": "Lateral Ventricle"}.get(
        part, "Frontal Opercular Cortex")]  # fmt: skip
    assert atlas.lut["name"].tolist() == atlas.labels


def test_harvard_oxford_is_split_into_sides(mirror):
    """Each region of both sides becomes two, left before right, each on its side."""
    atlas = datasets.fetch_atlas_harvard_oxford("sub-maxprob-thr0-1mm", symmetric_split=True,
                                                verbose=0)  # fmt: skip
    values = np.asarray(atlas.maps.dataobj)
    half = values.shape[0] // 2

    assert atlas.labels[1:3] == ["Left Lateral Ventricle", "Right Lateral Ventricle"]
    assert np.unique(values[:half]).tolist() == [0, 1, 3, 5, 7]
    assert np.unique(values[half:]).tolist() == [0, 2, 4, 6, 8]
    lateral = datasets.fetch_atlas_harvard_oxford("cort-maxprob-thr0-1mm", symmetric_split=True,
                                                  verbose=0)  # fmt: skip
    assert Path(lateral.filename).name == "HarvardOxford-cortl-maxprob-thr0-1mm.nii.gz"


def test_a_one_sided_or_empty_region_is_not_split():
    """It keeps its name, and an empty one its label."""
    values = np.zeros((4, 1, 3), int)
    values[:, 0, 0], values[:2, 0, 1] = 1, 3

    divided, names = harvard_oxford.split(values, ["Background", "both", "nowhere", "left"])

    assert names == ["Background", "Left both", "Right both", "nowhere", "left"]
    assert divided[:, 0, 0].tolist() == [1, 1, 2, 2]
    assert divided[:, 0, 1].tolist() == [4, 4, 0, 0]


def test_harvard_oxford_of_probabilities(mirror):
    """Map i has label i + 1; a split is refused."""
    atlas = datasets.fetch_atlas_harvard_oxford("sub-prob-2mm", verbose=0)

    assert atlas.maps.shape[3] == len(atlas.labels) - 1
    assert atlas.atlas_type == "probabilistic"
    with pytest.raises(ValueError, match="which are not split"):
        datasets.fetch_atlas_harvard_oxford("sub-prob-2mm", symmetric_split=True)


def test_harvard_oxford_of_an_fsl_installation(mirror, tmp_path):
    """The tree of FSL is found under data_dir, without a request or a change."""
    datasets.fetch_atlas_harvard_oxford("sub-prob-2mm", data_dir=tmp_path / "share", verbose=0)
    (tmp_path / "share" / "fsl" / NAME).unlink()
    mirror.requests.clear()

    datasets.fetch_atlas_harvard_oxford(
        "cort-maxprob-thr0-1mm", data_dir=tmp_path / "share", verbose=0
    )

    assert mirror.requests == []
    assert [p.name for p in (tmp_path / "share" / "fsl").iterdir()] == ["data"]


def test_atlas_schaefer(mirror):
    """Parcels with names and colors."""
    atlas = datasets.fetch_atlas_schaefer_2018(n_rois=100, yeo_networks=17, resolution_mm=2,
                                               verbose=0)  # fmt: skip

    assert len(atlas.labels) == 101
    assert atlas.labels[1] == "17Networks_LH_Vis_1"
    assert "17Networks_order_FSLMNI152_2mm" in atlas.maps


def test_atlas_difumo(mirror):
    """Maps of the resolution asked for, a table of labels with small letters."""
    atlas = datasets.fetch_atlas_difumo(dimension=128, resolution_mm=3, verbose=0)

    assert atlas.maps.endswith("128/3mm/maps.nii.gz")
    assert list(atlas.labels)[:2] == ["component", "difumo_names"]
    assert len(atlas.labels) == 128


def test_networks_of_abide(mirror, pins):
    """Fourteen maps in one image, and as many names."""
    networks = datasets.fetch_networks_abide(verbose=0)

    assert networks.maps.shape[3] == len(networks.labels) == len(networks.filenames) == 14
    assert Path(networks.filenames[2]).name == "component05.nii.gz"
    assert networks.labels[2] == "salience"
    assert len(set(networks.labels)) == 14


def test_icbm(mirror):
    """Ten images."""
    icbm = datasets.fetch_icbm152_2009(verbose=0)

    keys = ["t1", "t2", "t2_relax", "pd", "gm", "wm", "csf", "eye_mask", "face_mask", "mask"]
    assert exist([icbm[key] for key in keys])


@pytest.mark.parametrize("template", ["MNI152NLin2009cAsym", "MNI152NLin6Asym"])
def test_templateflow(mirror, pins, template):
    """Head, brain, mask, and the tissues where there are such."""
    data = datasets.fetch_templateflow(template, verbose=0)

    keys = ["t1", "brain", "mask"] + ["gm", "wm", "csf"] * (template == "MNI152NLin2009cAsym")
    assert exist([data[key] for key in keys])
    assert all(f"tpl-{template}_res-02" in data[key] for key in keys)


# --- what all have in common ---

FETCHERS = [
    name
    for name in datasets.__all__
    if name.startswith("fetch_") and getattr(datasets, name).__module__.startswith("nbica.")
]
SHARED = [name for name in FETCHERS if hasattr(nilearn_datasets, name)]


@pytest.mark.parametrize("name", SHARED)
def test_nilearn_names_the_parameters(name):
    """Whatever nilearn's fetcher of that name takes, ours takes, with the same default."""
    ours = inspect.signature(getattr(datasets, name)).parameters
    theirs = inspect.signature(getattr(nilearn_datasets, name)).parameters

    named = {key: p.default for key, p in theirs.items() if p.kind is not p.VAR_KEYWORD}
    assert list(ours)[: len(named)] == list(named)
    assert {key: ours[key].default for key in named} == named


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("adhd", {"n_subjects": 12}),
        ("development_fmri", {"n_subjects": 10}),
        ("development_fmri", {"n_subjects": 3, "age_group": "child", "reduce_confounds": False}),
        ("haxby", {"subjects": [1, 2]}),
        ("abide_pcp", {"n_subjects": 3, "SITE_ID": "NYU"}),
        ("abide_pcp", {"derivatives": ["rois_cc200"], "AGE_AT_SCAN": (12, 16)}),
        ("localizer_first_level", {}),
        ("atlas_msdl", {}),
        ("atlas_smith_2009", {"dimension": 20}),
        ("atlas_yeo_2011", {"n_networks": 17}),
        ("atlas_harvard_oxford", {"atlas_name": "sub-maxprob-thr25-2mm"}),
        ("atlas_harvard_oxford", {"atlas_name": "sub-maxprob-thr0-2mm", "symmetric_split": True}),
        ("atlas_harvard_oxford", {"atlas_name": "cort-prob-2mm"}),
        ("atlas_schaefer_2018", {"n_rois": 200}),
        ("atlas_difumo", {}),
        ("icbm152_2009", {}),
    ],
)
def test_nilearn_finds_the_same_in_our_folder(mirror, tmp_path, name, options):
    """Nilearn's fetcher takes our folder for its own, downloads nothing, and returns the same."""
    theirs = getattr(pytest.importorskip("nilearn.datasets"), f"fetch_{name}")
    ours = getattr(datasets, f"fetch_{name}")(**options, data_dir=tmp_path, verbose=0)
    if name == "atlas_difumo":
        (tmp_path / "difumo_atlases" / "README.md").write_text("which we do not fetch")
    mirror.requests.clear()

    expected = theirs(**options, data_dir=str(tmp_path), verbose=0)

    assert mirror.requests == []
    assert set(expected) <= set(ours)
    for key in set(expected) - {"description", "template"}:
        assert is_same(ours[key], expected[key]), key


def is_same(ours, theirs):
    """Whether two values of a Bunch agree: paths, tables, images, arrays, numbers."""
    if isinstance(theirs, pd.DataFrame):
        if "Subject" in theirs:  # theirs is in the order of the file, ours in that of the runs
            ours, theirs = (table.sort_values("Subject") for table in (ours, theirs))
        # They turn commas in notes into semicolons.
        ours, theirs = (
            table.drop(columns="qc_notes_rater_1", errors="ignore").reset_index(drop=True)
            for table in (ours, theirs)
        )
        return ours.equals(theirs)
    if hasattr(theirs, "dataobj"):
        same = np.array_equal(np.asarray(ours.dataobj), np.asarray(theirs.dataobj))
        return same and np.allclose(ours.affine, theirs.affine)
    if isinstance(theirs, list) and isinstance(theirs[0], np.ndarray):
        return all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    return str(ours) == str(theirs) or ours == theirs


@pytest.mark.parametrize("name", FETCHERS)
def test_a_plan_asks_nothing_of_the_network(mirror, name):
    """`download=False` and `plan` list files, sizes, licence and folder, without a request."""
    options = {"atlas_name": "sub-prob-1mm"} if "harvard" in name else {}
    plan = getattr(datasets, name)(**options, download=False)

    assert mirror.requests == []
    for word in (plan.entry.licence, plan.entry.citation, str(plan.folder), "missing"):
        assert word in repr(plan)
    assert plan.table["state"].eq("missing").all()
    assert not plan.folder.exists()


def test_a_plan_tells_what_is_here(mirror):
    """After a smaller fetch, only the new is to come."""
    datasets.fetch_adhd(n_subjects=2, verbose=0)
    plan = datasets.plan("adhd", n_subjects=4)

    assert [item.state for item in plan.items] == ["here"] * 3 + ["missing"] * 2
    assert "of which 3 are here" in repr(plan)
    assert "nothing to download" in repr(datasets.plan("adhd", n_subjects=2))


def test_a_plan_adds_up_known_sizes():
    """Published sizes are summed; unknown ones are counted, hearsay is called about."""
    assert datasets.plan("ds000105", n_subjects=1).n_bytes[1]
    assert "to download, 31 of unknown size" in repr(datasets.plan("adhd"))
    assert "about 300 MB to download" in repr(datasets.plan("haxby"))


def test_an_unknown_data_set_is_named():
    """The error lists what there is."""
    with pytest.raises(ValueError, match="There is no data set 'adhd200'; there are adhd, "):
        datasets.plan("adhd200")


@pytest.mark.parametrize(
    ("fetch", "options", "message"),
    [
        ("adhd", {"n_subjects": 0}, "n_subjects is 0; expected a whole number from 1 on"),
        ("development_fmri", {"age_group": "old"}, "age_group is 'old'; expected one of 'both'"),
        ("haxby", {"subjects": [7]}, "subjects has 7; expected numbers from 1 to 6"),
        ("abide_pcp", {"pipeline": "css"}, "pipeline is 'css'; expected one of 'cpac'"),
        ("abide_pcp", {"derivatives": "func"}, "derivatives is 'func'; expected one of"),
        ("abide_pcp", {"COLOR": 1}, "has no column 'COLOR'; it has"),
        ("abide_pcp", {"SITE_ID": "MARS"}, "Nobody of ABIDE passes"),
        ("atlas_smith_2009", {"dimension": 15}, "dimension is 15; expected one of 10, 20, 70"),
        ("atlas_yeo_2011", {"n_networks": 8}, "n_networks is 8; expected one of 7, 17"),
        ("atlas_schaefer_2018", {"n_rois": 150}, "n_rois is 150; expected one of 100"),
        ("atlas_difumo", {"dimension": 65}, "dimension is 65"),
        ("atlas_harvard_oxford", {"atlas_name": "cort"}, "atlas_name is 'cort'; expected one of"),
        ("templateflow", {"template": "MNI"}, "template is 'MNI'; expected one of"),
        ("openneuro", {"dataset": "ds1"}, "dataset is 'ds1'; expected one of 'ds000228'"),
        ("openneuro", {"dataset": "ds000105", "kind": "preprocessed"}, "kind is 'preprocessed'"),
    ],
)
def test_bad_arguments_are_named(mirror, fetch, options, message):
    """What was given, and what would do."""
    with pytest.raises(ValueError, match=message):
        getattr(datasets, f"fetch_{fetch}")(**options, verbose=0)


def test_too_many_subjects_are_all(mirror):
    """With a warning, as in nilearn."""
    with pytest.warns(DataWarning, match="n_subjects is 99, but there are only 40"):
        plan = datasets.plan("adhd", n_subjects=99)
    assert len(plan.items) == 41


def test_another_address(mirror, monkeypatch):
    """`url` replaces the registry's base."""
    monkeypatch.delenv("NBICA_MIRROR")
    msdl = datasets.fetch_atlas_msdl(url=f"{mirror.url}/msdl_atlas/MSDL_rois.zip", verbose=0)

    assert exist([msdl.maps])
    assert mirror.paths() == ["msdl_atlas/MSDL_rois.zip"]


# --- where it goes, and where it may be already ---


def test_data_dir_before_the_environment(mirror, tmp_path):
    """`data_dir` wins over NBICA_DATA, and the folder has nilearn's name."""
    msdl = datasets.fetch_atlas_msdl(data_dir=tmp_path / "mine", verbose=0)

    assert Path(msdl.maps) == tmp_path / "mine/msdl_atlas/MSDL_rois/msdl_rois.nii"


@pytest.mark.parametrize("variable", ["NILEARN_DATA", "NILEARN_SHARED_DATA", "HOME"])
def test_copies_of_nilearn_are_used_where_they_are(mirror, tmp_path, monkeypatch, variable):
    """Nothing is downloaded twice, and nothing is written into their folder."""
    root = tmp_path / "theirs" / ("nilearn_data" if variable == "HOME" else "")
    datasets.fetch_atlas_msdl(data_dir=root, verbose=0)
    (root / "msdl_atlas" / NAME).unlink()
    mirror.requests.clear()
    monkeypatch.setenv(variable, str(tmp_path / "theirs"))

    msdl = datasets.fetch_atlas_msdl(verbose=0)

    assert str(root) in msdl.maps
    assert mirror.requests == []
    assert [p.name for p in (root / "msdl_atlas").iterdir()] == ["MSDL_rois"]


def test_older_copies_of_development_fmri_are_found(mirror, tmp_path, monkeypatch):
    """Older releases of nilearn nest its folder; reduced tables of ours go to our own folder."""
    datasets.fetch_development_fmri(1, False, data_dir=tmp_path / "new", verbose=0)
    nested = tmp_path / "old" / "development_fmri" / "development_fmri"
    nested.parent.mkdir(parents=True)
    (tmp_path / "new" / "development_fmri").rename(nested)
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "old"))
    mirror.requests.clear()

    data = datasets.fetch_development_fmri(1, verbose=0)

    assert Path(data.func[0]).parent == nested
    assert Path(data.confounds[0]).parent == tmp_path / "data" / "development_fmri"
    assert mirror.requests == []


# --- mirrors ---


def test_a_mirror_is_a_folder_from_which_others_fetch(mirror, tmp_path, monkeypatch):
    """A teacher downloads once; learners fetch from the folder, with no server at all."""
    folder = mirrors.mirror({"adhd": {"n_subjects": 2}, "atlas_msdl": {}}, tmp_path / "class",
                            verbose=0)  # fmt: skip
    assert {p.name for p in (folder / "adhd").iterdir()} == {
        "adhd40_metadata.tgz", "adhd40_0010042.tgz", "adhd40_0010064.tgz", NAME,
    }  # fmt: skip
    mirror.requests.clear()
    for place in (str(folder), folder.as_uri()):
        monkeypatch.setenv("NBICA_MIRROR", place)
        learner = tmp_path / f"learner{len(place)}"
        assert exist(datasets.fetch_adhd(2, data_dir=learner, verbose=0).func)
        assert exist([datasets.fetch_atlas_msdl(data_dir=learner, verbose=0).maps])
    assert mirror.requests == []

    with pytest.raises(DownloadError, match="there is no such file in this folder"):
        datasets.fetch_adhd(3, data_dir=learner, verbose=0)


def test_a_mirror_of_what_is_planned_in_two_steps(mirror, tmp_path, monkeypatch):
    """The table of ABIDE, and then the files that it names; a second call downloads nothing."""
    for _ in range(2):
        folder = mirrors.mirror("abide_pcp", tmp_path / "class", n_subjects=2, verbose=0)
    assert len(mirror.requests) == 3
    monkeypatch.setenv("NBICA_MIRROR", str(folder))

    assert len(datasets.fetch_abide_pcp(n_subjects=2, verbose=0).func) == 2


def test_a_mirror_is_asked_alone(mirror):
    """What a mirror does not have is an error, not a request to somebody else."""
    mirror.misbehave("msdl_atlas/MSDL_rois.zip", Fault(status=404), always=True)

    with pytest.raises(DownloadError, match=f"{mirror.url}/msdl_atlas") as caught:
        datasets.fetch_atlas_msdl(verbose=0)
    assert "inria" not in str(caught.value)


@pytest.mark.slow
def test_the_mirror_of_the_tests_is_a_command(no_copies, monkeypatch):
    """`python -m nbica.datasets.stand_in` prints what to set, and serves until it is stopped."""
    root = Path(__file__).parents[3]
    env = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "nbica.datasets.stand_in", "--port", "0", "--subjects", "1"]
    process = subprocess.Popen(command, cwd=root, env=env, stdout=subprocess.PIPE, text=True)
    name, _, address = process.stdout.readline().strip().partition("=")
    monkeypatch.setenv(name, address)
    try:
        assert exist([datasets.fetch_atlas_msdl(verbose=0).maps])
    finally:
        process.terminate()
        process.communicate()


# --- the registry ---


@pytest.mark.parametrize("name", registry.names())
def test_every_entry_says_what_a_user_must_know(name):
    """Licence, citation, notes; each file a hash and a size, or an explicit unknown."""
    entry = registry.dataset(name)
    for text in (entry.title, entry.licence, entry.citation, entry.notes, entry.hashes):
        assert len(text) > 3
    table = Path(registry.__file__).parent / "tables" / f"{name}.tsv"
    rows = [line.split("\t") for line in table.read_text().splitlines()[1:]]
    assert rows
    for _, _, known_hash, size in rows:
        assert known_hash == "unknown" or re.fullmatch("md5:[0-9a-f]{32}|sha256:[0-9a-f]{64}",
                                                       known_hash)  # fmt: skip
        assert re.fullmatch(r"unknown|~?\d+", size)


@pytest.mark.parametrize("name", registry.names())
def test_urls_are_safe(name):
    """Only https; a host on http only has a reason beside it; OSF's have their slash."""
    entry = registry.dataset(name)
    for file in entry.files.values():
        for url in file.urls:
            assert re.match(r"https?://[\w.]+/\S+$", url)
            assert url.startswith("https://") or entry.http
            if url.startswith("https://osf.io/download/"):
                assert url.endswith("/")
    assert len({file.urls[0] for file in entry.files.values()}) == len(entry.files)


def test_tables_have_no_stray_rows():
    """Every table belongs to an entry, and the package carries it; altogether it is small."""
    folder = Path(registry.__file__).parent / "tables"
    sizes = {path.stem: path.stat().st_size for path in folder.iterdir()}

    assert set(sizes) == set(json.loads((folder.parent / "registry.json").read_text()))
    assert sum(sizes.values()) < 200_000


@pytest.mark.real
def test_pinned_hashes_are_those_of_the_real_files(real_data):
    """The networks of ABIDE, as they were copied from their source, have the registry's hashes."""
    folder = real_data / "networks" / "abide_melodic32_cc0"
    for path, file in registry.dataset("networks_abide").files.items():
        assert (folder / path).stat().st_size == file.size
        assert hash_of(folder / path, "sha256") == file.hash


def test_datasets_are_listed():
    """One row per data set, with licence and citation."""
    listed = datasets.data_sets()

    assert listed.loc["adhd", "licence"].startswith("Unrestricted")
    assert set(listed.index) == set(registry.names())


def test_public_names_exist():
    """Each can be imported from nbica.datasets, an unknown one is answered by the list."""
    assert all(getattr(nbica.datasets, name) is not None for name in datasets.__all__)
    with pytest.raises(AttributeError, match="fetch_adhd"):
        datasets.fetch_ahdh  # noqa: B018


def test_the_package_is_light_until_it_is_used():
    """Importing the data sets loads neither pandas nor requests, scikit-learn or nibabel."""
    heavy = "{'pandas', 'requests', 'sklearn', 'nibabel', 'scipy'} & set(sys.modules)"
    code = f"import sys; from nbica import datasets; sys.exit(str({heavy} or 0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() in ("", "0")
