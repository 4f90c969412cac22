"""CIFTI-2 files: a NIfTI-2 header, an XML that says what rows and columns are, and a matrix.

On disk the time of a grayordinate is one stretch of numbers: files are read by columns. nibabel
parses the XML, once for all files that have the same.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple
from weakref import WeakValueDictionary
from xml.parsers import expat

import nibabel as nib
import numpy as np
from nibabel.cifti2.parse_cifti2 import Cifti2Parser

from nbica.exceptions import DataError
from nbica.image.files import READ_ERRORS
from nbica.image.grayordinates import of_axis
from nbica.image.stored import FileFrames, is_impossible, locate, open_stream

# What NIfTI calls connectivity: 3000 for unknown, up to what CIFTI may still define.
_INTENTS = range(3000, 3100)
_XML, _HEADER = 32, 540
_SUFFIXES = (".nii", ".nii.gz")
_INSTEAD = {
    "scalar": "maps go to label(), mask= and plot_components",
    "label": "parcels go to label() and mask=",
    "parcels": "its numbers, numpy.asarray(nibabel.load(path).dataobj), are what "
    "nbica.connectome.ConnectivityMeasure takes",
    "connectivity": "it is a connectome already",
}


class CiftiHeader(NamedTuple):
    """What a CIFTI-2 file says of itself: where its numbers are, and its two axes."""

    frames: FileFrames
    rows: object
    columns: object


class _Layout(NamedTuple):
    frames: FileFrames
    xml: bytes


def is_cifti(img):
    """Whether this is CIFTI-2: an image of nibabel, or a path of a file that is."""
    if isinstance(img, nib.Cifti2Image):
        return True
    if not isinstance(img, str | os.PathLike):
        return False
    path = Path(img).expanduser()
    if not path.name.lower().endswith(_SUFFIXES) or not path.is_file():
        return False
    try:
        with open_stream(path) as stream:
            return _header_of(stream) is not None
    except READ_ERRORS:
        return False  # whoever opens it as a volume says why


def _header_of(stream):
    """The NIfTI-2 header at the start of a CIFTI-2 file; None where it is none."""
    block = stream.read(_HEADER)
    if len(block) < _HEADER or block[4:7] != b"n+2":
        return None
    header = nib.Nifti2Header(block, check=False)
    return header if int(header["intent_code"]) in _INTENTS else None


def read_header(path):
    """What a CIFTI-2 file says of itself; reads its header only.

    Raises
    ------
    DataError
        If the header cannot be read.
    """
    path = Path(path).expanduser().absolute()
    try:
        frames, xml = _layout(path)
        rows, columns = _axes(xml)
    except (*READ_ERRORS, AttributeError, KeyError, expat.ExpatError) as error:
        msg = f"{path} cannot be read as CIFTI-2: {error}. Copy or download it again."
        raise DataError(msg) from error
    expected = len(rows), len(columns)
    if frames.shape != expected:
        msg = f"{path} holds {frames.shape} numbers, but its axes have {expected} entries."
        raise DataError(msg)
    return CiftiHeader(frames, rows, columns)


def _layout(path):
    with open_stream(path) as stream:
        header = _header_of(stream)
        offset = int(header["vox_offset"])
        rest = stream.read(offset - _HEADER)
    slope, inter = header.get_slope_inter()
    shape = tuple(int(n) for n in header["dim"][5:7])
    dtype = header.get_data_dtype().newbyteorder(header.endianness)
    scaling = 1.0 if slope is None else slope, 0.0 if inter is None else inter
    return _Layout(
        FileFrames(str(path), shape, dtype, offset, *scaling), _xml(rest, header.endianness)
    )


def _xml(extensions, byte_order):
    """The XML among what lies between header and numbers."""
    kind, start = np.dtype(f"{byte_order}i4"), 4
    while start + 8 <= len(extensions):
        size, code = np.frombuffer(extensions, kind, 2, start).tolist()
        if code == _XML:
            return extensions[start + 8 : start + size].rstrip(b"\0")
        start += max(size, 8)
    msg = "there is no CIFTI XML in it"
    raise ValueError(msg)


def _axes(xml):
    """Both axes; of one of places, the Grayordinates. A study has one or two kinds of header."""
    known = hashlib.sha256(xml).digest()
    if known not in _parsed:
        parser = Cifti2Parser()
        parser.parse(string=xml)
        while len(_parsed) >= 8:
            _parsed.pop(next(iter(_parsed)))
        _parsed[known] = _light(parser.header)
    return _parsed[known]


def _light(header):
    """Both axes of a header; nibabel's of places would hold 20 MB of names."""
    rows, columns = map(header.get_axis, range(2))
    if not isinstance(columns, nib.cifti2.BrainModelAxis):
        return rows, columns
    space = of_axis(columns)
    return rows, _spaces.setdefault(space.identity, space)


_parsed, _spaces = {}, WeakValueDictionary()


def header_of(img):
    """The CiftiHeader of a path or an image of nibabel; of an image in memory without frames."""
    if not isinstance(img, nib.Cifti2Image):
        return read_header(img)
    return CiftiHeader(locate(img), *_light(img.header))


def check_series(header, name):
    """Raise DataError, saying what to use, where a CIFTI-2 file is no time series of places."""
    kinds = [type(axis).__name__.removesuffix("Axis").lower() for axis in header[1:]]
    if kinds == ["series", "grayordinates"]:
        return
    rows, columns = map(len, header[1:])
    if kinds[0] in ("brainmodel", "parcels"):
        what, key = f"a connectivity matrix of {rows} x {columns}", "connectivity"
    elif kinds[1] == "parcels":
        what, key = f"{columns} parcels", "parcels"
    else:
        what, key = f"{rows} maps of {kinds[0]}s", kinds[0]
    msg = (
        f"{name} holds {what}; a run is a dense time series (.dtseries.nii). "
        f"{_INSTEAD.get(key, '')[:1].upper()}{_INSTEAD.get(key, '')[1:]}."
    )
    raise DataError(msg)


def check_stored(frames, name):
    """Raise DataError for numbers that cannot be, or more of them than a file can hold."""
    if frames is None:
        return
    if frames.dtype.kind not in "biuf":
        msg = f"{name} holds numbers of type {frames.dtype}; expected real numbers."
        raise DataError(msg)
    if 0 in frames.shape:
        msg = f"{name} has shape {frames.shape}: no grayordinates or no frames."
        raise DataError(msg)
    if isinstance(frames, FileFrames) and is_impossible(frames):
        msg = (
            f"{name} cannot be read: its header promises {frames.n_bytes:,} bytes, the file has "
            f"{Path(frames.path).stat().st_size:,}. Copy or download it again."
        )
        raise DataError(msg)


def seconds_of(axis):
    """Seconds between frames of a SeriesAxis; None where it counts in something else."""
    step = float(axis.step) if axis.unit == "SECOND" else 0.0
    return step if np.isfinite(step) and step > 0 else None
