"""On Windows too: no file is removed, renamed, replaced or emptied while a process holds it."""

import ast
import io
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import nbica
from nbica.__main__ import main

TESTS = Path(__file__).parents[1]
PACKAGE = Path(nbica.__file__).parent
START = """
import sys, warnings
from pathlib import Path
from planted import estimator, write_cohort
from nbica import cache_clear, cache_info

if __name__ == "__main__":
    cohort = write_cohort(".", n_runs=4)
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="/proc tells the maps"),
]


def run(code, folder):
    """Python under Windows' rule, in a folder: what it printed, and what was refused."""
    (folder / "script.py").write_text(START + textwrap.indent(textwrap.dedent(code), "    "))
    (folder / "temporary").mkdir()
    places = [Path(__file__).parent / "windows", TESTS, PACKAGE.parent]
    env = {"PYTHONPATH": os.pathsep.join(map(str, places)), "TMPDIR": str(folder / "temporary")}
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, env=os.environ | env, capture_output=True,
        text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    refused = [line for line in done.stderr.splitlines() if line.startswith("WINDOWS")]
    return done.stdout.split(), refused


def test_rule_is_played(tmp_path):
    """The play refuses what Windows would, and no more once nothing is held."""
    code = """
    import os, shutil
    import numpy as np

    np.save("a.npy", np.zeros(9))
    Path("folder").mkdir()
    np.save("folder/b.npy", np.zeros(9))
    a, b = np.load("a.npy", mmap_mode="r"), np.load("folder/b.npy", mmap_mode="r")
    for act in (
        lambda: os.unlink("a.npy"),
        lambda: Path("other").write_text("b") and os.replace("other", "a.npy"),
        lambda: os.rename("a.npy", "c.npy"),
        lambda: os.truncate("a.npy", 3),
        lambda: Path("a.npy").write_text(""),
        lambda: Path("folder").rename("elsewhere"),
        lambda: shutil.rmtree("folder"),
    ):
        try:
            act()
        except PermissionError:
            print("refused")
    del a, b
    os.unlink("a.npy")
    shutil.rmtree("folder")
    """
    said, refused = run(code, tmp_path)

    assert said == ["refused"] * 7
    assert len(refused) == 7


@pytest.mark.parametrize("mask", ["", "mask=None, mask_strategy='background',"])
@pytest.mark.parametrize("n_jobs", [1, 2])
def test_fit_without_a_cache(tmp_path, n_jobs, mask):
    """Workers hand over by files, frames wait in files: gone as soon as they are read."""
    code = f"""
    maps = estimator({mask} n_jobs={n_jobs}, random_state=0).fit(cohort.func).components_
    print(len(maps))
    """
    assert run(code, tmp_path) == (["5"], [])
    assert [path.name for path in (tmp_path / "temporary").glob("*nbica*")] == []


def test_fit_with_a_cache(tmp_path):
    """Entries are written, found, verified, found damaged and computed again."""
    code = """
    def again(n):
        return estimator(memory="cache", n_jobs=2, n_components=n).fit(cohort.func)

    first = again(5)
    entry = next(Path("cache/nbica/reduction").rglob("components.npy"))
    content = bytearray(entry.read_bytes())
    content[-1] ^= 1
    del first
    entry.write_bytes(content)
    print(again(4).runs_["cached"].sum())
    print(again(3).runs_["cached"].sum())
    """
    said, refused = run(code, tmp_path)

    assert said == ["3", "4"]
    assert refused == []


def test_entry_in_use_stays_and_is_named(tmp_path):
    """What cannot be removed as a process maps it is not said to be removed; a warning names it."""
    code = """
    from nbica.runtime.store import open_store

    estimator(memory="cache").fit(cohort.func)
    store = open_store("cache")
    runs = [entry for entry in store.entries() if entry.stage == "reduction"]
    mapped = store.get(runs[0].stage, runs[0].key)
    n_before = len(store.entries())
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        print(n_before - len(cache_clear("cache")), len(store.entries()))
    print(sum("in use" in str(warning.message) for warning in told))
    del mapped
    print(len(cache_clear("cache")), len(store.entries()))
    """
    said, refused = run(code, tmp_path)

    assert said == ["1", "1", "1", "1", "0"]
    assert len(refused) == 1


def test_files_are_written_again(tmp_path):
    """A report, a page, a simulated cohort and a download replace what was there before."""
    code = """
    from nbica import datasets, report, view_img

    ica = estimator().fit(cohort.func)
    small = dict(n_subjects=1, n_timepoints=20, voxel_size=10.0, data_dir="data")
    for _ in range(2):
        report(ica, "report.html")
        view_img(ica.components_img_).to_html("page.html")
        datasets.simulate_group(**small)
        Path(datasets.simulate_group(**small).func[0]).write_bytes(b"cut short")
    print(len(list(Path(".").glob("*.html"))))
    """
    assert run(code, tmp_path) == (["2"], [])


def opens_text(call):
    """Whether a call reads or writes text in an encoding that it does not name."""
    name = getattr(call.func, "attr", "")
    if any(keyword.arg == "encoding" for keyword in call.keywords):
        return False
    if name in ("read_text", "write_text"):
        return len(call.args) == (name == "write_text")
    modes = {argument.value for argument in call.args if isinstance(argument, ast.Constant)}
    return name == "open" and not modes.isdisjoint({"r", "w", "a", "x", "r+", "w+"})


def test_text_has_an_encoding():
    """No text file is read or written in what the system prefers: on Windows that is cp1252."""
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and opens_text(node)
    ]

    assert found == []


def test_doctor_into_a_pipe_of_windows(monkeypatch):
    """A pipe that takes cp1252 only gets all lines; what it has no sign for is shown otherwise."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="cp1252"))
    main(["doctor", "--offline"])
    sys.stdout.flush()

    lines = written.getvalue().decode("cp1252").splitlines()
    assert {"Python", "threads", "network"} <= {line.split()[1] for line in lines if len(line) > 8}
