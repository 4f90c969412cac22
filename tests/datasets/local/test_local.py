"""Local trees as they lie on disk, the awkward ones too: fMRIPrep derivatives and the HCP's."""

import json
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica import CanICA
from nbica.datasets import find_bids, find_hcp, simulate_group
from nbica.datasets.local.confound_strategies import choose
from nbica.exceptions import DataError, DataWarning

SPACE = "space-MNI152NLin2009cAsym"


@pytest.fixture(scope="module")
def cohort():
    """Three subjects of 60 frames."""
    return simulate_group(3, 60, voxel_size=12.0)


@pytest.fixture
def tree(cohort, tmp_path):
    """The cohort as fMRIPrep leaves it: a folder of one's own to spoil."""
    root = tmp_path / "fmriprep"
    shutil.copytree(cohort.data_dir, root, ignore=shutil.ignore_patterns("sub-0[4-9]*", "sub-1*"))
    people = root / "participants.tsv"
    people.write_text("\n".join(people.read_text().splitlines()[:4]) + "\n")
    return root


def func(root, subject="01"):
    return root / f"sub-{subject}" / "func"


def bold(root, subject="01"):
    return func(root, subject) / f"sub-{subject}_task-rest_{SPACE}_desc-preproc_bold.nii.gz"


def table(root, subject="01"):
    return func(root, subject) / f"sub-{subject}_task-rest_desc-confounds_timeseries.tsv"


def change(path, function):
    """Rewrite a table of confounds."""
    frame = pd.read_csv(path, sep="\t")
    frame = function(frame)
    frame.to_csv(path, sep="\t", index=False, na_rep="n/a")


def copy_as(root, replacements, subject="01"):
    """Copy a subject's runs and tables under changed names."""
    for path in list(func(root, subject).iterdir()):
        name = path.name
        for old, new in replacements.items():
            name = name.replace(old, new)
        if name != path.name:
            shutil.copy(path, path.with_name(name))


# --- BIDS ---


def test_a_plain_folder(tree):
    """Runs, 24 motion columns, masks, participants and the summary, in one order."""
    data = find_bids(tree)

    assert [Path(p).name[:6] for p in data.func] == ["sub-01", "sub-02", "sub-03"]
    assert [c.shape for c in data.confounds] == [(60, 24)] * 3
    assert all("desc-brain_mask" in path for path in data.mask_imgs)
    assert data.phenotypic["participant_id"].tolist() == data.table["subject"].tolist()
    assert data.phenotypic["group"].notna().all()
    assert data.t_r == 2.0
    assert data.left_out.empty
    assert "3 runs of 3 subjects; 0 left out" in data.description
    assert "nbica" in data.description


def test_a_folder_goes_straight_into_a_fit(tree, cohort):
    """The Bunch is all that fit needs, scrubbing included."""
    data = find_bids(tree, confounds=["motion6", "scrub"])
    ica = CanICA(n_components=3, mask=cohort.mask_img, random_state=0, n_init=2, verbose=0)

    assert ica.fit(data).components_.shape[0] == 3


def test_a_data_set_with_derivatives(tree, tmp_path):
    """Given the BIDS root, fMRIPrep's folder inside is found, and its participants."""
    root = tmp_path / "bids"
    (root / "derivatives").mkdir(parents=True)
    tree.rename(root / "derivatives" / "fmriprep")
    (root / "derivatives/fmriprep/participants.tsv").rename(root / "participants.tsv")
    raw = root / "sub-01" / "func"
    raw.mkdir(parents=True)
    (raw / "sub-01_task-rest_bold.nii.gz").write_bytes(b"")

    data = find_bids(root)

    assert len(data.func) == 3
    assert data.phenotypic["age"].notna().all()
    (root / "derivatives" / "fmriprep").rename(root / "derivatives" / "old")
    shutil.copytree(root / "derivatives" / "old", root / "derivatives" / "new")
    with pytest.raises(ValueError, match="several derivatives with runs"):
        find_bids(root)


