"""What is said of each run."""

from pathlib import Path

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
