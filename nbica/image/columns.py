"""The numbers of a run of grayordinates, some columns at a time, in the order of the file.

Where `frames.py` gives a few frames of all voxels, this gives all frames of a few grayordinates:
that is how CIFTI-2 stores them.
"""

from typing import NamedTuple

import numpy as np

from nbica.exceptions import DataError
from nbica.image import gifti
from nbica.image.cifti import read_header
from nbica.image.files import READ_ERRORS
from nbica.image.frames import BLOCK_BYTES, make_finite, scaled
from nbica.image.gifti import GiftiFrames
from nbica.image.stored import FileFrames, layout_of, open_stream, read_exactly, read_to_end, skip
from nbica.runtime.progress import checkpoint


class Columns(NamedTuple):
    """Some grayordinates: the index of the first, (n, n_timepoints), and how many not finite."""

    start: int
    values: np.ndarray
    n_nonfinite: int


def iter_columns(run):
    """All frames of a run, some grayordinates at a time, in order.

    Memory is two pieces of about 4 MB; of a GIFTI file, its hemisphere. Files are read once.

    Parameters
    ----------
    run : Run
        Of grayordinates.

    Yields
    ------
    Columns
        Values are float32, ours to overwrite. Those that were not finite have become 0 and are
        counted.

    Raises
    ------
    DataError
        If the file ends early, is damaged, or is not what it was.
    """
    frames, start = run.frames, 0
    for raw in _iter_raw(run):
        checkpoint()
        values = scaled(raw, frames)
        yield Columns(start, values, make_finite(values))
        start += len(raw)


def columns_per_piece(n_timepoints):
    """How many float32 columns make a piece."""
    return max(1, int(BLOCK_BYTES / (4 * n_timepoints)))


def _iter_raw(run):
    if isinstance(run.frames, FileFrames):
        yield from _read(run)
        return
    for matrix in _matrices(run.frames):
        step = columns_per_piece(run.n_timepoints)
        for start in range(0, len(matrix), step):
            yield matrix[start : start + step]


def _matrices(frames):
    """Arrays of shape (n_grayordinates, n_timepoints), one after the other."""
    if not isinstance(frames, GiftiFrames):
        yield frames.array.T
        return
    for path in frames.paths:
        yield gifti.read_array(path)


def _read(run):
    frames, n_done = run.frames, 0
    n_timepoints, n_columns = frames.shape
    step = columns_per_piece(n_timepoints)
    try:
        with open_stream(frames.path) as stream:
            if layout_of(read_header(frames.path).frames) != layout_of(frames):
                msg = "its header has changed since it was opened; open it again"
                raise ValueError(msg)
            skip(stream, frames)
            while n_done < n_columns:
                shape = (min(step, n_columns - n_done), n_timepoints)
                yield read_exactly(stream, frames.dtype, shape)
                n_done += shape[0]
            read_to_end(stream, frames)
    except READ_ERRORS as error:
        msg = (
            f"{run.name} cannot be read after {n_done} of {n_columns} grayordinates: {error}. The "
            f"header promises {n_timepoints} frames of them. The file is cut short or damaged: "
            "copy or download it again."
        )
        raise DataError(msg) from error
