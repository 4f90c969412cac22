"""Which runs are read: for those who want to see what a cache saves."""

from collections.abc import Iterator
from contextlib import contextmanager

_open = {}  # id of a list -> the list, of each count that is under way


@contextmanager
def count_reads() -> Iterator[list[str]]:
    """List the runs that are read to their last frame inside of a `with` block.

    Costs nothing. Reads of this process count, so let a fit have `n_jobs=1`.

    Yields
    ------
    list of str
        Names of the runs, as paths where they are files; one entry for each time.

    See Also
    --------
    nbica.cache_info : what a cache holds.

    Examples
    --------
    >>> from nbica import CanICA, count_reads, datasets
    >>> cohort = datasets.simulate_group(2, n_timepoints=40, voxel_size=12.0)
    >>> with count_reads() as reads:
    ...     _ = CanICA(n_components=4, mask=cohort.mask_img).fit(cohort.func)
    >>> len(reads)
    2
    """
    names = []
    _open[id(names)] = names
    try:
        yield names
    finally:
        del _open[id(names)]


def note_read(name):
    """Tell those who count that a run was read to its end."""
    for names in _open.values():
        names.append(str(name))
