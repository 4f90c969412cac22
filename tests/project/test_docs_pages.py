"""What the guides say is so: tables held to nilearn's code and to ours, messages to the code."""

import ast
import importlib
import inspect
import re
from inspect import unwrap
from pathlib import Path

import nilearn
import pytest

import nbica

ROOT = Path(__file__).parents[2]
NILEARN_PAGE = (ROOT / "docs" / "coming_from_nilearn.md").read_text(encoding="utf-8")
TROUBLES = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
# What the page is about; another nilearn may have other arguments.
as_the_page_says = pytest.mark.skipif(
    nilearn.__version__ != "0.14.1", reason=f"the page is about 0.14.1, not {nilearn.__version__}"
)


def rows_under(heading):
    """The first table under a heading, without its head: lists of cells, backquotes gone."""
    section = NILEARN_PAGE.split(f"\n## {heading}\n")[1]
    table = re.search(r"(?:^\|.*\n)+", section, re.MULTILINE)[0]
    cells = [line.strip("|").replace("`", "").split("|") for line in table.splitlines()[2:]]
    return [[cell.strip() for cell in row] for row in cells]


MODULES = dict(rows_under("Where things are"))
CLASSES = rows_under("The estimators")
FUNCTIONS = rows_under("The functions")


def parameters(function):
    return {n: p.default for n, p in inspect.signature(function).parameters.items() if n != "self"}


def named(path, package):
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(f"{package}.{module}".rstrip(".")), name)


def theirs(name):
    """A class of nilearn, wherever the page says that it is."""
    homes = [
        importlib.import_module(module) for module in ("nilearn.decomposition", "nilearn.maskers")
    ]
    return next(getattr(home, name) for home in homes if hasattr(home, name))


@as_the_page_says
@pytest.mark.parametrize(("name", "lost", "own"), CLASSES, ids=lambda cell: cell.split(" ")[0])
def test_estimators_take_what_the_page_says(name, lost, own):
    """What a class takes and does not take is in its row; the rest is nilearn's, by default."""
    there, here = parameters(theirs(name)), parameters(getattr(nbica, name))
    n_first = next((i for i, n in enumerate(there) if n not in here), len(there))

    assert [n for n in there if n not in here] == lost.split()
    assert [n for n in here if n not in there] == own.split()
    others = {n for n in there if n in here and here[n] != there[n]}
    assert others == ({"n_init", "do_cca"} if name == "CanICA" else set())
    assert list(here)[:n_first] == list(there)[:n_first]


@as_the_page_says
@pytest.mark.parametrize(("their", "our", "lost", "own"), FUNCTIONS, ids=lambda cell: cell[:30])
def test_functions_take_what_the_page_says(their, our, lost, own):
    """What a function takes and does not take, against nilearn's, is in its row."""
    there, here = parameters(named(their, "nilearn")), parameters(named(our, "nbica"))

    assert [n for n in there if n not in here] == lost.split()
    assert [n for n in here if n not in there] == own.split()


def is_handed_on(ours, theirs):
    """Whether ours is nilearn's, as it is or so that it takes our maskers."""
    return ours is theirs or theirs in (getattr(ours, "__base__", None), unwrap(ours))


def test_the_page_has_all_that_have_nilearns_name():
    """A public function that is called as in nilearn has its row, and its module is said."""
    shared = set()
    for their, our in MODULES.items():
        there, here = importlib.import_module(their), importlib.import_module(our)
        names = set(getattr(here, "__all__", dir(here))) & set(there.__all__)
        names -= {name for name in names if is_handed_on(getattr(here, name), getattr(there, name))}
        shared |= {(f"{their[8:]}.{name}", f"{our[6:]}.{name}".lstrip(".")) for name in names}
    classes = {name for name, *_ in CLASSES}
    shared = {pair for pair in shared if pair[1].rpartition(".")[2] not in classes}

    assert {(their, our) for their, our, *_ in FUNCTIONS} == shared


def test_the_script_of_the_talk_imports():
    """What the script imports is there, and it is Python."""
    script = re.search(r"```python\n(.*?)```", NILEARN_PAGE, re.DOTALL)[1]
    imports = [node for node in ast.parse(script).body if isinstance(node, ast.ImportFrom)]

    assert len(imports) == 3
    assert all(
        hasattr(importlib.import_module(node.module), alias.name)
        for node in imports
        for alias in node.names
    )


def texts_in_the_code():
    """All texts of nbica, … standing for what is put into them."""
    for path in sorted((ROOT / "nbica").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(v.value if isinstance(v, ast.Constant) else "…" for v in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


MESSAGES = re.findall(r"^> (.+)$", TROUBLES, re.MULTILINE)


def test_messages_are_quoted_as_the_code_has_them():
    """Each message of the page on troubles is in the code, word for word."""
    texts = list(texts_in_the_code())
    unknown = [message for message in MESSAGES if not any(message in text for text in texts)]

    assert len(MESSAGES) > 20
    assert unknown == []


def test_parameters_and_variables_that_the_page_on_troubles_names_exist():
    """What it tells to set can be set."""
    code = "\n".join(path.read_text() for path in (ROOT / "nbica").rglob("*.py"))
    variables = set(re.findall(r"NBICA_[A-Z]+", TROUBLES)) - {"NBICA_CHROMIUM"}
    calls = set(re.findall(r"`(?:\w+\()?(?!NBICA_)(\w+)=", TROUBLES))
    taken = {n for c in ("CanICA", "SliceViewer") for n in parameters(getattr(nbica, c))} | {
        "verbose"
    }

    assert all(variable in code for variable in variables)
    assert calls <= taken
