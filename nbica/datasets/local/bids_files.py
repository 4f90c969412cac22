"""What lies beside a run in a BIDS folder: its table of confounds, its sidecar, its mask."""

import json
import re

from nbica.datasets.local.bids_names import entities, without
from nbica.datasets.local.candidates import LeftOut
from nbica.signal.tables import read_table

_TABLE = re.compile(r".*_desc-confounds_(timeseries|regressors)\.tsv")  # from 20.2 on, and before
_NOT_OF_A_TABLE = ("space", "cohort", "res", "den", "desc", "hemi", "suffix")
# Echoes and parts of an acquisition share its table and its mask.
_SHARED = ("echo", "part")


def table_of(path):
    """The table of confounds of a run and its sidecar; or None, nothing, and why there is none.

    The name of a table may have fewer entities than the run's, if no other run fits it as well.

    Parameters
    ----------
    path : Path

    Returns
    -------
    table : DataFrame or None
    sidecar : dict
    reason : str
    """
    found, reason = _find_table(path)
    if found is None:
        return None, {}, reason
    try:
        return read_table(found, f"the confounds in {found.name}"), read_json(found), ""
    except (ValueError, OSError) as error:
        return None, {}, f"its table of confounds cannot be read: {error}"


def _find_table(path):
    """The table whose entities fit a run best and fit no other run, or why there is none."""
    own = without(entities(path), *_NOT_OF_A_TABLE)
    tables = [other for other in path.parent.iterdir() if _TABLE.fullmatch(other.name)]
    fitting = {table: without(entities(table), *_NOT_OF_A_TABLE) for table in sorted(tables)}
    fitting = {table: names for table, names in fitting.items() if names <= own}
    if not fitting:
        return None, f"no table of confounds beside it ({_table_name(path)} is not there)"
    best = max(fitting, key=lambda table: (len(fitting[table]), "timeseries" in table.name))
    others = _acquisitions(path.parent, fitting[best]) - {without(dict(own), *_SHARED)}
    if others:
        return None, f"no table of confounds beside it ({best.name} fits other runs as well)"
    return best, ""


def _table_name(path):
    kept = [f"{key}-{label}" for key, label in entities(path).items() if key not in _NOT_OF_A_TABLE]
    return "_".join([*kept, "desc-confounds_timeseries.tsv"])


def _acquisitions(folder, names):
    """Acquisitions in a folder whose names hold these entities."""
    found = [
        without(entities(run), *_NOT_OF_A_TABLE, *_SHARED) for run in folder.glob("*_bold.nii*")
    ]
    wanted = without(dict(names), *_SHARED)
    return {acquisition for acquisition in found if wanted <= acquisition}


def read_json(path):
    """The sidecar of a file; nothing where there is none."""
    sidecar = path.with_name(f"{path.name.partition('.')[0]}.json")
    if not sidecar.is_file():
        return {}
    try:
        content = json.loads(sidecar.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def on_surfaces(space):
    """Whether a label of `space` is of surfaces: fsLR (CIFTI), fsaverage… (GIFTI)."""
    label = "" if space is None else str(space).removeprefix("space-").lower()
    return label.startswith(("fslr", "fsaverage"))


def hemispheres_of(path):
    """What is to be loaded of a run: its path; of a left hemisphere, both.

    Raises
    ------
    LeftOut
        If the right one is not there.
    """
    if not path.name.endswith(".gii"):
        return str(path)
    right = path.with_name(path.name.replace("_hemi-L", "_hemi-R"))
    if not right.is_file():
        msg = f"its right hemisphere is not there ({right.name})"
        raise LeftOut(msg)
    return str(path), str(right)


def mask_of(path):
    """The mask of a run, or None; files of surfaces say themselves what there is."""
    if not path.name.endswith(("_bold.nii", "_bold.nii.gz")):
        return None
    name = re.sub(r"(_desc-[^_]+)?_bold\.nii(\.gz)?$", "_desc-brain_mask.nii.gz", path.name)
    names = (name, re.sub(r"_(echo|part)-[^_]+", "", name))
    return next((str(p) for p in map(path.with_name, names) if p.is_file()), None)
