"""The simulated cohort: deterministic, reused, resumed, and what its files promise."""

import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica.datasets import files, simulate_group
from nbica.datasets.fmriprep_columns import MOTION
from nbica.datasets.simulation import group as simulated
from nbica.datasets.simulation import networks, scanner, subjects
from nbica.datasets.simulation.group import _plan, write_subject
from nbica.image.writing import NiftiStream, nifti_header

pytestmark = pytest.mark.slow

SMALL = {"n_subjects": 2, "n_timepoints": 20, "voxel_size": 8.0}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulate_group(**SMALL, data_dir=tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def count_writes(monkeypatch):
    """Names of the subjects that are really generated."""
    written = []
    original = write_subject

    def counted(subject, scene):
        written.append(subject.name)
        return original(subject, scene)

    monkeypatch.setattr(simulated, "write_subject", counted)
    return written


def digest(path):
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


# --- deterministic ---


def test_same_seed_gives_the_same_bytes(cohort, tmp_path):
    """Images and tables repeat to the byte, also when subjects are written in parallel."""
    again = simulate_group(**SMALL, data_dir=tmp_path, n_jobs=2)

    for key in ("func", "confounds", "full_confounds", "timecourses"):
        assert [digest(p) for p in again[key]] == [digest(p) for p in cohort[key]]


@pytest.mark.parametrize("kernels", ["Prescott", "SkylakeX"])
def test_another_processor_gives_the_same_cohort(cohort, tmp_path, kernels):
    """Other kernels of OpenBLAS and numpy's plain loops add in another order, to the same runs.

    A value at the edge of rounding may take the next step of the file: at most one in 10 000
    does, by one step. The tables that follow from the images may differ by as much.
    """
    code = (
        "import sys; from nbica.datasets import simulate_group; "
        f"simulate_group(**{SMALL}, data_dir=sys.argv[1])"
    )
    features = "AVX512F AVX512CD AVX512_SKX AVX512_ICL AVX2 FMA3"
    plain = {"NPY_DISABLE_CPU_FEATURES": features} if kernels == "Prescott" else {}
    environment = os.environ | {"OPENBLAS_CORETYPE": kernels} | plain
    environment |= {"PYTHONWARNINGS": "ignore"}  # numpy names the features that it does not have

    subprocess.run([sys.executable, "-c", code, tmp_path], env=environment, check=True)

    again = simulate_group(**SMALL, data_dir=tmp_path)
    for key in ("confounds", "timecourses"):
        assert [digest(p) for p in again[key]] == [digest(p) for p in cohort[key]]
    for one, other in zip(again.full_confounds, cohort.full_confounds, strict=True):
        # a step in one voxel moves a mean over some thousand voxels by less than 1e-6 of it
        here, there = (pd.read_csv(p, sep="\t") for p in (one, other))
        pd.testing.assert_frame_equal(here, there, rtol=1e-5, atol=1e-4)
    for one, other in zip(again.func, cohort.func, strict=True):
        here, there = (np.asarray(nib.load(p).dataobj.get_unscaled()) for p in (one, other))
        steps = np.abs(here.astype(int) - there.astype(int))
        assert steps.max() <= 1
        assert steps.mean() < 1e-4


def test_first_subjects_do_not_depend_on_their_number(cohort, tmp_path):
    """Subject 1 is the same alone and in a group."""
    alone = simulate_group(1, 20, voxel_size=8.0, data_dir=tmp_path)

    assert digest(alone.func[0]) == digest(cohort.func[0])
    assert alone.phenotypic.equals(cohort.phenotypic[:1])


def test_another_seed_gives_other_data_in_another_folder(cohort, tmp_path):
    """Parameters are in the folder's name, so that data sets do not mix."""
    other = simulate_group(1, 20, voxel_size=8.0, random_state=1, data_dir=tmp_path)

    assert digest(other.func[0]) != digest(cohort.func[0])
    assert Path(other.data_dir).name != Path(cohort.data_dir).name


# --- written once, completed when not ---


def test_second_call_writes_nothing(tmp_path, count_writes):
    """A complete cohort is found again, not made again."""
    first = simulate_group(**SMALL, data_dir=tmp_path)
    times = {p: p.stat().st_mtime_ns for p in Path(first.data_dir).rglob("*") if p.is_file()}

    simulate_group(**SMALL, data_dir=tmp_path)

    assert count_writes == ["sub-01", "sub-02"]
    assert times == {p: p.stat().st_mtime_ns for p in times}


def test_a_larger_group_adds_only_the_new(tmp_path, count_writes):
    """Asking for more subjects keeps those there; asking for fewer keeps the table."""
    simulate_group(1, 20, voxel_size=8.0, data_dir=tmp_path)
    group = simulate_group(**SMALL, data_dir=tmp_path)
    simulate_group(1, 20, voxel_size=8.0, data_dir=tmp_path)

    assert count_writes == ["sub-01", "sub-02"]
    listed = pd.read_csv(Path(group.data_dir) / "participants.tsv", sep="\t")
    pd.testing.assert_frame_equal(listed, group.phenotypic)


@pytest.mark.parametrize("damage", ["delete", "truncate", "manifest"])
def test_a_damaged_subject_is_made_again(tmp_path, count_writes, damage):
    """A file that is missing or too short brings the subject back, with the same bytes."""
    group = simulate_group(**SMALL, data_dir=tmp_path)
    path = Path(group.func[1])
    before = digest(path)
    if damage == "delete":
        path.unlink()
    elif damage == "truncate":
        path.write_bytes(path.read_bytes()[:1000])
    else:
        (path.parents[1] / "manifest.json").write_text("{")

    simulate_group(**SMALL, data_dir=tmp_path)

    assert count_writes == ["sub-01", "sub-02", "sub-02"]
    assert digest(path) == before


def test_an_interruption_leaves_no_half_file_and_is_resumed(tmp_path, monkeypatch, count_writes):
    """Stopped in the middle of a run, the next call completes what is missing."""
    original = scanner.NoiseStream.draw
    calls = []

    def interrupted(self, n_frames):
        calls.append(n_frames)
        if len(calls) == 5:
            raise KeyboardInterrupt
        return original(self, n_frames)

    monkeypatch.setattr(scanner.NoiseStream, "draw", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate_group(**SMALL, data_dir=tmp_path)
    left = [p.name for p in tmp_path.rglob("*") if p.is_file() and "sub-02" in p.name]
    monkeypatch.setattr(scanner.NoiseStream, "draw", original)

    group = simulate_group(**SMALL, data_dir=tmp_path)

    assert left == []
    assert count_writes == ["sub-01", "sub-02", "sub-02"]
    assert all(nib.load(path).get_fdata().any() for path in group.func)
    assert not [p for p in tmp_path.rglob(".*") if p.is_file()]


# --- what the files are ---


def test_header_says_space_time_and_scale(cohort):
    """Runs are int16 with a scale, RAS+ in MNI mm, with their repetition time."""
    image = nib.load(cohort.func[0])
    header = image.header

    assert image.shape[3] == 20
    assert header.get_data_dtype() == np.dtype("<i2")
    assert image.dataobj.slope == subjects._SLOPE
    assert nib.aff2axcodes(image.affine) == ("R", "A", "S")
    assert (int(header["sform_code"]), int(header["qform_code"])) == (4, 4)
    assert header.get_zooms() == (8.0, 8.0, 8.0, 2.0)
    assert header.get_xyzt_units() == ("mm", "sec")


def test_a_grid_of_ones_own(tmp_path):
    """Affine and shape are taken as they are."""
    affine = np.diag([-10.0, 10.0, 10.0, 1.0])
    affine[:3, 3] = 80, -110, -70
    group = simulate_group(1, 20, affine=affine, shape=(17, 20, 16), data_dir=tmp_path)

    image = nib.load(group.func[0])
    assert image.shape == (17, 20, 16, 20)
    np.testing.assert_array_equal(image.affine, affine)
    left = group.maps_img.get_fdata()[..., group.labels.index("left fronto-parietal")]
    assert affine[0] @ (*np.unravel_index(left.argmax(), left.shape), 1) < 0


def test_images_of_a_cohort_fit_together(cohort):
    """Mask and maps share the grid of the runs; maps stay inside the mask."""
    run, mask = nib.load(cohort.func[0]), cohort.mask_img.get_fdata() > 0
    maps = cohort.maps_img.get_fdata()

    for image in (cohort.mask_img, cohort.maps_img):
        np.testing.assert_array_equal(image.affine, run.affine)
        assert image.shape[:3] == run.shape[:3]
    assert maps.shape[3] == len(cohort.labels) == 12
    assert not maps[~mask].any()
    assert cohort.anat_img.header.get_zooms() == (2.0, 2.0, 2.0)
    assert cohort.maps_img.get_data_dtype() == np.float32


def test_signal_has_a_scanner_scale_and_varies_by_percents(cohort):
    """The mean in the mask is about 1000 and most voxels vary by a few percent of it."""
    mask = cohort.mask_img.get_fdata() > 0
    signal = nib.load(cohort.func[0]).get_fdata()[mask]
    percent = 100 * signal.std(axis=1) / signal.mean(axis=1)

    assert 600 < signal.mean() < 1300
    assert 1 < np.median(percent) < 15


def test_confounds_have_the_names_and_gaps_of_fmriprep(cohort):
    """Columns are fMRIPrep's; n/a stands in the first row of derivatives, and there only."""
    text = Path(cohort.full_confounds[0]).read_text().splitlines()
    table = pd.read_csv(cohort.full_confounds[0], sep="\t")
    expected = [
        f"{name}{suffix}"
        for name in (*MOTION, "csf", "white_matter", "global_signal")
        for suffix in ("", "_derivative1", "_power2", "_derivative1_power2")
    ]
    expected += ["framewise_displacement", "dvars", "std_dvars", "a_comp_cor_00", "a_comp_cor_05"]

    assert set(expected) <= set(table)
    assert len(table) == 20
    assert "n/a" in text[1]
    assert "n/a" not in "".join(text[2:])
    gaps = set(table.columns[table.iloc[0].isna()])
    derived = {name for name in table if "derivative1" in name}
    assert gaps == derived | {"framewise_displacement", "dvars", "std_dvars"}


def test_confounds_are_the_motion_columns(cohort):
    """What goes into a fit is 24 columns: six parameters, derivatives, squares of both."""
    table = pd.read_csv(cohort.confounds[0], sep="\t")
    full = pd.read_csv(cohort.full_confounds[0], sep="\t")

    assert table.shape[1] == 24
    pd.testing.assert_frame_equal(table, full[table.columns])


def test_nilearn_reads_the_confounds(tmp_path):
    """Confounds beside a run are found and loaded by nilearn, as those of fMRIPrep are."""
    interfaces = pytest.importorskip("nilearn.interfaces.fmriprep")
    group = simulate_group(1, 80, voxel_size=8.0, data_dir=tmp_path)

    confounds, _ = interfaces.load_confounds(
        group.func[0],
        strategy=("motion", "high_pass", "wm_csf", "compcor"),
        compcor="anat_combined",
    )

    assert len(confounds) == 80
    assert {"rot_z_derivative1_power2", "cosine00", "csf", "a_comp_cor_05"} <= set(confounds)


def test_confounds_explain_signal_in_the_mask(cohort):
    """The whole-brain mean of the table is that of the images."""
    mask = cohort.mask_img.get_fdata() > 0
    signal = nib.load(cohort.func[0]).get_fdata()[mask]
    table = pd.read_csv(cohort.full_confounds[0], sep="\t")

    np.testing.assert_allclose(table.global_signal, signal.mean(axis=0), rtol=1e-4)
    expected = np.sqrt((np.diff(signal, axis=1) ** 2).mean(axis=0))
    np.testing.assert_allclose(table.dvars[1:], expected, rtol=5e-3)


def test_groups_differ_in_one_pair(tmp_path):
    """Only the named pair of networks is correlated differently in the two groups."""
    group = simulate_group(8, 400, voxel_size=16.0, data_dir=tmp_path)
    tables = [pd.read_csv(path, sep="\t") for path in group.timecourses]
    correlations = np.arctanh([np.triu(table.corr(), 1) for table in tables])
    is_patient = (group.phenotypic.group == "patient").to_numpy()

    difference = correlations[~is_patient].mean(axis=0) - correlations[is_patient].mean(axis=0)

    pair = sorted(group.labels.index(name) for name in networks.GROUP_PAIR)
    assert is_patient.sum() == 4
    assert difference[tuple(pair)] > 0.5
    difference[tuple(pair)] = 0
    assert np.abs(difference).max() < 0.4


def test_without_noise_the_networks_are_all_there_is(tmp_path):
    """With noise=0 the run is its mean plus time courses times maps within the count's step."""
    group = simulate_group(1, 20, voxel_size=8.0, noise=0.0, data_dir=tmp_path)
    mask = group.mask_img.get_fdata() > 0
    signal = nib.load(group.func[0]).get_fdata()[mask].T
    courses = pd.read_csv(group.timecourses[0], sep="\t").to_numpy()
    design = np.column_stack([np.ones(20), courses])

    residual = signal - design @ np.linalg.lstsq(design, signal, rcond=None)[0]

    assert np.abs(residual).max() <= subjects._SLOPE


def test_description_says_sources_and_settings(cohort):
    """A reader finds the networks' coordinates, their sources and that nobody was scanned."""
    for word in ("Raichle", "CONN", "no person was scanned", "(-43,33,28)", "haemodynamic"):
        assert word in cohort.description
    described = json.loads((Path(cohort.data_dir) / "dataset_description.json").read_text())
    assert described["GeneratedBy"][0]["Name"] == "nbica"


# --- streaming ---


def test_memory_does_not_grow_with_time(tmp_path):
    """A run ten times as long needs hardly more memory to write."""

    def peak(n_timepoints):
        plan = _plan(n_timepoints, 6.0, 2.0, None, None, 1.0, 0)
        scene = subjects.Scene(plan)
        drawn = subjects._draw_subject(0, scene)
        tracemalloc.start()
        subjects.write_run(tmp_path / f"{n_timepoints}.nii.gz", drawn, scene)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high, int(scene.mask.sum())

    (short, n_voxels), (long, _) = peak(20), peak(200)

    assert long < 200 * n_voxels * 4
    # Beside the blocks only the 1000 voxels of the CompCor columns are kept.
    assert long - short < 180 * 1100 * 4 * 2


def test_a_stream_that_misses_voxels_leaves_no_file(tmp_path):
    """A 4D image that was not filled never gets its name."""
    header = nifti_header((2, 2, 2, 3), np.eye(4), np.int16)

    with (
        pytest.raises(ValueError, match=r"x\.nii\.gz misses 32 bytes"),
        NiftiStream(tmp_path / "x.nii.gz", header) as stream,
    ):
        stream.write(np.zeros(8, dtype=np.int16))

    assert not list(tmp_path.iterdir())


# --- bad input ---


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"n_subjects": 0}, "n_subjects is 0; expected an integer of at least 1"),
        ({"n_subjects": 2.5}, "n_subjects is 2.5; expected an integer"),
        ({"n_timepoints": 3}, "n_timepoints is 3; expected an integer of at least 20"),
        ({"voxel_size": 0}, "voxel_size is 0; expected a number above 0, in mm"),
        ({"voxel_size": -4.0}, "voxel_size is -4.0; expected a number above 0"),
        ({"voxel_size": 40.0}, "above 20 mm no network is left"),
        ({"t_r": float("nan")}, "t_r is nan; expected a number above 0, in s"),
        ({"noise": -1}, "noise is -1; expected a factor of 0 or more"),
        ({"random_state": None}, "random_state is None; expected an integer"),
        ({"affine": np.eye(4)}, "affine is given without shape"),
        ({"shape": (4, 4, 4)}, "shape is given without affine"),
        ({"affine": np.eye(3), "shape": (4, 4, 4)}, r"affine has shape \(3, 3\)"),
        ({"affine": np.eye(4), "shape": (4, 4)}, r"shape is \(4, 4\); expected three"),
        ({"affine": np.eye(4) + 500 * np.eye(4, k=3), "shape": (3, 3, 3)}, "misses the brain"),
    ],
)
def test_bad_arguments_are_named(tmp_path, bad, message):
    """An error says which argument, what it was and what would do."""
    with pytest.raises(ValueError, match=message):
        simulate_group(**(SMALL | bad), data_dir=tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    """The error names the folder and the environment variable that moves it."""
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(OSError, match=r"file.*NBICA_DATA"):
        simulate_group(**SMALL, data_dir=tmp_path / "file")


def test_environment_variable_moves_the_data(tmp_path, monkeypatch):
    """NBICA_DATA is the data folder unless data_dir is given."""
    monkeypatch.setenv("NBICA_DATA", str(tmp_path / "elsewhere"))

    assert files.data_folder() == tmp_path / "elsewhere"
    assert files.data_folder(tmp_path) == tmp_path
