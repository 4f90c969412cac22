"""The tree is the dependency graph: a module imports only from the layers below its own."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import nbica

PACKAGE = Path(nbica.__file__).parent

# The data's journey, from arrays to what a user sees. A module not listed here fails the test.
LAYERS = [
    ["exceptions"],
    [
        "checks",
        "confounds",
        "scratch",
        "spatial",
        "stopwatch",
        "ties",
        "store",
        "machine",
        "time_operator",
        "weighting",
    ],
    ["maps", "pairing", "signal", "subspace", "files", "workload"],
    ["budget"],
    ["grids", "renderers", "replacement"],
    ["cache", "slicing"],
    ["inventory"],
    ["progress"],
    ["parallel"],
    ["group"],
    ["ica", "selection", "sparse_coding"],
    ["images"],
    ["frames"],
    ["masks"],
    ["automask"],
    ["masking"],
    ["image", "labels", "reproducibility"],
    ["matching"],
    ["preparation"],
    ["masker", "projection", "reduction"],
    ["regions"],
    ["region_maskers"],
    ["record", "preflight", "skipping"],
    ["journey", "subject_maps"],
    ["decomposition"],
    ["canica", "dictionary"],
    ["running"],
    ["viewer/colors", "viewer/geometry"],
    ["viewer/payload"],
    ["viewer/quantise", "viewer/render"],
    [
        "viewer/labelfile",
        "viewer/niivue",
        "viewer/page",
        "viewer/poster",
        "viewer/scene",
        "viewer/state",
    ],
    ["viewer/slices", "viewer/telling"],
    ["viewer/components"],
    ["viewer/fit"],
    ["datasets"],
    ["plotting", "quality"],
    ["reporting"],
    ["connectivity"],
    ["teaching"],
    ["checkup"],
    ["commands"],
    ["__main__"],
]
LAYER_OF = {name: layer for layer, names in enumerate(LAYERS) for name in names}
# Layers of arrays only: neither images nor paths to them.
ARRAYS_ONLY = [
    "pairing", "maps", "progress", "grids", "slicing", "spatial", "subspace", "signal", "ica",
    "selection", "sparse_coding", "viewer/geometry", "viewer/payload", "viewer/quantise",
    "viewer/render", "weighting", "ties",
]  # fmt: skip
# Folders whose modules have layers of their own.
ROOMS_OF_ROOMS = ["viewer"]


def modules():
    own_init = [PACKAGE / "__init__.py", *(PACKAGE / r / "__init__.py" for r in ROOMS_OF_ROOMS)]
    return sorted(path for path in PACKAGE.rglob("*.py") if path not in own_init)


def room(path):
    return _room(path.relative_to(PACKAGE).with_suffix("").parts)


def _room(parts):
    """The name of a module's room: its folder's or its own."""
    return "/".join(parts[:2]) if parts[0] in ROOMS_OF_ROOMS else parts[0]


def imported(path):
    """Names of modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    """A module imports from lower layers only, and every module has its layer."""
    own = room(path)
    rooms = {_room(name.split(".")[1:]) for name in imported(path) if name.startswith("nbica.")}
    others = {name for name in rooms if name in LAYER_OF and name != own}

    assert own in LAYER_OF, f"{own} has no layer; give it one in LAYERS"
    assert all(LAYER_OF[name] < LAYER_OF[own] for name in others), f"{own} imports {others}"


@pytest.mark.parametrize("name", ARRAYS_ONLY)
def test_array_layers_know_no_images(name):
    """What works on arrays imports no nibabel."""
    assert not any(module.startswith("nibabel") for module in imported(PACKAGE / f"{name}.py"))


def test_import_is_light():
    """Importing nbica loads neither matplotlib nor scikit-learn, nor pandas or nibabel."""
    heavy = "{'matplotlib', 'sklearn', 'pandas', 'nibabel', 'scipy'} & set(sys.modules)"
    code = f"import sys, nbica; sys.exit(str({heavy} or 0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() in ("", "0")


def test_public_names_exist():
    """Every name that the package offers can be imported, and an unknown one says what there is."""
    assert all(getattr(nbica, name) is not None for name in nbica.__all__)
    with pytest.raises(AttributeError, match="CanICA"):
        nbica.CanIca  # noqa: B018
