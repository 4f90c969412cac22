"""The saved notebooks are what a reader sees and what nbval compares: keep them in order."""

import ast
import importlib.util
import re
from pathlib import Path

import nbformat
import pytest
from nbval.plugin import get_sanitize_patterns

from tools import student

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
# Lessons in the form that all are to have.
REWRITTEN = [path for path in NOTEBOOKS if path.stem[:2] in {"01", "02", "03", "04"}]


# Such as a clone and a Binder session load without a wait.
LARGEST = 2_500_000
# Folders of a machine or a person; what a browser may open ("https://…/home/") is none.
SOMEONES_FOLDER = re.compile(
    r"(?<![\w./])(?:/home|/root|/Users|/tmp|/var|/work|[A-Z]:\\\\)[/\\\\]?\w*"
)
LINK = re.compile(r"\]\((?!https?:|#|attachment:)([^)#]+)")


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


def markdown_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def texts(cell):
    """All that a cell's outputs say in letters."""
    for output in cell.outputs:
        yield output.get("text", "")
        yield from (text for kind, text in output.get("data", {}).items() if kind[:4] == "text")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_a_lesson_from_title_to_recap(path):
    """The first cell has the number of the file and says what will be done; the last looks back."""
    cells = nbformat.read(path, as_version=4).cells
    number = path.stem[:2]
    title = rf"# {int(number)} · " if number.isdigit() else "# How-to · "

    assert cells[0].cell_type == cells[-1].cell_type == "markdown"
    assert re.match(rf"{title}\S.*\n\n", cells[0].source)
    assert re.search("In this notebook (we|you)|What was learnt|Look back", cells[-1].source)


@pytest.mark.parametrize("path", REWRITTEN, ids=lambda path: path.stem)
def test_a_lesson_says_what_it_asks_for(path):
    """A lesson has three goals, what it needs and minutes on top; questions and papers below."""
    cells = nbformat.read(path, as_version=4).cells
    first, last = cells[0].source, cells[-1].source

    assert len(re.findall(r"^\* ", first, re.M)) == 3
    assert re.search(r"\*\*Before:\*\* .*\*\*Time:\*\* \d+ minutes", first)
    assert "(../docs/glossary.md)" in first
    assert last.split("## Look back")[1].split("##")[0].count("?") >= 3
    assert {"## What others call it", "## Go further"} <= set(last.split("\n"))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_only_tagged_cells_test(path):
    """Assertions stand in cells that a learner's copy leaves out, and nothing else does."""
    for cell in code_cells(nbformat.read(path, as_version=4)):
        kinds = {type(statement) for statement in ast.parse(cell.source).body}
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))
        assert not asserts or student.is_test(cell), cell.source
        assert not student.is_test(cell) or kinds <= {ast.Assert, ast.Assign, ast.Import, ast.For}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_no_cell_needs_a_test(path):
    """No name that only a tagged cell binds is used by a cell that a learner keeps."""
    cells = code_cells(nbformat.read(path, as_version=4))
    kept = [ast.parse(cell.source) for cell in cells if not student.is_test(cell)]
    left_out = [ast.parse(cell.source) for cell in cells if student.is_test(cell)]
    bound = {name for tree in kept for name in names(tree, ast.Store)}
    only_there = {name for tree in left_out for name in names(tree, ast.Store)} - bound
    used = {name for tree in kept for name in names(tree, ast.Load)}

    assert not only_there & used


def names(tree, context):
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, context)}


def test_a_learners_copy_holds_all_but_the_tests(tmp_path):
    """Every text and every other cell is there, without outputs."""
    for path in student.write_all(tmp_path):
        whole = nbformat.read(FOLDER / path.name, as_version=4)
        copy = nbformat.read(path, as_version=4)
        nbformat.validate(copy)

        assert [c.source for c in copy.cells] == [
            c.source for c in whole.cells if not student.is_test(c)
        ]
        assert not any(cell.outputs for cell in code_cells(copy))
        assert len(copy.cells) < len(whole.cells)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_tells_of_no_machine(path):
    """No cell installs anything or calls a shell; no output names a folder of somebody's."""
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert not re.search(r"^\s*[%!]", cell.source, re.MULTILINE)
        assert not SOMEONES_FOLDER.search(cell.source)
        for text in texts(cell):
            assert not SOMEONES_FOLDER.search(text)
            assert " at 0x" not in text  # where an object lay in memory
            assert Path.home().name == "root" or Path.home().name not in text


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_quiet_and_small(path):
    """Nothing on stderr, where warnings go; and no more bytes than a clone should have to bear."""
    outputs = [o for cell in code_cells(nbformat.read(path, as_version=4)) for o in cell.outputs]

    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert path.stat().st_size < LARGEST


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_hardly_an_output_is_left_out(path):
    """At most one cell is not compared, by its tag; and none is skipped or asked to fail."""
    cells = code_cells(nbformat.read(path, as_version=4))
    tags = [tag for cell in cells for tag in cell.metadata.get("tags", [])]
    words = [word for cell in cells for word in re.findall(r"NBVAL_\w+", cell.source)]
    about_nbval = [tag for tag in tags + words if "nbval" in tag.lower() or "raises" in tag]

    assert about_nbval in ([], ["nbval-ignore-output"])


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_to_files(path):
    """Links that are not of the web lead to a file that is there."""
    for cell in markdown_cells(nbformat.read(path, as_version=4)):
        for link in LINK.findall(cell.source):
            assert (path.parent / link).exists(), link


def test_nothing_is_sanitised_that_could_be_compared():
    """Each rule of sanitize.cfg is needed by an output that is saved."""
    rules = get_sanitize_patterns((FOLDER / "sanitize.cfg").read_text(encoding="utf-8"))
    cells = [c for path in NOTEBOOKS for c in code_cells(nbformat.read(path, as_version=4))]
    outputs = [text for cell in cells for text in texts(cell)]

    for pattern, _ in rules:
        assert any(re.search(pattern, text) for text in outputs), pattern
