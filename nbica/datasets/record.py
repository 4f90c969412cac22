"""What was downloaded: sizes and hashes of a data set's files, kept beside them.

A source that publishes no hash is trusted once: what came first is written down here, and later
downloads must agree with it. The sizes tell a damaged file at a glance.
"""

import json

from nbica.datasets import locks

NAME = "nbica-files.json"


def read(folder):
    """The record of a folder: path to `{"hash": …, "size": …, "url": …}`, or an empty dict."""
    try:
        entries = json.loads((folder / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return entries if isinstance(entries, dict) else {}


def add(folder, entries):
    """Add entries to the record; two processes may do so at once."""
    with locks.held(folder / ".nbica" / f"{NAME}.lock"):
        entries = dict(sorted((read(folder) | entries).items()))
        # Under a name that the next one writes over, should a kill leave it.
        temporary = folder / ".nbica" / NAME
        temporary.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
        temporary.replace(folder / NAME)
