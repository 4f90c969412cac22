"""Text from anywhere, such as names of files, made fit for a terminal or a spreadsheet."""

# What makes a spreadsheet take a cell for a formula: it would run when the table is opened.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def printable(text):
    r"""Text without what moves a cursor, hides lines or cannot be encoded; lines stay lines.

    >>> printable("sub-\x1b[2J01.nii\udcff\nsub-02.nii")
    'sub-?[2J01.nii?\nsub-02.nii'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


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
