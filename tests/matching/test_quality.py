"""What is said of each run."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from planted import estimator, write_cohort

from nbica import NbicaWarning, report
from nbica.matching.quality import framewise_displacement, quality_table, short_names

MOTION = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z"]


def test_displacement_is_the_sum_of_six_steps(tmp_path):
    """Translations in mm and rotations on a sphere of 50 mm; from a table or its file."""
    table = pd.DataFrame(np.zeros((3, 6)), columns=MOTION)
    table.loc[1:, "trans_y"] = -0.4
    table.loc[2, "rot_z"] = 0.01
    table.to_csv(tmp_path / "confounds.tsv", sep="\t", index=False)

    expected = [0, 0.4, 0.5]
    np.testing.assert_allclose(framewise_displacement(table), expected)
    np.testing.assert_allclose(framewise_displacement(tmp_path / "confounds.tsv"), expected)


def test_a_column_of_displacement_is_believed():
    """FMRIPrep writes it, with nothing in the first row."""
    table = pd.DataFrame({"framewise_displacement": [np.nan, 0.2]})

    np.testing.assert_array_equal(framewise_displacement(table), [0, 0.2])


@pytest.mark.parametrize("confounds", [None, np.ones((5, 6)), pd.DataFrame({"csf": [1.0]})])
def test_what_does_not_tell_of_motion(confounds):
    """Arrays and other columns are no motion."""
    assert framewise_displacement(confounds) is None


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["/d/sub-1_task-r_bold.nii", "/d/sub-2_task-r_bold.nii"], ["sub-1", "sub-2"]),
        (["/d/s1/bold.nii", "/d/s2/bold.nii"], ["s1/bold.nii", "s2/bold.nii"]),
        (["/d/one.nii", "/d/two_b.nii"], ["one.nii", "two_b.nii"]),
        (["/d/one.nii"], ["one.nii"]),
        (["image 1 (in memory)", "image 2 (in memory)"],) * 2,
    ],
)
def test_short_names_tell_runs_apart(paths, expected):
    """What all share is left out, as far as the rest is unique."""
    assert short_names(paths) == expected


def test_the_table_has_what_is_known(tmp_path):
    """Explained variance is `score` of each run; unknown values are NaN."""
    cohort = write_cohort(tmp_path, n_runs=3)
    ica = estimator().fit(cohort.func, confounds=cohort.confounds)
    moving = pd.DataFrame(np.arange(60 * 6).reshape(60, 6) / 1e3, columns=MOTION)

    bare = quality_table(ica)
    full = quality_table(ica, cohort.func, [moving, None, None])

    assert bare["run"].tolist() == ["sub-00_bold.nii", "sub-01_bold.nii.gz", "sub-02_bold.nii"]
    assert bare[["mean_fd", "explained"]].isna().all(axis=None)
    assert full["explained"][1] == pytest.approx(ica.score([cohort.func[1]]))
    # Six steps of 0.006, of which the rotations count fifty-fold.
    np.testing.assert_allclose(full["max_fd"], [3 * 0.006 * 51, np.nan, np.nan])
    assert full["moved"][0] == pytest.approx(59 / 60)
    with pytest.raises(ValueError, match="Got 2 images, but the fit had 3 runs"):
        quality_table(ica, cohort.func[:2])


def test_a_run_that_was_skipped_explains_nothing(tmp_path):
    """It has its row and its reason, and stops neither the table nor the report."""
    cohort = write_cohort(tmp_path, n_runs=4)
    damaged = Path(cohort.func[1])
    damaged.write_bytes(damaged.read_bytes()[:-20_000])
    with pytest.warns(NbicaWarning, match="sub-01"):
        ica = estimator(on_error="skip").fit(cohort.func)

    table = quality_table(ica, cohort.func)
    page = report(ica, tmp_path / "canica.html", imgs=cohort.func)

    np.testing.assert_array_equal(table["explained"].isna(), [False, True, False, False])
    assert table["warnings"][1]
    assert page.read_text(encoding="utf-8").count("<polyline") == 5


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A cohort of three runs and its fit."""
    cohort = write_cohort(tmp_path_factory.mktemp("fitted"), n_runs=3)
    return cohort, estimator(n_init=1).fit(cohort.func, confounds=cohort.confounds)


