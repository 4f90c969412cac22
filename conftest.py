"""How pytest runs the notebooks: strictly, by nbval, wherever it is called from."""

import os
from pathlib import Path

ROOT = Path(__file__).parent


def pytest_configure(config):
    # nbval takes the path from the working directory; this one is right from any.
    if hasattr(config.option, "nbval_sanitize_with"):
        config.option.nbval_sanitize_with = str(ROOT / "notebooks" / "sanitize.cfg")
    # The embedded cohort is simulated once for all notebooks and test runs, apart from a user's.
    os.environ.setdefault("NBICA_DATA", str(ROOT / ".pytest_cache" / "nbica_data"))
    # No test depends on how a person likes to see progress.
    os.environ.pop("NBICA_PROGRESS", None)
    # Notebook 06 takes real runs from a mirror where one is named; as a test, its simulated ones.
    os.environ.pop("NBICA_MIRROR", None)


def pytest_itemcollected(item):
    # nbval waits 5 s for an output after a cell is done, which a loaded machine may exceed.
    if hasattr(item, "output_timeout"):
        item.output_timeout = 60
