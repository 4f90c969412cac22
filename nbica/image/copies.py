"""Frames that wait in scratch files, decompressed, from a run's first reading to its second.

A fit without a mask needs every run twice: for the mask, and once the mask is known. Decompression
takes most of a reading, so the first one leaves a plain copy of the part of the frames that a mask
is likely to ask for. A copy is an offer: where there is none, where it is too small or the file was
replaced since, the file is read again, and the numbers are the same.
"""

from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from nbica.image import spatial
from nbica.image.stored import FileFrames

# A copy begins with its box, in six numbers.
_HEAD = np.dtype(("<i8", 6))
# Voxels around what looks like a brain in the first frame.
_MARGIN = 2


@dataclass(frozen=True)
class Copy:
    """Where a run's first reading leaves a copy, and by how many voxels it is smoothed then."""

    path: str
    reach: tuple


def with_copies(runs, folder, n_bytes, smoothing_fwhm=None):
    """The runs, the first of which are to leave a copy in a folder, as many as there is room for.

    Parameters
    ----------
    runs : list of Run
    folder : path
    n_bytes : int
        Room, as :attr:`nbica.runtime.budget.Plan.copies` has it.
    smoothing_fwhm : float, sequence of three floats or None
        In mm.

    Returns
    -------
    list of Run
    """
    found = []
    for number, run in enumerate(runs):
        n_bytes -= bytes_of_copy(run)
        if bytes_of_copy(run) and n_bytes >= 0:
            sigma = spatial.smoothing_sigma(smoothing_fwhm, run.grid.affine)
            copy = Copy(str(Path(folder, f"{number:06}")), spatial.kernel_reach(sigma))
            run = replace(run, copy=copy)
        found.append(run)
    return found


def with_copies_made(runs):
    """The runs, of which only those that have a copy are said to."""
    return [run if _has_copy(run) else replace(run, copy=None) for run in runs]


def bytes_of_copy(run):
    """What a copy takes at most; 0 for what is read as fast without one."""
    frames = run.frames
    is_packed = isinstance(frames, FileFrames) and frames.is_compressed and not run.on_surfaces
    return frames.n_bytes - frames.offset if is_packed else 0


def from_copy(run, box):
    """A run and a box of it; of its copy, where there is one that holds the box.

    Parameters
    ----------
    run : Run
    box : spatial.Box

    Returns
    -------
    run : Run
    box : spatial.Box
    """
    if not _has_copy(run):
        return run, box
    held = _box_of(_file(run))
    if not all(a.start <= b.start and b.stop <= a.stop for a, b in zip(held, box, strict=True)):
        return run, box
    box = spatial.Box(
        *(slice(b.start - a.start, b.stop - a.start) for a, b in zip(held, box, strict=True))
    )
    shape = (*held.shape, run.n_timepoints)
    frames = replace(
        run.frames, path=str(_file(run)), shape=shape, offset=_HEAD.itemsize, is_copy=True
    )
    return replace(run, frames=frames, grid=run.grid._replace(shape=held.shape), copy=None), box


def remove_copy(run):
    """Give the room back once a copy was read."""
    if _has_copy(run):
        _file(run).unlink(missing_ok=True)


@contextmanager
def copying(run):
    """A function that takes each block of frames as it is read, in order.

    The copy is there once all of them were read without an error, from a file that is still the
    one it was. A disk that is full makes no error, and no copy.
    """
    if run.copy is None or _has_copy(run):
        yield lambda block: None
        return
    file, part = _file(run), Path(f"{run.copy.path}.part")
    writer = _Writer(part, run.copy.reach)
    try:
        yield writer.write
        if writer.close() and _file(run) == file:
            part.replace(file)
    finally:
        writer.close()
        part.unlink(missing_ok=True)


class _Writer:
    """A copy in the making, which is given up where writing fails."""

    def __init__(self, path, reach):
        self._stream, self._box, self._reach = None, None, reach
        with suppress(OSError):
            self._stream = path.open("wb", buffering=0)

    def write(self, block):
        """Append what is kept of a block of frames."""
        if self._box is None:
            self._box = _box_to_keep(block[0], self._reach)
            self._append(np.array([(side.start, side.stop) for side in self._box], _HEAD.base))
        self._append(np.ascontiguousarray(block[:, self._box.z, self._box.y, self._box.x]))

    def _append(self, values):
        view = memoryview(values.reshape(-1).view(np.uint8))
        try:
            while self._stream is not None and len(view):
                view = view[self._stream.write(view) :]
        except OSError:
            self.close()

    def close(self):
        """Close the file; whether all was written."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
        return stream is not None


def _box_to_keep(frame, reach):
    """A box around what is likely to be brain, as wide as it is smoothed: of (nz, ny, nx)."""
    values = np.nan_to_num(frame.T.astype(np.float32), posinf=0, neginf=0)
    edges = values[[0, 0, -1, -1], [0, -1, 0, -1]]
    # Where a mask was applied already, all that is left may be asked for.
    bright = values != edges[0, 0] if (edges == edges[0, 0]).all() else values > values.mean() / 2
    bright = bright if bright.any() else ~bright
    reach = [n + _MARGIN for n in reach]
    return spatial.widen(spatial.bounding_box(bright), reach, values.shape)


def _box_of(file):
    with file.open("rb") as stream:
        sides = np.frombuffer(stream.read(_HEAD.itemsize), _HEAD.base).reshape(3, 2).tolist()
    return spatial.Box(*(slice(*side) for side in sides))


def _has_copy(run):
    try:
        return run.copy is not None and _file(run).exists()
    except OSError:  # who reads the run will say so
        return False


def _file(run):
    """The copy's path; it names the file that was read, so that another one has none."""
    status = Path(run.frames.path).stat()
    times = f"{status.st_mtime_ns}-{status.st_ctime_ns}"
    return Path(f"{run.copy.path}-{status.st_ino}-{status.st_size}-{times}")
