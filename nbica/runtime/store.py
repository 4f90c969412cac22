"""Entries of a cache on disk: a folder each, arrays as .npy, all else as JSON, checksums over both.

    cache/nbica/reduction/3f9a…/entry.json            what it is, values, sizes and checksums
                                components.npy        a plain array

An entry is written under another name and renamed, so it is whole or it is not there, whatever
happens to the process that writes it. It is read without pickle, checked to the last byte, and its
arrays are mapped: nothing is copied, and a worker process hands over the name of a file. Two who
write the same entry at once write the same; the first one wins.

joblib.Memory keeps its results as pickles, which run code when they are read: such a cache may be
taken from nobody. It also knows neither sizes as they grow nor what a running fit still needs.
Only its location is used here, so that `memory=` takes a folder or a `joblib.Memory`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from joblib import Memory

from nbica.runtime.compression import crc32
from nbica.runtime.ledger import Ledger
from nbica.runtime.leftovers import is_abandoned, own_name

if TYPE_CHECKING:
    from nbica.hints import MemoryLike

FOLDER, FILE, UNFINISHED = "nbica", "entry.json", "unfinished"
FORMAT = 1  # of an entry
# In entry.json the checksum comes first and covers all bytes of the entry that follows.
_FRAME = re.compile(rb'\{"crc32": "([0-9a-f]{8})", "entry": (.*)\}\n', re.DOTALL)
_PIECE = 1 << 20  # bytes that are checked at a time


class DamagedEntry(ValueError):
    """An entry is not what was written; the message says how that shows."""


class OtherFormat(DamagedEntry):
    """An entry was written by another version of nbica, in a format that this one does not read."""


@dataclass(frozen=True)
class EntryFacts:
    """An entry as the file system tells of it.

    Attributes
    ----------
    stage, key : str
    n_bytes : int
    last_used : float
        Seconds since the epoch.
    """

    stage: str
    key: str
    n_bytes: int
    last_used: float


def open_store(memory: MemoryLike) -> Store | NoStore:
    """The store of what a user passes as `memory`.

    Parameters
    ----------
    memory : None, path or joblib.Memory
        None keeps nothing.

    Returns
    -------
    Store or NoStore

    Raises
    ------
    TypeError
        If it is something else.
    """
    if isinstance(memory, Store | NoStore):
        return memory
    location = memory.location if isinstance(memory, Memory) else memory
    if location is None:
        return NoStore()
    if not isinstance(location, str | os.PathLike):
        msg = f"memory is a {type(memory).__name__}; expected a folder, a joblib.Memory or None."
        raise TypeError(msg)
    text = os.fsdecode(location)
    if not text or "\0" in text or Path(text).expanduser().is_file():
        what = "no name of a folder" if "\0" in text else "a file" if text else "an empty text"
        msg = f"memory is {location!r}, {what}; expected a folder, a joblib.Memory or None."
        raise ValueError(msg)
    return Store(location)


class NoStore:
    """What stands for a store where nothing is to be kept."""

    location = None

    def has(self, stage, key):
        """No."""
        return False

    def get(self, stage, key):
        """Nothing."""
        return None

    def put(self, stage, key, values, about=None):
        """Keep nothing."""

    def use(self, stage, key):
        """Nothing to mark."""

    def drop(self, stage, key):
        """Nothing to remove."""
        return True

    def entries(self):
        """None at all."""
        return []

    def sweep(self):
        """Nothing to clean up."""


class Store:
    """Entries in a folder; costs nothing to make, and is cheap to send to another process.

    Parameters
    ----------
    location : path
        The user's folder; entries are in its subfolder `nbica`.
    """

    def __init__(self, location):
        # Absolute: a worker of a cluster has another working directory.
        self.location = Path(location).expanduser().absolute()
        self._folder = self.location / FOLDER
        self.ledger = Ledger(self._folder)

    def _path(self, stage, key):
        return self._folder / stage / key

    def has(self, stage, key):
        """Whether there is such an entry; whether it is whole, only `get` finds out."""
        return (self._path(stage, key) / FILE).exists()

    def get(self, stage, key):
        """Values of an entry, arrays mapped, or None where there is none; it counts as used now.

        Reads every byte of it once.

        Raises
        ------
        DamagedEntry
        """
        folder = self._path(stage, key)
        try:
            values = _read_entry(folder)
        except FileNotFoundError:
            if self.has(stage, key):
                msg = "an array of it is missing"
                raise DamagedEntry(msg) from None
            return None  # perhaps removed by somebody just now
        self.use(stage, key)
        return values

    def use(self, stage, key):
        """Mark an entry as used now, where that is allowed."""
        try:
            os.utime(self._path(stage, key) / FILE)
        except OSError:
            return  # removed by somebody, or not ours to write

    def put(self, stage, key, values, about=None):
        """Keep values under a key.

        Parameters
        ----------
        stage, key : str
        values : dict of str to ndarray, or to what JSON can hold
        about : dict, optional
            What a person wants to know of it.

        Raises
        ------
        OSError
            If it cannot be written; nothing is left of it then.
        """
        mine = self._folder / UNFINISHED / own_name()
        try:
            mine.mkdir(parents=True)
            _write_entry(mine, stage, values, about)
            self._path(stage, key).parent.mkdir(exist_ok=True)
            n_bytes = _n_bytes(mine)
            _move(mine, self._path(stage, key))
            self.ledger.add(n_bytes)
        finally:
            shutil.rmtree(mine, ignore_errors=True)

    def drop(self, stage, key):
        """Remove an entry; who has mapped its arrays keeps them.

        Returns
        -------
        bool
            Whether it is gone: it stays where it is not ours to change and, on Windows, while a
            process has its arrays mapped.
        """
        gone = self._folder / UNFINISHED / own_name()
        try:
            gone.parent.mkdir(parents=True, exist_ok=True)
            # Renamed first: half an entry is never seen.
            self._path(stage, key).rename(gone)
        except FileNotFoundError:
            return True  # somebody else was faster
        except OSError:
            return False
        shutil.rmtree(gone, ignore_errors=True)
        return True

    def entries(self):
        """Facts of all entries; looks at each file's size, opens none."""
        found = []
        for stage in _subfolders(self._folder):
            if stage.name != UNFINISHED:
                found += filter(None, (_facts(entry) for entry in _subfolders(stage)))
        return found

    def about(self, stage, key):
        """What was said about an entry; empty where that cannot be read."""
        try:
            return dict(_read_frame(self._path(stage, key) / FILE)["about"])
        except (OSError, KeyError, ValueError):
            return {}

    def sweep(self):
        """Remove what processes that are gone left unfinished."""
        for folder in _subfolders(self._folder / UNFINISHED):
            if is_abandoned(folder):
                shutil.rmtree(folder, ignore_errors=True)


