"""Files that are whole or not there: written under a temporary name, then renamed."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from nbica.runtime.checks import as_path
from nbica.runtime.leftovers import own_folder, own_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nbica.hints import AnyPath

_READY = ".nbica-ready"  # holds new files that are whole and on their way to their places


@contextlib.contextmanager
def atomic(path: AnyPath) -> Iterator[Path]:
    """Yield a temporary path in the folder of `path`; on success it becomes `path`, at once.

    The name is of no other process or thread, so that two which write the same file at the same
    time each write a whole one and the last wins; nobody can guess it and plant a link there. A
    link at `path` is replaced, not followed. What killed processes left in the folder is removed.

    A device or a pipe, such as /dev/stdout, is written to as it is.
    """
    path = Path(path)
    if path.exists() and not (path.is_file() or path.is_dir()):
        yield path
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two suffixes: formats are chosen by them, .nii.gz too.
    temporary = own_path(path.parent, "".join(path.suffixes[-2:]))
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def file_set(folder, names):
    """Yield a folder for new files that belong together; on success all get their places.

    No system renames several files at once, so one renaming decides: the folder that holds all of
    them, whole, becomes what is ready. Whoever is killed before it has changed nothing; whoever is
    killed after it leaves what :func:`finish_set` completes.

    Parameters
    ----------
    folder : Path
        Made if it does not exist.
    names : sequence of str
        The files, in the order in which they get their places.

    Yields
    ------
    Path
    """
    folder.mkdir(parents=True, exist_ok=True)
    with own_folder(folder) as work:
        yield Path(work)
        _become_ready(Path(work), folder, names)
    finish_set(folder, names)


def _become_ready(work, folder, names):
    """Rename the folder of new files, once another process's set is out of the way."""
    while True:
        finish_set(folder, names)
        try:
            work.rename(folder / _READY)
        except OSError:
            if not (folder / _READY).is_dir():
                raise
        else:
            return


def finish_set(folder, names):
    """Complete a set of files whose process was killed while they got their places.

    Parameters
    ----------
    folder, names : as in :func:`file_set`
        Nothing happens where nothing is ready.
    """
    ready = folder / _READY
    if ready.is_symlink() or not ready.is_dir():
        return
    for name in names:
        with contextlib.suppress(FileNotFoundError):  # in its place, or another process is at it
            (ready / name).replace(folder / name)
    with contextlib.suppress(OSError):
        ready.rmdir()


def to_write(path):
    """A path that a user gives to write to: ~ is home, and its folder is there.

    Raises
    ------
    FileNotFoundError
        If the folder is not: a slip in its name makes none.
    """
    path = as_path("output_file", path)
    if not path.parent.is_dir():
        msg = f"There is no folder {str(path.parent)!r} for {path.name!r}: make it first."
        raise FileNotFoundError(msg)
    if path.is_dir():
        msg = f"{path} is a folder; expected the name of a file."
        raise IsADirectoryError(msg)
    return path


def write_text(path: AnyPath, text: str) -> None:
    """Write a text file, atomically; what UTF-8 cannot hold, as in some names of files, is escaped.

    Parameters
    ----------
    path : Path
    text : str
        Its ends of lines stay as they are.
    """
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
