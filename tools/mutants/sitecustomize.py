"""Breaks one line of nbica. Python reads this as it starts, with this folder on PYTHONPATH."""

import json
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader


class Breaker:
    """Finds one module, and gives it a loader that breaks it."""

    def __init__(self, mutant):
        self.mutant = mutant

    def find_spec(self, name, path=None, target=None):
        """As the import system calls it."""
        if name != self.mutant["module"]:
            return None
        spec = PathFinder.find_spec(name, path)
        spec.loader = Broken(name, spec.origin)
        spec.loader.mutant = self.mutant
        return spec


class Broken(SourceFileLoader):
    """Compiles the source with another line in it, past Python's cache of compiled modules."""

    def get_code(self, fullname):
        """As the import system calls it."""
        source, line = self.get_source(fullname), self.mutant["line"]
        if source.count(line) != 1:
            message = f"{fullname} has {source.count(line)} times, not once: {line!r}"
            raise ImportError(message)
        return compile(source.replace(line, self.mutant["instead"]), self.path, "exec")


if os.environ.get("NBICA_MUTANT"):
    sys.meta_path.insert(0, Breaker(json.loads(os.environ["NBICA_MUTANT"])))
