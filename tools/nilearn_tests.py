"""Run nilearn's own installed tests on nbica's names, and count how far a script ports.

    python -m tools.nilearn_tests                     # all of them, half an hour on two cores
    python -m tools.nilearn_tests image tests/test_signal.py
    python -m tools.nilearn_tests --table             # what the page for those from nilearn shows

As a pytest plugin (`-p tools.nilearn_tests`) it gives test modules of nilearn, when they import a
public name of nilearn, ours of the same door; what is nilearn's own in our doors stays. Only the
tests' own imports are answered so: nilearn's code works on nilearn's code. A test *applies* when
it reaches a name of ours, itself or by a helper, a fixture or a parameter. Nothing is copied.
"""

import argparse
import builtins
import importlib
import inspect
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

KINDS = ("passed", "user", "wording", "internals", "difference", "skipped")
# Doors of nilearn of which we have some or all.
DOORS = (
    "connectome", "datasets", "decomposition", "image", "maskers", "masking", "plotting", "signal",
)  # fmt: skip

# ---- ours for nilearn's ------------------------------------------------------------------------


def ours_for_theirs():
    """Each public object of nilearn that we have our own of, by identity: (theirs, ours)."""
    pairs = {}
    for door in DOORS:
        there, here = (importlib.import_module(f"{lib}.{door}") for lib in ("nilearn", "nbica"))
        for name in there.__all__:
            theirs, ours = getattr(there, name), getattr(here, name, None)
            if ours is not None and ours is not theirs and not isinstance(ours, ModuleType):
                pairs[id(theirs)] = (theirs, ours)
    return pairs


class _Door(ModuleType):
    """A module of nilearn, seen by a test: its names, ours where we have them."""

    def __init__(self, module, pairs):
        super().__init__(module.__name__)
        self.__dict__.update(_module=module, _pairs=pairs)

    def __getattr__(self, name):
        value = getattr(self._module, name)
        if isinstance(value, ModuleType):
            return _Door(value, self._pairs) if value.__name__.startswith("nilearn") else value
        return self._pairs.get(id(value), (value, value))[1]

    def __setattr__(self, name, value):  # monkeypatch of a test
        setattr(self._module, name, value)

    def __delattr__(self, name):
        delattr(self._module, name)


def _is_test_of_nilearn(name):
    return bool(re.match(r"nilearn\.(.*\.)?tests\.", name or "")) or name == "nilearn.conftest"


def _answering(import_, pairs):
    def import_for_tests(name, globals=None, locals=None, fromlist=(), level=0):
        module = import_(name, globals, locals, fromlist, level)
        asks = globals is not None and _is_test_of_nilearn(globals.get("__name__"))
        if asks and getattr(module, "__name__", "").startswith("nilearn"):
            return _Door(module, pairs)
        return module

    return import_for_tests


# ---- which tests apply -------------------------------------------------------------------------


def _is_ours(value):
    owner = value if isinstance(value, type | FunctionType) else type(value)
    return (getattr(owner, "__module__", None) or "").startswith("nbica")


def _names_in(code):
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def reaches_ours(function, seen=None):
    """Whether a function of a test module, or a helper of it that it calls, uses a name of ours."""
    function = inspect.unwrap(function)
    seen = set() if seen is None else seen
    if function in seen or not isinstance(function, FunctionType):
        return False
    seen.add(function)
    names = set(_names_in(function.__code__))
    for name in names:
        value = function.__globals__.get(name)
        if value is None:
            continue
        if isinstance(value, _Door):
            if any(_is_ours(getattr(value, n, None)) for n in names):
                return True
        elif _is_ours(value):
            return True
        elif isinstance(value, list | tuple) and any(map(_is_ours, value)):
            return True
        elif isinstance(value, FunctionType) and _is_test_of_nilearn(value.__module__):
            if reaches_ours(value, seen):
                return True
    # Imports inside of the function.
    return bool(names & _imported_inside(function))


def _imported_inside(function):
    return set()


def _applies(item):
    values = getattr(getattr(item, "callspec", None), "params", {}).values()
    flat = [v for value in values for v in (value if isinstance(value, list | tuple) else [value])]
    if any(map(_is_ours, flat)) or reaches_ours(item.function):
        return True
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(reaches_ours(found[-1].func) for found in fixtures if found)


# ---- why a test failed -------------------------------------------------------------------------

_PRIVATE = re.compile(r"has no attribute '_\w+'|unexpected keyword argument '_|cannot import name")


def kind_of(nodeid, error):
    """Say of which kind a failure is: who would meet it."""
    for pattern, kind, _ in RULES:
        if re.search(pattern, nodeid):
            return kind
    if _PRIVATE.search(error):
        return "internals"
    if re.search(r"Regex pattern did not match|Regex: |DID NOT WARN[\s\S]*Emitted warnings: \[\w", error):
        return "wording"
    return "user"


# Tests by name, what they are about, and why.
RULES = ()

# ---- the plugin --------------------------------------------------------------------------------


class _Counting:
    def __init__(self, path):
        self.path = path
        self.applied = {}

    def pytest_collection_modifyitems(self, config, items):
        applied = [item for item in items if hasattr(item, "function") and _applies(item)]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(applied)])
        items[:] = applied

    def pytest_runtest_logreport(self, report):
        ended = report.when == "call" or report.outcome != "passed"
        if not ended or (report.when == "teardown" and report.outcome == "passed"):
            return
        error = str(report.longrepr) if report.failed else ""
        last = error.strip().splitlines()[-40:]
        lines = [line[4:] for line in error.splitlines() if line.startswith("E   ")]
        kind = report.outcome if not report.failed else kind_of(report.nodeid, error)
        row = {"test": report.nodeid, "kind": kind, "error": lines[:6], "tail": last[-3:], "s": round(report.duration, 2)}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


def pytest_configure(config):
    path = os.environ.get("NILEARN_TESTS_OUT")
    if path:
        config.pluginmanager.register(_Counting(Path(path)))
        builtins.__import__ = _answering(builtins.__import__, ours_for_theirs())


# ---- the program -------------------------------------------------------------------------------


def home():
    """Where nilearn is installed."""
    return Path(importlib.util.find_spec("nilearn").origin).parent


def run(parts, out, options=()):
    """Run some of nilearn's tests; returns the rows, one per test that applies."""
    out = Path(out)
    out.unlink(missing_ok=True)
    folders = [str(home() / part) for part in parts]
    command = [
        sys.executable, "-m", "pytest", "-p", "tools.nilearn_tests", "-p", "no:cacheprovider",
        "-p", "no:nbval", "-c", os.devnull, f"--rootdir={home()}", f"--confcutdir={home()}", "-q", "--no-header", "-rE",
        "--tb=short", "--continue-on-collection-errors", "-W", "ignore", *options, *folders,
    ]  # fmt: skip
    root = Path(__file__).parents[1]
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    env = os.environ | {"NILEARN_TESTS_OUT": str(out.absolute()), "PYTHONPATH": paths}
    subprocess.run(command, env=env, check=False, cwd=root)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=list(DOORS), help="folders or files of nilearn")
    parser.add_argument("--out", default="nilearn_tests.jsonl")
    args, options = parser.parse_known_args()
    rows = run(args.parts, args.out, options)
    count = Counter(row["kind"] for row in rows)
    print(dict(count))
    counted = count["passed"] + count["user"]
    print(f"score {count['passed'] / max(1, counted):.1%} of {counted}")


if __name__ == "__main__":
    main()
