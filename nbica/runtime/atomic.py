"""Files that are whole or not there: written under a temporary name, then renamed."""

import contextlib
from pathlib import Path

from nbica.runtime.leftovers import own_path


@contextlib.contextmanager
def atomic(path):
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
    with atomic_set([path]) as (temporary,):
        yield temporary


@contextlib.contextmanager
def atomic_set(paths):
    """Yield temporary paths of files that belong together; on success all get their places.

    In the order given and one right after the other: no system renames several at once, so what
    tells that they belong together comes last.

    Parameters
    ----------
    paths : sequence of Path

    Yields
    ------
    list of Path
    """
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
    # Two suffixes: formats are chosen by them, .nii.gz too.
    temporaries = [own_path(path.parent, "".join(path.suffixes[-2:])) for path in paths]
    try:
        yield temporaries
        for temporary, path in zip(temporaries, paths, strict=True):
            temporary.replace(path)
    finally:
        for temporary in temporaries:
            temporary.unlink(missing_ok=True)


def to_write(path):
    """A path that a user gives to write to: ~ is home, and its folder is there.

    Raises
    ------
    FileNotFoundError
        If the folder is not: a slip in its name makes none.
    """
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        msg = f"There is no folder {str(path.parent)!r} for {path.name!r}: make it first."
        raise FileNotFoundError(msg)
    if path.is_dir():
        msg = f"{path} is a folder; expected the name of a file."
        raise IsADirectoryError(msg)
    return path


def write_text(path, text):
    """Write a text file, atomically; what UTF-8 cannot hold, as in some names of files, is escaped.

    Parameters
    ----------
    path : Path
    text : str
        Its ends of lines stay as they are.
    """
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace", newline="")