# ---- one entry ----------------------------------------------------------------------------------


def _write_entry(folder, stage, values, about):
    """Write arrays and plain values of an entry, with checksums, into a folder of its own."""
    arrays, plain = {}, {}
    for name, value in values.items():
        if isinstance(value, np.ndarray):
            arrays[name] = _write_array(_array_file(folder, name), value)
        else:
            plain[name] = value
    entry = {
        "format": FORMAT,
        "stage": stage,
        "about": about or {},
        "values": plain,
        "arrays": arrays,
    }
    text = json.dumps(entry).encode()
    checksum = f"{crc32(text):08x}".encode()
    (folder / FILE).write_bytes(b'{"crc32": "%b", "entry": %b}\n' % (checksum, text))


def _write_array(path, array):
    with path.open("wb") as stream:
        # Through the stream: tofile() tells of a full disk without its error number.
        np.lib.format.write_array_header_1_0(
            stream, np.lib.format.header_data_from_array_1_0(np.ascontiguousarray(array))
        )
        stream.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    return {"bytes": path.stat().st_size, "crc32": _checksum(path)}


def _checksum(path):
    # Read, not mapped: Windows removes no file that is mapped, and a damaged one is to go.
    checksum, piece = 0, bytearray(_PIECE)
    with path.open("rb", buffering=0) as stream:
        while n_read := stream.readinto(piece):
            checksum = crc32(memoryview(piece)[:n_read], checksum)
    return f"{checksum:08x}"


def _move(folder, target):
    """Move a whole entry to its place, over the remains of a broken one."""
    try:
        folder.rename(target)
    except OSError:
        if (target / FILE).exists():
            return  # somebody kept the same just now
        # What is left of an entry, or somebody else's folder in its place, is no entry.
        aside = folder.with_name(own_name())
        target.rename(aside)
        folder.rename(target)
        shutil.rmtree(aside, ignore_errors=True)


def _read_entry(folder):
    """Values of an entry, arrays mapped, once all checksums hold."""
    entry = _read_frame(folder / FILE)
    try:
        for name, facts in entry["arrays"].items():
            _check_array(_array_file(folder, name), facts)
        arrays = {name: _mapped(_array_file(folder, name)) for name in entry["arrays"]}
        return entry["values"] | arrays
    except (KeyError, TypeError, AttributeError) as error:
        msg = f"{FILE} is no entry of a cache: {error!r}"
        raise DamagedEntry(msg) from error


def _read_frame(path):
    """The JSON of an entry, if it is as it was written and of this format."""
    found = _FRAME.fullmatch(path.read_bytes())
    if found is None or int(found[1], 16) != crc32(found[2]):
        msg = f"{FILE} is not as it was written"
        raise DamagedEntry(msg)
    entry = json.loads(found[2])
    if entry.get("format") != FORMAT:
        msg = f"format {entry.get('format')!r}; this version of nbica reads {FORMAT}"
        raise OtherFormat(msg)
    return entry


def _array_file(folder, name):
    return folder / f"{name}.npy"


def _check_array(path, facts):
    if path.stat().st_size != facts["bytes"] or _checksum(path) != facts["crc32"]:
        msg = f"{path.name} is not as it was written"
        raise DamagedEntry(msg)


def _mapped(path):
    return np.load(path, mmap_mode="r", allow_pickle=False)


def _subfolders(folder):
    try:
        with os.scandir(folder) as found:
            return sorted(Path(entry) for entry in found if entry.is_dir())
    except OSError:
        return []


def _facts(folder):
    try:
        last_used = (folder / FILE).stat().st_mtime
        return EntryFacts(folder.parent.name, folder.name, _n_bytes(folder), last_used)
    except OSError:  # removed by somebody meanwhile, or a folder of somebody else
        return None


def _n_bytes(folder):
    with os.scandir(folder) as files:
        return sum(file.stat().st_size for file in files)
