"""A learner who changes a parameter: does every later cell still run?

    python -m tools.curious [NAME ...]          (all lessons, if none is named)

Each learner's copy is run once for each change below that finds its words in a cell, with only the
first place changed. Printed is the cell that failed, if one did. Minutes for each lesson.
"""

import re
import sys
import tempfile

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from tools.student import NOTEBOOKS, learners_copy

# What a curious person changes: a pattern, and what may stand there instead.
CHANGES = [
    (r"n_components=20", ["n_components=10", "n_components=30"]),
    (r"\bk = 20", ["k = 10", "k = 30"]),
    (r", k = (.*), 20", [r", k = \1, 12"]),
    (r"smoothing_fwhm=6", ["smoothing_fwhm=None", "smoothing_fwhm=12"]),
    (r"simulate_group\(\)", ["simulate_group(4)"]),
    (r"random_state=0", ["random_state=7"]),
    (r"threshold=([\d.]+)", ["threshold=0", "threshold=99"]),
]


def changed(notebook, pattern, instead):
    """A copy with the first match in its code replaced; None where there is no match."""
    copy = learners_copy(notebook)
    for cell in copy.cells:
        if cell.cell_type == "code" and re.search(pattern, cell.source):
            cell.source = re.sub(pattern, instead, cell.source, count=1)
            return copy
    return None


def failure(notebook, path):
    """The first cell that fails, and how; empty where all run."""
    with tempfile.TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", resources=resources)
        try:
            client.execute()
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}"[:300]
    return ""


def main(names):
    """Print a line per change; 1 if a cell failed."""
    paths = [p for p in sorted(NOTEBOOKS.glob("*.ipynb")) if p.stem.startswith(tuple(names))]
    n_failed = 0
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        for pattern, instead in [(p, one) for p, more in CHANGES for one in more]:
            copy = changed(notebook, pattern, instead)
            if copy is None:
                continue
            said = failure(copy, path)
            n_failed += bool(said)
            print(f"{path.stem}: {instead}: {said or 'runs'}", flush=True)
    return int(n_failed > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["0", "1"]))
