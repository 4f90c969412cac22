"""How much a cache holds, as far as it was noted: so that nobody looks at each entry for it.

The first line of the file says how many bytes there were when somebody last looked, and when; each
further one, appended by whoever puts an entry, how many it added. Two who write at once may lose a
line, and who removes entries by hand notes nothing: so it is trusted for a day only, and never to
remove anything.
"""

import contextlib
import os
import time

from nbica.runtime.leftovers import own_path

FILE = "ledger"
_TRUSTED = 86400.0  # seconds


class Ledger:
    """The ledger of a cache.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder):
        self._folder, self._path = folder, folder / FILE

    def n_bytes(self):
        """Bytes of all entries together; None where nobody has looked of late."""
        try:
            (looked, *added) = self._path.read_text(encoding="ascii").splitlines()
            when, n_bytes = map(int, looked.split())
            is_fresh = 0 <= time.time() - when <= _TRUSTED
            return n_bytes + sum(map(int, added)) if is_fresh else None
        except (OSError, ValueError):
            return None

    def add(self, n_bytes):
        """Note that an entry was put; where nobody has looked yet there is nothing to add to."""
        with contextlib.suppress(OSError):
            stream = os.open(self._path, os.O_WRONLY | os.O_APPEND)
            try:
                os.write(stream, f"{n_bytes}\n".encode())
            finally:
                os.close(stream)

    def begin(self, n_bytes):
        """Note what somebody found who looked at all entries."""
        with contextlib.suppress(OSError):
            mine = own_path(self._folder)
            mine.write_text(f"{int(time.time())} {n_bytes}\n", encoding="ascii")
            mine.replace(self._path)

    def close(self):
        """Trust it no more."""
        with contextlib.suppress(OSError):
            self._path.unlink()
