"""Run the notebooks anew and save them in one canonical form, so that a diff shows what changed.

    python notebooks/refresh.py [--check] [NOTEBOOK ...]

The form: cells numbered as they ran, ids by position, and no metadata but the kernel's name. With
`--check` nothing is run or saved: those that are in another form are named.
"""

import os
import shutil
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parent
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
KEPT_CELL_METADATA = {"tags"}


def refresh(path):
    """Run one notebook from top to bottom and save it with its outputs."""
    notebook = nbformat.read(path, as_version=4)
    os.environ["NBICA_EMBED"] = "0"  # pictures of viewers, and no pages: git keeps each version
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": path.parent}}).execute()
    path.write_text(nbformat.writes(canonical(notebook)) + "\n", encoding="utf-8")


def is_canonical(path):
    """Whether a notebook is saved in canonical form."""
    text = path.read_text(encoding="utf-8")
    return text == nbformat.writes(canonical(nbformat.reads(text, as_version=4))) + "\n"


def canonical(notebook):
    """The same notebook in canonical form."""
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.nbformat_minor = 5
    n_run = 0
    for position, cell in enumerate(notebook.cells):
        cell.id = f"cell-{position:02d}"
        cell.metadata = {k: v for k, v in cell.metadata.items() if k in KEPT_CELL_METADATA}
        if cell.cell_type == "code":
            n_run += 1
            cell.execution_count = n_run
            cell.outputs = [_canonical_output(output, n_run) for output in cell.outputs]
    return notebook


def _canonical_output(output, n_run):
    if "execution_count" in output:
        output.execution_count = n_run
    if "metadata" in output:
        output.metadata = {}
    return output


def main(arguments):
    """Refresh or check the notebooks that are named, or all; returns the exit status."""
    named = [Path(word) for word in arguments if word != "--check"]
    notebooks = named or sorted(FOLDER.glob("*.ipynb"))
    if "--check" in arguments:
        others = [str(path) for path in notebooks if not is_canonical(path)]
        print("\n".join(f"{path} is not in canonical form: make notebooks" for path in others))
        return len(others) > 0
    # What is saved is computed now, not found in a cache.
    shutil.rmtree(FOLDER / "nbica_cache", ignore_errors=True)
    for notebook in notebooks:
        print(notebook)
        refresh(notebook)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