def test_raw_data_only(tmp_path):
    """The error tells that there are runs, but not preprocessed ones."""
    raw = tmp_path / "sub-01" / "func"
    raw.mkdir(parents=True)
    (raw / "sub-01_task-rest_bold.nii.gz").write_bytes(b"")

    with pytest.raises(DataError, match="there are 1 runs that are not preprocessed"):
        find_bids(tmp_path)
    with pytest.raises(DataError, match="There is no folder"):
        find_bids(tmp_path / "nowhere")


def test_several_tasks_and_spaces_must_be_chosen(tree):
    """What there is is counted; subjects' own spaces do not count as a choice."""
    copy_as(tree, {"task-rest": "task-nback"})
    copy_as(tree, {SPACE: "space-T1w"})
    copy_as(tree, {f"{SPACE}_": ""})
    with pytest.raises(ValueError, match=r"several of task: nback \(3 runs\), rest \(5 runs\)"):
        find_bids(tree)
    assert len(find_bids(tree, task="rest").func) == 3

    copy_as(tree, {SPACE: "space-MNI152NLin6Asym"})
    with pytest.raises(ValueError, match=r"several of space: .*MNI152NLin6Asym \(1 runs\)"):
        find_bids(tree, task="rest")
    with pytest.raises(DataError, match="There are no runs of task 'gambling'; there are nback"):
        find_bids(tree, task="gambling")
    assert len(find_bids(tree, task="rest", space="MNI152NLin6Asym").func) == 1
    assert "Not asked for" in find_bids(tree, task="rest", space="MNI152NLin6Asym").description


def test_only_individual_spaces(tree):
    """The error says what a group needs."""
    for subject in ("01", "02", "03"):
        bold(tree, subject).rename(str(bold(tree, subject)).replace(SPACE, "space-T1w"))

    with pytest.raises(DataError, match="a group needs a common one"):
        find_bids(tree)


def test_resolutions(tree):
    """`res` is an entity of its own."""
    copy_as(tree, {SPACE: f"{SPACE}_res-2"})

    with pytest.raises(ValueError, match=r"several of res: none \(3 runs\), 2 \(1 runs\)"):
        find_bids(tree)
    data = find_bids(tree, res="2")
    assert "res-2" in data.func[0]
    assert "res-2" in data.mask_imgs[0]
    assert data.confounds[0].shape == (60, 24)


def test_sessions_and_runs(tree):
    """Sessions are folders, runs are names; each run finds its own table."""
    source = func(tree, "01")
    for session in ("a", "b"):
        target = tree / "sub-01" / f"ses-{session}" / "func"
        target.mkdir(parents=True)
        for path in source.iterdir():
            for run in ("1", "2"):
                name = path.name.replace("task-rest", f"task-rest_run-{run}")
                shutil.copy(path, target / name.replace("sub-01", f"sub-01_ses-{session}"))
    shutil.rmtree(source)
    marked = tree / "sub-01/ses-b/func/sub-01_ses-b_task-rest_run-2_desc-confounds_timeseries.tsv"
    change(marked, lambda frame: frame.assign(trans_x=7.0))

    data = find_bids(tree)
    one = find_bids(tree, subjects=["01"], sessions=["ses-b"], confounds=["trans_x"])

    assert data.table["session"].tolist() == ["a", "a", "b", "b", "", ""]
    assert data.table["run"].tolist() == ["1", "2", "1", "2", "", ""]
    assert data.phenotypic["participant_id"].tolist() == ["sub-01"] * 4 + ["sub-02", "sub-03"]
    assert len(one.func) == 2
    assert (one.confounds[1]["trans_x"] == 7).all()
    assert not (one.confounds[0]["trans_x"] == 7).any()
    with pytest.raises(DataError, match="no runs of sub-09; there are 01, 02, 03"):
        find_bids(tree, subjects=["sub-09"])


def test_names_of_older_releases(tree):
    """`_regressors.tsv`, and no participants.tsv."""
    (tree / "participants.tsv").unlink()
    for subject in ("01", "02", "03"):
        path = table(tree, subject)
        path.rename(path.with_name(path.name.replace("timeseries", "regressors")))

    data = find_bids(tree)

    assert data.confounds[0].shape == (60, 24)
    assert list(data.phenotypic) == ["participant_id"]


def spoil_missing_table(root):
    table(root).unlink()


