"""A JupyterLab to drive: started on a folder, asked by address, opened in a page."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest


@contextlib.contextmanager
def serving(folder, **variables):
    """Address of a JupyterLab on a folder; its settings are in the folder too."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--expose-app-in-browser",
        f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
        "--ServerApp.allow_root=True", f"--ServerApp.root_dir={folder}",
    ]  # fmt: skip
    places = ("JUPYTER_CONFIG_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    own = {name: str(folder / "config") for name in (*places, "IPYTHONDIR", "JUPYTER_DATA_DIR")}
    log = (folder / "lab.log").open("w")
    environment = os.environ | own | variables
    server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=folder)
    try:
        wait_for(lambda: _answers(f"http://127.0.0.1:{port}/api"), 60, folder / "lab.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(20)
        log.close()


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=2) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def wait_for(condition, seconds, log=None):
    """Wait until a condition holds; fail, with the server's log, if it never does."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    pytest.fail(f"nothing after {seconds} s\n{log.read_text()[-2000:] if log else ''}")


def opened(context, address, name, troubles):
    """A page with a notebook and its idle kernel; errors of its console go into `troubles`."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    page.goto(f"{address}/lab/tree/{name}?reset")  # without the tabs of the page before
    page.wait_for_function(f"window.jupyterapp?.shell.currentWidget?.context?.path === '{name}'")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(
        "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
    )
    return page


def run_all(page):
    """Begin to run all cells."""
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-all-cells'); }")
