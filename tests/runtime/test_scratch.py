"""A matrix in RAM and one in a scratch file: the same numbers, the same blocks, nothing left."""

import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from nbica.runtime.scratch import BLOCK, DiskSignals, RamSignals, voxel_blocks

T = 7


def fill(signals, array, n_rows):
    for start in range(0, len(array), n_rows):
        part = array[start : start + n_rows]
        rows = signals.rows(start, len(part))
        rows[:] = part
        signals.put_rows(start, rows)
    return signals


def whole(signals):
    return np.hstack([block.copy() for _, block in signals.walk()])


@pytest.fixture(params=["ram", "disk"])
def make_signals(request, tmp_path):
    """A function: shape to signals of either kind, closed in the end."""
    made = []

    def make_signals(*shape):
        kind = RamSignals if request.param == "ram" else DiskSignals
        made.append(kind(*shape, *([tmp_path] if kind is DiskSignals else [])))
        return made[-1]

    yield make_signals
    for signals in made:
        signals.close()


@pytest.mark.parametrize("n_voxels", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 5])
def test_blocks_cover_all_voxels_once(n_voxels):
    """The blocks follow each other from the first voxel to the last."""
    blocks = voxel_blocks(n_voxels)

    assert np.array_equal(np.concatenate([np.r_[b] for b in blocks]), np.arange(n_voxels))


@pytest.mark.parametrize("n_rows", [1, 3, T])
@pytest.mark.parametrize("n_voxels", [1, BLOCK, 2 * BLOCK + 5])
def test_holds_what_was_written(rng, make_signals, n_voxels, n_rows):
    """Frames written in blocks of any size are read back bit for bit, as often as wanted."""
    array = rng.standard_normal((T, n_voxels), dtype=np.float32)

    signals = fill(make_signals(T, n_voxels), array, n_rows)

    assert signals.shape == array.shape
    assert np.array_equal(whole(signals), array)
    assert np.array_equal(whole(signals), array)


def test_walk_keeps_changes(rng, make_signals):
    """What is written to the blocks of a changing walk is there in the next one."""
    array = rng.standard_normal((T, BLOCK + 9), dtype=np.float32)
    signals = fill(make_signals(*array.shape), array, 2)

    for voxels, block in signals.walk(change=True):
        block *= 2
        block += voxels.start

    expected = array * 2 + np.where(np.arange(BLOCK + 9) < BLOCK, 0, BLOCK).astype(np.float32)
    assert np.array_equal(whole(signals), expected)


def test_blocks_of_a_file_are_not_views_of_each_other(rng, tmp_path):
    """A plain walk over a file gives copies: changing them changes nothing."""
    array = rng.standard_normal((T, BLOCK + 9), dtype=np.float32)
    signals = fill(DiskSignals(*array.shape, tmp_path), array, 2)

    for _, block in signals.walk():
        block[:] = 0

    assert np.array_equal(whole(signals), array)
    signals.close()


def test_file_has_no_name(rng, tmp_path):
    """While in use and after it, the folder is empty."""
    signals = fill(DiskSignals(T, 50, tmp_path), np.ones((T, 50), np.float32), 3)
    assert not list(tmp_path.iterdir())

    signals.close()

    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_nothing_is_left_of_a_killed_process(tmp_path):
    """A process killed with its matrix half written leaves the folder empty."""
    code = f"""
        import os, numpy as np
        from nbica.runtime.scratch import DiskSignals
        signals = DiskSignals(20, 5000, {str(tmp_path)!r})
        signals.put_rows(0, np.ones((10, 5000), np.float32))
        os.kill(os.getpid(), {int(signal.SIGKILL)})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)

    assert done.returncode == -signal.SIGKILL
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="no RLIMIT_FSIZE on Windows")
def test_full_disk_is_an_error_with_a_way_out(tmp_path):
    """A file that cannot grow stops with an error that names the folder and NBICA_SCRATCH."""
    code = f"""
        import resource, numpy as np
        from nbica.runtime.scratch import DiskSignals
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        signals = DiskSignals(20, 5000, {str(tmp_path)!r})
        signals.put_rows(0, np.ones((20, 5000), np.float32))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )

    last = done.stderr.strip().splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("OSError")
    assert str(tmp_path) in last
    assert "NBICA_SCRATCH" in last


def test_short_file_is_an_error(tmp_path):
    """A file that ends early is told, and not read as zeros."""
    signals = DiskSignals(T, 50, tmp_path)
    signals.put_rows(0, np.ones((T - 1, 50), np.float32))

    with pytest.raises(OSError, match="ended early"):
        list(signals.walk())
    signals.close()