def spoil_short_table(root):
    change(table(root), lambda frame: frame[:-2])


def spoil_gap(root):
    change(table(root), lambda frame: frame.assign(rot_z=frame["rot_z"].where(frame.index != 30)))


def spoil_column(root):
    change(table(root), lambda frame: frame.drop(columns="rot_y_power2"))


def spoil_image(root):
    bold(root).write_bytes(b"not an image")


def spoil_dimension(root):
    img = nib.load(bold(root))
    nib.save(nib.Nifti1Image(np.asarray(img.dataobj[..., 0]), img.affine), bold(root))


def spoil_length(root):
    img = nib.load(bold(root))
    nib.save(nib.Nifti1Image(np.asarray(img.dataobj[..., :20]), img.affine), bold(root))
    change(table(root), lambda frame: frame[:20])


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (spoil_missing_table, "no table of confounds beside it"),
        (spoil_short_table, "its table has 58 rows for 60 frames"),
        (spoil_gap, r"rot_z has a gap \(n/a\) in row 30"),
        (spoil_column, "'motion24' needs rot_y_power2, not in the table"),
        (spoil_image, "cannot be read"),
        (spoil_dimension, "3D image"),
        (spoil_length, "24 confounds leave nothing of 20 frames"),
    ],
)
def test_a_run_that_cannot_be_used_is_left_out_with_its_reason(tree, spoil, reason):
    """One warning, one line in `left_out`, and the others are found."""
    spoil(tree)
    with pytest.warns(DataWarning, match=f"1 of 3 runs in .* are left out: 1 × .*{reason}"):
        data = find_bids(tree)

    assert data.table["subject"].tolist() == ["sub-02", "sub-03"]
    assert data.left_out["path"].tolist() == [str(bold(tree))]
    assert f"left out: {bold(tree)}" in data.description


def test_cohorts_of_a_template_are_not_mixed(tree):
    """Brains of two ages have no common space, though the template has one name."""
    copy_as(tree, {SPACE: "space-MNIPediatricAsym_cohort-1"})
    copy_as(tree, {SPACE: "space-MNIPediatricAsym_cohort-2"}, "02")
    space = "MNIPediatricAsym"

    with pytest.raises(ValueError, match=r"several of cohort: 1 \(1 runs\), 2 \(1 runs\)"):
        find_bids(tree, space=space)
    data = find_bids(tree, space=space, cohort="2")
    assert data.table["subject"].tolist() == ["sub-02"]
    assert data.confounds[0].shape == (60, 24)


def rename(root, replacements, subject="01"):
    before = list(func(root, subject).iterdir())
    copy_as(root, replacements, subject)
    for path in before:
        if all(old in path.name for old in replacements):
            path.unlink()


def test_echoes_are_no_runs(tree):
    """Of an acquisition with its echoes and their combination, the combination is taken."""
    for echo in ("1", "2", "3"):
        shutil.copy(bold(tree), str(bold(tree)).replace("rest_", f"rest_echo-{echo}_"))

    data = find_bids(tree)

    assert len(data.func) == 3
    assert "echo" not in Path(data.func[0]).name
    second = find_bids(tree, echo="2")
    assert [Path(path).name.split("_")[2] for path in second.func] == ["echo-2"]
    assert second.confounds[0].equals(data.confounds[0])
    assert second.mask_imgs == data.mask_imgs[:1]


@pytest.mark.parametrize("entity", ["echo", "part", "rec"])
def test_files_of_one_acquisition_must_be_chosen(tree, entity):
    """Echoes that nobody combined, magnitude and phase, two reconstructions: one each, or asked."""
    for label in ("1", "2"):
        shutil.copy(bold(tree), str(bold(tree)).replace("rest_", f"rest_{entity}-{label}_"))
    bold(tree).unlink()

    with pytest.raises(ValueError, match=rf"more than once.*several of {entity}: none .*{entity}="):
        find_bids(tree)
    assert len(find_bids(tree, **{entity: "1"}, confounds=None).func) == 1


