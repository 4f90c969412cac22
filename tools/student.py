"""The learner's copies of the notebooks: without the cells that only test them.

    python -m tools.student FOLDER          (make student: into build/student)

A cell with the tag `remove-cell` holds assertions, and nothing that a later cell needs. Outputs are
left out as well: a learner makes them. FOLDER may be that of the notebooks themselves, as in a
Binder session.
"""

import sys
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
TAG = "remove-cell"


def learners_copy(notebook):
    """The same notebook without tagged cells and without outputs."""
    copy = nbformat.from_dict(notebook)
    copy.cells = [cell for cell in copy.cells if not is_test(cell)]
    for cell in copy.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return copy


def is_test(cell):
    """Whether a cell is for the tests alone."""
    return TAG in cell.metadata.get("tags", [])


def write_all(folder, notebooks=NOTEBOOKS):
    """Write the learner's copy of each notebook into a folder.

    Returns
    -------
    list of Path
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for path in sorted(notebooks.glob("*.ipynb")):
        copy = learners_copy(nbformat.read(path, as_version=4))
        written.append(folder / path.name)
        written[-1].write_text(nbformat.writes(copy) + "\n", encoding="utf-8")
    return written


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    print(f"{len(write_all(sys.argv[1]))} notebooks in {sys.argv[1]}")
