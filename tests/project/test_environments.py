"""What the code imports, pyproject.toml, environment.yml and binder/ agree."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from itertools import chain
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
# Names on conda-forge, where PyPI has another.
ON_PYPI = {
    "jupyter_client": "jupyter-client", "jupyter_core": "jupyter-core",
    "matplotlib-base": "matplotlib", "python-isal": "isal",
}  # fmt: skip
# What environment.yml has for itself.
OF_CONDA = {"python", "pip"}
# Imported by a name in a table, and asked for its files.
BY_NAME = {"nilearn"}
# What Binder needs of the extras.
BINDER_EXTRAS = {"jupyterlab", "ipykernel"}


def bounds(lines):
    """Name to lower bound, such as {"numpy": ">=1.26"}; a name twice has the same bound twice."""
    found = {}
    for requirement in map(Requirement, lines):
        if requirement.name == "nbica":  # an extra that takes in another
            continue
        bound = str(requirement.specifier)
        assert found.setdefault(requirement.name, bound) == bound, requirement.name
    return found


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def declared(project):
    """All that pyproject.toml names, extras and build included."""
    extras = project["project"]["optional-dependencies"]
    extras = [lines for name, lines in extras.items() if name != "dist"]  # a maintainer's
    build = project["build-system"]["requires"]
    return bounds(chain(project["project"]["dependencies"], *extras, build))


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


@pytest.fixture(scope="module")
def binder():
    return bounds(stated((BINDER / "requirements.txt").read_text()))


def imported(path):
    """Packages of others that a file imports, each with whether that costs `import` of the file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module]
        else:
            continue
        for name in {name.partition(".")[0] for name in names}:
            if name != "nbica" and name not in sys.stdlib_module_names:
                yield name, node in tree.body


@pytest.fixture(scope="module")
def imports():
    """Pairs of a distribution and whether it is imported at the top of some module of nbica."""
    distributions = packages_distributions()
    found = {pair for path in (ROOT / "nbica").rglob("*.py") for pair in imported(path)}
    return {(canonicalize_name(distributions[name][0]), at_top) for name, at_top in found}


def test_what_is_imported_is_declared(imports, project):
    """A dependency, or, where the import waits inside a function, what one of the extras names."""
    needed = set(bounds(project["project"]["dependencies"]))
    extras = set(bounds(chain(*project["project"]["optional-dependencies"].values())))

    assert {name for name, at_top in imports if at_top} <= needed
    assert {name for name, _ in imports} <= needed | extras


def test_what_is_declared_is_imported(imports, project):
    """No dependency stays behind when its last import goes."""
    declared = set(bounds(project["project"]["dependencies"]))
    assert declared - BY_NAME <= {name for name, _ in imports}


def stated(text):
    return [line for line in (line.split("#")[0].strip() for line in text.splitlines()) if line]


def test_environment_has_all_of_the_project(conda, declared):
    """environment.yml has each package of pyproject.toml with its bound, and no other."""
    plain = [line for line in conda if isinstance(line, str)]
    (from_pip,) = [line["pip"] for line in conda if isinstance(line, dict)]
    named = [line for line in plain if re.split("[=<>]", line)[0] not in OF_CONDA]
    found = bounds([*named, *from_pip])

    assert {ON_PYPI.get(name, name): bound for name, bound in found.items()} == declared


def test_binder_has_what_notebooks_need(binder, declared, project):
    """binder/requirements.txt has what runs, the lab and the build, with the project's bounds."""
    run = bounds(project["project"]["dependencies"])
    build = bounds(project["build-system"]["requires"])

    assert set(binder) == set(run) | set(build) | BINDER_EXTRAS
    assert binder == {name: declared[name] for name in binder}


def test_one_python(conda, project):
    """Binder and conda pin one Python, which the project takes."""
    (pinned,) = [line.removeprefix("python=") for line in conda if str(line).startswith("python=")]

    assert (BINDER / "runtime.txt").read_text().strip() == f"python-{pinned}"
    assert pinned in SpecifierSet(project["project"]["requires-python"])


def test_layer_of_packages_is_kept_from_commit_to_commit(binder):
    """No line refers to a file of the project: that would make a commit install all anew."""
    lines = stated((BINDER / "requirements.txt").read_text())

    assert len(lines) == len(binder)
    assert not any(line.startswith((".", "-", "/", "file:")) for line in lines)


def test_nothing_in_binder_overrules_it():
    """repo2docker takes environment.yml before runtime.txt, and a Dockerfile before all."""
    assert {path.name for path in BINDER.iterdir() if path.suffix not in (".py", "")} == {
        "requirements.txt", "runtime.txt",
    }  # fmt: skip
    assert not (ROOT / ".binder").exists()
    assert all(os.access(BINDER / name, os.X_OK) for name in ("postBuild", "start"))


def test_post_build_stops_on_an_error(tmp_path):
    """A command that fails fails the build, with its status, and nothing after it is run."""
    failing = tmp_path / "python"
    failing.write_text("#!/bin/sh\necho called >> calls\nexit 3\n")
    failing.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run([BINDER / "postBuild"], cwd=tmp_path, env={"PATH": path}, check=False)

    assert done.returncode == 3
    assert (tmp_path / "calls").read_text() == "called\n"


def test_start_hands_over():
    """`start` sets the environment, passes arguments on as they are, and returns their status."""
    command = ["sh", "-c", 'echo "$OMP_NUM_THREADS $OPENBLAS_NUM_THREADS $1"; exit 5', "sh", "a  b"]
    done = subprocess.run(
        [BINDER / "start", *command], capture_output=True, text=True, env=os.environ, check=False
    )

    assert (done.returncode, done.stdout) == (5, "1 1 a  b\n")


def test_session_lands_at_a_notebook():
    """What postBuild makes the landing page of JupyterLab is a notebook that is there."""
    (path,) = re.findall(r'"/lab/tree/([^"]+)"', (BINDER / "postBuild").read_text())

    assert nbformat.read(ROOT / path, as_version=4).cells
