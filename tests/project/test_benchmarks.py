"""The benchmarks' machinery at tiny shapes: files, the eye on memory, tables."""

import inspect
import json
import platform
import re
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

pytest.importorskip("psutil")

from benchmarks import __main__ as runner
from benchmarks import data, results
from benchmarks.measure import measure, thin

MB = 10**6
TINY = replace(data.SHAPES["tiny"], n_timepoints=7, n_voxels=1500)


# ---- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".nii.gz", ".nii"])
@pytest.mark.parametrize("dtype", ["int16", "float32"])
def test_run_has_the_promised_form(tmp_path, dtype, suffix):
    """Shape, type, affine and repetition time are those asked for, gzipped or plain."""
    group = data.group(TINY, 1, dtype=dtype, suffix=suffix, where=tmp_path)
    img = nib.load(group.runs[0])

    assert img.shape == (*TINY.grid, TINY.n_timepoints)
    assert img.get_data_dtype() == dtype
    assert np.allclose(img.affine, TINY.affine)
    assert img.header.get_zooms()[3] == TINY.t_r
    assert nib.load(group.mask).get_fdata().sum() == TINY.n_voxels


def test_same_run_same_bytes(tmp_path):
    """A run depends on its number only, and runs differ."""
    for folder in ("a", "b"):
        data.group(TINY, 2, where=tmp_path / folder)
    first, again = (sorted((tmp_path / folder).rglob("run-*")) for folder in ("a", "b"))

    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in again]
    assert first[0].read_bytes() != first[1].read_bytes()


def test_types_and_suffixes_hold_the_same_volumes(tmp_path):
    """float32 and int16 files differ by rounding; gzipped and plain ones by nothing."""

    def volumes(**form):
        return np.asarray(nib.load(data.group(TINY, 1, where=tmp_path, **form).runs[0]).dataobj)

    rounded = volumes(dtype="int16", suffix=".nii")

    assert np.array_equal(volumes(dtype="int16", suffix=".nii.gz"), rounded)
    assert np.abs(volumes(dtype="float32", suffix=".nii") - rounded).max() <= 0.5


def test_bare_runs_are_zero_outside_the_mask(tmp_path):
    """As the HCP's are; and brighter inside than any noise."""
    group = data.group(replace(TINY, bare=True), 1, where=tmp_path)
    frames = nib.load(group.runs[0]).get_fdata()
    mask = nib.load(group.mask).get_fdata() > 0

    assert not frames[~mask].any()
    assert frames[mask].min() > data.BASELINE / 2


def test_links_stand_for_many_runs(tmp_path):
    """Any number of names, few files on disk; asked again, nothing is written."""
    group = data.group(TINY, 7, n_distinct=2, where=tmp_path)
    written = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nii.gz")}
    again = data.group(TINY, 7, n_distinct=2, where=tmp_path)

    assert len(set(group.runs)) == 7
    assert len({Path(path).stat().st_ino for path in group.runs}) == 2
    assert again.runs == group.runs
    assert written == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nii.gz")}


def test_networks_are_apart():
    """Planted maps hardly overlap: what a decomposition finds can be told apart."""
    r = np.corrcoef(data.Scene(TINY).maps) - np.eye(data.N_NETWORKS)

    assert np.abs(r).max() < 0.3


def test_full_disk_is_refused_before_writing(tmp_path, monkeypatch):
    """The error says what is needed, what is free, and what to set."""
    monkeypatch.setattr(data.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))

    with pytest.raises(OSError, match=r"GB are free. Set NBICA_DATA"):
        data.group(TINY, 1, where=tmp_path)


# ---- measuring ------------------------------------------------------------------------------

WATCHED = """
import subprocess, sys, time

def hold(n_bytes):
    block = b"1" * n_bytes
    time.sleep(0.8)
    return {"n_bytes": len(block)}

def in_children(n_children, code):
    children = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(n_children)]
    return {"codes": [child.wait() for child in children]}

def fail():
    raise MemoryError("no room for /some/folder/this.nii")
"""


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A module that a fresh process can import, and that imports next to nothing itself."""
    (tmp_path / "watched.py").write_text(WATCHED)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.mark.slow
def test_memory_of_known_size_is_seen(watched):
    """100 MB that a process holds are 100 MB more than it has without, to a fifth."""
    without = measure("watched:hold", n_bytes=0)
    found = measure("watched:hold", n_bytes=100 * MB)

    assert found.value == {"n_bytes": 100 * MB}
    for name in ("peak", "peak_rss", "peak_main"):
        seen = getattr(found, name) - getattr(without, name)
        assert abs(seen - 100 * MB) < 20 * MB, name


@pytest.mark.slow
def test_children_are_summed(watched):
    """What two children hold at the same time counts, and is not the main process's."""
    code = "import time; block = b'1' * 60_000_000; time.sleep(1.2)"
    found = measure("watched:in_children", n_children=2, code=code)

    assert found.value == {"codes": [0, 0]}
    assert found.peak_main < 100 * MB
    assert 120 * MB < found.peak < 120 * MB * 1.2 + 100 * MB  # three interpreters are in it
    assert max(n_bytes for _, n_bytes in found.curve) == found.peak


@pytest.mark.slow
def test_cpu_of_children_is_counted(watched):
    """Time that a child computes is time of the tree."""
    code = "import time\nwhile time.process_time() < 0.5: pass"
    found = measure("watched:in_children", n_children=2, code=code)

    assert 1.0 <= found.cpu_seconds < 3.0


def test_failure_is_told_or_kept(watched):
    """A task that fails ends the benchmark, unless failing is what is measured: no folders then."""
    with pytest.raises(RuntimeError, match=r"no room for /some/folder/this.nii"):
        measure("watched:fail")

    assert measure("watched:fail", may_fail=True).error == "MemoryError: no room for …/this.nii"


