"""What the functions of this wing return: a Bunch that says in a few lines what it holds."""

from pathlib import Path

from sklearn.utils import Bunch

_WIDTH = 88  # of a line, in characters


class Dataset(Bunch):
    """Files, images and tables of a data set, by name; in a notebook, a line for each of them.

    It is scikit-learn's Bunch: ``data.func`` and ``data["func"]`` are the same.

    See Also
    --------
    simulate_group, find_bids : two that return one.

    Examples
    --------
    >>> from nbica.datasets.dataset import Dataset
    >>> Dataset(func=["a_bold.nii.gz", "b_bold.nii.gz"], t_r=2.0, confounds=None)
    func       2 files: a_bold.nii.gz, …
    t_r        2.0
    confounds  none
    """

    def __repr__(self):
        """One line for each of what there is."""
        width = max(map(len, self), default=0)
        lines = (f"{name:<{width}}  {_in_words(value)}" for name, value in self.items())
        return "\n".join(
            line if len(line) <= _WIDTH else f"{line[: _WIDTH - 2]} …" for line in lines
        )


def _shortened(line):
    return line if len(line) <= _WIDTH else f"{line[: _WIDTH - 2]} …"


def _in_words(value):
    """What a value is, on one line."""
    if value is None:
        return "none"
    if isinstance(value, list | tuple):
        return _of_several(value)
    if hasattr(value, "columns"):
        return f"table of {len(value)} rows: {', '.join(map(str, value.columns))}"
    if hasattr(value, "shape"):
        return f"{type(value).__name__} of {' × '.join(map(str, value.shape))}"
    if isinstance(value, str | Path):
        return str(value).strip().partition("\n")[0]
    return str(value)


def _of_several(values):
    """How many there are of what, and the first of them."""
    if not values:
        return "none"
    first = values[0]
    if isinstance(first, str | Path) and Path(first).suffix:
        more = ("file", "") if len(values) == 1 else ("files", ", …")
        return f"{len(values)} {more[0]}: {Path(first).name}{more[1]}"
    if isinstance(first, str | int | float):
        return f"{len(values)}: {', '.join(map(str, values))}"
    missing = sum(value is None for value in values)
    some = next((value for value in values if value is not None), None)
    if some is None:
        return f"{len(values)} times none"
    return f"{len(values) - missing} times {_in_words(some)}"
