"""Public functions and methods say of what type their parameters and results are.

That the hints fit what they are on is for mypy to say: `make check`.
"""

import inspect
import subprocess
import sys

import pytest
from public_names import public_objects

OBJECTS = public_objects()


def functions(value):
    """A function; of a class, those that it and its bases of nbica define for users, by name."""
    if not inspect.isclass(value):
        yield value.__name__, value
        return
    for base in value.__mro__:
        for name, member in vars(base).items() if base.__module__.startswith("nbica.") else ():
            function = getattr(member, "fget", getattr(member, "__func__", member))
            is_written = getattr(function, "__module__", "").startswith("nbica.")
            is_public = not name.startswith("_") or (name == "__init__" and is_written)
            if is_public and is_written and inspect.isfunction(function):
                yield f"{base.__name__}.{name}", function


def lacking(function):
    """Parameters without a hint, and "return"."""
    signature = inspect.signature(function)
    parameters = [p for p in signature.parameters.values() if p.name not in ("self", "cls")]
    names = [p.name for p in parameters if p.annotation is p.empty]
    return names + ["return"] * (signature.return_annotation is signature.empty)


@pytest.mark.parametrize("name", OBJECTS)
def test_types_are_told(name):
    """Each parameter has its hint, and so has what is returned."""
    lack = {title: lacking(function) for title, function in functions(OBJECTS[name])}

    assert {title: names for title, names in lack.items() if names} == {}


def test_hints_cost_nothing():
    """The names for types, which would load matplotlib and pandas, are not imported."""
    code = (
        "import sys, nbica.decomposition.reduction, nbica.image, nbica.masking.masker; "
        "sys.exit('nbica.hints' in sys.modules)"
    )

    subprocess.run([sys.executable, "-c", code], check=True)
