"""Results that are kept: keyed by what determines them, recalled where they are there.

A key holds the content's fingerprint, the parameters and the version of the stage, so that a
renamed file hits and a changed one misses. Whoever changes the numbers that a stage gives raises
its version.
"""

import errno
import hashlib
import json
from typing import NamedTuple

import numpy as np

from nbica.runtime.eviction import Keeper
from nbica.runtime.store import DamagedEntry


class Recalled(NamedTuple):
    """Values, whether they came from the cache, and what is to be said about the cache.

    `key_holds` is False where an input changed while it was read.
    """

    values: dict
    from_cache: bool
    notes: tuple = ()
    key_holds: bool = True


def key_of(stage, version, *parts):
    """A short text that stands for all that determines a result.

    Parameters
    ----------
    stage : str
    version : int
    *parts : what JSON can hold, numpy's numbers too

    Returns
    -------
    str
    """
    text = json.dumps([stage, version, *parts], default=_as_plain)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _as_plain(value):
    if isinstance(value, np.generic):
        return value.item()
    msg = f"a {type(value).__name__} in a key of the cache"
    raise TypeError(msg)


def remember(store, stage, key, compute, about=None):
    """The result of a stage that depends on one input, from the cache where it is there.

    Entries that were not used for longest make room for a new one.

    Parameters
    ----------
    store : store.Store or store.NoStore
    stage : str
    key : callable
        Gives the key, from :func:`key_of`; asked before and after the computation, as the input
        might be replaced meanwhile, and not at all without a cache.
    compute : callable
        As :func:`recall` takes it.
    about : dict, optional

    Returns
    -------
    Recalled
    """
    if store.location is None:
        return Recalled(compute(), False)
    before, keeper = key(), Keeper(store)
    found = recall(store, stage, before, compute, lambda: key() == before, about)
    keeper.added(before)
    return found


def recall(store, stage, key, compute, still_valid=None, about=None):
    """The result of a stage, from the cache where it is there.

    Parameters
    ----------
    store : store.Store or store.NoStore
    stage : str
    key : str
        From :func:`key_of`; of no importance to a NoStore.
    compute : callable
        Gives the values, a dict as :meth:`store.Store.put` takes it; called only where the cache
        has none.
    still_valid : callable, optional
        Asked after the computation whether the key still holds: a file that was replaced while it
        was read must not be kept under the name of the old one.
    about : dict, optional

    Returns
    -------
    Recalled
    """
    values, notes = _get(store, stage, key)
    if values is not None:
        return Recalled(values, True, notes)
    values = compute()
    if still_valid is not None and not still_valid():
        notes = (*notes, "an input changed while it was read: the result was not kept")
        return Recalled(values, False, notes, key_holds=False)
    return Recalled(*_kept(store, stage, key, values, about, notes))


def _get(store, stage, key):
    try:
        return store.get(stage, key), ()
    except (DamagedEntry, OSError) as error:
        store.drop(stage, key)
        return None, (f"an entry was damaged ({error}): dropped and computed again",)


def _kept(store, stage, key, values, about, notes):
    try:
        store.put(stage, key, values, about)
        # As a later call will find it: mapped, so that it takes no memory.
        return store.get(stage, key) or values, False, notes
    except (DamagedEntry, OSError) as error:
        return values, False, (*notes, f"a result was not kept: {_reason(error)}")


def _reason(error):
    code = getattr(error, "errno", None)
    if code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return "the disk is full, or a quota is reached"
    if code in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder may not be written"
    return str(error)
