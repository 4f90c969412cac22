"""What a run is, in a few bytes: the name that the cache knows it by."""

import hashlib
import os
from pathlib import Path

import joblib
import numpy as np

from nbica.image.run import ArrayFrames, VolumeFrames, run_of_image


def fingerprint(run):
    """A short text that changes when the content of a run does.

    Costs two small reads of a file, or a hash of an array in memory. With `NBICA_FINGERPRINT=full`
    in the environment every byte of a file is read and counts.

    A file is known by its size and its first and last 64 kB on disk: of a .nii.gz, these hold the
    header and gzip's own checksum and length of everything in between, so the file may be renamed,
    copied or moved. Where no such checksum covers the whole (plain files, gzip files of several
    members), the time of the last change counts as well.

    Parameters
    ----------
    run : Run

    Returns
    -------
    str
    """
    frames = run.frames
    place = (run.grid.shape, run.grid.affine.round(6).tolist(), run.n_timepoints)
    if run.kept is not None:
        place += (run.kept.tolist(),)
    if isinstance(frames, VolumeFrames):
        return joblib.hash((place, [fingerprint(run_of_image(img)[0]) for img in frames.images]))
    if isinstance(frames, ArrayFrames):
        return joblib.hash((place, frames.array))
    status = Path(frames.path).stat()
    head, tail = _ends(frames.path)
    # Of a pair of files, only this says what the header does of the numbers.
    numbers = (frames.dtype.str, frames.offset, frames.slope, frames.inter)
    digest = hashlib.sha256(repr((place, numbers, status.st_size)).encode())
    if os.environ.get("NBICA_FINGERPRINT") == "full":
        with Path(frames.path).open("rb") as stream:
            return digest.hexdigest()[:32] + hashlib.file_digest(stream, "sha256").hexdigest()
    digest.update(head)
    digest.update(tail)
    if not _is_sealed(run, tail):
        digest.update(str(status.st_mtime_ns).encode())
    return digest.hexdigest()


def _ends(path, n_bytes=1 << 16):
    with Path(path).open("rb") as stream:
        head = stream.read(n_bytes)
        stream.seek(0, os.SEEK_END)
        stream.seek(max(0, stream.tell() - n_bytes))
        return head, stream.read()


def _is_sealed(run, tail):
    """Whether gzip's closing checksum covers the whole file: it does if its length says so."""
    if not run.frames.path.lower().endswith(".gz"):
        return False
    frames = run.frames
    n_bytes = frames.offset + frames.dtype.itemsize * int(np.prod(frames.shape, dtype=np.int64))
    return int.from_bytes(tail[-4:], "little") == n_bytes % 2**32
