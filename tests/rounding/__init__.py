"""Another processor, played on this one: `make test-rounding`, and see `sitecustomize.py`."""

import os
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.resolve()


def seed():
    """The seed of the processor that is played, or None."""
    return os.environ.get("NBICA_ROUNDING_SEED") or None


def is_played():
    """Whether Python has read `sitecustomize.py` of this folder as it started."""
    found = sys.modules.get("sitecustomize")
    return Path(getattr(found, "__file__", None) or "").resolve().parent == FOLDER


def environment(number):
    """Environment variables under which Python plays a processor, in all processes it starts."""
    return {"NBICA_ROUNDING_SEED": str(number), "PYTHONPATH": str(FOLDER)}