def test_entities_by_which_runs_differ_are_columns(tree):
    """Whoever looks at the table sees which run is which."""
    rename(tree, {"task-rest": "task-rest_dir-AP"})
    rename(tree, {"task-rest": "task-rest_dir-PA"}, "02")

    data = find_bids(tree)

    assert data.table["dir"].tolist() == ["AP", "PA", ""]
    assert "acq" not in data.table
    with pytest.raises(TypeError, match=r"knows no 'direction'.*dir"):
        find_bids(tree, direction="AP")


def test_a_table_with_fewer_entities_is_found(tree):
    """If it is the run's alone: fMRIPrep leaves out part-, and dir- where there is one only."""
    image = bold(tree)
    image.rename(str(image).replace("rest_", "rest_dir-ap_run-1_part-mag_"))

    assert find_bids(tree).table["n_confounds"].tolist() == [24, 24, 24]


def test_a_table_that_fits_several_runs_is_nobodys(tree):
    """Two runs never share one table; the reason names it."""
    for run in ("1", "2"):
        shutil.copy(bold(tree), str(bold(tree)).replace("rest_", f"rest_run-{run}_"))
    bold(tree).unlink()

    with pytest.warns(DataWarning, match="2 of 4 runs .*2 × no table of confounds beside it[.]"):
        data = find_bids(tree)
    assert all(f"({table(tree).name} fits other runs" in text for text in data.left_out["reason"])


def test_runs_of_other_pipelines_are_told_and_can_be_taken(tree):
    """They are preprocessed; which desc they have is said, and asked for by name."""
    for subject in ("01", "02", "03"):
        rename(tree, {"desc-preproc": "desc-denoised"}, subject)

    with pytest.raises(DataError, match="other pipelines: 3 of desc='denoised'"):
        find_bids(tree)
    data = find_bids(tree, desc="denoised")
    assert data.table["n_confounds"].tolist() == [24, 24, 24]
    assert all("desc-brain_mask" in path for path in data.mask_imgs)


@pytest.mark.parametrize(
    ("sidecar", "header", "found"),
    [
        ({"RepetitionTime": 2.5}, 2000.0, 2.5),
        ({"RepetitionTime": 2000}, 2.0, 2.0),
        ({"RepetitionTime": "2.5"}, 2.0, 2.0),
        ({"RepetitionTime": [2.5]}, 2.0, 2.0),
        ({"RepetitionTime": True}, 2.0, 2.0),
        ({"RepetitionTime": 2.5}, 0.0, 2.5),
        ([], 2.0, 2.0),
    ],
)
def test_a_repetition_time_that_can_be(tree, sidecar, header, found):
    """The sidecar's, else the header's; milliseconds written as seconds are neither."""
    img = nib.load(bold(tree))
    img.header["pixdim"][4] = header
    nib.save(nib.Nifti1Image(np.asarray(img.dataobj), img.affine, img.header), bold(tree))
    bold(tree).with_suffix("").with_suffix(".json").write_text(json.dumps(sidecar))

    assert find_bids(tree).table["t_r"].tolist() == [found, 2.0, 2.0]


def test_2000_s_are_no_repetition_time(tree):
    """Where nothing else is known it is unknown, and said."""
    img = nib.load(bold(tree))
    img.header["pixdim"][4] = 2000
    nib.save(nib.Nifti1Image(np.asarray(img.dataobj), img.affine, img.header), bold(tree))
    bold(tree).with_suffix("").with_suffix(".json").unlink()

    with pytest.warns(DataWarning, match="repetition time of 1 of 3 runs is unknown.*sub-01"):
        data = find_bids(tree)
    assert np.isnan(data.table["t_r"][0])
    assert data.t_r is None


def break_image(root):
    bold(root).unlink()
    bold(root).symlink_to("../../.git/annex/objects/x.nii.gz")


def unlock_image(root):
    bold(root).write_text("/annex/objects/MD5E-s999--0a.nii.gz\n")


def lfs_image(root):
    bold(root).write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0a\nsize 9\n")


def break_table(root):
    table(root).unlink()
    table(root).symlink_to("../../.git/annex/objects/x.tsv")


@pytest.mark.parametrize("spoil", [break_image, unlock_image, lfs_image, break_table])
def test_what_datalad_did_not_fetch_is_told(tree, spoil):
    """Not damaged, not missing: to be fetched."""
    spoil(tree)

    with pytest.warns(DataWarning, match="1 of 3 runs .*not here. Get it with `datalad get`"):
        assert len(find_bids(tree).func) == 2


