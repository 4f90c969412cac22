"""environment.yml, binder/ and pyproject.toml say the same; binder/ is as repo2docker reads it."""

import os
import re
import subprocess
import tomllib
from itertools import chain
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[2]
BINDER = ROOT / "binder"
# Names on conda-forge, where PyPI has another.
ON_PYPI = {"matplotlib-base": "matplotlib", "python-isal": "isal"}
# What environment.yml has for itself.
OF_CONDA = {"python", "pip"}
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
    extras = project["project"]["optional-dependencies"].values()
    build = project["build-system"]["requires"]
    return bounds(chain(project["project"]["dependencies"], *extras, build))


@pytest.fixture(scope="module")
def conda():
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


@pytest.fixture(scope="module")
def binder():
    return bounds(stated((BINDER / "requirements.txt").read_text()))


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
