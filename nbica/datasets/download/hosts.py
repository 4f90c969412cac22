"""Politeness: few connections to one host, and none while it asked for a pause."""

import contextlib
import threading
import time
from collections import defaultdict

from nbica.datasets.download.addresses import host_of

PER_HOST = 2


class Hosts:
    """Turns at hosts, shared by the threads of one fetch.

    Parameters
    ----------
    check : callable
        Called while waiting; may raise to stop.
    """

    def __init__(self, check=lambda: None):
        self._check = check
        self._slots = defaultdict(lambda: threading.Semaphore(PER_HOST))
        self._free_from = defaultdict(float)
        self._guard = threading.Lock()

    @contextlib.contextmanager
    def turn(self, url):
        """Wait until the host of a url may be asked."""
        host = host_of(url)
        with self._guard:
            slots = self._slots[host]
        while not slots.acquire(timeout=0.1):
            self._check()
        try:
            while (left := self._free_from[host] - time.monotonic()) > 0:
                self._check()
                time.sleep(min(left, 0.1))
            yield
        finally:
            slots.release()

    def rest(self, url, seconds):
        """Leave the host of a url alone for a while."""
        host = host_of(url)
        with self._guard:
            self._free_from[host] = max(self._free_from[host], time.monotonic() + seconds)

    def resting(self):
        """Hosts that are left alone just now, with the seconds that remain."""
        now = time.monotonic()
        with self._guard:
            return {host: t - now for host, t in self._free_from.items() if t - now >= 1}
