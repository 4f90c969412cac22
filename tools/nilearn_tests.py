"""Run nilearn's own installed tests on nbica's names, and count how far a script ports.

    python -m tools.nilearn_tests                     # all of them, a quarter of an hour
    python -m tools.nilearn_tests image tests/test_signal.py --show

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

import pytest

# Modules of nilearn whose names a door of ours answers, and the door.
DOORS = {
    f"nilearn.{door}": f"nbica.{door}"
    for door in (
        "connectome", "datasets", "decoding", "decomposition", "glm.first_level",
        "glm.second_level", "image", "maskers", "masking", "plotting", "regions", "signal",
    )
}  # fmt: skip
# A part that says much in a minute or two, for every run of our own tests.
SMALL_PART = (
    "connectome/tests/test_connectivity_matrices.py", "image/tests/test_image.py",
    "maskers/tests/test_nifti_maps_masker.py", "maskers/tests/test_nifti_masker.py",
    "plotting/image/tests/test_plot_connectome.py", "tests/test_masking.py", "tests/test_signal.py",
)  # fmt: skip
# What a test can come to, and what that says.
KINDS = {
    "passed": "passes",
    "user": "fails as a user would see it",
    "difference": "fails by a difference that this page names",
    "wording": "fails by the text or the class of a message only",
    "internals": "fails by nilearn's internals: private names, stand-ins for the network, its "
    "checks of its own docstrings",
}
COUNTED = ("passed", "user")

# Why a test fails: the first rule whose patterns are in the test's name and in its error.
RULES = (
    ("internals", r"check_tags|check_doc|check_img_estimator_standardization", "", "contributors"),
    ("internals", r"check_embedded_masker|_apply_mask_shape", "", "isinstance, private methods"),
    ("internals", r"test_glm_(override_masker|fit_valid_mask)", "", "isinstance of its masker"),
    ("internals", r"multi_pca|_MultiPCA", "", "a private class"),
    ("internals", r"test_plot_carpet|test_add_markers_(left|right)_hemi", "", "order of artists"),
    ("internals", r"test_plot_(stat_map_)?threshold_for", "", "arrays that artists hold"),
    ("internals", r"connectome_(edge_thresholding|non_symmetric)", "", "a class of matplotlib's"),
    ("internals", "", r"'Response' object has no attribute", "a stand-in for requests"),
    ("internals", "", r"'int' object has no attribute 'isdecimal'", "a stand-in for requests"),
    ("difference", r"test_matrix_plotting_errors\[None", "", "a matrix is reordered without names"),
    ("internals", "", r"has no attribute '_[a-z]\w+'|keyword argument '_", "private names"),
    ("internals", "", r"cannot import name", "private names"),
    ("difference", "", r"expected a float type|expected float32, float64", "dtype"),
    ("difference", "", r"highest frequency \(Nyquist\)", "cut-offs beyond Nyquist are errors"),
    ("difference", "", r"The mask of .* is empty|does not reach the image", "empty masks"),
    ("difference", "", r"is a SurfaceImage|got SurfaceImage", "surfaces"),
    ("difference", "", r"DataError: .* is a 3D image of shape", "runs are 4D"),
    ("difference", r"estimator_verbose", "", "verbose prints no lines"),
    (
        "difference",
        r"dtypes_inverse|sample_order_invariance|confounds_standardization",
        "",
        "float32",
    ),
    ("difference", "", r"float32.* == np.float64", "float32 inside"),
    ("difference", r"test_transform_confounds", "", "confounds that are trends"),
    ("difference", r"test_error_non_multi_masker", "", "any masker is taken"),
    ("wording", "", r"Regex pattern did not match", ""),
    (
        "wording",
        "",
        r"DID NOT WARN. No warnings of type \(<class '\w*(Future|Deprecat|Runtime)",
        "",
    ),
    ("wording", "", r"DID NOT WARN[\s\S]*Emitted warnings: \[ *\w", ""),
)

# ---- ours for nilearn's ------------------------------------------------------------------------


def ours_for_theirs():
    """Each public object of nilearn that we have our own of, by identity: (theirs, ours)."""
    pairs = {}
    for their_door, our_door in DOORS.items():
        there, here = importlib.import_module(their_door), importlib.import_module(our_door)
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
    """An `__import__` that gives the tests of nilearn our names for nilearn's."""

    def import_for_tests(name, globals=None, locals=None, fromlist=(), level=0):
        module = import_(name, globals, locals, fromlist, level)
        if globals is None or not _is_test_of_nilearn(globals.get("__name__")):
            return module
        if getattr(module, "__name__", "").startswith("nilearn"):
            return _Door(module, pairs)
        if name == "sklearn.utils.estimator_checks":
            return _NoChecks(module)
        return module

    return import_for_tests


