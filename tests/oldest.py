"""The oldest versions that pyproject.toml allows, one a line, as pip's constraints.

    python -m tests.oldest > oldest.txt && pip install -c oldest.txt -e '.[test]'

`make test-oldest` does so in an environment of its own and runs all tests and notebooks there.
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("test",)


def constraints(project):
    """Every lower bound of a project's dependencies and test extras, pinned."""
    extras = [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    return sorted({_pinned(Requirement(line)) for line in [*project["dependencies"], *extras]})


def _pinned(requirement):
    """`numpy>=1.26` to `numpy==1.26`."""
    bounds = [spec.version for spec in requirement.specifier if spec.operator == ">="]
    if len(bounds) != 1:
        msg = f"{requirement} states {len(bounds)} lower bounds, one is needed: {PYPROJECT.name}"
        raise ValueError(msg)
    return f"{requirement.name}=={bounds[0]}"


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(constraints(project)))
