"""One holder at a time, among threads and processes; no file stays."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nbica.datasets.download import locks

ROOT = Path(__file__).parents[3]
_HOLD = """
import sys
from pathlib import Path
from nbica.datasets.download import locks
with locks.held(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()  # until it is killed
"""


def test_one_at_a_time(tmp_path):
    """Many threads that take turns never overlap, though the file comes and goes."""
    inside, most = [], []

    def work():
        for _ in range(5):
            with locks.held(tmp_path / "lock"):
                inside.append(1)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 20
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_a_killed_holder_holds_no_longer(tmp_path):
    """While it lives one waits; after kill -9 the lock is free, though its file is there."""
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(tmp_path / "lock")],
        env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout.readline() == b"held\n"
    tries = []

    def give_up():
        tries.append(1)
        if len(tries) == 2:
            raise TimeoutError

    with pytest.raises(TimeoutError), locks.held(tmp_path / "lock", give_up):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert (tmp_path / "lock").exists()

    with locks.held(tmp_path / "lock"):
        assert (tmp_path / "lock").exists()
    assert list(tmp_path.iterdir()) == []