class _NoChecks(ModuleType):
    """scikit-learn's checks of nilearn's classes, with nilearn's list of those that may fail."""

    def __init__(self, module):
        super().__init__(module.__name__)
        self.__dict__["_module"] = module

    def __getattr__(self, name):
        if name == "parametrize_with_checks":
            return lambda *args, **kwargs: pytest.mark.skip(reason="about nilearn's own classes")
        return getattr(self._module, name)


# ---- which tests apply -------------------------------------------------------------------------


def is_ours(value):
    """Whether a function, a class or an object of it is written in nbica, not handed on."""
    owner = value if isinstance(value, type | FunctionType) else type(value)
    if not (getattr(owner, "__module__", None) or "").startswith("nbica"):
        return False
    return not any(c.__module__.startswith("nilearn") for c in getattr(owner, "__mro__", ()))


def _names_in(code):
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names_in(constant)


def reaches_ours(function, seen=None):
    """Whether a function of a test module, or a helper of it that it calls, uses a name of ours."""
    function, seen = inspect.unwrap(function), set() if seen is None else seen
    if function in seen or not isinstance(function, FunctionType):
        return False
    seen.add(function)
    names = set(_names_in(function.__code__))
    return any(_is_used(function.__globals__.get(name), names, seen) for name in names)


def _is_used(value, names, seen):
    if isinstance(value, _Door):
        return any(is_ours(getattr(value, name, None)) for name in names)
    if isinstance(value, FunctionType) and _is_test_of_nilearn(value.__module__):
        return reaches_ours(value, seen)
    values = value if isinstance(value, list | tuple) else [value]
    return any(one is not None and is_ours(one) for one in values)


def applies(item):
    """Whether a test reaches a name of ours: by itself, a parameter, or a fixture."""
    parameters = getattr(getattr(item, "callspec", None), "params", {}).values()
    values = [
        v for value in parameters for v in (value if isinstance(value, list | tuple) else [value])
    ]
    if any(map(is_ours, values)) or reaches_ours(item.function):
        return True
    fixtures = item._fixtureinfo.name2fixturedefs.values()
    return any(reaches_ours(found[-1].func) for found in fixtures if found)


# ---- why a test failed -------------------------------------------------------------------------


def kind_of(test, error):
    """Of which kind a failure is; see `KINDS`."""
    for kind, in_name, in_error, _ in RULES:
        if re.search(in_name, test) and re.search(in_error, error):
            return kind
    return "difference" if is_rounding(error) else "user"


def is_rounding(error):
    """Whether arrays differ by no more than float32 does."""
    found = re.findall(r"Max relative difference among violations: ([-\d.e+]+)", error)
    return bool(found) and all(float(value) < 1e-4 for value in found)


# ---- the plugin --------------------------------------------------------------------------------


def named(nodeid):
    """A test by its place in nilearn, wherever that is installed."""
    return nodeid.split("site-packages/nilearn/")[-1]


class _Counting:
    """Keeps the tests that apply, and writes down how each ends."""

    def __init__(self, path, only=None):
        self.path, self.only = path, only

    def pytest_collection_modifyitems(self, config, items):
        if self.only is None:
            kept = [item for item in items if hasattr(item, "function") and applies(item)]
        else:
            kept = [item for item in items if named(item.nodeid) in self.only]
        config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
        items[:] = kept

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.outcome == "passed":
            return
        error = str(report.longrepr) if report.failed else ""
        told = "\n".join(line[4:] for line in error.splitlines() if line.startswith("E   "))
        test = named(report.nodeid)
        kind = kind_of(test, told) if report.failed else report.outcome
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"test": test, "kind": kind, "error": told[:1500]}) + "\n")


