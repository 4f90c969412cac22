"""A cache that is killed, shared, full, or read-only gives the right maps all the same."""

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import traceback
from pathlib import Path

import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica.exceptions import CacheWarning
from nbica.image import frames
from nbica.runtime.store import FILE, Store

# What is killed, shared, full or read-only takes its time.
pytestmark = pytest.mark.slow

N_KILLS = 100
TESTS = Path(__file__).parents[1]

# Forked from a process that has loaded all libraries: what is killed is the fit, not the imports.
FIT = """
import sys
sys.path.insert(0, {tests!r})
import numpy as np
from planted import estimator
def fit(imgs, confounds, memory, out):
    ica = estimator(memory=memory, n_init=1).fit(imgs, confounds=confounds)
    np.save(out, ica.components_)
"""


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def expected(cohort):
    return estimator(n_init=1).fit(cohort.func, confounds=cohort.confounds).components_


def fit(cohort, memory, **options):
    return estimator(memory=memory, n_init=1, **options).fit(
        cohort.func, confounds=cohort.confounds
    )


def n_entries(memory, stage="reduction"):
    return sum(entry.stage == stage for entry in Store(memory).entries())


def forked(call):
    """Call a function in a child process, which ends with 0 if it did well; returns its id."""
    pid = os.fork()
    if pid:
        return pid
    try:
        call()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def forked_fit(cohort, memory):
    """A fit in a child process; returns its id."""
    return forked(lambda: fit(cohort, memory))


# Modules between whose lines a kill may come: nbica, and what it writes files with.
PLACES = ("nbica", "numpy.lib", "json", "pathlib", "tempfile")


class Lines:
    """Counts the lines that Python runs in `PLACES`, and ends this process before a certain one."""

    def __init__(self, last=None):
        self.n, self.last = 0, last

    def __call__(self, frame, event, _):
        """As `sys.settrace` calls it."""
        if not frame.f_globals.get("__name__", "").startswith(PLACES):
            return None
        self.n += event == "line"
        if self.n == self.last:
            os.kill(os.getpid(), signal.SIGKILL)
        return self

    def fit(self, cohort, memory):
        """Count those of a fit."""
        sys.settrace(self)
        try:
            fit(cohort, memory)
        finally:
            sys.settrace(None)


