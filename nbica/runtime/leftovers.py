"""Files and folders of one's own to work in, named so that others know when they may go.

Whoever is killed cannot clean up. So what is unfinished carries the machine and the process in its
name, and the next one who works in the same folder removes what belongs to a process that is gone.
"""

import contextlib
import os
import re
import shutil
import socket
import time
from pathlib import Path
from uuid import uuid4

# What belongs to a process that cannot be asked about is given up after so many seconds.
_GIVEN_UP = 3600.0
_PREFIX = ".nbica-"
_NAME = re.compile(r"(?P<host>.+)-(?P<pid>\d{1,10})-[0-9a-f]{1,32}(\..*)?")


def own_name():
    """A name that no other process or thread has, and that tells which process it is."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid4().hex}"


def is_abandoned(path):
    """Whether a file or folder with a name of :func:`own_name` belongs to nobody any more.

    Parameters
    ----------
    path : Path
        The name begins with it, after `.nbica-` perhaps; something else is nobody's to remove.
    """
    named = _NAME.fullmatch(path.name.removeprefix(_PREFIX))
    if named is None:
        return False
    if named["host"] == socket.gethostname():
        return not _is_alive(int(named["pid"]))
    try:
        return time.time() - path.lstat().st_mtime > _GIVEN_UP
    except OSError:
        return False


def own_path(folder, ending=""):
    """A path in a folder for what is unfinished, once what others left there is removed.

    Parameters
    ----------
    folder : Path
    ending : str
        The name's last part, such as ".nii.gz", for those who choose a format by it.

    Returns
    -------
    Path
    """
    sweep(folder)
    return folder / f"{_PREFIX}{own_name()}{ending}"


@contextlib.contextmanager
def own_folder(folder):
    """A folder to work in, within another one; it goes at the end, or when somebody sweeps.

    Parameters
    ----------
    folder : Path

    Yields
    ------
    str
    """
    path = own_path(folder)
    path.mkdir(mode=0o700)
    try:
        yield str(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def sweep(folder):
    """Remove what processes that are gone left unfinished in a folder."""
    with contextlib.suppress(OSError), os.scandir(folder) as found:
        names = [entry.name for entry in found if entry.name.startswith(_PREFIX)]
        for path in (Path(folder, name) for name in names):
            if is_abandoned(path):
                _remove(path)


def _remove(path):
    """Remove a file, a link (not what it leads to) or a folder, where that is ours to do."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _is_alive(pid):
    # os.kill(pid, 0), which asks on POSIX, ends the process on Windows.
    import psutil

    return psutil.pid_exists(pid)
