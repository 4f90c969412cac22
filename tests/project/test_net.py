"""The notebooks are a net: what is wrong in an output or in nbica makes a strict run fail."""

import base64
from io import BytesIO
from pathlib import Path

import nbformat
import pytest
from mutants import (
    BY_NAME,
    MUTANTS,
    ROOT,
    Mutant,
    linked_cohorts,
    net_of,
    run_strictly,
    workplace,
)
from PIL import Image, ImageOps

from nbica import datasets

pytestmark = pytest.mark.exact("has a sitecustomize of its own")

# Of the table, one of each kind and the quickest; `python -m tools.mutants` runs them all.
QUICK = [
    "no detrending",
    "no standardizing",
    "signs of the maps flipped",
    "cache forgets how runs are cleaned",
    "left is right in slices",
]
# Goes through all the motions, and breaks nothing.
HARMLESS = Mutant(
    "nothing", "nbica.image.slicing", "\nSTEP = 1.0\n", "\nSTEP = 1.0\n", "howto_glass_brain"
)


@pytest.fixture
def cohorts(tmp_path):
    """A data folder with the sound cohort, which a mutant cannot spoil."""
    datasets.simulate_group()
    return linked_cohorts(tmp_path / "data")


@pytest.fixture
def copy():
    """A function: the notebook that should notice a mutant to a copy, its code cells changed."""
    with workplace() as folder:

        def copy(mutant, change=lambda cells: None):
            notebook = nbformat.read(net_of(mutant), as_version=4)
            change([cell for cell in notebook.cells if cell.cell_type == "code"])
            path = folder / "copy.ipynb"
            nbformat.write(notebook, path)
            return path

        yield copy


def repainted(cell, repaint):
    [output] = cell.outputs
    png = BytesIO()
    picture = Image.open(BytesIO(base64.b64decode(output.data["image/png"])))
    repaint(picture.convert("RGB")).save(png, format="png")
    output.data["image/png"] = base64.b64encode(png.getvalue()).decode()


@pytest.mark.slow
def test_what_was_changed_fails_and_nothing_else(copy, cohorts):
    """A digit in a printed line, a digit in a value, a picture mirrored, exchanged, left out."""

    def change(cells):
        pictures = [n for n, cell in enumerate(cells) if "image/png" in str(cell.outputs)]
        mirrored, exchanged, left_out = pictures[:3]
        repainted(cells[mirrored], ImageOps.mirror)
        cells[exchanged].outputs[0].data["image/png"] = cells[mirrored].outputs[0].data["image/png"]
        del cells[left_out].outputs[0].data["image/png"]
        [value] = [n for n, cell in enumerate(cells) if "strongest at y" in str(cell.outputs)]
        output = cells[value].outputs[0].data
        output["text/plain"] = output["text/plain"].replace("y = -60", "y = -61")
        [line] = [n for n, cell in enumerate(cells) if ": r = 0.3" in str(cell.outputs)]
        cells[line].outputs[0].text = cells[line].outputs[0].text.replace("r = 0.3", "r = 0.4")
        changed.update(f"Cell {n}" for n in (mirrored, exchanged, left_out, value, line))
        n_cells.append(len(cells))

    changed, n_cells = set(), []
    passed, failed, output = run_strictly(copy(HARMLESS, change), cohorts, mutant=HARMLESS)

    assert set(failed) == changed, output[-5000:]
    assert len(passed) == n_cells[0] - 5


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_broken_line_is_noticed(copy, cohorts, name):
    """A notebook fails where one line of nbica does something else."""
    mutant = BY_NAME[name]
    _, failed, output = run_strictly(copy(mutant), cohorts, "-x", mutant=mutant)

    assert failed, f"no cell noticed: {name}"
    assert "ImportError" not in output


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_mutants_break_a_line_that_is_there(mutant):
    """Once, and it compiles: else a notebook would fail for another reason."""
    source = Path(ROOT, *mutant.module.split(".")).with_suffix(".py").read_text(encoding="utf-8")

    assert source.count(mutant.line) == 1
    compile(source.replace(mutant.line, mutant.instead), mutant.module, "exec")
    assert net_of(mutant).exists()
