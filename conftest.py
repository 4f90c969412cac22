"""How pytest runs the notebooks: strictly, by nbval, wherever it is called from.

All text is compared to the letter (notebooks/sanitize.cfg names what cannot repeat), and pictures
as a person would compare them (tests/pictures.py).

And in which order: what is marked `slow` first, so that no process is left alone with it in the
end; with `--shuffle SEED` files and the tests in them in any order, but the cells of a notebook.
"""

import os
import random
import shutil
from functools import partial
from itertools import groupby
from pathlib import Path

import pytest
import rounding
from pictures import unlike_outputs

ROOT = Path(__file__).parent
# Pictures that are not as saved are left here, to be looked at.
LOOK_AT = ROOT / ".pytest_cache" / "pictures"


def pytest_addoption(parser):
    parser.addoption("--shuffle", metavar="SEED", help="run files and their tests in another order")


def pytest_configure(config):
    # nbval takes the path from the working directory; this one is right from any.
    if hasattr(config.option, "nbval_sanitize_with"):
        config.option.nbval_sanitize_with = str(ROOT / "notebooks" / "sanitize.cfg")
    if rounding.seed() and not rounding.is_played():
        msg = f"NBICA_ROUNDING_SEED is set, but PYTHONPATH is not {rounding.FOLDER}."
        raise pytest.UsageError(msg)
    # The embedded cohort is simulated once for all notebooks and test runs, apart from a user's,
    # and by each processor that is played for itself.
    data = f"nbica_data-{rounding.seed()}" if rounding.seed() else "nbica_data"
    os.environ.setdefault("NBICA_DATA", str(ROOT / ".pytest_cache" / data))
    # What notebooks cached in an earlier run would hide what this one computes. Before the workers
    # of pytest-xdist begin; and not by a run within this one (tools/mutants).
    if os.environ.setdefault("NBICA_TESTS", str(os.getpid())) == str(os.getpid()):
        shutil.rmtree(ROOT / "notebooks" / "nbica_cache", ignore_errors=True)
    # No test depends on how a person likes to see progress.
    os.environ.pop("NBICA_PROGRESS", None)
    # Pictures alone are saved in the project's notebooks, and pages of half a megabyte are not.
    os.environ["NBICA_EMBED"] = "0"
    # The talk's script takes real runs from a mirror where one is named; as a test, simulated ones.
    os.environ.pop("NBICA_MIRROR", None)


def pytest_itemcollected(item):
    if hasattr(item, "output_timeout"):  # a cell of a notebook
        item.add_marker("slow")
        # nbval waits 5 s for an output after a cell is done, which a loaded machine may exceed.
        item.output_timeout = 60
        item.compare_outputs = partial(_compare_outputs, item, item.compare_outputs)


@pytest.hookimpl(trylast=True)  # after fixtures of modules have had their say
def pytest_collection_modifyitems(config, items):
    if rounding.seed():
        exact = {item for item in items if item.get_closest_marker("exact")}
        config.hook.pytest_deselected(items=list(exact))
        items[:] = [item for item in items if item not in exact]
    if config.getoption("shuffle", None) is None:
        items.sort(key=lambda item: item.get_closest_marker("slow") is None)
    else:
        items[:] = shuffled(items, random.Random(config.option.shuffle))


def shuffled(items, rng):
    """Files in any order, and the tests of each; cells of a notebook need those before them."""
    files = [list(tests) for _, tests in groupby(items, key=lambda item: item.path)]
    rng.shuffle(files)
    for tests in files:
        if not hasattr(tests[0], "output_timeout"):
            rng.shuffle(tests)
    return [test for tests in files for test in tests]


def _compare_outputs(item, compare_text, found, saved):
    """Nbval's comparison, which skips pictures, and that of the pictures."""
    if not compare_text(found, saved):
        return False
    told = unlike_outputs(found, saved)
    for number, (sentence, *pictures) in enumerate(told, start=1):
        item.comparison_traceback.append(f"{sentence}\n")
        for picture, which in zip(pictures, ("found", "saved"), strict=True):
            if picture is not None:
                LOOK_AT.mkdir(parents=True, exist_ok=True)
                file = LOOK_AT / f"{item.path.stem}-cell-{item.cell_num}-{number}-{which}.png"
                picture.save(file)
                item.comparison_traceback.append(f"{which}: {file}\n")
    return not told
