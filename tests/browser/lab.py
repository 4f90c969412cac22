"""What the tests of a driven JupyterLab share."""

import time

import pytest


def new_page(context, troubles):
    """A page of a browser; errors of its console go into `troubles`."""
    page = context.new_page()
    page.set_default_timeout(90_000)  # a loaded machine is slow, not wrong
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    return page


def run_all(page):
    """Begin to run all cells."""
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")


def wait_for(condition, seconds):
    """Wait until a condition holds, and give what it gave; fail if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"nothing after {seconds} s")
