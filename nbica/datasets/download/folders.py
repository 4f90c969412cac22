"""Where data go, and where they may already be.

    data_dir  >  NBICA_DATA  >  copies that nilearn made (read only)  >  the platform's cache folder

What is downloaded goes to `data_dir`, else to `NBICA_DATA`, else to the cache folder. Unless
`data_dir` says where to look, files that nilearn has already downloaded are used where they are.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from nbica.datasets.files import data_folder

if TYPE_CHECKING:
    from nbica.hints import AnyPath

# Releases of nilearn before 0.14.1 put this one into a folder of a folder.
_NESTED = {"development_fmri": "development_fmri/development_fmri"}


def own_folder(name, data_dir=None):
    """The folder of a data set into which it is downloaded."""
    return data_folder(data_dir) / name


def other_folders(name, data_dir=None):
    """Existing folders in which nilearn may have put the same data set; never written to."""
    if data_dir is not None:
        return []
    names = [name, _NESTED[name]] if name in _NESTED else [name]
    folders = [root / name for root in _nilearn_roots() for name in names]
    return [folder for folder in folders if folder.is_dir()]


def _nilearn_roots():
    listed = [os.environ.get(name, "") for name in ("NILEARN_SHARED_DATA", "NILEARN_DATA")]
    roots = [root for several in listed for root in several.split(os.pathsep) if root]
    return [Path(root).expanduser().absolute() for root in [*roots, "~/nilearn_data"]]


def get_data_dirs(data_dir: AnyPath | None = None) -> list[str]:
    """List the folders in which data are looked for; the first is the one that is written to.

    Parameters
    ----------
    data_dir : path, optional
        As the fetchers take it.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from pathlib import Path
    >>> from nbica import datasets
    >>> [Path(folder).name for folder in datasets.get_data_dirs("open_data")]
    ['open_data']
    """
    others = [] if data_dir is not None else _nilearn_roots()
    return [str(data_folder(data_dir)), *map(str, others)]
