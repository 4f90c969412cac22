"""The frames of a run, a block at a time, in the order of the file.

No 4D array is ever in memory: a few frames are read, cropped to the box that is wanted, made
float32, and handed on.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.copies import copying, from_copy
from nbica.image.files import READ_ERRORS
from nbica.image.grid import NO_VOLUME, whole
from nbica.image.reads import note_read
from nbica.image.run import ArrayFrames, VolumeFrames, run_of_image
from nbica.image.stored import (
    check_unchanged,
    open_stream,
    read_exactly,
    read_to_end,
    skip,
)
from nbica.runtime import machine
from nbica.runtime.progress import checkpoint

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from nbica.image.grayordinates import Grayordinates
    from nbica.image.grid import Grid
    from nbica.image.run import Run
    from nbica.image.spatial import Box

# Frames are read in blocks of about this size: a few at a time, so that a worker holds little
# beside the cleaned run.
BLOCK_BYTES = 4e6


class Block(NamedTuple):
    """A few frames: the index of the first, the values, and how many were not finite."""

    start: int
    values: np.ndarray
    n_nonfinite: int


def iter_blocks(
    run: Run,
    grid: Grid | Grayordinates,
    box: Box,
    n_frames: int | None = None,
    less_first: bool = False,
) -> Iterator[Block]:  # fmt: skip
    """Frames of a run inside a box of a grid, a block at a time, in order.

    Memory is a few blocks of frames, whatever the length of the run; the file is read once.

    Parameters
    ----------
    run : Run
    grid : Grid
        The grid wanted; a run on another one is resampled to it (cubic splines).
    box : spatial.Box
        The voxels wanted on that grid.
    n_frames : int, optional
        Frames per block; by default about 4 MB of them.
    less_first : bool
        Give the first frame as it is, and of the others what they differ from it. Whatever is
        linear can then be done to each without rounding on a baseline of a thousand.

    Yields
    ------
    Block
        Values are float32 of shape (n_frames, nz, ny, nx), ours to overwrite. Values that were not
        finite have become 0 and are counted.

    Raises
    ------
    DataError
        If the file ends early or is damaged.
    """
    if run.on_surfaces:
        msg = f"{run.name} {NO_VOLUME}"
        raise DataError(msg)
    is_file = from_copy(run, box if run.grid.same_as(grid) else whole(run.grid))[0] is run
    if isinstance(run.frames, VolumeFrames):
        yield from _volume_after_volume(run, grid, box)
    else:
        yield from _blocks_of(run, grid, box, n_frames, less_first)
    if is_file:  # what a fit keeps of it meanwhile costs little to read
        note_read(run.name)


def _blocks_of(run, grid, box, n_frames, less_first=False):
    n_frames = n_frames or frames_per_block(max(run.grid.shape, box.shape, key=np.prod))
    is_same = run.grid.same_as(grid)
    blocks = _iter_cropped(run, box if is_same else whole(run.grid), n_frames)
    if less_first:
        blocks = _less_first(blocks)
    if is_same:
        yield from blocks
        return
    matrix, offset = spatial.voxel_map(run.grid.affine, grid.affine, box)
    for start, values, n_nonfinite in blocks:
        resampled = spatial.resample_block(values, matrix, offset, box.shape)
        yield Block(start, resampled, n_nonfinite)


def _less_first(blocks):
    first = None
    for block in blocks:
        if first is None:
            first = block.values[0].copy()
        block.values[int(block.start == 0) :] -= first
        yield block


def _volume_after_volume(run, grid, box):
    for number, img in enumerate(run.frames.images):
        volume, _ = run_of_image(img)
        for block in _blocks_of(volume, grid, box, n_frames=1):
            yield block._replace(start=number)


def read_ahead(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield blocks, each read by a thread while the one before is worked on.

    Decompression and BLAS both let other threads run, so that on a second core a run takes the
    longer of the two, not the sum; without one it takes some 5 % more. Memory is one block more.

    Raises
    ------
    RunCancelled
        Between two blocks, if the run that is under way where they are used is to stop.
    """
    blocks = iter(blocks)
    with ThreadPoolExecutor(1, "nbica-read") as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            # Here, as the reader's thread knows of no run that is under way. Its context could be
            # a copy of this one, but then listeners would be called there, not where the run runs.
            checkpoint()
            coming = reader.submit(next, blocks, None)
            yield block


