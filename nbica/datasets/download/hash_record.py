"""What was downloaded: sizes and hashes of a data set's files, kept beside them.

A source that publishes no hash is trusted once: what came first is written down here, and later
downloads must agree with it. The sizes tell a damaged file at a glance.
"""

import hashlib
import json

from nbica.datasets.download import locks
from nbica.runtime.atomic import write_text
from nbica.runtime.leftovers import sweep

NAME = "nbica-files.json"


def hash_of(path, algorithm):
    """The hash of a file's bytes, such as "md5:0bb0…"."""
    with path.open("rb") as stream:
        return f"{algorithm}:{hashlib.file_digest(stream, algorithm).hexdigest()}"


def read(folder):
    """The record of a folder: path to `{"hash": …, "size": …, "url": …}`, or an empty dict."""
    try:
        entries = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def add(folder, entries):
    """Add entries to the record; two processes may do so at once."""
    with locks.held(_lock_of(folder)):
        entries = dict(sorted((read(folder) | entries).items()))
        write_text(folder / NAME, json.dumps(entries, indent=1) + "\n")


def tidy(folder):
    """Remove what a killed process left of writing the record."""
    sweep(folder)
    lock = _lock_of(folder)
    if lock.exists():
        with locks.held(lock):
            pass  # who holds it last removes it


def _lock_of(folder):
    return folder / ".nbica" / f"{NAME}.lock"
