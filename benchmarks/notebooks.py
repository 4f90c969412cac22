"""Each notebook, run from top to bottom in fresh processes: its memory and its time."""

import os
import shutil
import tempfile
from pathlib import Path

from benchmarks import data, figures
from benchmarks.measure import ROOT
from benchmarks.results import Row, sampling
from nbica.datasets.files import make_folder

SIZES = {
    "full": {"names": None},
    "quick": {"names": ["01", "howto_caching", "howto_glass_brain"]},
    "tiny": {"names": ["howto_caching"]},
}
# What Binder gives and cuts off at, what is to be left of it, and the patience of a class.
LIMIT, TO_STAY_BELOW, SECONDS = 2e9, 1.2e9, 120


def run(bench, names):
    paths = [path for path in _notebooks() if names is None or path.stem.startswith(tuple(names))]
    row = Row(f"the tutorials, {len(paths)} of {len(_notebooks())} notebooks")
    with tempfile.TemporaryDirectory(dir=make_folder(data.folder())) as folder:
        simulated = bench.measure("benchmarks.notebooks:simulate", "the cohort", folder=folder)
        found = {path.stem: _cases(bench, path, folder) for path in paths}
    row.tell("the embedded cohort, simulated once", f"{simulated.seconds:.0f} s")
    for name, cases in found.items():
        row.numbers[name] = {case: m.as_json() for case, m in cases.items()}
        _tell(row, name, cases)
    marks = {"1.2 GB, to stay below": TO_STAY_BELOW / 1e6, "2 GB, Binder's limit": LIMIT / 1e6}
    peaks = {name: _peak(cases) / 1e6 for name, cases in found.items()}
    figure, xlabel = bench.figure("notebooks.png"), "peak of a notebook, MB, all processes"
    row.figures.append(figures.bars(figure, xlabel, peaks, marks))
    row.notes += [
        sampling([m for cases in found.values() for m in cases.values()]),
        "With all cores and with one. The first notebook of a session simulates the embedded "
        "cohort, which is told apart. Seconds from the start of the client to the end of the "
        "kernel. Memory is that of the client (nbclient, some 80 MB, where JupyterLab would be), "
        "the kernel and its workers; the larger of the two runs is judged, and the seconds with "
        "all cores.",
    ]
    return row


def _notebooks():
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def _cases(bench, path, folder):
    """The two runs of a notebook, one after the other."""
    return {
        case: bench.measure(
            "benchmarks.notebooks:execute", f"{path.stem}, {case}",
            path=str(path), folder=folder, one_core=case == "one core",
        )
        for case in ("all cores", "one core")
    }  # fmt: skip


def _peak(cases):
    return max(m.peak for m in cases.values())


def _tell(row, name, cases):
    peak, (all_cores, one_core) = _peak(cases), (m.seconds for m in cases.values())
    row.judge(
        name,
        f"≤ {TO_STAY_BELOW / 1e9:.1f} GB, ≤ {SECONDS} s",
        f"{peak / 1e9:.2f} GB, {all_cores:.0f} s (one core {one_core:.0f} s)",
        peak <= TO_STAY_BELOW and all_cores <= SECONDS,
    )


# ---- in the process that is measured ------------------------------------------------------------


def simulate(folder):
    """Make the embedded cohort in a folder of data."""
    from nbica import datasets

    os.environ["NBICA_DATA"] = str(Path(folder, "data"))
    datasets.simulate_group()
    return {}


def execute(path, folder, one_core):
    """Run a copy of a notebook, in a folder where nothing is cached but the simulated cohort."""
    import nbformat
    from nbclient import NotebookClient

    if one_core and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:1])
    os.environ["NBICA_DATA"] = str(Path(folder, "data"))
    work, tests = Path(folder, "notebooks"), Path(folder, "tests")
    work.mkdir()
    if not tests.exists():  # where one finds the simulated mirror
        tests.symlink_to(ROOT / "tests")
    try:
        notebook = nbformat.read(path, as_version=4)
        resources = {"metadata": {"path": str(work)}}
        NotebookClient(notebook, timeout=1200, kernel_name="python3", resources=resources).execute()
    finally:
        shutil.rmtree(work)
    return {"cells": sum(cell.cell_type == "code" for cell in notebook.cells)}
