"""Print what may make a difference on this machine: processor, BLAS and its threads, versions.

    make machine

A red run explains itself by it, and a report of one is the better for it.
"""

import os
import platform
import textwrap
from importlib.metadata import distributions
from pathlib import Path

import numpy as np
import scipy.linalg  # has a BLAS of its own
from threadpoolctl import threadpool_info

from nbica.runtime.machine import cpu_count, threads_allowed

VARIABLES = ("OPENBLAS_CORETYPE", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "CPU_LIMIT")


def processor(told=Path("/proc/cpuinfo")):
    """Its name, where the system tells one."""
    lines = told.read_text(encoding="utf-8").splitlines() if told.is_file() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def libraries():
    """What computes with threads: its kernel, and how many threads it has."""
    for module in (np.linalg, scipy.linalg):
        module.inv(np.eye(2))
    for found in threadpool_info():
        kernel = found.get("architecture")
        yield (
            f"{found['internal_api']} {found['version'] or ''}: {found['num_threads']} threads"
            + (f", kernel {kernel}" if kernel else "")
        )


def versions():
    """Of Python and of every package that is installed."""
    found = {each.name: each.version for each in distributions() if each.name}
    packages = sorted(found.items(), key=lambda package: package[0].lower())
    everything = [("python", platform.python_version()), *packages]
    return textwrap.fill(
        ", ".join(f"{name} {version}" for name, version in everything), 100, break_on_hyphens=False
    )


def facts():
    """All of it, a line each."""
    yield f"processor: {processor()}, {platform.platform()}"
    yield f"cores: {cpu_count()} for this process; it may keep {threads_allowed()} threads busy"
    yield from libraries()
    yield from (f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ)
    yield versions()


if __name__ == "__main__":
    print("\n".join(facts()))