def test_half_copied_files_are_no_runs(tree):
    """A checksum or a part of a download beside an image is not taken for one."""
    for ending in (".part", ".md5", ".json"):
        bold(tree).with_name(bold(tree).name + ending).write_bytes(b"x")
    plain = bold(tree).with_suffix("")
    nib.save(nib.load(bold(tree)), plain)

    with pytest.warns(DataWarning, match="1 of 4 runs .*a second time, as .nii.gz"):
        assert len(find_bids(tree).func) == 3


@pytest.mark.parametrize("text", ["", "subject\nsub-01\n", "participant_id\tage\nsub-01\n"])
def test_participants_that_cannot_be_read_are_told(tree, text):
    """The runs are found all the same."""
    (tree / "participants.tsv").write_text(text)

    with pytest.warns(DataWarning, match=r"participants\.tsv is left out"):
        data = find_bids(tree)
    assert data.phenotypic["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03"]


def test_participants_without_a_prefix_are_known(tree):
    """01 is sub-01, as many tables have it; it is a text, not the number 1."""
    (tree / "participants.tsv").write_text("participant_id\tage\n03\t33\n01\t31\n")

    data = find_bids(tree)

    assert data.phenotypic["age"].tolist()[::2] == [31, 33]
    assert data.phenotypic["participant_id"].tolist() == ["sub-01", "sub-02", "sub-03"]


def test_one_subject_may_be_a_text(tree):
    """Not a list of letters."""
    assert find_bids(tree, subjects="sub-02").table["subject"].tolist() == ["sub-02"]


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("trans_x", np.inf, "trans_x has infinity in row 9"),
        ("framewise_displacement", np.nan, r"framewise_displacement has a gap \(n/a\) in row 9"),
        ("std_dvars", np.nan, r"std_dvars has a gap \(n/a\) in row 9"),
    ],
)
def test_what_says_nothing_is_not_taken_for_a_still_head(tree, column, value, said):
    """Nor is infinity a confound: the run is left out, and the reason names column and row."""
    row = frame_with(column, value)
    change(table(tree), row)

    with pytest.warns(DataWarning, match=f"1 of 3 runs .*{said}"):
        find_bids(tree, confounds=["motion6", "scrub"])


def frame_with(column, value):
    def spoil(frame):
        frame.loc[9, column] = value
        return frame

    return spoil


def test_a_participant_twice_is_told(tree):
    """Which of the two rows counts is no matter of chance, and said."""
    (tree / "participants.tsv").write_text("participant_id\tage\n01\t30\n01\t40\n")

    with pytest.warns(DataWarning, match="more than one row of sub-01: the first counts"):
        assert find_bids(tree).phenotypic["age"].tolist()[0] == 30


@pytest.mark.parametrize("name", ["task-rest", "sub-02_task-rest", "sub-011_task-rest"])
def test_a_run_in_the_folder_of_another_is_left_out(tree, name):
    """Whose it is, its name and its folder say alike."""
    bold(tree).rename(func(tree) / f"{name}_{SPACE}_desc-preproc_bold.nii.gz")

    with pytest.warns(DataWarning, match="its name does not begin with its folder's, sub-01_"):
        assert len(find_bids(tree).func) == 2


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"subjects": []}, ValueError, "No label of sub to take"),
        ({"confounds": 5}, TypeError, "confounds is 5; expected a strategy"),
        ({"confounds": [5]}, TypeError, "expected a strategy"),
    ],
)
def test_choices_that_cannot_be_are_refused(tree, options, error, said):
    """What was found, what was expected."""
    with pytest.raises(error, match=said):
        find_bids(tree, **options)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_a_sidecar_does_not_hold_the_search(tree):
    """It is no file."""
    sidecar = bold(tree).with_suffix("").with_suffix(".json")
    sidecar.unlink()
    os.mkfifo(sidecar)

    assert find_bids(tree).t_r == 2.0


