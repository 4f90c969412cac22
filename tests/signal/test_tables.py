"""Tables as programs write them, AFNI, R, pandas and spreadsheets among them."""

import numpy as np
import pandas as pd
import pytest

from nbica.exceptions import DataError
from nbica.signal.confounds import load_confounds
from nbica.signal.tables import read_table

VALUES = np.random.default_rng(0).standard_normal((6, 3)).round(6)
ROWS = [" ".join(f"{v:.6f}" for v in row) for row in VALUES]


def write(tmp_path, lines, name="motion.1D"):
    path = tmp_path / name
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "lines",
    [
        ["# dfile", *ROWS],
        ["# 1dcat a.1D b.1D", "#", "   # roll pitch yaw", *ROWS],
        [*ROWS[:3], "# between", "", *ROWS[3:], "# </matrix>"],
        ["a b c", *ROWS],
        ["# a b c", "a b c", *ROWS],
        ["a;b;c", *(row.replace(" ", ";") for row in ROWS)],
        ["a,b,c", *(row.replace(" ", ",") for row in ROWS)],
        ['"a, of x","b","c"', *(row.replace(" ", ",") for row in ROWS)],
        [f"  {row}  " for row in ROWS],
    ],
)
def test_comments_headers_and_separators(tmp_path, lines):
    """Whatever stands around the numbers, all columns are read, as numpy.loadtxt reads them."""
    found = load_confounds(write(tmp_path, lines), 6, "run")

    np.testing.assert_array_equal(found, VALUES)


@pytest.mark.parametrize("options", [{}, {"index": False}, {"header": False, "index": False}])
@pytest.mark.parametrize("sep", ["\t", ","])
def test_what_pandas_writes_comes_back(tmp_path, sep, options):
    """A header that only numbers the columns, and a column that only numbers the rows, are none."""
    path = tmp_path / "table.csv"
    pd.DataFrame(VALUES).to_csv(path, sep=sep, **options)

    np.testing.assert_array_equal(load_confounds(path, 6, "run"), VALUES)


def test_a_first_row_of_whole_numbers_is_data_where_the_rows_are_right(tmp_path):
    """Only one row too many makes a header of numbers."""
    path = write(tmp_path, ["0 1 2", *ROWS[1:]])

    np.testing.assert_array_equal(load_confounds(path, 6, "run")[0], [0, 1, 2])


def test_a_gap_in_the_first_row_is_no_header(tmp_path):
    """A table without names may begin with n/a, as derivatives do."""
    path = write(tmp_path, ["n/a 1.5", "2 3", "4 5"])

    np.testing.assert_array_equal(load_confounds(path, 3, "run"), [[2, 1.5], [2, 3], [4, 5]])


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([""], "are empty"),
        (["# only", "# comments"], "are empty"),
        (["a b", *ROWS], "2 columns in the first line but 3 in line 2"),  # as R writes row names
        ([*ROWS[:4], "1 2", ROWS[5]], "3 columns in the first line but 2 in line 5"),
        (["a,b,c", *["1,2,"] * 6], "column 'c'"),
        ([*ROWS, ROWS[0]], "7 rows but the run has 6"),
        (["1,5;2,5", "1,5;2,5"], "not numeric"),
        (["a\tb", "1\tx"] * 3, "not numeric: 'a'"),
        (['a,"b', *["1,2"] * 6], "cannot be read as a table|columns in the first line"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, lines, said):
    """No column is lost or shifted in silence: the file, what was found, what was expected."""
    path = write(tmp_path, lines)

    with pytest.raises(ValueError, match=rf"motion\.1D.*{said}|{said}.*motion\.1D"):
        load_confounds(path, 6, "run")


@pytest.mark.parametrize(
    "content", [bytes(8), b"\x1f\x8b\x08" + bytes(90), "a\tb\n".encode("utf-16"), b"\xff\xfe\xfd"]
)
def test_what_is_no_text_is_refused_before_it_is_read(tmp_path, content):
    """Images passed as confounds are the usual slip."""
    (tmp_path / "run.nii.gz").write_bytes(content)

    with pytest.raises(DataError, match=r"run\.nii\.gz.*no text"):
        read_table(tmp_path / "run.nii.gz", f"The confounds {tmp_path / 'run.nii.gz'}")


def test_home_is_expanded(tmp_path, monkeypatch):
    """~ stands for the home folder, as everywhere."""
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path, ROWS)

    assert load_confounds("~/motion.1D", 6, "run").shape == (6, 3)


def test_a_link_to_what_is_not_here_says_so(tmp_path):
    """A DataLad clone holds links whose content has to be fetched."""
    (tmp_path / "motion.1D").symlink_to("../.git/annex/objects/x")

    with pytest.raises(FileNotFoundError, match=r"is a link to .*datalad get"):
        load_confounds(tmp_path / "motion.1D", 6, "run")


def test_what_a_mask_hides_is_a_gap():
    """A masked number is not read from below its mask."""
    table = np.ma.masked_greater(VALUES, 1.0)
    assert table.mask[1:].any()

    with pytest.raises(ValueError, match="nan"):
        load_confounds(table, 6, "run")


def test_a_gap_of_pandas_own_types_is_a_gap():
    """pd.NA too, with the column and the row."""
    table = pd.DataFrame({"a": pd.array([1.5, 2, 3, None, 5, 6], "Float64")})

    with pytest.raises(ValueError, match="nan in column 'a', row 3"):
        load_confounds(table, 6, "run")
