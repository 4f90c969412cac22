"""Files that are whole or not there: written under a temporary name, then renamed."""

import contextlib
import uuid


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