def frames_per_block(shape):
    """How many float32 frames of a shape make a block."""
    return max(1, int(BLOCK_BYTES / (4 * np.prod(shape))))


def _iter_cropped(run, box, n_frames):
    run, box = from_copy(run, box)
    frames = run.frames
    may_overflow = frames.dtype.kind == "f" or (frames.slope, frames.inter) != (1.0, 0.0)
    start = 0
    for raw in _iter_raw(run, n_frames):
        checkpoint()
        values = scaled(raw[:, box.z, box.y, box.x], frames)
        yield Block(start, values, make_finite(values) if may_overflow else 0)
        start += len(raw)


@np.errstate(over="ignore", invalid="ignore")  # what float32 cannot hold is counted as not finite
def scaled(raw, frames):
    """Stored numbers as float32, by the header's slope and intercept."""
    values = np.array(raw, dtype=np.float32, order="C")
    if frames.slope != 1.0:
        values *= np.float32(frames.slope)
    if frames.inter != 0.0:
        values += np.float32(frames.inter)
    return values


@np.errstate(invalid="ignore")  # Inf - Inf
def make_finite(values):
    """Set what is not finite to 0, in place, and say how many that were."""
    if np.isfinite(values.sum(dtype=np.float64)):
        return 0
    bad = ~np.isfinite(values)
    values[bad] = 0.0
    return int(bad.sum())


def _iter_raw(run, n_frames):
    """Blocks of frames as they are stored, shape (n_frames, nz, ny, nx)."""
    frames = run.frames
    if isinstance(frames, ArrayFrames):
        yield from _slices(frames.array.T, n_frames)
    else:
        yield from _read_frames(run, n_frames)


def _slices(frames, n_frames):
    for start in range(0, len(frames), n_frames):
        yield frames[start : start + n_frames]


def _read_frames(run, n_frames):
    """Yield frames of a compressed or plain file, some at a time, as they are stored."""
    frames, n_done = run.frames, 0
    try:
        with open_stream(frames.path) as stream, copying(run) as copy:
            check_unchanged(frames)
            skip(stream, frames)
            while n_done < run.n_timepoints:
                shape = (min(n_frames, run.n_timepoints - n_done), *frames.shape[2::-1])
                block = read_exactly(stream, frames.dtype, shape)
                copy(block)
                yield block
                n_done += shape[0]
            # gzip keeps its checksum at the end: only a stream read to its end is a stream checked.
            read_to_end(stream, frames)
    except READ_ERRORS as error:
        raise DataError(_message_for_damage(run, error, n_done)) from error


def _message_for_damage(run, error, n_done=None):
    where = "" if n_done is None else f" after {n_done} of {run.n_timepoints} frames"
    return (
        f"{run.name} cannot be read{where}: {error}. The header promises {run.n_timepoints} frames "
        f"of {run.grid.shape}. The file is cut short or damaged: copy or download it again."
    )


def mean_volume(run: Run) -> np.ndarray:
    """Mean over time of a run.

    Memory is one frame and a few blocks; the file is read once. Values that are not finite count
    as 0.

    Returns
    -------
    ndarray of float64, shape (nx, ny, nz)
    """
    frames, everything = run.frames, whole(run.grid)
    is_whole = frames.dtype.kind in "iu" and frames.dtype.itemsize <= 2
    if is_whole and (frames.slope, frames.inter) == (1.0, 0.0):
        blocks, dtype = _iter_raw(run, frames_per_block(run.grid.shape)), np.int64
    else:
        blocks, dtype = iter_blocks(run, cast("Grid", run.grid), everything), np.float64
        blocks = (block.values for block in blocks)
    if machine.threads_allowed() > 1:
        blocks = read_ahead(blocks)
    total = np.zeros(run.grid.shape[::-1], dtype)
    for block in blocks:
        checkpoint()
        for frame in block:
            total += frame
    return (total / run.n_timepoints).T
