"""A lock between processes that leaves no file behind and ends with its holder, killed or not.

filelock does the same but leaves its file in the user's folder of data: the holder who removed it
there could let two others in, which this module keeps from happening by a second look.
"""

import contextlib
import os
import time

_POLL = 0.1  # s between two looks at a lock that another process holds


@contextlib.contextmanager
def held(path, check=lambda: None):
    """Hold the lock that goes by the name of a file.

    The file is removed by its holder. Whoever gets hold of a file that is no longer the one of
    that name looks again, so that no two ever hold the lock.

    Parameters
    ----------
    path : Path
    check : callable
        Called while waiting; may raise to give up.
    """
    handle = _acquire(path, check)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):  # Windows keeps what is open; the next holder finds it
            path.unlink()
        os.close(handle)


def _acquire(path, check):
    """Wait until the lock file is ours; return its handle."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # its folder was just tidied away
            continue
        if _try_lock(handle) and _is_named(handle, path):
            return handle
        os.close(handle)
        check()
        time.sleep(_POLL)


def _is_named(handle, path):
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _try_lock(handle):
    """Whether the file could be locked; the system frees it if the process ends."""
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