def test_columns_that_are_no_numbers_leave_a_run_out(tree):
    """One odd table does not end the search."""
    change(table(tree), lambda frame: frame.assign(std_dvars="much", trans_x="far"))

    for strategy in ("motion6", ["motion12", "scrub"], ["rot_x", "scrub"]):
        with pytest.warns(DataWarning, match="1 of 3 runs .* holds something that is not a number"):
            find_bids(tree, confounds=strategy)


def test_nothing_left_is_an_error(tree):
    """With the reasons."""
    for subject in ("01", "02", "03"):
        table(tree, subject).unlink()

    with pytest.raises(DataError, match=r"3 × no table of confounds.*Nothing is left to fit"):
        find_bids(tree)
    assert find_bids(tree, confounds=None).confounds is None


def test_the_sidecar_knows_the_repetition_time(tree):
    """It wins over the header; where runs differ, t_r is None and the table has each."""
    sidecar = bold(tree).with_name(bold(tree).name.replace(".nii.gz", ".json"))
    sidecar.write_text(json.dumps({"RepetitionTime": 1.5}))

    data = find_bids(tree)

    assert data.t_r is None
    assert data.table["t_r"].tolist() == [1.5, 2.0, 2.0]
    assert "1.5 s, 2 s" in data.description


def test_scrubbing_counts_in_the_summary(tree):
    """Removed frames: a column each, the sample mask of the others, and the count."""

    def jerk(frame):
        frame["framewise_displacement"], frame["std_dvars"] = 0.1, 1.0
        frame.loc[[20, 23], "framewise_displacement"] = 2.0
        return frame

    change(table(tree), jerk)
    data = find_bids(tree, confounds=["motion6", "scrub"])

    assert data.table["n_removed"][0] == 4  # 20, 23, and the two between
    assert np.setdiff1d(np.arange(60), data.sample_mask[0]).tolist() == [20, 21, 22, 23]
    spikes = data.confounds[0].filter(like="scrub_")
    assert spikes.to_numpy().argmax(axis=0).tolist() == [20, 21, 22, 23]
    assert data.table["mean_fd"][0] == pytest.approx((2 * 2.0 + 58 * 0.1) / 60)


# --- strategies ---


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("motion24", {"strategy": ["motion"]}),
        (["motion6"], {"strategy": ["motion"], "motion": "basic"}),
        (["motion12"], {"strategy": ["motion"], "motion": "derivatives"}),
        ("simple", {"strategy": ["high_pass", "motion", "wm_csf"]}),
        ("compcor", {"strategy": ["high_pass", "motion", "compcor"]}),
        (["wm_csf8", "global_signal"], {"strategy": ["wm_csf", "global_signal"], "wm_csf": "full"}),
        ("scrubbing", {"strategy": ["high_pass", "motion", "wm_csf", "scrub"], "wm_csf": "full"}),
    ],
)
def test_strategies_are_those_of_nilearn(tree, ours, theirs):
    """Same columns, same values, same frames kept as `load_confounds`."""
    interfaces = pytest.importorskip("nilearn.interfaces.fmriprep")
    change(table(tree), lambda frame: frame.assign(non_steady_state_outlier00=frame.index == 0))
    expected, kept = interfaces.load_confounds(str(bold(tree)), demean=False, **theirs)

    data = find_bids(tree, confounds=ours, subjects=["01"])

    ours = data.confounds[0].drop(columns=data.confounds[0].filter(like="scrub_").columns)
    assert sorted(ours) == sorted(expected)
    np.testing.assert_allclose(ours[expected.columns], expected)
    np.testing.assert_array_equal(data.sample_mask[0], kept)


def test_columns_and_patterns_may_be_named(tree):
    """A list may hold columns, patterns and strategies; a column comes once."""
    data = find_bids(tree, confounds=["csf", "a_comp_cor_0[01]", "wm_csf"])

    assert list(data.confounds[0]) == ["csf", "a_comp_cor_00", "a_comp_cor_01", "white_matter"]
    with pytest.raises(DataError, match="'comp' needs comp, not in the table"):
        find_bids(tree, confounds=["comp"])