def pytest_configure(config):
    path, only = os.environ.get("NILEARN_TESTS_OUT"), os.environ.get("NILEARN_TESTS_ONLY")
    if path and only:  # on nilearn's own names
        chosen = json.loads(Path(only).read_text(encoding="utf-8"))
        config.pluginmanager.register(_Counting(Path(path), set(chosen)))
    elif path:
        config.pluginmanager.register(_Counting(Path(path)))
        builtins.__import__ = _answering(builtins.__import__, ours_for_theirs())


# ---- the program -------------------------------------------------------------------------------


def home():
    """Where nilearn is installed."""
    return Path(importlib.util.find_spec("nilearn").origin).parent


def run(parts, out, options=(), only=None):
    """Run some of nilearn's tests by pytest, in a process of their own.

    Parameters
    ----------
    parts : list of str
        Folders or files below nilearn.
    out : path
        Where rows are written, one line of JSON for each test that applies.
    options : list of str
        Of pytest.
    only : list of str, optional
        These tests of them, on nilearn's own names.

    Returns
    -------
    list of dict
        With "test", "kind" and "error".
    """
    out = Path(out).absolute()
    out.write_text("", encoding="utf-8")
    command = [
        sys.executable, "-m", "pytest", "-p", "tools.nilearn_tests", "-p", "no:cacheprovider",
        "-c", os.devnull, f"--rootdir={home()}", f"--confcutdir={home()}", "-q", "--tb=short",
        "--no-header", "--no-summary", "--continue-on-collection-errors", "-W", "ignore", *options,
        *(str(home() / part) for part in parts),
    ]  # fmt: skip
    root = Path(__file__).parents[1]
    paths = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    env = os.environ | {"NILEARN_TESTS_OUT": str(out), "PYTHONPATH": paths, "MPLBACKEND": "agg"}
    if only is not None:
        chosen = out.with_suffix(".only")
        chosen.write_text(json.dumps(sorted(only)), encoding="utf-8")
        env["NILEARN_TESTS_ONLY"] = str(chosen)
    subprocess.run(command, env=env, check=False)
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


def fail_anyway(rows, out):
    """Those of the failures that fail on nilearn's own names as well, on this machine."""
    failed = {row["test"] for row in rows if row["kind"] not in ("passed", "skipped")}
    files = sorted({test.split("::")[0] for test in failed})
    again = run(files, out, only=failed) if failed else []
    return {row["test"] for row in again if row["kind"] not in ("passed", "skipped")}


def counts(rows, broken=()):
    """How many tests are of each kind, without those that fail anyway."""
    count = Counter(row["kind"] for row in rows if row["test"] not in broken)
    return {kind: count[kind] for kind in KINDS}


def score(count):
    """Of the tests that pass or that fail as a user would see it, the fraction that passes."""
    return count["passed"] / max(1, sum(count[kind] for kind in COUNTED))


def main():
    """Run, count and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["."], help="folders or files of nilearn")
    parser.add_argument("--out", default="nilearn_tests.jsonl", help="a row of JSON for each test")
    parser.add_argument("--show", action="store_true", help="what a user would meet, one by one")
    args, options = parser.parse_known_args()
    rows = run(args.parts, args.out, options)
    broken = fail_anyway(rows, f"{args.out}.plain")
    count = counts(rows, broken)
    for row in rows if args.show else ():
        if row["kind"] == "user" and row["test"] not in broken:
            print(row["test"], "|", " ".join(row["error"].split())[:200])
    for kind, meaning in KINDS.items():
        print(f"{count[kind]:5} {meaning}")
    print(f"score {score(count):.1%}; {len(broken)} fail on nilearn's own names and are left out")


if __name__ == "__main__":
    main()
