"""A folder that holds data sets as their sources offer them, for others to fetch from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbica.datasets.download.fetch import fetch
from nbica.datasets.fetchers.common import options_of, plan

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nbica.hints import AnyPath


def mirror(
    names: str | Sequence[str] | Mapping[str, dict], folder: AnyPath, *, verbose: int = 1,
    **options: Any
) -> Path:  # fmt: skip
    """Download data sets once, so that a whole class can fetch them from a folder or a server.

    Costs what the data sets cost; what is already in the folder is not downloaded again.

    Parameters
    ----------
    names : str, list of str, or dict of str to dict
        Data sets, as in :func:`nbica.datasets.plan`; a dict gives the options of each.
    folder : path
        Gets a folder per data set, with the files as they were offered (archives packed) and a
        record of their hashes.
    verbose : int
    **options
        For all data sets that know them, such as `n_subjects=10`.

    Returns
    -------
    Path
        The folder. Others set `NBICA_MIRROR` to it, or to the address under which it is served:
        `python -m http.server -d FOLDER` will do.

    Raises
    ------
    DownloadError
        If a file did not come; call again to go on.

    See Also
    --------
    plan : what a download would bring.

    Examples
    --------
    >>> from nbica import datasets
    >>> wanted = {"adhd": {"n_subjects": 10}, "atlas_msdl": {}}
    >>> [len(datasets.plan(name, **options).items) for name, options in wanted.items()]
    [11, 1]
    >>> datasets.mirror(wanted, "/srv/nbica")  # doctest: +SKIP
    """
    folder = Path(folder).expanduser().absolute()
    for name, own in _as_dict(names).items():
        known = {key: value for key, value in options.items() if key in options_of(name)}
        _mirror_one(name, folder, known | own, verbose)
    return folder


def _as_dict(names):
    if isinstance(names, dict):
        return names
    return {name: {} for name in ([names] if isinstance(names, str) else names)}


def _mirror_one(name, folder, options, verbose):
    """Fetch the plan of one data set, and what can only be planned after that."""
    planned = plan(name, data_dir=folder, **options)
    fetch(_packed(planned), verbose=verbose)
    if planned.next_step:
        fetch(_packed(plan(name, data_dir=folder, **options)), verbose=verbose)


def _packed(planned):
    """The same plan, with archives as files to keep, not to unpack."""
    items = [replace(item, file=replace(item.file, members=())) for item in planned.items]
    return replace(planned, items=tuple(items), others=()).again()
