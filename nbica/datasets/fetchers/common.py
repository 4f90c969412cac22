"""What all fetchers share, and `plan`, which asks one what it would do.

Every `fetch_*` lists its files, makes a plan, returns it if `download=False`, else fetches and
makes a Bunch with nilearn's keys. Each takes

* `data_dir`: the folder of all data; by default `NBICA_DATA`, else the platform's cache folder,
  while copies that nilearn has already made are used where they are;
* `url`: where to look instead of the registry's address;
* `resume`: False starts files anew that were begun;
* `verbose`: 0 shows no progress;
* `download`: False returns the plan only.
"""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any

from nbica.datasets import registry
from nbica.exceptions import DataWarning
from nbica.runtime.checks import as_flag, check_count

if TYPE_CHECKING:
    from pandas import DataFrame

    from nbica.datasets.download.plan import DownloadPlan


def plan(name: str, *, verify: bool = False, **options: Any) -> DownloadPlan:
    """Tell what fetching a data set would do: files, sizes, what is here, licence, folder.

    Reads the registry and looks at the disk; nothing is asked of the network.

    Parameters
    ----------
    name : str
        As in :func:`data_sets`: "adhd" for `fetch_adhd`.
    verify : bool
        Read all files that are here and compare their hashes, published or recorded. A damaged
        one is shown as such, and `nbica.datasets.download.fetch.fetch(plan)` replaces it.
    **options
        Those of the fetcher, such as `n_subjects` and `data_dir`.

    Returns
    -------
    DownloadPlan
        Print it, or see its `table`, `missing`, `n_bytes`, `folder`.

    Raises
    ------
    ValueError
        For an unknown name.

    See Also
    --------
    data_sets : the names that there are.

    Examples
    --------
    >>> from nbica import datasets
    >>> planned = datasets.plan("adhd", n_subjects=2, data_dir="data")
    >>> planned.table["file"].tolist()
    ['adhd40_metadata.tgz', 'adhd40_0010042.tgz', 'adhd40_0010064.tgz']
    >>> len(planned.missing), planned.folder.name
    (3, 'adhd')
    """
    fetcher, given = _fetcher(name)
    planned = fetcher(**given, **options, download=False)
    return planned.again(verify=True) if as_flag("verify", verify) else planned


def data_sets() -> DataFrame:
    """List the data sets that can be fetched: a DataFrame of name, title, licence and citation.

    See Also
    --------
    plan : what fetching one of them would do.

    Examples
    --------
    >>> from nbica import datasets
    >>> table = datasets.data_sets()
    >>> table.columns.tolist()
    ['title', 'licence', 'citation']
    >>> "adhd" in table.index, "atlas_msdl" in table.index
    (True, True)
    """
    import pandas as pd

    entries = [registry.dataset(name) for name in registry.names()]
    rows = [(entry.name, entry.title, entry.licence, entry.citation) for entry in entries]
    return pd.DataFrame(rows, columns=["name", "title", "licence", "citation"]).set_index("name")


def _fetcher(name):
    from nbica import datasets

    registry.dataset(name)
    if hasattr(datasets, f"fetch_{name}"):
        return getattr(datasets, f"fetch_{name}"), {}
    return datasets.fetch_openneuro, {"dataset": name}


def options_of(name):
    """Names of a fetcher's parameters."""
    return list(inspect.signature(_fetcher(name)[0]).parameters)


def first(ids, n_subjects):
    """The first subjects of a list: all for None, and all, with a warning, for too many.

    Raises
    ------
    ValueError
        For less than one.
    """
    if n_subjects is None:
        return list(ids)
    check_count("n_subjects", n_subjects)
    if n_subjects > len(ids):
        msg = f"n_subjects is {n_subjects}, but there are only {len(ids)}: all are taken."
        warnings.warn(msg, DataWarning, stacklevel=3)
    return list(ids)[:n_subjects]


def bunch(entry, **fields):
    """A Bunch with the data set's description, licence and citation."""
    from nbica.datasets.dataset import Dataset

    return Dataset(
        **fields, description=entry.description, licence=entry.licence, citation=entry.citation
    )
