"""Images whose data cannot be had: reading them kills a worker process, or takes all memory."""

import os
import signal

import nibabel as nib
import numpy as np

# The process that may read; workers inherit it.
READER = "NBICA_TESTS_READER"


class DeadlyArray(np.ndarray):
    """Whoever takes a part of it is killed, unless it is the process that READER names."""

    def __getitem__(self, index):
        """Part of the array."""
        if os.environ.get(READER) != str(os.getpid()):
            os.kill(os.getpid(), signal.SIGKILL)
        return np.asarray(self)[index]


class GreedyArray(np.ndarray):
    """There is not enough memory for any part of it."""

    def __getitem__(self, index):
        """Nothing."""
        msg = "Unable to allocate 93.1 GiB"
        raise MemoryError(msg)


def with_data_of(kind, path):
    """The image in a file, in memory and with its data of another kind."""
    img = nib.load(path)
    return nib.Nifti1Image(np.asarray(img.dataobj).view(kind), img.affine, img.header)
