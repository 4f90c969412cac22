"""What is in a cache, in words, and how to empty it."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING

from nbica.exceptions import CacheWarning
from nbica.runtime.store import NoStore, open_store
from nbica.runtime.text import on_one_line
from nbica.runtime.units import duration, human

if TYPE_CHECKING:
    import joblib
    from pandas import DataFrame

    from nbica.hints import AnyPath


def cache_info(folder: AnyPath | joblib.Memory) -> CacheInfo:
    """List what a cache holds: data set, run, parameters, size and last use of every entry.

    Opens one small file per entry.

    Parameters
    ----------
    folder : path or joblib.Memory
        What was given as `memory`.

    Returns
    -------
    CacheInfo
        Prints as a table; `.table` is a DataFrame, `.n_bytes` the sum of the sizes.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.

    See Also
    --------
    cache_clear : removes entries.

    Examples
    --------
    >>> from nbica import CanICA, cache_info, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0, memory="cache").fit(cohort)
    >>> info = cache_info("cache")
    >>> info.table["stage"].value_counts().to_dict()
    {'reduction': 4, 'subspace': 1}
    """
    store = _existing(folder)
    rows = [_row(store, entry) for entry in store.entries()]
    return CacheInfo(store.location, sorted(rows, key=lambda row: -row["last_used"]))


def cache_clear(
    folder: AnyPath | joblib.Memory, run: str | None = None, older_than: float | None = None
) -> CacheInfo:
    """Remove entries of a cache; other files in the folder stay.

    Fits that have read these entries are not disturbed. On Windows an entry that a process has in
    use stays, and a warning says so.

    Parameters
    ----------
    folder : path or joblib.Memory
    run : str, optional
        Only entries of runs whose path or file name matches this pattern, such as "sub-01*".
    older_than : float, optional
        Only entries that were not used for so many days.

    Returns
    -------
    CacheInfo
        What was removed.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If `older_than` is below 0.

    See Also
    --------
    cache_info : lists them.

    Examples
    --------
    >>> from nbica import CanICA, cache_clear, cache_info, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0, memory="cache").fit(cohort)
    >>> len(cache_clear("cache", run="sub-01*").rows)
    1
    >>> len(cache_info("cache").rows), len(cache_clear("cache", older_than=180).rows)
    (4, 0)
    """
    if older_than is not None and not older_than >= 0:
        msg = f"older_than is {older_than!r}; expected days, from 0 on."
        raise ValueError(msg)
    store, removed, kept = _existing(folder), [], []
    for entry in store.entries():
        row = _row(store, entry)
        if _is_meant(row, run, older_than):
            (removed if store.drop(entry.stage, entry.key) else kept).append(row)
    store.sweep()
    store.ledger.close()
    if kept:
        msg = (
            f"{len(kept)} entries of {store.location} stay, such as that of "
            f"{kept[0]['run'] or kept[0]['stage']}: they are in use by a process, or not yours to "
            "remove. Shut down the kernels that used them and clear the cache again."
        )
        warnings.warn(msg, CacheWarning, stacklevel=2)
    return CacheInfo(store.location, removed)


def _existing(folder):
    store = open_store(folder)
    if isinstance(store, NoStore) or not Path(store.location).is_dir():
        msg = f"There is no cache in {store.location}: no such folder."
        raise FileNotFoundError(msg)
    return store


def _is_meant(row, run, older_than):
    path = Path(row["dataset"]) / row["run"]
    if run is not None and not (fnmatch(row["run"], run) or fnmatch(str(path), run)):
        return False
    return older_than is None or time.time() - row["last_used"] > 86400 * older_than


def _row(store, entry):
    about = store.about(entry.stage, entry.key)
    path = Path(about.get("run", ""))
    return {
        "stage": entry.stage,
        "dataset": "" if path.parent == Path() else str(path.parent),
        "run": path.name,
        "parameters": about.get("parameters", ""),
        "n_bytes": entry.n_bytes,
        "last_used": entry.last_used,
        "key": entry.key,
    }


@dataclass(frozen=True)
class CacheInfo:
    """Entries of a cache, those used last first.

    Attributes
    ----------
    location : Path
    rows : list of dict
        stage, dataset, run, parameters, n_bytes, last_used (seconds since the epoch), key.

    See Also
    --------
    cache_info : makes one.

    Examples
    --------
    >>> from nbica import CanICA, cache_info, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0, memory="cache").fit(cohort)
    >>> info = cache_info("cache")
    >>> info.location.name, len(info.rows) == len(info.table)
    ('cache', True)
    >>> info.n_bytes == int(info.table["n_bytes"].sum())
    True
    """

    location: Path
    rows: list

    @property
    def n_bytes(self) -> int:
        """Sum of the sizes of all entries."""
        return sum(row["n_bytes"] for row in self.rows)

    @property
    def table(self) -> DataFrame:
        """The same as a DataFrame."""
        import pandas as pd

        return pd.DataFrame(self.rows)

    def __len__(self):
        return len(self.rows)

    def __repr__(self):
        title = f"{self.location}: {len(self)} entries, {human(self.n_bytes)}"
        if not self.rows:
            return title
        header = f"{'stage':<10} {'run':<36} {'size':>8}  {'last used':<12} parameters"
        lines, dataset = [], None
        for row in self.rows:
            if row["dataset"] and row["dataset"] != dataset:
                dataset = row["dataset"]
                lines.append(f"in {dataset}")
            ago = f"{duration(max(0, time.time() - row['last_used']))} ago"
            size = human(row["n_bytes"])
            lines.append(
                f"{row['stage']:<10} {row['run']:<36} {size:>8}  {ago:<12} {row['parameters']}"
            )
        return "\n".join(map(on_one_line, [title, "", header, *lines]))