def test_compcor_takes_retained_components_of_the_combined_mask():
    """The sidecar tells; without one, the names do."""
    frame = pd.DataFrame(np.eye(8)[:, :3], columns=[f"a_comp_cor_0{i}" for i in range(3)])
    sidecar = {
        "a_comp_cor_00": {"Mask": "combined", "Retained": True},
        "a_comp_cor_01": {"Mask": "CSF", "Retained": True},
        "a_comp_cor_02": {"Mask": "combined", "Retained": False},
    }

    assert list(choose(frame, ["compcor"], sidecar)[0]) == ["a_comp_cor_00"]
    assert list(choose(frame, ["a_comp_cor_0?"])[0]) == list(frame)
    for incomplete in ({}, {"a_comp_cor_00": {"Mask": "combined"}}, dict.fromkeys(frame, "odd")):
        with pytest.raises(DataError, match="which of 3 a_comp_cor columns"):
            choose(frame, ["compcor"], incomplete)


def test_spikes_are_as_good_as_leaving_frames_out(rng):
    """Regressing with a column per frame gives, elsewhere, the residuals without these frames."""
    signal, motion = rng.standard_normal((40, 5)), rng.standard_normal((40, 3))
    removed = [7, 8, 30]
    kept = np.setdiff1d(np.arange(40), removed)

    def residual(y, x):
        return y - x @ np.linalg.lstsq(x, y, rcond=None)[0]

    with_spikes = residual(signal, np.hstack([motion, np.eye(40)[:, removed]]))

    np.testing.assert_allclose(with_spikes[removed], 0, atol=1e-12)
    np.testing.assert_allclose(with_spikes[kept], residual(signal[kept], motion[kept]), atol=1e-12)


# --- HCP ---


@pytest.fixture
def hcp(cohort, tmp_path):
    """Two subjects with four runs each, in the tree of the HCP."""
    root = tmp_path / "HCP_1200"
    for subject in ("100307", "103414"):
        for index, run in enumerate(("REST1_LR", "REST1_RL", "REST2_LR", "REST2_RL")):
            folder = root / subject / "MNINonLinear" / "Results" / f"rfMRI_{run}"
            folder.mkdir(parents=True)
            shutil.copy(cohort.func[index % 3], folder / f"rfMRI_{run}_hp2000_clean.nii.gz")
            (folder / f"rfMRI_{run}_Atlas_hp2000_clean.dtseries.nii").write_bytes(b"")
            motion = np.random.default_rng(index).standard_normal((60, 12))
            np.savetxt(folder / "Movement_Regressors.txt", motion, fmt="%10.6f", delimiter="\t")
            (folder / "Movement_RelativeRMS_mean.txt").write_text("0.0876\n")
    return root


def hcp_run(root, subject="100307", run="REST1_LR"):
    folder = root / subject / "MNINonLinear" / "Results" / f"rfMRI_{run}"
    return folder / f"rfMRI_{run}_hp2000_clean.nii.gz"


@pytest.mark.parametrize("place", ["", ".."])
def test_an_hcp_tree(hcp, place):
    """Four runs per subject, in order; the folder above is as good."""
    data = find_hcp(hcp / place)

    assert data.table["subject"].tolist() == ["100307"] * 4 + ["103414"] * 4
    assert (data.table["session"] + data.table["run"]).tolist()[:4] == [
        "REST1LR", "REST1RL", "REST2LR", "REST2RL",
    ]  # fmt: skip
    assert data.confounds is None
    assert all(path.endswith("Movement_Regressors.txt") for path in data.motion)
    assert data.table["mean_rms"].tolist() == [0.0876] * 8
    assert data.table["is_short"].all()
    assert "8 runs are shorter than 1200 frames" in data.description
    assert "Data Use Terms" in data.licence
    assert find_hcp(hcp / "100307").table["subject"].nunique() == 1


def test_hcp_goes_straight_into_a_fit(hcp, cohort):
    """With motion regressors, if they are asked for."""
    data = find_hcp(hcp, runs=["REST1_LR"], confounds="motion12")
    ica = CanICA(n_components=3, mask=cohort.mask_img, random_state=0, n_init=2, verbose=0)

    assert data.confounds[0].shape == (60, 12)
    with pytest.warns(DataWarning, match="the same run"):  # copies, which is said
        assert ica.fit(data).components_.shape[0] == 3


