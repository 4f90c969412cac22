"""Confounds from whatever they were given as, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from nbica.signal.confounds import load_confounds


def test_confounds_come_in_many_forms(tmp_path):
    """Array, DataFrame, table with or without a header, any separator, and lists of them."""
    values = np.random.default_rng(0).standard_normal((6, 2)).round(6)
    frame = pd.DataFrame(values, columns=["trans_x", "rot_z"])
    frame.to_csv(tmp_path / "a.tsv", sep="\t", index=False)
    frame.to_csv(tmp_path / "tabs.csv", sep="\t", index=False)
    frame.to_csv(tmp_path / "b.csv", index=False)
    np.savetxt(tmp_path / "c.txt", values)
    np.savetxt(tmp_path / "d.csv", values, delimiter=",")

    for given in (values, frame, *sorted(tmp_path.iterdir()), str(tmp_path / "a.tsv")):
        np.testing.assert_allclose(load_confounds(given, 6, "run"), values)
    for given in ([values[:, 0], frame["rot_z"]], (values[:, :1], tmp_path / "c.txt")):
        assert load_confounds(given, 6, "run").shape[0] == 6


def test_no_columns_are_no_confounds():
    """An empty selection is None."""
    for nothing in (None, [], np.zeros((6, 0)), pd.DataFrame(index=range(6))):
        assert load_confounds(nothing, 6, "run") is None


def test_first_row_of_derivatives_is_filled_as_nilearn_does(tmp_path):
    """For fMRIPrep: n/a stands where a derivative has no past; the second row stands in."""
    path = tmp_path / "confounds.tsv"
    path.write_text("trans_x\ttrans_x_derivative1\n1\tn/a\n2\t1\n4\t2\n")

    np.testing.assert_array_equal(load_confounds(path, 3, "run"), [[1, 1], [2, 1], [4, 2]])


@pytest.mark.parametrize(
    ("confounds", "message"),
    [
        (np.zeros((5, 2)), "confounds of sub-01 have 5 rows but the run has 6 timepoints"),
        (pd.DataFrame({"a": range(6), "b": [0, 1, np.nan, 3, 4, 5]}), "nan in column 'b', row 2"),
        (pd.DataFrame({"a": range(6), "b": list("xyzxyz")}), "not numeric: 'b'"),
        (np.full((6, 1), np.inf), "inf in column 0, row 0"),
        (np.zeros((6, 1, 1)), r"ndarray of shape \(6, 1, 1\)"),
        (np.array(list("abcdef")), "a numeric array"),
        (3.0, "float of shape"),
    ],
)
def test_wrong_confounds_say_the_way_out(confounds, message):
    """The run, the column and the row are named."""
    with pytest.raises(ValueError, match=message):
        load_confounds(confounds, 6, "sub-01")


def test_missing_confounds_file_is_named(tmp_path):
    """A path that does not exist is in the message."""
    with pytest.raises(FileNotFoundError, match=r"sub-01 .*nowhere\.tsv"):
        load_confounds(tmp_path / "nowhere.tsv", 6, "sub-01")