@pytest.mark.slow
def test_address_space_is_limited(watched):
    """What does not fit in the limit fails; what does fits."""
    pytest.importorskip("resource")
    limited = {"limit": 1000 * MB, "may_fail": True}

    assert "MemoryError" in measure("watched:hold", n_bytes=1200 * MB, **limited).error
    assert measure("watched:hold", n_bytes=1 * MB, **limited).error is None


def test_measurement_is_json(watched):
    """All but the curve is kept, as JSON holds it."""
    found = measure("watched:hold", "a label", n_bytes=1)
    kept = json.loads(json.dumps(found.as_json()))

    assert kept["label"] == "a label"
    assert "curve" not in kept
    assert kept["kind"] in ("PSS", "USS")


def test_thin_curve_keeps_peaks():
    """Fewer points, the same maximum, times in order."""
    curve = [(second, 10 if second == 777 else 1) for second in range(1000)]
    few = thin(curve, 50)

    assert len(few) <= 50
    assert (777, 10) in few
    assert few == sorted(few)


# ---- tables ---------------------------------------------------------------------------------


def entry_of(row, size="full"):
    return results.record(row, size, 1.2)


@pytest.fixture
def row():
    """A row with a promise kept, one broken, and a number nothing was promised of."""
    row = results.Row("some | thing", notes=["a note"], figures=["one.png"])
    row.at_least("faster", 17.0, 15, "{:.1f} ×")
    row.at_most("memory, MB", 612, 500, "{:.0f}")
    row.tell("seconds", "3.1")
    return row


def test_promises_are_judged(row):
    """Kept, broken, and none made."""
    assert [check.reached for check in row.checks] == [True, False, None]
    assert [check.target for check in row.checks] == ["≥ 15.0 ×", "≤ 500", ""]


def test_small_benchmarks_are_not_judged(row):
    """A quick one shows targets and what it measured, and no verdict."""
    checks = entry_of(row, "quick")["checks"]

    assert [check["reached"] for check in checks] == [None, None, None]
    assert [check["target"] for check in checks] == ["≥ 15.0 ×", "≤ 500", ""]


def test_text_lines_up(row):
    """Columns of a terminal start at the same place in every line."""
    title, head, *lines = results.as_text(entry_of(row)).splitlines()

    assert title == "some | thing"
    assert [line[head.index("measured") :].split()[0] for line in lines] == ["17.0", "612", "3.1"]
    assert lines[1].endswith("NO")


def test_markdown_is_a_table(row):
    """Every line has the same cells, notes and pictures follow, a row that was skipped says why."""
    skipped = results.Row("nothing", skipped="no real runs")
    text = results.as_markdown({"first": entry_of(row), "second": entry_of(skipped)})
    table = [line for line in text.splitlines() if line.startswith("|")]

    assert {line.count("|") - line.count("\\|") for line in table} == {6}
    assert "| first | faster | ≥ 15.0 × | 17.0 × | yes |" in table
    assert "no real runs" in table[-1]
    assert "* a note" in text
    assert "figures/one.png" in text


def test_results_name_no_person_and_no_folder(row):
    """What is kept says which machine it was by its hardware and versions only."""
    kept = json.dumps(entry_of(row))

    assert str(Path.home()) not in kept
    assert platform.node() not in kept
    assert set(entry_of(row)["machine"]) >= {"cpu", "cores", "ram_gb", "python", "numpy", "nbica"}


# ---- the runner -----------------------------------------------------------------------------


def test_kept_results_name_no_folder():
    """The figures beside the code hold no absolute path of whoever measured them."""
    kept = (Path(runner.__file__).parent / "results.json").read_text(encoding="utf-8")

    assert not re.findall(r'"(?:/|[A-Z]:\\\\)[^"]*"', kept)


def test_every_row_can_be_run_at_every_size():
    """Each row is a module with sizes that its function takes."""
    for name in runner.ROWS:
        module = import_module(f"benchmarks.{name}")
        wanted = set(inspect.signature(module.run).parameters) - {"bench"}
        assert set(module.SIZES) == {"full", "quick", "tiny"}
        assert all(set(size) == wanted for size in module.SIZES.values()), name


def test_rows_are_kept_beside_those_of_before(tmp_path, monkeypatch, row):
    """A row that is measured alone replaces itself and no other."""
    monkeypatch.setattr("benchmarks.subspace.run", lambda bench, **size: row)
    results.save(tmp_path / "results.json", {"talk": entry_of(row), "subspace": entry_of(row)})
    row.tell("more", "now")
    runner.main(["--size", "tiny", "--out", str(tmp_path), "subspace"])
    kept = results.load(tmp_path / "results.json")

    assert {name: len(kept[name]["checks"]) for name in kept} == {"subspace": 4, "talk": 3}
    assert "## talk" in (tmp_path / "RESULTS.md").read_text()


def test_row_that_fails_does_not_end_the_others(tmp_path, monkeypatch, row, capsys):
    """It is named at the end, and nothing is kept of it."""

    def fail(bench, **size):
        msg = "no memory"
        raise RuntimeError(msg)

    monkeypatch.setattr("benchmarks.talk.run", fail)
    monkeypatch.setattr("benchmarks.subspace.run", lambda bench, **size: row)
    status = runner.main(["--size", "tiny", "--out", str(tmp_path), "talk", "subspace"])

    assert status == "failed: talk"
    assert list(results.load(tmp_path / "results.json")) == ["subspace"]
    assert "no memory" in capsys.readouterr().out


def test_unknown_row_is_refused(capsys):
    """The message lists those that there are."""
    with pytest.raises(SystemExit):
        runner.main(["cold"])

    assert "cold_fit" in capsys.readouterr().err
