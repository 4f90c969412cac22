"""The same run twice: by a link, a copy, or as a plain file beside its compressed one."""

import hashlib
from itertools import zip_longest

import numpy as np

from nbica.exceptions import DataError
from nbica.image.columns import iter_columns
from nbica.image.fingerprint import fingerprint
from nbica.image.frames import iter_blocks
from nbica.image.grid import whole


def place_of(path):
    """A path without its compression: that of bold.nii is that of the bold.nii.gz beside it."""
    return str(path).removesuffix(".gz")


def groups_of_twins(runs):
    """Which runs are one and the same.

    Costs their fingerprints and the first frame of each; where first frames are equal, reading both
    runs.

    Parameters
    ----------
    runs : list of Run

    Returns
    -------
    list of int
        For each run the number of the first that is the same: its own, if it is no twin.
    """
    groups, seen = [], {}
    for number, run in enumerate(runs):
        keys = _keys(run)
        known = [seen[key] for key in keys if key in seen]
        first = _first_frame(run)
        known += [k for k in seen.get(first, []) if _are_equal(runs[k], run)] if first else []
        group = groups[known[0]] if known else number
        groups.append(group)
        seen.update((key, group) for key in keys if key not in seen)
        seen.setdefault(first, []).append(number)
    return groups


def _keys(run):
    return [fingerprint(run), *map(place_of, getattr(run.frames, "paths", ()))]


def _first_frame(run):
    """A short text for the first frame; nothing for one that is the same everywhere."""
    try:
        block = next(_pieces(run, n_frames=1))
    except DataError:  # whoever reads it next will say so, or leave it out
        return ""
    if np.ptp(block.values) == 0:
        return ""
    place = *run.grid.identity, run.n_timepoints
    return hashlib.sha256(repr(place).encode() + block.values.tobytes()).hexdigest()


def _are_equal(run, other):
    blocks = (_pieces(one) for one in (run, other))
    return all(
        one is not None and two is not None and np.array_equal(one.values, two.values)
        for one, two in zip_longest(*blocks)
    )


def _pieces(run, n_frames=None):
    """The numbers of a run, in the order of its file."""
    if run.on_surfaces:
        return iter_columns(run)
    return iter_blocks(run, run.grid, whole(run.grid), n_frames)