def kill_before_line(n, cohort, memory):
    """Kill a fit in a child process; a line is the same moment on every machine."""
    pid = forked(lambda: Lines(n).fit(cohort, memory))
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGKILL


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kills forked processes")
def test_killed_at_a_hundred_moments(tmp_path, monkeypatch):
    """SIGKILL anywhere in a fit: the next one is clean, and reads again one run at most.

    A run is lost if it was read and its entry is not there. The child tells of each run that it has
    finished reading by a file.
    """
    cohort = write_cohort(tmp_path, n_runs=4, n_timepoints=20)._replace(confounds=None)
    told = tmp_path / "told"
    iter_blocks = frames.iter_blocks

    def telling(run, *args, **kwargs):
        yield from iter_blocks(run, *args, **kwargs)
        (told / Path(run.name).name).touch()

    monkeypatch.setattr(frames, "iter_blocks", telling)
    told.mkdir()
    expected = fit(cohort, tmp_path / "once").components_  # what is imported late is there now
    lines = Lines()
    lines.fit(cohort, tmp_path / "whole")
    n_found = []

    for number in range(N_KILLS):
        memory = tmp_path / f"cache{number}"
        shutil.rmtree(told)
        told.mkdir()
        kill_before_line(1 + number * lines.n // N_KILLS, cohort, memory)
        n_read, n_kept = len(list(told.iterdir())), n_entries(memory)
        n_found.append(n_kept)

        ica = fit(cohort, memory)

        assert n_read - n_kept <= 1
        assert int(ica.runs_["cached"].sum()) == n_kept
        np.testing.assert_array_equal(ica.components_, expected)
        assert list((memory / "nbica" / "unfinished").iterdir()) == []
        shutil.rmtree(memory)

    # Kills fell before, between and after all runs: else nothing was tested.
    assert n_found == sorted(n_found)
    assert set(n_found) == set(range(len(cohort.func) + 1))


@pytest.mark.parametrize("n_fits", [2, 4])
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_fits_at_once_on_one_cache(cohort, expected, tmp_path, n_fits):
    """Several fits that fill one cache at the same time: whole entries, the same maps."""
    pids = [forked_fit(cohort, tmp_path / "cache") for _ in range(n_fits)]

    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * n_fits
    ica = fit(cohort, tmp_path / "cache")
    assert ica.runs_["cached"].all()
    assert n_entries(tmp_path / "cache") == len(cohort.func)
    np.testing.assert_array_equal(ica.components_, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_one_fit_clears_what_another_reads(cohort, expected, tmp_path):
    """Two fits whose limit is too small for one of them: entries come and go, maps stay."""
    limit = 300_000  # one entry of this cohort has 250 kB
    pid = forked_fit(cohort, tmp_path / "cache")
    with pytest.warns(CacheWarning, match="over its limit"):
        ica = fit(cohort, tmp_path / "cache", cache_limit=limit)

    assert os.waitpid(pid, 0)[1] == 0
    np.testing.assert_array_equal(ica.components_, expected)


# ---- damage --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["reduction", "subspace"])
@pytest.mark.parametrize("where", ["json", "header", "first value", "last value"])
def test_a_flipped_bit_costs_a_computation(cohort, expected, tmp_path, stage, where):
    """A damaged entry of a run or of the group is said, dropped and made anew: the same maps."""
    memory = tmp_path / "cache"
    fit(cohort, memory)
    entry = next(e for e in Store(memory).entries() if e.stage == stage)
    folder = memory / "nbica" / stage / entry.key
    if stage == "reduction":  # else the group would answer, and nobody look at the run
        shutil.rmtree(memory / "nbica" / "subspace")
    flip(folder / (FILE if where == "json" else "components.npy"), where)

    with pytest.warns(CacheWarning, match="damaged"):
        ica = fit(cohort, memory)

    np.testing.assert_array_equal(ica.components_, expected)
    assert int((~ica.runs_["cached"]).sum()) == (1 if stage == "reduction" else 0)
    assert fit(cohort, memory).runs_["cached"].all()


def flip(path, where):
    content = bytearray(path.read_bytes())
    content[{"json": 40, "header": 10, "first value": 128, "last value": -1}[where]] ^= 4
    path.write_bytes(content)


# ---- no room, no right ---------------------------------------------------------------------------


def run_script(body, **names):
    """Run code in a process of its own, with warnings on stderr; returns what it wrote."""
    code = FIT.format(tests=str(TESTS)) + textwrap.dedent(body).format(**names)
    env = {**os.environ, "PYTHONPATH": str(TESTS.parent)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False
    )


def test_a_full_disk(cohort, expected, tmp_path):
    """Where entries cannot be written, the fit goes on, says so, and leaves no half file."""
    memory, out = tmp_path / "cache", tmp_path / "maps.npy"

    done = run_script(
        """
        import resource, signal
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
        fit({imgs!r}, {tables!r}, {memory!r}, {out!r})
        """,
        imgs=cohort.func,
        tables=[str(path) for path in cohort.confounds],
        memory=str(memory),
        out=str(out),
    )

    assert done.returncode == 0, done.stderr
    assert "the disk is full, or a quota is reached" in done.stderr
    np.testing.assert_array_equal(np.load(out), expected)
    assert n_entries(memory) == 0
    assert not [
        path
        for path in memory.rglob("*")
        if path.is_file() and not {"subspace", "ledger"} & {*path.parts}
    ]


@pytest.fixture
def read_only(monkeypatch):
    """A function that takes away the right to write below a folder.

    By mode for a user; root may write whatever the mode, so for root the calls are refused here.
    """
    changed = []

    def make(folder):
        if os.geteuid():
            for path in [folder, *folder.rglob("*")]:
                path.chmod(path.stat().st_mode & ~0o222)
                changed.append(path)
            return
        for name in ("mkdir", "rename", "unlink"):
            monkeypatch.setattr(Path, name, refused(getattr(Path, name), folder))
        monkeypatch.setattr(os, "utime", refused(os.utime, folder))

    yield make
    for path in changed:
        path.chmod(path.stat().st_mode | 0o700)


def refused(function, folder):
    def call(path, *args, **kwargs):
        if Path(path).is_relative_to(folder):
            raise PermissionError(13, "Permission denied", str(path))
        return function(path, *args, **kwargs)

    return call


def test_a_read_only_cache(cohort, expected, tmp_path, read_only):
    """What is there is used, what is not there is computed and not kept, and that is said."""
    memory = tmp_path / "cache"
    estimator(memory=memory, n_init=1).fit(cohort.func[:3], confounds=cohort.confounds[:3])
    read_only(memory)

    with pytest.warns(CacheWarning, match="may not be written"):
        ica = fit(cohort, memory)

    assert list(ica.runs_["cached"]) == [True] * 3 + [False] * 3
    np.testing.assert_array_equal(ica.components_, expected)
