"""Numbers in a file: where they lie, and how they are read: to gzip's checksum, never mapped.

Mapped pages of a file that is cut short meanwhile would end the process (SIGBUS); what is read ends
in an error that names the file.
"""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.arrayproxy import ArrayProxy
from nibabel.openers import ImageOpener
from nibabel.volumeutils import apply_read_scaling

from nbica.runtime.compression import open_gzip

# No byte of a deflated stream stands for more.
_DEFLATE = 1032
# What may be missing of a file before its header is called impossible; less is met in reading.
_SLACK = 1_000_000
_GZIP = {".gz", ".mgz"}
# FreeSurfer writes tags behind the frames.
_WITH_FOOTER = {".mgh", ".mgz"}


@dataclass(frozen=True, eq=False)
class FileFrames:
    """Frames in a file: numbers of one type, one after the other, from an offset on.

    `is_copy` says that the file is ours, without the header of an image.
    """

    path: str
    shape: tuple
    dtype: np.dtype
    offset: int
    slope: float
    inter: float
    is_copy: bool = False

    @property
    def paths(self):
        """The files that it takes: one."""
        return (self.path,)

    @property
    def n_bytes(self):
        """Where the last number ends, decompressed: what the header promises."""
        n_numbers = int(np.prod(self.shape, dtype=object))  # a header may claim more than 2**63
        return self.offset + self.dtype.itemsize * n_numbers

    @property
    def suffix(self):
        """The file's suffix, in small letters."""
        return Path(self.path).suffix.lower()

    @property
    def is_compressed(self):
        """Whether the file is a compressed stream."""
        return self.suffix in {*_GZIP, ".bz2", ".zst"}


def locate(img):
    """Where an image's numbers lie in a file; None where nibabel has to be asked for them."""
    data = img.dataobj
    if not (type(data) is ArrayProxy and data.order == "F" and isinstance(data.file_like, str)):
        return None
    return FileFrames(
        str(Path(data.file_like).absolute()), tuple(map(int, data.shape)), np.dtype(data.dtype),
        int(data.offset), float(data.slope), float(data.inter),
    )  # fmt: skip


def is_impossible(frames):
    """Whether a header promises far more than its file can hold."""
    if frames.suffix in {".bz2", ".zst"}:
        return False
    most = Path(frames.path).stat().st_size * (_DEFLATE if frames.is_compressed else 1)
    return frames.n_bytes > most + _SLACK


def bytes_behind(frames):
    """How many bytes lie behind the last number: of a gzip file, by the length at its end.

    Files of several gzip members, of 4 GB and more, or of other compressions are only known once
    they are read; see :func:`read_to_end`.
    """
    if frames.suffix in _WITH_FOOTER:
        return 0
    if not frames.is_compressed:
        return max(0, Path(frames.path).stat().st_size - frames.n_bytes)
    if frames.suffix not in _GZIP or frames.n_bytes >= 2**32:
        return 0
    with Path(frames.path).open("rb") as stream:
        stream.seek(-min(4, stream.seek(0, 2)), 2)
        return max(0, int.from_bytes(stream.read(4), "little") - frames.n_bytes)


def check_unchanged(frames):
    """Raise ValueError where the header of a file is no longer the one that was read before."""
    if frames.is_copy:
        return
    now = locate(nib.load(frames.path))
    if now is None or layout_of(now) != layout_of(frames):
        msg = "its header has changed since it was opened; open it again"
        raise ValueError(msg)


def layout_of(frames):
    """What a header says of the numbers, to be compared."""
    shape = [n for n in frames.shape if n != 1]  # a user may have left out axes of one
    scaling = frames.slope, frames.inter
    return shape, frames.dtype, frames.offset, np.nan_to_num(scaling).tolist()


def open_stream(path):
    """A file's decompressed bytes; igzip where it applies, as it is two to three times faster."""
    suffix = Path(path).suffix.lower()
    if suffix in _GZIP:
        return open_gzip(path)
    return ImageOpener(path, "rb") if suffix in {".bz2", ".zst"} else Path(path).open("rb", 0)


def skip(stream, frames):
    """Go to the first number of a stream that was just opened."""
    if frames.is_compressed:
        stream.read(frames.offset)
    else:
        stream.seek(frames.offset)


def read_exactly(stream, dtype, shape):
    """The next numbers of a stream; an EOFError where it ends before."""
    values = np.empty(shape, dtype)
    view = memoryview(values.reshape(-1).view(np.uint8))
    n_read = 0
    while n_read < len(view):
        n_new = stream.readinto(view[n_read:])
        if not n_new:
            msg = "the file ends here"
            raise EOFError(msg)
        n_read += n_new
    return values


def read_to_end(stream, frames):
    """Read on behind the last number of a compressed stream, so that its checksum is checked.

    Goes on for no more than the numbers took: a few kB of a file may stand for any number of zeros.

    Raises
    ------
    ValueError
        If more follows than :func:`bytes_behind` said.
    """
    if not frames.is_compressed:
        return
    n_behind, most = 0, frames.n_bytes + _SLACK
    while piece := stream.read(1 << 16):
        n_behind += len(piece)
        if n_behind > most:
            break
    if n_behind > most or (frames.suffix not in _WITH_FOOTER and n_behind > bytes_behind(frames)):
        more = "more than " if n_behind > most else ""
        msg = f"{more}{n_behind} bytes follow behind what the header promises"
        raise ValueError(msg)


def read_numbers(frames):
    """All numbers of a file, scaled as nibabel does: an array of the header's shape.

    Memory is that of the result. The file is read once, to its end.
    """
    with open_stream(frames.path) as stream:
        skip(stream, frames)
        raw = read_exactly(stream, frames.dtype, frames.shape[::-1])
        read_to_end(stream, frames)
    check_unchanged(frames)
    return apply_read_scaling(raw.T, np.float64(frames.slope), np.float64(frames.inter))
