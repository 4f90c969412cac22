"""A run's matrix, written frame by frame and walked by blocks of voxels: in RAM or in a file.

Cleaning and principal components need all timepoints of a voxel, and a file gives all voxels of a
timepoint. Between the two stands the matrix (n_timepoints, n_voxels). Where it does not fit in the
RAM allowed, it lives in a scratch file in which each block of voxels is one stretch of bytes. Both
kinds are walked by the same blocks, so that the sums, and hence the results, are the same to the
last bit.
"""

import tempfile

import numpy as np

# Voxels per block. Long enough for BLAS, and a block of 1200 timepoints is 20 MB.
BLOCK = 4096


def voxel_blocks(n_voxels):
    """Slices that cut the voxels into blocks."""
    return [slice(a, min(a + BLOCK, n_voxels)) for a in range(0, n_voxels, BLOCK)]


class RamSignals:
    """The matrix as an array in memory: n_timepoints x n_voxels x 4 B.

    Parameters
    ----------
    n_timepoints, n_voxels : int
    """

    def __init__(self, n_timepoints, n_voxels):
        self.array = np.empty((n_timepoints, n_voxels), np.float32)

    @property
    def shape(self):
        """Timepoints and voxels."""
        return self.array.shape

    def rows(self, start, n_rows):
        """Where some frames are to be written."""
        return self.array[start : start + n_rows]

    def put_rows(self, start, rows):
        """Tell that they are written: nothing to do."""

    def get_rows(self, start, n_rows):
        """Frames that were written; what is written to them stays after :meth:`put_rows`."""
        return self.array[start : start + n_rows]

    def columns(self, voxels):
        """Where all frames of some voxels are to be written: a block of :func:`voxel_blocks`."""
        return self.array[:, voxels]

    def put_columns(self, voxels, block):
        """Tell that they are written: nothing to do."""

    def walk(self, *, change=False):
        """Each block of voxels; what is written to it stays.

        Yields
        ------
        voxels : slice
        block : ndarray of float32, shape (n_timepoints, n_block)
        """
        del change
        for voxels in voxel_blocks(self.shape[1]):
            yield voxels, self.array[:, voxels]

    def close(self):
        """Free the memory."""
        self.array = np.empty((0, 0), np.float32)


class DiskSignals:
    """The matrix in a scratch file, n_timepoints x n_voxels x 4 B on disk, a block of it in RAM.

    The file has no name, so nothing is left of it when the process ends in whatever way.

    Parameters
    ----------
    n_timepoints, n_voxels : int
    folder : path
    """

    def __init__(self, n_timepoints, n_voxels, folder):
        self.shape = (n_timepoints, n_voxels)
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (see close)
        self._rows = np.empty((0, n_voxels), np.float32)

    def rows(self, start, n_rows):
        """Where some frames are to be written."""
        del start
        if len(self._rows) < n_rows:
            self._rows = np.empty((n_rows, self.shape[1]), np.float32)
        return self._rows[:n_rows]

    def put_rows(self, start, rows):
        """Write frames to where their blocks of voxels are."""
        for voxels in voxel_blocks(self.shape[1]):
            part = np.ascontiguousarray(rows[:, voxels])
            self._seek(voxels, start)
            self._write(part)

    def get_rows(self, start, n_rows):
        """Frames that were written; what is written to them stays after :meth:`put_rows`."""
        rows = self.rows(start, n_rows)
        for voxels in voxel_blocks(self.shape[1]):
            part = np.empty((n_rows, voxels.stop - voxels.start), np.float32)
            self._seek(voxels, start)
            self._read(part)
            rows[:, voxels] = part
        return rows

    def columns(self, voxels):
        """Where all frames of some voxels are to be written: a block of :func:`voxel_blocks`."""
        return np.empty((self.shape[0], voxels.stop - voxels.start), np.float32)

    def put_columns(self, voxels, block):
        """Write a block of voxels to where it is."""
        self._seek(voxels)
        self._write(block)

    def walk(self, *, change=False):
        """Each block of voxels, read from the file; written back if it may `change`.

        Yields
        ------
        voxels : slice
        block : ndarray of float32, shape (n_timepoints, n_block)
        """
        self._rows = self._rows[:0]
        for voxels in voxel_blocks(self.shape[1]):
            block = np.empty((self.shape[0], voxels.stop - voxels.start), np.float32)
            self._seek(voxels)
            self._read(block)
            yield voxels, block
            if change:
                self._seek(voxels)
                self._write(block)

    def close(self):
        """Remove the file."""
        self._file.close()

    def _seek(self, voxels, start=0):
        n_timepoints, width = self.shape[0], voxels.stop - voxels.start
        self._file.seek(4 * (n_timepoints * voxels.start + start * width))

    def _write(self, array):
        view = memoryview(array).cast("B")
        try:
            while len(view):
                view = view[self._file.write(view) :]
        except OSError as error:
            raise OSError(error.errno, self._message(error.strerror)) from error

    def _read(self, array):
        view = memoryview(array).cast("B")
        while len(view):
            n_read = self._file.readinto(view)
            if not n_read:
                raise OSError(self._message("it ended early"))
            view = view[n_read:]

    def _message(self, reason):
        return (
            f"The scratch file of {4 * np.prod(self.shape) / 1e9:.2g} GB in {self._folder} failed: "
            f"{reason}. Set NBICA_SCRATCH to a folder with room, or allow more ram."
        )
