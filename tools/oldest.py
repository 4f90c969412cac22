"""The oldest versions that pyproject.toml allows, one a line, as pip's constraints.

    python -m tools.oldest > oldest.txt && pip install -c oldest.txt -e '.[test]'

`make test-oldest` does so in an environment of its own and runs all tests and notebooks there.
"""

import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"


def constraints(project, extra="test"):
    """Every lower bound of a project's dependencies and of an extra, pinned."""
    lines = [*project["dependencies"], *_lines_of(project, extra)]
    return sorted({_pinned(Requirement(line)) for line in lines})


def _lines_of(project, extra):
    """What an extra asks for, and what the project's own extras do that it names."""
    for line in project["optional-dependencies"][extra]:
        requirement = Requirement(line)
        if requirement.name == project["name"]:
            for other in requirement.extras:
                yield from _lines_of(project, other)
        else:
            yield line


def _pinned(requirement):
    """`numpy>=2.0.2` becomes `numpy==2.0.2`."""
    bounds = [spec.version for spec in requirement.specifier if spec.operator == ">="]
    if len(bounds) != 1:
        msg = f"{requirement} has {len(bounds)} lower bounds in {PYPROJECT.name}; give it one"
        raise ValueError(msg)
    return f"{requirement.name}=={bounds[0]}"


if __name__ == "__main__":
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(constraints(project)))
