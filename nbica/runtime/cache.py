"""Results that are kept: keyed by what determines them, taken from the cache where they are there.

A key holds the content's fingerprint, the parameters and the version of the stage, so that a
renamed file hits and a changed one misses.
"""

from __future__ import annotations

import errno
import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nbica.runtime.eviction import CacheLimiter
from nbica.runtime.store import DamagedEntry, OtherFormat

if TYPE_CHECKING:
    from collections.abc import Callable

    from nbica.runtime.store import NoStore, Store


class Cached(NamedTuple):
    """Values, whether they came from the cache, and what is to be said about the cache.

    `key_holds` is False where an input changed while it was read.
    """

    values: dict
    from_cache: bool
    notes: tuple = ()
    key_holds: bool = True


@dataclass(frozen=True)
class Stage:
    """A step whose results are kept.

    Attributes
    ----------
    name : str
    version : int
        Whoever changes the numbers that the step gives raises it.
    """

    name: str
    version: int

    def key(self, *parts: object) -> str:
        """A short text that stands for all that determines a result.

        Parameters
        ----------
        *parts : what JSON can hold, numpy's numbers too

        Returns
        -------
        str
        """
        text = json.dumps([self.name, self.version, *parts], default=_as_plain)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def get_or_compute(
        self, store: Store | NoStore, key: str | None, compute: Callable[[], dict],
        still_valid: Callable[[], bool] | None = None, about: dict | None = None,
    ) -> Cached:  # fmt: skip
        """The result of this stage, from the cache where it is there.

        Parameters
        ----------
        store : store.Store or store.NoStore
        key : str
            From :meth:`key`; of no importance to a NoStore.
        compute : callable
            Gives the values, a dict as :meth:`store.Store.put` takes it; called only where the
            cache has none.
        still_valid : callable, optional
            Asked after the computation whether the key still holds: a file that was replaced while
            it was read must not be kept under the name of the old one.
        about : dict, optional

        Returns
        -------
        Cached
        """
        values, notes = _get(store, self.name, key)
        if values is not None:
            return Cached(values, True, notes)
        values = compute()
        if still_valid is not None and not still_valid():
            notes = (*notes, "an input changed while it was read: the result was not kept")
            return Cached(values, False, notes, key_holds=False)
        return Cached(*_kept(store, self.name, key, values, about, notes))

    def get_or_compute_once(
        self, store: Store | NoStore, make_key: Callable[[], str], compute: Callable[[], dict],
        about: dict | None = None,
    ) -> Cached:  # fmt: skip
        """The result of a stage that stands alone: the key is made here, and room for the entry.

        Parameters
        ----------
        store : store.Store or store.NoStore
        make_key : callable
            Gives the key; asked before and after the computation, as the input might be replaced
            meanwhile, and not at all without a cache.
        compute, about
            As in :meth:`get_or_compute`.

        Returns
        -------
        Cached
        """
        if store.location is None:
            return Cached(compute(), False)
        key, limiter = make_key(), CacheLimiter(store)
        found = self.get_or_compute(store, key, compute, lambda: make_key() == key, about)
        if not found.from_cache:
            limiter.added(key)
        return found


def _as_plain(value):
    if isinstance(value, np.generic):
        return value.item()
    msg = f"a {type(value).__name__} in a key of the cache"
    raise TypeError(msg)


def _get(store, stage, key):
    try:
        return store.get(stage, key), ()
    except (ValueError, OSError) as error:
        store.drop(stage, key)
        how = "of another version" if isinstance(error, OtherFormat) else "damaged"
        return None, (f"an entry was {how} ({error}): dropped and computed again",)


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
