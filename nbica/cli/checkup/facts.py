"""What is so on this machine: each function looks at one thing and judges nothing."""

import importlib
import importlib.metadata
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from nbica.runtime import machine

WAIT = 2.0  # s for all hosts together
# What a notebook loads first; each brings the compiled packages below it.
FIRST_LOADED = ("nbica.decomposition.canica", "nbica.viewer.component_browser")


def python():
    """Version, `requires-python` and path of the interpreter."""
    try:
        wanted = importlib.metadata.metadata("nbica")["Requires-Python"]
    except importlib.metadata.PackageNotFoundError:
        wanted = None
    return platform.python_version(), wanted, sys.executable


def packages():
    """What nbica declares to need, and the version of each that is there."""
    from packaging.requirements import Requirement

    try:
        requirements = importlib.metadata.requires("nbica") or []
    except importlib.metadata.PackageNotFoundError:
        return None, {}
    names = {Requirement(text).name for text in requirements}
    return requirements, {name: _version(name) for name in names}


def _version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def imports():
    """Errors of what cannot be loaded, by module."""
    failed = {}
    for name in FIRST_LOADED:
        try:
            importlib.import_module(name)
        except Exception as error:  # whatever a broken package raises
            failed[name] = f"{type(error).__name__}: {error}"
    return failed


# ---- Jupyter ------------------------------------------------------------------------------------


def lab():
    """What decides whether widgets are shown, by name of judge.lab's parameters."""
    return {
        "version": _version("jupyterlab"),
        "extensions": _lab_extensions(),
        "server_prefix": _server_prefix(),
        "prefix": sys.prefix,
        "in_colab": "google.colab" in sys.modules,
    }


def _lab_extensions():
    """Names of the JupyterLab extensions that are installed; none where there is no Jupyter."""
    try:
        from jupyter_core.paths import jupyter_path
    except ImportError:
        return []
    found = []
    for folder in map(Path, jupyter_path("labextensions")):
        manifests = [*folder.glob("*/package.json"), *folder.glob("@*/*/package.json")]
        found += [manifest.parent.relative_to(folder).as_posix() for manifest in manifests]
    return found


def _server_prefix():
    """Environment of the server that started this kernel: two levels above its interpreter."""
    try:
        words = Path(f"/proc/{os.environ['JPY_PARENT_PID']}/cmdline").read_bytes().split(b"\0")
    except (KeyError, OSError):
        return None
    path = Path(os.fsdecode(words[0]))
    is_interpreter = path.is_absolute() and path.name.startswith("python")
    return str(path.parents[1]) if is_interpreter else None


def kernel():
    """What the kernel named python3 starts, by name of judge.kernel's parameters."""
    try:
        from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel
    except ImportError:
        return {"command": None, "executable": sys.executable}
    try:
        command = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        command = None
    # Jupyter takes a bare name for its own interpreter.
    if command is not None and not Path(command).is_absolute():
        command = sys.executable
    return {"command": command, "executable": sys.executable}


# ---- the machine --------------------------------------------------------------------------------


def threads():
    """Linear algebra libraries with their threads, and how many threads may be busy."""
    import numpy as np  # noqa: F401  # loads its library
    import scipy.linalg  # noqa: F401
    from threadpoolctl import threadpool_info

    found = {(e["internal_api"], e["num_threads"]) for e in threadpool_info() if _is_blas(e)}
    return sorted(found), machine.threads_allowed()


def _is_blas(entry):
    return entry["user_api"] == "blas"


def memory():
    """Bytes that a fit may take by every limit, bytes held already, and the scratch folder."""
    return machine.allowed_ram(), machine.resident(), machine.choose_scratch_folder()


# ---- folders ------------------------------------------------------------------------------------


def data_folder():
    """The data folder as :func:`look_at_folder` finds it."""
    from nbica.datasets import files

    return look_at_folder(files.data_folder())


def scratch_folder():
    """The folder of scratch files as :func:`look_at_folder` finds it."""
    return look_at_folder(machine.choose_scratch_folder())


def look_at_folder(path):
    """A folder that need not be there yet: (path, bytes free, why it cannot be written to)."""
    path = Path(path).absolute()
    there = next(folder for folder in (path, *path.parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as probe:
            probe.write(bytes(4096))
            probe.flush()
    except OSError as error:
        return path, 0, error.strerror or str(error)
    return path, shutil.disk_usage(there).free, ""


def cohort():
    """Folder of the embedded cohort, or None before it is simulated."""
    from nbica.datasets.simulation.group import find_group

    return find_group()


# ---- network ------------------------------------------------------------------------------------


def mirror():
    """The value of NBICA_MIRROR, or None."""
    return os.environ.get("NBICA_MIRROR") or None


def addresses():
    """A mirror, if one is set, and the hosts that data sets come from."""
    from nbica.datasets import registry

    urls = [urlsplit(registry.dataset(name).base) for name in registry.names()]
    hosts = {f"{url.scheme}://{url.netloc}/" for url in urls if url.scheme in ("http", "https")}
    return [*filter(None, [mirror()]), *sorted(hosts)]


class HostsAsked:
    """Addresses that are asked at once, while something else is looked at.

    Parameters
    ----------
    addresses : sequence of str
        http addresses, or folders.
    wait : float
        Seconds after which silence is an answer.
    """

    def __init__(self, addresses, wait=WAIT):
        self._answers = dict.fromkeys(addresses, False)
        self._end = time.monotonic() + wait
        # Daemons: a name that is looked up for long would else keep the process from ending.
        self._threads = [
            threading.Thread(target=self._ask, args=(address, wait), daemon=True)
            for address in self._answers
        ]
        for thread in self._threads:
            thread.start()

    def answers(self):
        """Whether each address answers, waiting for those that have not yet."""
        for thread in self._threads:
            thread.join(max(0, self._end - time.monotonic()))
        return dict(self._answers)

    def _ask(self, address, wait):
        """Note whether a host, or the folder of a mirror, answers; run in a thread of its own."""
        import requests

        if not address.startswith(("http://", "https://")):
            self._answers[address] = Path(address.removeprefix("file://")).expanduser().is_dir()
            return
        try:
            # Any answer will do: a host that refuses this page is there.
            requests.head(address, timeout=wait, allow_redirects=False)
        except (requests.RequestException, ValueError):
            return
        self._answers[address] = True
