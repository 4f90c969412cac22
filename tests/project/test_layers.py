"""The tree is the dependency graph: a wing imports only from the floors below its own."""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType

import pytest

import nbica

PACKAGE = Path(nbica.__file__).parent
MAP = PACKAGE.parent / "docs" / "architecture.md"

# The table of wings that docs/architecture.md shows; a wing that is not in it fails the test.
FLOOR_OF = {
    wing: int(floor)
    for floor, wing in re.findall(r"^\| (\d+) \| `(\w+)` \|", MAP.read_text("utf-8"), re.M)
}
# Modules of arrays only: neither images nor paths to them.
ARRAYS_ONLY = [
    "connectivity/guided", "decomposition/ica", "decomposition/maps", "decomposition/selection",
    "decomposition/sparse_coding", "decomposition/subspace", "decomposition/weighting",
    "image/display", "image/slicing", "image/spatial", "image/world_axes", "matching/pairing",
    "runtime/progress", "signal/cleaning", "signal/least_squares", "signal/time_operator",
    "viewer/geometry", "viewer/payload", "viewer/quantise", "viewer/render",
]  # fmt: skip
DOORS = ["nbica"] + [f"nbica.{m.name}" for m in iter_modules([str(PACKAGE)]) if m.name in FLOOR_OF]
# Where nilearn's import lines lead, and some of the names they carry.
NILEARN = {
    "decomposition": ["CanICA", "DictLearning"],
    "maskers": ["NiftiLabelsMasker", "NiftiMapsMasker", "NiftiMasker"],
    "masking": ["apply_mask", "compute_epi_mask", "intersect_masks", "unmask"],
    "image": ["index_img", "iter_img", "mean_img", "resample_img", "resample_to_img", "smooth_img"],
    "signal": ["clean"],
    "datasets": ["fetch_adhd", "fetch_atlas_msdl", "fetch_development_fmri", "fetch_haxby"],
    "plotting": ["plot_anat", "plot_epi", "plot_glass_brain", "plot_stat_map", "show"],
    "connectome": ["ConnectivityMeasure", "sym_matrix_to_vec", "vec_to_sym_matrix"],
}


def modules():
    return sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def wing_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imported(path):
    """Names of modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    """A module imports from lower floors or its own wing, and every wing has its floor."""
    own = wing_of(path)
    wings = {name.split(".")[1] for name in imported(path) if name.startswith("nbica.")}
    others = {wing for wing in wings if wing in FLOOR_OF and wing != own}

    assert own in FLOOR_OF, f"{own} has no floor; give it a row in {MAP.name}"
    assert all(FLOOR_OF[wing] < FLOOR_OF[own] for wing in others), f"{own} imports {others}"


def test_the_map_shows_what_is_there():
    """Every row of the map is a wing, and no wing lies beside the map."""
    there = {path.name.removesuffix(".py") for path in PACKAGE.iterdir()} - {
        "__init__",
        "__pycache__",
    }

    assert there - {"py.typed"} == set(FLOOR_OF)


@pytest.mark.parametrize("name", ARRAYS_ONLY)
def test_array_layers_know_no_images(name):
    """What works on arrays imports no nibabel."""
    assert not any(module.startswith("nibabel") for module in imported(PACKAGE / f"{name}.py"))


def test_import_is_light():
    """Importing nbica loads neither matplotlib nor scikit-learn, nor pandas or nibabel."""
    heavy = "{'matplotlib', 'sklearn', 'pandas', 'nibabel', 'scipy', 'numpy'} & set(sys.modules)"
    code = f"import sys, nbica; sys.exit(str({heavy} or 0))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() in ("", "0")


def test_a_worker_loads_little():
    """The function that reduces a run brings neither scikit-learn nor pandas into a worker."""
    code = (
        "import sys, nbica.decomposition.reduction; "
        "sys.exit(str({'sklearn', 'pandas', 'matplotlib', 'IPython'} & set(sys.modules) or 0))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr.strip() in ("", "0")


@pytest.mark.parametrize("name", DOORS)
def test_public_names_exist(name):
    """Every name that a door offers can be imported, and no submodule hides one of them."""
    package = import_module(name)
    public = getattr(package, "__all__", [])
    inside = {module.name for module in iter_modules(getattr(package, "__path__", []))}

    assert all(getattr(package, public_name) is not None for public_name in public)
    assert all(isinstance(getattr(package, hidden), ModuleType) for hidden in inside & set(public))


def test_an_unknown_name_is_answered():
    """A name that a door does not have is met by the nearest that it has."""
    with pytest.raises(AttributeError, match="did you mean 'CanICA'"):
        nbica.CanIca  # noqa: B018


@pytest.mark.parametrize("wing", NILEARN)
@pytest.mark.slow
def test_an_import_line_of_nilearn_ports_by_its_first_word(wing):
    """The door answers to an import line, and to a touch after `import nbica` alone."""
    names = NILEARN[wing]
    code = f"import nbica\nfor name in {names}: getattr(nbica.{wing}, name)"
    code += f"\nfrom nbica.{wing} import {', '.join(names)}"

    subprocess.run([sys.executable, "-c", code], check=True)
