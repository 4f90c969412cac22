"""What leaves a cache that has grown too large: the entries that were not used for longest.

A fit knows what it has yet to read. Those entries stay, whatever their age; once merged, a run's
entry may go like any other. That is also why a cache too small for all runs of a fit still helps
the next one: plain replacement by age would drop each entry just before it is asked for.
"""

import logging
import os
import shutil
import time
from pathlib import Path

from nbica.exceptions import CacheWarning
from nbica.runtime.progress import warn
from nbica.runtime.units import human, parse_ram

# Entries that nobody used for so long go, however small the cache.
MAX_AGE = 180 * 86400.0
# Part of a limit that stays free once entries had to go, so that the next ones find room without
# another look at all of them.
_HEADROOM = 0.05

_log = logging.getLogger("nbica")


def entries_to_evict(entries, limit, needed=frozenset(), now=None):
    """Which entries are to go, least recently used first.

    Parameters
    ----------
    entries : list of store.EntryFacts
    limit : int
        Bytes that may stay.
    needed : set of str
        Keys of entries that stay in any case.
    now : float, optional
        Seconds since the epoch.

    Returns
    -------
    list of store.EntryFacts
    """
    oldest = (time.time() if now is None else now) - MAX_AGE
    excess = sum(entry.n_bytes for entry in entries) - limit
    evicted = []
    for entry in sorted(entries, key=lambda entry: entry.last_used):
        if entry.key in needed or (excess <= 0 and entry.last_used >= oldest):
            continue
        evicted.append(entry)
        excess -= entry.n_bytes
    return evicted


class CacheLimiter:
    """Keeps a store within its limit while a fit adds to it.

    Parameters
    ----------
    store : store.Store or store.NoStore
    limit : as :func:`parse_limit` takes it
    needed : iterable of str
        Keys that the fit has yet to read.
    """

    def __init__(self, store, limit=None, needed=()):
        self._store, self._limit = store, limit
        self._needed = set(needed)
        self._dropped = []
        store.sweep()

    def added(self, key):
        """Make room after an entry was put, or read for the last time."""
        self._needed.discard(key)
        self.trim()

    def finish(self):
        """Keep to the limit once the fit has read all that it needed."""
        self._needed.clear()
        self.trim()

    def trim(self):
        """Drop what has to go now; looks at the entries only where something may have to."""
        if not self._may_change() or self._has_room():
            return
        entries = self._store.entries()
        n_bytes = sum(entry.n_bytes for entry in entries)
        limit = self._limit_beside(n_bytes)
        if n_bytes > limit:
            limit *= 1 - _HEADROOM
        for entry in entries_to_evict(entries, limit, self._needed):
            run = self._store.about(entry.stage, entry.key).get("run", "")
            if self._store.drop(entry.stage, entry.key):
                self._dropped.append((entry, run))
                n_bytes -= entry.n_bytes
        self._store.ledger.begin(n_bytes)

    def _may_change(self):
        folder = self._store.location
        return folder is not None and os.access(folder, os.W_OK)

    def _has_room(self):
        n_bytes = self._store.ledger.n_bytes()
        return n_bytes is not None and n_bytes <= self._limit_beside(n_bytes)

    def _limit_beside(self, n_bytes):
        """The limit; without one, half of what is free on the disk or the cache's."""
        limit = parse_limit(self._limit)
        if limit is not None:
            return limit
        return (shutil.disk_usage(self._store.location).free + n_bytes) // 2

    def warn(self, stacklevel):
        """Warn of what was dropped, if anything was.

        Parameters
        ----------
        stacklevel : int
            As `warnings.warn` takes it, from the caller.
        """
        if not self._dropped:
            return
        n_bytes = sum(entry.n_bytes for entry, _ in self._dropped)
        names = dict.fromkeys(Path(run).name or entry.stage for entry, run in self._dropped)
        some = ", ".join(list(names)[:3]) + (", …" if len(names) > 3 else "")
        msg = (
            f"The cache {self._store.location} was over its limit: dropped {len(self._dropped)} "
            f"entries ({human(n_bytes)}) that were not used for longest: {some}. "
            "They are computed again when they are needed; cache_limit sets the limit."
        )
        self._dropped = []
        _log.info(msg)
        warn(msg, CacheWarning, stacklevel=stacklevel + 1)


def parse_limit(limit):
    """Bytes of a `cache_limit` as a user writes it; None stays None.

    Raises
    ------
    ValueError
    """
    return parse_ram(limit, "cache_limit", "half of the disk space that is free or the cache's")
