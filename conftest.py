"""How pytest runs the notebooks: strictly, by nbval, wherever it is called from.

All text is compared to the letter (notebooks/sanitize.cfg names what cannot repeat), and pictures
as a person would compare them (tests/pictures.py).
"""

import os
import shutil
from functools import partial
from pathlib import Path

from pictures import unlike_outputs

ROOT = Path(__file__).parent
# Pictures that are not as saved are left here, to be looked at.
LOOK_AT = ROOT / ".pytest_cache" / "pictures"


def pytest_configure(config):
    # nbval takes the path from the working directory; this one is right from any.
    if hasattr(config.option, "nbval_sanitize_with"):
        config.option.nbval_sanitize_with = str(ROOT / "notebooks" / "sanitize.cfg")
    # The embedded cohort is simulated once for all notebooks and test runs, apart from a user's.
    os.environ.setdefault("NBICA_DATA", str(ROOT / ".pytest_cache" / "nbica_data"))
    # What notebooks cached in an earlier run would hide what this one computes.
    if not hasattr(config, "workerinput"):  # before the workers of pytest-xdist begin
        shutil.rmtree(ROOT / "notebooks" / "nbica_cache", ignore_errors=True)
    # No test depends on how a person likes to see progress.
    os.environ.pop("NBICA_PROGRESS", None)
    # Pictures alone are saved in the project's notebooks, and pages of half a megabyte are not.
    os.environ["NBICA_EMBED"] = "0"
    # Notebook 06 takes real runs from a mirror where one is named; as a test, its simulated ones.
    os.environ.pop("NBICA_MIRROR", None)


def pytest_itemcollected(item):
    if hasattr(item, "output_timeout"):  # a cell of a notebook
        # nbval waits 5 s for an output after a cell is done, which a loaded machine may exceed.
        item.output_timeout = 60
        item.compare_outputs = partial(_compare_outputs, item, item.compare_outputs)


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
