"""What of nbica is public: the names behind its doors that are ours, and those of the reference."""

import importlib
import inspect
from pathlib import Path

import every_name

import nbica

API = Path(__file__).parents[1] / "docs" / "api"


def names_in_the_reference():
    """Dotted names of what has a page in docs/api."""
    for page in sorted(API.glob("*.rst")):
        yield from (f"{module}.{name}" for module, name in every_name.entries(page))


def names_that_are_public():
    """Dotted names of what the doors offer and nilearn does not."""
    rooms = [name for name in nbica.__all__ if inspect.ismodule(getattr(nbica, name))]
    for name in nbica.__all__:
        if name not in (*rooms, "__version__"):
            yield f"nbica.{name}"
    for room in set(rooms) - {"exceptions"}:
        for name in importlib.import_module(f"nbica.{room}").__all__:
            if is_ours(f"nbica.{room}.{name}"):
                yield f"nbica.{room}.{name}"


def is_ours(name):
    """Whether what a door offers is defined here, and not handed on from nilearn or lent to it."""
    value = value_of(name)
    is_lent = name.split(".")[1] in ("decoding", "glm", "interfaces", "regions")
    at_home = getattr(value, "__module__", "nbica").startswith("nbica")
    return at_home and not is_lent and not inspect.ismodule(value)


def value_of(name):
    """What a dotted name stands for: a module, or something in one."""
    home, _, last = name.rpartition(".")
    try:
        return importlib.import_module(name)
    except ImportError:
        return getattr(value_of(home), last)


def public_objects():
    """Public functions and classes by name, each once: first as the reference names them."""
    names = [*names_in_the_reference(), *sorted(names_that_are_public())]
    values = {}
    for name in names:
        value = value_of(name)
        if inspect.isroutine(value) or inspect.isclass(value):
            values.setdefault(id(value), (name, value))
    return dict(values.values())