@pytest.mark.parametrize("order", [[2, 0, 1], [1, 0, 2]])
def test_runs_in_another_order_are_known_by_name(fitted, order):
    """Each row tells of its own run, confounds going along with the images."""
    cohort, ica = fitted
    expected = quality_table(ica, cohort.func, cohort.confounds)

    found = quality_table(
        ica, [cohort.func[i] for i in order], [cohort.confounds[i] for i in order]
    )

    pd.testing.assert_frame_equal(found, expected)


def test_a_report_of_runs_in_another_order_is_the_same(fitted, tmp_path):
    """Spectra, explained variance and motion are those of the run beside which they stand."""
    cohort, ica = fitted
    given = {"imgs": cohort.func, "confounds": cohort.confounds}
    turned = {name: several[::-1] for name, several in given.items()}

    first = report(ica, tmp_path / "a.html", **given).read_bytes()

    assert report(ica, tmp_path / "b.html", **turned).read_bytes() == first


def test_runs_that_moved_are_known_by_their_files(fitted, tmp_path, monkeypatch):
    """From another folder, by a relative path or a link, in any order."""
    cohort, ica = fitted
    expected = quality_table(ica, cohort.func)["explained"].tolist()
    for path in map(Path, cohort.func):
        (tmp_path / path.name).symlink_to(path)
    monkeypatch.chdir(tmp_path)

    found = quality_table(ica, [Path(path).name for path in cohort.func[::-1]])

    assert found["explained"].tolist() == expected


def test_runs_that_are_not_of_the_fit_are_refused(fitted, tmp_path):
    """By name; in memory by their length."""
    cohort, ica = fitted
    other = tmp_path / "sub-09_bold.nii"
    other.write_bytes(Path(cohort.func[0]).read_bytes())

    with pytest.raises(ValueError, match=r"sub-09_bold\.nii is none of the runs of the fit"):
        quality_table(ica, [*cohort.func[:2], str(other)])
    in_memory = [nib.load(path).slicer[..., :] for path in cohort.func]
    in_memory = [nib.Nifti1Image(np.asarray(i.dataobj), i.affine, i.header) for i in in_memory]
    ica_in_memory = estimator(n_init=1).fit(in_memory)
    with pytest.raises(ValueError, match="has 62 frames, but had 60 in the fit"):
        quality_table(ica_in_memory, in_memory[::-1])


def test_a_table_of_motion_that_is_not_there_is_told(fitted):
    """A slip in its name is not taken for a run without motion."""
    _, ica = fitted

    with pytest.raises(FileNotFoundError, match=r"nowhere\.tsv"):
        quality_table(ica, confounds=["nowhere.tsv", None, None])


@pytest.mark.parametrize("t_r", ["2", 0, -1, float("nan"), True])
def test_a_repetition_time_that_cannot_be_is_refused(fitted, tmp_path, t_r):
    """Before minutes of work, and without a file."""
    cohort, ica = fitted

    with pytest.raises(ValueError, match=r"t_r is .*expected seconds"):
        report(ica, tmp_path / "a.html", imgs=cohort.func, t_r=t_r)
    assert not list(tmp_path.iterdir())


def test_a_report_of_names_of_any_bytes(fitted, tmp_path):
    """A run, a component and a title may be called what UTF-8 cannot hold."""
    cohort, _ = fitted
    odd = os.fsdecode(b"sub-\xff.nii")
    (tmp_path / odd).write_bytes(Path(cohort.func[0]).read_bytes())
    ica = estimator(n_init=1).fit([str(tmp_path / odd)])

    path = report(ica, tmp_path / "a.html", names=[odd] * 5, title=odd, imgs=[tmp_path / odd])

    assert "sub-\\udcff" in path.read_text("utf-8")
