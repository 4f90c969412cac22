"""What leaves a cache that has grown too large: the entries that were not used for longest.

A fit knows what it has yet to read. Those entries stay, whatever their age; once merged, a run's
entry may go like any other. That is also why a cache too small for all runs of a fit still helps
the next one: plain replacement by age would drop each entry just before it is asked for.
"""

import logging
import shutil
import time
import warnings
from pathlib import Path

from nbica.exceptions import CacheWarning
from nbica.runtime.units import human, parse_ram

# Entries that nobody used for so long go, however small the cache.
MAX_AGE = 180 * 86400.0
# Seconds after which the folder is looked at again: others write to it too.
_LOOK_AGAIN = 30.0

_log = logging.getLogger("nbica")


def choose_victims(entries, limit, needed=frozenset(), now=None):
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
    victims = []
    for entry in sorted(entries, key=lambda entry: entry.last_used):
        if entry.key in needed or (excess <= 0 and entry.last_used >= oldest):
            continue
        victims.append(entry)
        excess -= entry.n_bytes
    return victims


class Keeper:
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
        self._looked = 0.0
        store.sweep()

    def added(self, key):
        """Make room after an entry was put, or read for the last time."""
        self._needed.discard(key)
        if self._is_time():
            self.trim()

    def _is_time(self):
        # With a limit of the user's own it holds after each put; the room that a disk has does not
        # change much in half a minute.
        return self._limit is not None or time.monotonic() - self._looked > _LOOK_AGAIN

    def finish(self):
        """Keep to the limit once the fit has read all that it needed."""
        self._needed.clear()
        self.trim()

    def trim(self):
        """Drop what has to go now."""
        self._looked = time.monotonic()
        entries = self._store.entries()
        limit = parse_limit(self._limit)
        if limit is None and entries:
            limit = _half_of_the_disk(self._store.location, entries)
        for entry in choose_victims(entries, limit or 0, self._needed):
            run = self._store.about(entry.stage, entry.key).get("run", "")
            if self._store.drop(entry.stage, entry.key):
                self._dropped.append((entry, run))

    def tell(self, stacklevel):
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
        warnings.warn(msg, CacheWarning, stacklevel=stacklevel + 1)


def parse_limit(limit):
    """Bytes of a `cache_limit` as a user writes it; None stays None.

    Raises
    ------
    ValueError
    """
    return parse_ram(limit, "cache_limit", "half of the disk space that is free or the cache's")


def _half_of_the_disk(folder, entries):
    used = sum(entry.n_bytes for entry in entries)
    return (shutil.disk_usage(folder).free + used) // 2
