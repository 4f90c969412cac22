"""A JupyterLab of one's own on a folder, and what crosses between it and a browser."""

import contextlib
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import nbformat

KERNEL_IS_IDLE = (
    "window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'"
)
# Of a binary frame: where its parts begin. Channel and four parts of JSON, then the buffers.
_N_FIXED_PARTS = 5


@contextlib.contextmanager
def jupyterlab(folder, **variables):
    """Serve a folder with JupyterLab, with settings of its own and without a token.

    Parameters
    ----------
    folder : Path
    **variables
        Of its environment, and of its kernels'.

    Yields
    ------
    str
        Its address.

    Raises
    ------
    RuntimeError
        If it does not answer within a minute; with the end of its log.
    """
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
    address, log = f"http://127.0.0.1:{port}", folder / "lab.log"
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            command, env=os.environ | own | variables, stdout=output, stderr=output, cwd=folder
        )
        try:
            _wait_for(f"{address}/api", 60, log)
            yield address
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(address, seconds, log):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if _answers(address):
            return
        time.sleep(0.05)
    msg = f"JupyterLab did not answer within {seconds} s\n{log.read_text(encoding='utf-8')[-2000:]}"
    raise RuntimeError(msg)


def _answers(address):
    try:
        with urllib.request.urlopen(address, timeout=2) as reply:
            return reply.status == 200
    except (urllib.error.URLError, OSError):
        return False


def write_notebook(path, cells):
    """A notebook of code cells, for the kernel that runs this."""
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": python},
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells],
    )
    nbformat.write(notebook, path)


class Traffic:
    """Frames between a page's kernel and the page, as they are on the wire before compression.

    Attributes
    ----------
    sent, received : list of bytes or str
        By the browser.
    """

    def __init__(self, page):
        self.sent, self.received = [], []
        self._changed = time.monotonic()
        page.on("websocket", self._listen)

    def _listen(self, connection):
        if "/channels" in connection.url:
            connection.on("framesent", lambda frame: self._note(self.sent, frame))
            connection.on("framereceived", lambda frame: self._note(self.received, frame))

    def _note(self, frames, frame):
        frames.append(frame)
        self._changed = time.monotonic()

    def mark(self):
        """Where the frames end now, for :meth:`since`."""
        return len(self.sent), len(self.received)

    def since(self, mark=(0, 0)):
        """Frames that the browser sent and received since."""
        return self.sent[mark[0] :], self.received[mark[1] :]

    def settle(self, page, quiet=1.0, most=60.0):
        """Wait until nothing has crossed for so many seconds; return when the last frame did."""
        end = time.monotonic() + most
        while time.monotonic() < min(end, self._changed + quiet):
            page.wait_for_timeout(100)
        return self._changed


def n_bytes(frames):
    """Bytes of frames."""
    return sum(len(frame) for frame in frames)


def n_buffers(frame):
    """How many binary buffers a kernel's message carries.

    In version 1 of Jupyter's protocol over websockets a frame begins with the number of its parts'
    offsets and these, as unsigned integers of 64 bits; the last one is its end.
    """
    if isinstance(frame, str):
        return 0
    return int.from_bytes(frame[:8], "little") - 1 - _N_FIXED_PARTS


def is_state(frame):
    """Whether a frame is a widget's message and not the kernel's talk about being busy or idle."""
    text = frame if isinstance(frame, str) else frame[:2000].decode("utf-8", "replace")
    return '"comm_msg"' in text or '"comm_open"' in text


def open_notebook(page, address, name):
    """Open a notebook and wait until its kernel is idle."""
    page.goto(f"{address}/lab/tree/{name}?reset")  # without those that were open before
    page.wait_for_function(f"window.jupyterapp?.shell.currentWidget?.context?.path === '{name}'")
    page.wait_for_selector(".jp-Notebook .jp-CodeCell")
    page.wait_for_function(KERNEL_IS_IDLE)


def run_next_cell(page):
    """Run the active cell and make the next one active; returns at once."""
    page.evaluate("() => { jupyterapp.commands.execute('notebook:run-cell-and-select-next'); }")


def shut_down_kernel(page):
    """End the kernel of the notebook in view."""
    page.evaluate("jupyterapp.shell.currentWidget.sessionContext.shutdown()")
