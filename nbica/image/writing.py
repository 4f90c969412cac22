"""Gzipped NIfTI files, written frame by frame; whole or not there."""

import contextlib

import nibabel as nib
import numpy as np

from nbica.runtime.atomic import atomic
from nbica.runtime.compression import gzip_writer


def nifti_header(shape, affine, dtype, *, t_r=None, slope=1.0):
    """Header in MNI space: mm and s, sform and qform code 4."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(dtype)
    header.set_qform(affine, code="mni")
    header.set_sform(affine, code="mni")
    header.set_xyzt_units("mm", "sec")
    if t_r is not None:
        header["pixdim"][4] = t_r
    header.set_slope_inter(slope, 0)
    header["descrip"] = b"simulated by nbica"
    return header


def write_image(path, data, affine):
    """Write a small image that is already in memory, as gzipped NIfTI."""
    header = nifti_header(data.shape, affine, data.dtype)
    with NiftiStream(path, header) as stream:
        stream.write(np.asarray(data, dtype=data.dtype).tobytes(order="F"))


class NiftiStream(contextlib.AbstractContextManager):
    """Writes a `.nii.gz` piece by piece; the file appears under its name when it is whole.

    The bytes depend on header and data only: gzip's time stamp and name are left empty.

    Parameters
    ----------
    path : Path
    header : nibabel.Nifti1Header
        With shape and data type set; offset and magic are filled in.
    """

    def __init__(self, path, header):
        self._stack = contextlib.ExitStack()
        self._path = path
        self._header = header
        self._left = int(np.prod(header.get_data_shape())) * header.get_data_dtype().itemsize

    def __enter__(self):
        with self._stack:
            temporary = self._stack.enter_context(atomic(self._path))
            raw = self._stack.enter_context(temporary.open("wb"))
            self._gzip = self._stack.enter_context(gzip_writer(raw))
            self._header["magic"] = b"n+1"
            self._header["vox_offset"] = 352
            self._gzip.write(self._header.binaryblock + bytes(4))
            self._stack = self._stack.pop_all()
        return self

    def write(self, piece):
        """Append bytes of voxels, in the order of the file: x fastest, time slowest."""
        self._left -= memoryview(piece).nbytes
        self._gzip.write(piece)

    def __exit__(self, *error):
        if self._left and error[0] is None:
            missing = ValueError(f"{self._path.name} misses {self._left} bytes of voxels")
            self._stack.__exit__(ValueError, missing, None)
            raise missing
        return self._stack.__exit__(*error)
