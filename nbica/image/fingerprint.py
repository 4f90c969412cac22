"""What a run is, in a few bytes: the name that the cache knows it by."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import joblib
import numpy as np

from nbica.image.gifti import GiftiFrames
from nbica.image.run import ArrayFrames, VolumeFrames, run_of_image
from nbica.runtime.compression import crc32

if TYPE_CHECKING:
    from nbica.image.run import Run

WAYS = ("content", "full", "ends")
_PIECE = 1 << 18
# Clocks of file systems are coarse: a file that was just written may be written again unseen.
_SETTLED = 2.0  # seconds
_known = {}


def fingerprint(run: Run) -> str:
    """A short text that changes when the content of a run does.

    Costs two small reads of a .nii.gz; of any other file, reading all of it (a gigabyte takes some
    0.3 s from memory, else what the disk takes); of an array in memory, a hash.

    All that a file holds counts, its name, place and times do not: it may be copied or moved. A
    .nii.gz is known by its first and last 64 kB, which hold its header and gzip's own checksum and
    length of everything in between; any other file (and a gzip file of several members, which has
    no such seal) by checksums of all its pieces of 256 kB. Within one process a file is not read
    again for this as long as the file system says that it was not changed (inode, size, times of
    the last change of its content and of its entry, the latter being nobody's to set).

    `NBICA_FINGERPRINT` in the environment chooses another way for files: "full" takes SHA-256 of
    every byte of every file; "ends" trusts size and time of the last change, with the first and
    last 64 kB, where reading large plain files twice takes too long.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str

    Raises
    ------
    ValueError
        For an `NBICA_FINGERPRINT` that is none of these.
    """
    frames = run.frames
    place = (*run.grid.identity, run.n_timepoints)
    if run.kept is not None:
        place += (run.kept.tolist(),)
    if isinstance(frames, VolumeFrames):
        return joblib.hash((place, [fingerprint(run_of_image(img)[0]) for img in frames.images]))
    if isinstance(frames, ArrayFrames):
        return joblib.hash((place, frames.array))
    if isinstance(frames, GiftiFrames):
        return joblib.hash((place, [_checksums(path) for path in frames.paths]))
    way = _chosen_way()
    status = Path(frames.path).stat()
    # In a pair of files, only this tells what the header says about the numbers.
    numbers = (frames.dtype.str, frames.offset, frames.slope, frames.inter)
    digest = hashlib.sha256(repr((place, numbers, status.st_size)).encode())
    if way == "full":
        with Path(frames.path).open("rb") as stream:
            return digest.hexdigest()[:32] + hashlib.file_digest(stream, "sha256").hexdigest()
    head, tail = _ends(frames.path)
    digest.update(head)
    digest.update(tail)
    if not _is_sealed(frames, tail):
        rest = _checksums(frames.path) if way == "content" else str(status.st_mtime_ns).encode()
        digest.update(rest)
    return digest.hexdigest()


def _chosen_way():
    way = os.environ.get("NBICA_FINGERPRINT") or "content"
    if way not in WAYS:
        msg = f"NBICA_FINGERPRINT is {way!r}; expected one of {', '.join(WAYS)}, or nothing."
        raise ValueError(msg)
    return way


def _ends(path, n_bytes=1 << 16):
    with Path(path).open("rb") as stream:
        head = stream.read(n_bytes)
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - n_bytes))
        return head, stream.read()


def _is_sealed(frames, tail):
    """Whether gzip's closing checksum covers the whole file: it does if its length says so."""
    if not frames.path.lower().endswith(".gz"):
        return False
    return int.from_bytes(tail[-4:], "little") == frames.n_bytes % 2**32


def _checksums(path):
    """CRC-32 of each piece of a file, one after the other; 10 GB/s where the file is in memory."""
    status = Path(path).stat()
    times = status.st_mtime_ns, status.st_ctime_ns
    state = (str(path), status.st_dev, status.st_ino, status.st_size, *times)
    if state in _known:
        return _known[state]
    found, buffer = [], memoryview(bytearray(_PIECE))
    with Path(path).open("rb") as stream:
        while n_read := stream.readinto(buffer):
            found.append(crc32(buffer[:n_read]))
    checksums = np.array(found, "<u4").tobytes()
    # Windows keeps the time of creation there, which says nothing.
    if os.name == "posix" and time.time() - max(times) * 1e-9 > _SETTLED:
        _known[state] = checksums
    return checksums