def test_hcp_motion_of_24(hcp):
    """Parameters and derivatives as the table has them, then their squares."""
    motion = find_hcp(hcp, confounds="motion24", subjects=[100307]).confounds[0]
    raw = np.loadtxt(hcp_run(hcp).with_name("Movement_Regressors.txt"))

    np.testing.assert_allclose(motion, np.hstack([raw, raw**2]))
    assert motion.columns[0] == "trans_x"
    assert motion.columns[-1] == "rot_z_derivative1_power2"


def test_hcp_short_and_missing_runs_are_noticed(hcp):
    """Short runs stand in the table, or are left out on request; missing ones are listed."""
    img = nib.load(hcp_run(hcp))
    nib.save(nib.Nifti1Image(img.dataobj[..., :40], img.affine), hcp_run(hcp))
    shutil.rmtree(hcp_run(hcp, "103414", "REST2_RL").parent)

    data = find_hcp(hcp)
    assert data.table["n_timepoints"].tolist() == [40] + [60] * 6
    assert data.incomplete == {"103414": ["REST2_RL"]}
    assert "100307 REST1_LR: 40" in data.description
    assert "103414: REST2_RL" in data.description

    with pytest.warns(DataWarning, match="40 frames, fewer than 50"):
        longer = find_hcp(hcp, min_timepoints=50)
    assert len(longer.func) == 6


def test_hcp_runs_that_cannot_be_used(hcp):
    """Unreadable, without or with other regressors: left out with the reason."""
    hcp_run(hcp).write_bytes(b"cut")
    hcp_run(hcp, run="REST1_RL").with_name("Movement_Regressors.txt").unlink()
    hcp_run(hcp, run="REST2_LR").with_name("Movement_Regressors.txt").write_text("1 2 3\n")

    with pytest.warns(DataWarning, match="3 of 8 runs"):
        data = find_hcp(hcp, confounds="motion6")

    reasons = " | ".join(data.left_out["reason"])
    for reason in (
        "cannot be read",
        "no Movement_Regressors.txt",
        r"has shape (1, 3) for 60 frames",
    ):
        assert reason in reasons
    assert data.motion == [path for path in data.motion if path]


def test_what_is_no_hcp_tree_is_said(hcp, tmp_path):
    """Nothing there, surfaces only, unknown subjects, runs and confounds."""
    for run in hcp.rglob("*hp2000_clean.nii.gz"):
        run.unlink()
    with pytest.raises(DataError, match=r"8 files \*.dtseries.nii: kind='cifti' takes those"):
        find_hcp(hcp)
    with pytest.raises(DataError, match="There is no folder"):
        find_hcp(tmp_path / "nowhere")
    with pytest.raises(DataError, match="There is no subject 1 in"):
        find_hcp(hcp, subjects=[1])
    with pytest.raises(ValueError, match="runs is 'REST3'; expected one of 'REST1_LR'"):
        find_hcp(hcp, runs=["REST3"])
    with pytest.raises(TypeError, match="runs is 'REST1_LR'; expected a list"):
        find_hcp(hcp, runs="REST1_LR")
    with pytest.raises(ValueError, match="confounds is 'motion'; expected one of"):
        find_hcp(hcp, confounds="motion")


def test_what_datalad_did_not_fetch_of_an_hcp_tree_is_told(hcp):
    """A link to content that is elsewhere is not a run that the subject lacks."""
    run = hcp_run(hcp)
    run.unlink()
    run.symlink_to("../../../../.git/annex/objects/x.nii.gz")

    with pytest.warns(DataWarning, match="1 of .* runs .*is a link to .*datalad get"):
        data = find_hcp(hcp)
    assert "REST1_LR" not in data.incomplete.get("100307", [])


def test_motion_that_datalad_did_not_fetch_is_told(hcp):
    """The table of motion parameters likewise."""
    table = hcp_run(hcp).with_name("Movement_Regressors.txt")
    table.unlink()
    table.symlink_to("../.git/annex/objects/x.txt")

    with pytest.warns(DataWarning, match="1 of .* runs .*is a link to"):
        find_hcp(hcp, confounds="motion6")
