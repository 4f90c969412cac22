"""Archives, unpacked so that a bad one cannot write anywhere else, nor fill the disk.

An archive goes into a folder of its own, which is then merged into the data set's: by renaming
whole folders where that is possible, file by file where it is not.
"""

import shutil
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from nbica.exceptions import DataError

_RATIO = 200  # of what comes out to what went in; runs of voxels reach 20
_FREELY = 200_000_000  # bytes that may come out of the smallest archive: sparse maps pack well
_MOST_MEMBERS = 200_000
_CHUNK = 1 << 20
SUFFIXES = (".zip", ".tgz", ".tar.gz", ".tar")


def is_archive(path):
    """Whether a name is one of an archive that can be unpacked."""
    return str(path).endswith(SUFFIXES)


def unpack(archive, folder, most_bytes=None):
    """Unpack an archive into a folder.

    Parameters
    ----------
    archive : Path
        Zip or tar, whatever its name.
    folder : Path
        Made anew; removed again if anything is wrong.
    most_bytes : int, optional
        By default 200 times the archive, or 200 MB, but no more than the disk has room for.

    Raises
    ------
    DataError
        If it is no archive, is damaged, or holds a path outside the folder, a link, a device or
        too much.
    """
    most_bytes = most_bytes or room(archive, shutil.disk_usage(folder.parent).free)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        for name, n_bytes, open_member in _members(archive):
            most_bytes -= n_bytes
            _check_room(archive, most_bytes)
            target = folder / safe_path(name, archive)
            target.parent.mkdir(parents=True, exist_ok=True)
            with open_member() as source:
                _copy(source, target, n_bytes, archive)
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if not _is_damage(error):
            raise
        msg = f"{archive.name} is damaged or no archive ({error})."
        raise DataError(msg) from error


def room(archive, free):
    """How many bytes may come out of an archive, given those that are free on the disk."""
    return min(max(_RATIO * archive.stat().st_size, _FREELY), int(0.95 * free))


def safe_path(name, archive):
    """The path of a member, if it stays inside; Windows' drives and backslashes count as outside.

    Raises
    ------
    DataError
        If it does not.
    """
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts or ":" in name or "\0" in name:
        msg = f"{Path(archive).name} holds {name!r}, a path outside its folder: not unpacked."
        raise DataError(msg)
    return Path(*path.parts)


def merge(source, target):
    """Move what is in a folder into another one, and remove it.

    A folder that the target lacks comes with one renaming; files that are there are replaced.
    """
    for child in sorted(source.iterdir()):
        place = target / child.name
        try:
            child.replace(place)
        except OSError:
            # A folder is there, perhaps since just now: archives that share one come in parallel.
            if not (child.is_dir() and place.is_dir()):
                raise
            merge(child, place)
    source.rmdir()


def _is_damage(error):
    """Whether an error comes from what is in the archive; a full disk, for instance, does not."""
    if isinstance(error, OSError):
        return error.errno is None
    kinds = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, RuntimeError)
    return isinstance(error, kinds)


def _members(archive):
    """Yield name, size and opener of each file; folders are made by their files."""
    if zipfile.is_zipfile(archive):
        yield from _zip_members(archive)
    else:
        yield from _tar_members(archive)


def _zip_members(archive):
    """Yield name, size and opener of each file in a zip archive; refuse links and devices."""
    with zipfile.ZipFile(archive) as opened:
        _check_number(archive, len(opened.infolist()))
        for info in opened.infolist():
            if info.is_dir():
                continue
            # What made the archive on Unix wrote the file's kind into the upper bits.
            kind = stat.S_IFMT(info.external_attr >> 16)
            if kind not in (0, stat.S_IFREG):
                _refuse_kind(archive, info.filename)
            # filename is already changed for the platform; what the archive says is the other.
            yield info.orig_filename, info.file_size, lambda info=info: opened.open(info)


def _tar_members(archive):
    with tarfile.open(archive, "r:*") as opened:
        for n_members, info in enumerate(opened, start=1):
            _check_number(archive, n_members)
            if info.isdir():
                continue
            if not info.isfile():
                _refuse_kind(archive, info.name)
            yield info.name, info.size, lambda info=info: opened.extractfile(info)


def _copy(source, target, n_bytes, archive):
    """Copy a member; one that is longer than the archive says is not believed."""
    with target.open("wb") as out:
        while piece := source.read(_CHUNK):
            n_bytes -= len(piece)
            if n_bytes < 0:
                msg = f"{archive.name} holds more of {target.name} than it says: not unpacked."
                raise DataError(msg)
            out.write(piece)


def _refuse_kind(archive, name):
    msg = f"{archive.name} holds {name!r}, which is a link or a device: not unpacked."
    raise DataError(msg)


def _check_room(archive, left):
    if left < 0:
        msg = (
            f"{archive.name} would unpack to more than {_RATIO} times its size, or than the disk "
            "has room for: not unpacked."
        )
        raise DataError(msg)


def _check_number(archive, n_members):
    if n_members > _MOST_MEMBERS:
        msg = f"{archive.name} holds more than {_MOST_MEMBERS} files: not unpacked."
        raise DataError(msg)
