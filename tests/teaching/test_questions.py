"""The exercises in the notebooks: each is blank as saved, and its folded solution passes."""

import ast
import re
from pathlib import Path

import nbformat
import pytest

from nbica.teaching import questions
from nbica.teaching.judging import judge
from nbica.teaching.sealing import plain

FOLDER = Path(__file__).parents[2] / "notebooks"
_IMPORT = "import nbica\n\n"
_ASKED = re.compile(r'\Aanswer = \.\.\.\nnbica\.check\("([a-z_\d]+\.\d)", answer\)\Z')
_SOLUTION = re.compile(
    r"\A<details><summary>Solution of ([a-z_\d]+\.\d)</summary>\n\n"
    r"```python\n(.*?)\n```\n\n.+\n\n</details>\Z",
    re.DOTALL,
)


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def exercises(path):
    """Name of a question to the position of its cell and to its solution."""
    cells, found = cells_of(path), {}
    for position, cell in enumerate(cells):
        source = cell.source.removeprefix(_IMPORT)
        if asked := _ASKED.match(source):
            folded = _SOLUTION.match(cells[position + 1].source)
            assert folded, f"{asked[1]} has no folded solution in the next cell"
            assert folded[1] == asked[1]
            found[asked[1]] = (position, folded[2])
    return found


WITH_EXERCISES = [path for path in sorted(FOLDER.glob("*.ipynb")) if exercises(path)]


def test_every_question_is_asked_once_in_its_notebook():
    """The questions of the file and those of the notebooks are the same, each where it says."""
    asked = [
        (name, path.stem) for path in sorted(FOLDER.glob("*.ipynb")) for name in exercises(path)
    ]

    assert sorted(asked) == sorted((q.name, q.notebook) for q in questions.load().values())


def test_no_check_goes_by_another_form():
    """Every call of check in a notebook is an exercise as the other tests know it."""
    for path in FOLDER.glob("*.ipynb"):
        calls = sum("check(" in c.source for c in cells_of(path) if c.cell_type == "code")
        assert calls == len(exercises(path)), path.stem


@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_saved_blank(path):
    """As saved, an exercise says that it is not answered yet, and nothing more."""
    cells = cells_of(path)
    for name, (position, _) in exercises(path).items():
        (output,) = cells[position].outputs
        assert output.data["text/plain"].startswith(f"{name}: not answered yet.")


@pytest.mark.slow
@pytest.mark.parametrize("path", WITH_EXERCISES, ids=lambda path: path.stem)
def test_folded_solutions_pass_and_nothing_tells_them(path, monkeypatch):
    """In the notebook's own names, a solution gives the right answer, which no text holds."""
    monkeypatch.chdir(FOLDER)
    cells, solved = cells_of(path), exercises(path)
    namespace, done = {}, set()
    for name, (position, solution) in solved.items():
        before = [cell.source for cell in cells[:position] if cell.cell_type == "code"]
        for line in [*needed(before, solution), solution]:
            if line not in done:
                exec(compile(line, f"{path.name}, {name}", "exec"), namespace)
                done.add(line)

        asked = questions.find(name)
        assert judge(asked, namespace["answer"]).state == "passed", name
        told = [solution, cells[position - 1].source, *texts_of(asked)]
        assert not [text for text in told if gives_away(asked, namespace["answer"], text)], name


def needed(sources, solution):
    """The statements of the cells before that a piece of code builds on, in their order."""
    wanted, taken = _names(ast.parse(solution))[1], []
    asked = [source for source in sources if not _ASKED.match(source.removeprefix(_IMPORT))]
    for statement in reversed([one for source in asked for one in ast.parse(source).body]):
        bound, used = _names(statement)
        if bound & wanted:
            taken.insert(0, ast.unparse(statement))
            wanted |= used
    return taken


def _names(tree):
    """Names that code binds or changes, and names that it uses."""
    bound, used = set(), set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()):
                bound.add(name)
            case ast.Name(id=name):
                used.add(name)
            case ast.FunctionDef(name=name):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name.split(".")[0])
            case ast.Attribute(value=ast.Name(id=name), ctx=ast.Store()):
                bound.add(name)
            case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name(id=name)))):
                bound.add(name)
    return bound, used


def texts_of(asked):
    return [asked.title, asked.why, *asked.hints, *(mistake.hint for mistake in asked.mistakes)]


def gives_away(asked, answer, text):
    """Whether a text holds a right answer: its number, or one of its names."""
    if asked.kind == "choice":
        return False  # its options stand in the question
    if asked.kind == "names":
        names = [answer] if isinstance(answer, str) else answer
        return all(plain(name) in plain(text) for name in names)
    if asked.kind not in ("number", "count"):
        return False  # an array is in no sentence
    numbers = [float(number) for number in re.findall(r"\d+\.?\d*", text)]
    return any(judge(asked, number).state == "passed" for number in numbers)


def test_a_solution_that_rots_is_noticed():
    """A wrong solution does not pass, and a number in a hint is found."""
    asked = questions.find("1.1")

    assert judge(asked, 168 * 2).state == "tried"
    assert gives_away(asked, 5.6, "that would be 5.6 minutes")
    assert not gives_away(asked, 5.6, "168 frames of 2 s")
