"""Tables of numbers over time, as programs write them: read strictly, errors name the file."""

import csv
from io import StringIO
from pathlib import Path

import numpy as np

from nbica.exceptions import DataError
from nbica.runtime.placeholders import placeholder
from nbica.runtime.text import reads_as_number

# What stands for a value that is missing.
_MISSING = ("", "n/a", "na", "nan", "null", "none", "#n/a")


def read_table(path, origin, dtype=None):
    """A table with or without a header, columns separated by tabs, commas, semicolons or blanks.

    Parameters
    ----------
    path : path
        Lines that begin with #, as AFNI's .1D files have them, are comments; empty ones are passed
        over.
    origin : str
        What to call the table in messages, in the plural.
    dtype : dict, optional
        Types of columns by name, as pandas takes them.

    Returns
    -------
    DataFrame
        Columns by their names, or by number where there is no header. A first column without a
        name that counts the rows is left out.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    DataError
        If it is no text, is empty, or its lines are not all of one length.
    """
    import pandas as pd

    lines = _lines(_text(Path(path).expanduser(), origin))
    if not lines:
        msg = f"{origin} are empty: the file holds no line beside comments"
        raise DataError(msg)
    try:
        return _parsed(lines, origin, dtype)
    except (csv.Error, pd.errors.ParserError) as error:
        msg = f"{origin} cannot be read as a table: {error}"
        raise DataError(msg) from error


def _parsed(lines, origin, dtype):
    """A table of text as a DataFrame, whatever separates its columns."""
    import pandas as pd

    separator = _separator(lines[0])
    rows = _fields(lines, separator)
    _check_widths(rows, origin)
    table = pd.read_csv(
        StringIO("\n".join(lines)), sep=separator or r"\s+", index_col=False, dtype=dtype,
        header=None if _is_row_of_numbers(rows[0]) else 0,
    )  # fmt: skip
    return _without_row_numbers(table, rows[0][0])


def without_row_of_numbers(table, n_rows):
    """A table without a first row that only numbers the columns, if it has just this one too many.

    pandas writes such a header for an array: 0, 1, 2…
    """
    width = table.shape[1]
    if len(table) != n_rows + 1 or list(table.columns) != list(range(width)):
        return table
    first = table.iloc[0].tolist()
    counts = first in (list(range(width)), list(range(1, width + 1)))
    return table.iloc[1:].reset_index(drop=True) if counts else table


def _without_row_numbers(table, name):
    """A table without a first column that has no name and counts the rows, as pandas writes one."""
    rows = np.arange(len(table))
    first = table.iloc[:, 0].to_numpy()
    counts = np.array_equal(first, rows) or np.array_equal(first, rows + 1)
    return table.iloc[:, 1:] if not name and table.shape[1] > 1 and counts else table


# ---- text to fields -----------------------------------------------------------------------------


def _text(path, origin):
    """The text of a file that is here and is text."""
    if reason := placeholder(path):
        msg = f"{origin} are not here: {reason}"
        raise FileNotFoundError(msg)
    if not path.is_file():
        msg = f"{origin} were not found: there is no such file"
        raise FileNotFoundError(msg)
    try:
        with path.open("rb") as stream:
            if b"\0" in stream.read(4096):  # no need to read a run of a gigabyte
                raise UnicodeError
        return path.read_text(encoding="utf-8-sig")
    except UnicodeError as error:
        msg = f"{origin} are no text; a table was expected. Were images passed as confounds?"
        raise DataError(msg) from error


def _lines(text):
    lines = (line.strip("\r\n ") for line in text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _separator(line):
    """What parts the columns; None for blanks."""
    # By what the first line holds, not by the suffix: the .csv files of ADHD200 hold tabs.
    return next((mark for mark in "\t,;" if mark in line), None)


def _fields(lines, separator):
    if separator is None:
        return [line.split() for line in lines]
    return [[field.strip() for field in row] for row in csv.reader(lines, delimiter=separator)]


def _check_widths(rows, origin):
    width = len(rows[0])
    for number, row in enumerate(rows, start=1):
        if len(row) != width:
            msg = (
                f"{origin} have {width} columns in the first line but {len(row)} in line {number} "
                "(without comments); give each line as many, separated alike"
            )
            raise DataError(msg)


def _is_row_of_numbers(fields):
    """Whether a first line is data already: numbers, and perhaps gaps."""
    present = [field for field in fields if field.lower() not in _MISSING]
    # As pandas writes an array: an empty corner, then the numbers of the columns.
    if not fields[0] and fields[1:] == [str(number) for number in range(len(fields) - 1)]:
        return False
    return bool(present) and all(reads_as_number(field) for field in present)
