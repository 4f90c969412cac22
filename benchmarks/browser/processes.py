"""A Chromium of one's own, what its processes compute and what they hold."""

import contextlib
import os
import shutil
from importlib.util import find_spec

import psutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Drawn in software, WebGL as well, as where there is no graphics card.
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--enable-unsafe-swiftshader",
)  # fmt: skip


def missing():
    """Why no browser can be driven in JupyterLab; empty if one can."""
    if path() is None or not all(map(find_spec, ("playwright", "jupyterlab"))):
        return "needs playwright, jupyterlab and a Chromium on the path"
    return ""


def path():
    """Of the Chromium that `NBICA_CHROMIUM` names, or of the first on the path; else None."""
    named = os.environ.get("NBICA_CHROMIUM")
    return named or next(filter(None, map(shutil.which, NAMES)), None)


@contextlib.contextmanager
def chromium(playwright):
    """A browser, closed at the end."""
    browser = playwright.chromium.launch(executable_path=path(), args=list(ARGUMENTS))
    try:
        yield browser
    finally:
        browser.close()


def cpu_seconds():
    """Time that the browser's processes have computed; of all below this one but Python's."""
    total = 0.0
    for child in _browser():
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def memory():
    """Bytes that only the browser's processes hold (USS)."""
    total = 0
    for child in _browser():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            total += child.memory_full_info().uss
    return total


def _browser():
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if any(name.split("-")[0] in child.name() for name in NAMES):
                yield child
