"""Where the time goes: seconds by stage, for what is cheap to count and good to know."""

import time
from collections import defaultdict
from contextlib import contextmanager


class Stopwatch:
    """Seconds spent in named stages.

    Attributes
    ----------
    seconds : dict of str to float
    """

    def __init__(self):
        self.seconds = defaultdict(float)

    @contextmanager
    def stage(self, name):
        """Count what the block takes."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - start

    def each(self, name, iterable):
        """Yield the items, counting what it takes to get them."""
        iterator = iter(iterable)
        while True:
            with self.stage(name):
                item = next(iterator, self)
            if item is self:
                return
            yield item
