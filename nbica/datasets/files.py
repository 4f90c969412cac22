"""Files that are whole or not there: atomic writing, manifests, and 4D images frame by frame."""

import contextlib
import json
import os
import uuid
from pathlib import Path

import nibabel as nib
import numpy as np
import platformdirs

from nbica.compression import gzip_writer


def data_folder(data_dir=None):
    """Folder for data: the argument, else `NBICA_DATA`, else the cache folder of the platform."""
    chosen = data_dir or os.environ.get("NBICA_DATA")
    if chosen is None or not str(chosen):
        chosen = platformdirs.user_cache_dir("nbica")
    return Path(chosen).expanduser().absolute()


def make_folder(folder):
    """Create a folder that can be written to, or say which one cannot and what to do."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "Permission denied", str(folder))
    except OSError as error:
        msg = (
            f"Cannot write to the data folder {folder} ({error.strerror}). Pass data_dir=..., or "
            "set the environment variable NBICA_DATA, to a folder that you may write to."
        )
        raise OSError(msg) from error
    return folder


@contextlib.contextmanager
def atomic(path):
    """Yield a temporary path in the folder of `path`; on success it becomes `path`, at once.

    The name is of no other process or thread, so that two which write the same file at the same
    time each write a whole one and the last wins.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex}-{path.name}")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Write a text file, atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="\n")


def write_json(path, content):
    """Write a JSON file, atomically, keys in the order given."""
    write_text(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def write_table(path, table):
    """Write a data frame as BIDS wants it: tab separated, `n/a` for what is missing."""
    text = table.to_csv(sep="\t", index=False, na_rep="n/a", float_format="%.8g")
    write_text(path, text.replace("\r\n", "\n"))


def write_manifest(path, files):
    """Record the sizes of finished files; written last, it says that they are complete."""
    sizes = {os.path.relpath(file, path.parent): file.stat().st_size for file in files}
    write_json(path, {Path(name).as_posix(): size for name, size in sizes.items()})


def is_complete(manifest):
    """Whether the manifest is there and every file it names is, with its size."""
    try:
        sizes = json.loads(manifest.read_text(encoding="utf-8"))
        return all((manifest.parent / name).stat().st_size == n for name, n in sizes.items())
    except (OSError, ValueError, AttributeError):
        return False


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
