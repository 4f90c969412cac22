"""What nbica and its tests ask for, one a line for pip: as declared, or the oldest of each.

    python -m tools.oldest > oldest.txt && pip install -r oldest.txt
    python -m tools.oldest declared > declared.txt && pip install -r declared.txt -c colab.txt

`make test-oldest` and `make test-colab` do so in environments of their own. The oracle is not among
them: it is installed without what it asks for, as it asks for newer packages than nbica does.
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
ORACLE = "nilearn"


def declared(project, extra="test"):
    """What a project's dependencies and an extra ask for, without the oracle."""
    lines = [*project["dependencies"], *_lines_of(project, extra)]
    asked = {str(Requirement(line)) for line in lines}
    return sorted(line for line in asked if Requirement(line).name != ORACLE)


def oracle(project, extra="test"):
    """The oracle, pinned."""
    lines = map(Requirement, [*project["dependencies"], *_lines_of(project, extra)])
    return sorted({_pinned(line) for line in lines if line.name == ORACLE})


def constraints(project, extra="test"):
    """Every lower bound of them, pinned."""
    return sorted({_pinned(Requirement(line)) for line in declared(project, extra)})


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
    (wanted,) = sys.argv[1:] or ["oldest"]
    print(
        "\n".join({"oldest": constraints, "declared": declared, "oracle": oracle}[wanted](project))
    )
