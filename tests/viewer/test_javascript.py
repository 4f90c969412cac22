"""The viewers' JavaScript: one scope, typed, in short functions and lines."""

import os
import re
import shutil

import pytest

from nbica.viewer import page
from tools import check_js

LONGEST_LINE, LONGEST_FUNCTION = 100, 60
_TOP_LEVEL = re.compile(r"^(?:async )?(?:function|class|const|let)\s+(\w+)", re.MULTILINE)
# A function of the top level: from its first line to the brace in the first column.
_FUNCTION = re.compile(r"^(?:async )?function (\w+)\(.*?^}", re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module", params=check_js.files())
def script(request):
    """The text of one file."""
    return page.read(f"js/{request.param}")


def test_every_script_is_in_a_page():
    """No file of the folder is left out of what browsers get and the checks see."""
    there = {path.name for path in (page.FOLDER / "js").iterdir()}

    assert there == set(check_js.files())


def test_names_are_unique_across_the_joined_files():
    """The files share one scope, so each top-level name is defined once in all of them."""
    texts = [page.read(f"js/{file}") for file in check_js.files()]
    names = [name for text in texts for name in _TOP_LEVEL.findall(text)]

    assert len(names) > 150
    assert sorted(names) == sorted(set(names))


def test_lines_and_functions_are_short(script):
    """No line is longer than Python's, no function longer than a screen."""
    long = [line for line in script.split("\n") if len(line) > LONGEST_LINE]
    lengths = {m[1]: m[0].count("\n") - 1 for m in _FUNCTION.finditer(script)}

    assert long == []
    assert {name: n for name, n in lengths.items() if n > LONGEST_FUNCTION} == {}


@pytest.mark.slow
def test_typescript_finds_nothing():
    """TypeScript, strict, reads the joined files and their JSDoc without a complaint."""
    if check_js.find_compiler() is None:
        if os.environ.get("CI"):
            assert shutil.which("npm"), "no npm: .ci/run was to install TypeScript with it"
            check_js.install_compiler()
        else:
            pytest.skip("no TypeScript; `make check-js` lets npm install it")

    assert check_js.complaints(check_js.find_compiler()) == []


@pytest.mark.slow
def test_a_fault_is_found_with_its_place(monkeypatch):
    """A planted misuse of a typed function is reported with the file and line a person edits."""
    if (compiler := check_js.find_compiler()) is None:
        pytest.skip("no TypeScript; `make check-js` lets npm install it")
    read = page.read

    def with_fault(*names):
        text = read(*names)
        return f'{text}\nclamp("1", 2, 3);' if names == ("js/start.js",) else text

    monkeypatch.setattr(page, "read", with_fault)
    last = read("js/start.js").count("\n") + 2

    (found,) = check_js.complaints(compiler)
    assert found.startswith(f"start.js:{last}:")
