"""Text from anywhere, such as names of files, made fit for a terminal or a spreadsheet."""

from nbica.exceptions import printable

# What makes a spreadsheet take a cell for a formula: it would run when the table is opened.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def on_one_line(text):
    """As :func:`printable`, for the cell of a table: new lines go too."""
    return printable(text).replace("\n", "?")


def for_spreadsheets(table):
    """A DataFrame of which no spreadsheet takes a text for a formula.

    Parameters
    ----------
    table : DataFrame

    Returns
    -------
    DataFrame
        Texts that begin like a formula have a quotation mark before them, in the index too.
    """
    safe = table.map(_harmless)
    safe.index = safe.index.map(_harmless)
    return safe.rename(columns=_harmless)


def _harmless(value):
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def reads_as_number(text):
    """Whether Python reads a text as a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True
