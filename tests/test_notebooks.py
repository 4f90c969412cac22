"""The saved notebooks are what a reader sees and what nbval compares: keep them in order."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


@pytest.fixture(scope="module")
def refresh():
    spec = importlib.util.spec_from_file_location("refresh", FOLDER / "refresh.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_saved_in_canonical_form(path, refresh):
    """A notebook is saved as `make notebooks` saves it: run from top to bottom, without noise."""
    text = path.read_text(encoding="utf-8")
    again = nbformat.writes(refresh.canonical(nbformat.reads(text, as_version=4))) + "\n"

    assert text == again, "run `make notebooks`"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_checks_what_it_says(path):
    """A notebook asserts numbers, has no failed cell, and hides no output with a semicolon."""
    cells = code_cells(nbformat.read(path, as_version=4))
    sources = [cell.source.rstrip() for cell in cells]
    kinds = {output.output_type for cell in cells for output in cell.outputs}

    assert any("assert " in source for source in sources)
    assert "error" not in kinds
    assert not any(source.endswith(";") for source in sources), "nbval shows what ; hides"
