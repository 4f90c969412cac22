"""`nbica doctor`: each judgement on facts that are made up, and the whole on this machine."""

import json
import socket
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread

import pytest

import nbica
from nbica import datasets
from nbica.__main__ import main
from nbica.cli import checkup
from nbica.cli.checkup import facts, judge
from nbica.datasets.simulation.group import find_group

GB = 10**9
NEEDED = ["numpy>=1.26", "scipy>=1.11", 'nilearn>=0.14.1; extra == "test"']
THERE = {"numpy": "2.1.0", "scipy": "1.14.0", "nilearn": "0.15.0"}
SHOWN = {
    "version": "4.4.9", "extensions": [judge.WIDGETS, "anywidget"], "server_prefix": None,
    "prefix": "/env", "in_colab": False,
}  # fmt: skip


def lab(**facts):
    return judge.lab(**SHOWN | facts)


def packages(**versions):
    return judge.packages(NEEDED, THERE | versions)


def memory(ram):
    return judge.memory(ram, 150_000_000, "/scratch")


def folder(free=50 * GB, error=""):
    return judge.folder(("/data", free, error), judge.DATA_NEEDS, "NBICA_DATA")


# What is judged, the verdict, a word of what was found, and a word of the way out.
VERDICTS = {
    "python": (judge.python("3.12.1", ">=3.11", "/env/python"), "ok", "3.12.1", ""),
    "python candidate": (judge.python("3.14.0rc1", ">=3.11", "/p"), "ok", "3.14", ""),
    "old python": (judge.python("3.10.4", ">=3.11", "/p"), "problem", "3.10.4", ">=3.11"),
    "python, no bound": (judge.python("3.12.1", None, "/p"), "ok", "3.12.1", ""),
    "packages": (packages(), "ok", "2 packages", ""),
    "no extra": (packages(nilearn=None), "ok", "2 packages", ""),
    "old package": (packages(numpy="1.25.2"), "problem", "numpy 1.25.2", "'numpy>=1.26'"),
    "no package": (packages(scipy=None), "problem", "scipy is missing", "'scipy>=1.11'"),
    "old extra": (packages(nilearn="0.13"), "note", "nilearn 0.13", "'nilearn>=0.14.1'"),
    "a folder": (judge.packages(None, {}), "note", "not installed", "-e ."),
    "imports": (judge.imports({}), "ok", "load", ""),
    "broken": (
        judge.imports({"nbica.decomposition.canica": "ABI"}),
        "problem",
        "canica: ABI",
        "reinstall",
    ),
    "lab": (lab(), "ok", "4.4.9", ""),
    "no lab": (lab(version=None), "note", "not installed", "jupyterlab"),
    "no widgets": (lab(extensions=[]), "problem", "without", "jupyterlab_widgets"),
    "server elsewhere": (lab(server_prefix="/hub"), "note", "/hub", "anywidget in /hub"),
    "own server": (lab(server_prefix="/env"), "ok", "4.4.9", ""),
    "colab": (lab(in_colab=True, version=None), "note", "Colab", "enable_custom_widget_manager"),
    "kernel": (judge.kernel("/env/python", "/env/python"), "ok", "this", ""),
    "no kernel": (judge.kernel(None, "/env/python"), "note", "no kernel", "ipykernel"),
    "other kernel": (judge.kernel("/old/python", "/p"), "note", "/old/python", "--sys-prefix"),
    "threads": (judge.threads([("openblas", 2)], 2), "ok", "openblas × 2", ""),
    "many threads": (judge.threads([("mkl", 64)], 1), "note", "mkl × 64", "OMP_NUM_THREADS=1"),
    "no blas": (judge.threads([], 2), "note", "no BLAS", "numpy"),
    "much memory": (memory(8 * GB), "ok", "HCP runs in RAM", ""),
    "a Binder": (memory(1.5 * GB), "ok", "HCP runs through a scratch file", ""),
    "little memory": (memory(0.2 * GB), "problem", "do not fit", "kernels"),
    "folder": (folder(), "ok", "50 GB free", ""),
    "tight folder": (folder(free=GB), "note", "1.0 GB", "NBICA_DATA"),
    "full folder": (folder(free=10**7), "problem", "10 MB", "NBICA_DATA"),
    "read only": (folder(error="Read-only"), "problem", "Read-only", "NBICA_DATA"),
    "simulated": (judge.simulation("/data/rest"), "ok", "there", ""),
    "to simulate": (judge.simulation(None), "note", "once", "simulate_group"),
    "hosts": (judge.network({"a": True, "b": True}, None), "ok", "2 of 2", ""),
    "one silent": (judge.network({"a": True, "b": False}, None), "note", "1 of 2", "b"),
    "offline": (judge.network({"a": False}, None), "note", "offline", "NBICA_MIRROR"),
    "not asked": (judge.network({}, None), "ok", "not asked", ""),
    "mirror": (judge.network({"m": True, "a": False}, "m"), "ok", "mirror m", ""),
    "mirror not asked": (judge.network({}, "m"), "ok", "mirror m", ""),
    "no mirror": (judge.network({"m": False, "a": True}, "m"), "problem", "m is not", "unset"),
}


@pytest.mark.parametrize("verdict", VERDICTS.values(), ids=VERDICTS)
def test_verdicts(verdict):
    """Each fact has its state and its words; a way out is named exactly where one is needed."""
    (state, found, remedy), wanted, said, way = verdict

    assert state == wanted
    assert said in found
    assert way in remedy
    assert bool(remedy) == (state != "ok")


# ---- how facts are looked up ---------------------------------------------------------------------


def test_folder_that_is_not_there_yet(tmp_path):
    """The room of a folder to be made is that of the one around it; nothing is left behind."""
    path, free, error = facts.look_at_folder(tmp_path / "a" / "b")

    assert path == tmp_path / "a" / "b"
    assert free > 0
    assert error == ""
    assert list(tmp_path.iterdir()) == []


def test_folder_that_refuses(tmp_path):
    """Why a folder cannot be written to is told in the system's words."""
    file = tmp_path / "file"
    file.touch()

    assert facts.look_at_folder(file / "below")[2] == "Not a directory"


def test_hosts_are_asked_at_once(only_loopback, tmp_path):
    """All are asked before one answers; any answer counts, and a folder need only be there."""
    n_hosts = 5
    all_are_here = Barrier(n_hosts)

    class Patient(BaseHTTPRequestHandler):
        def do_HEAD(self):
            all_are_here.wait(60)
            self.send_error(404)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Patient) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        there = [f"http://127.0.0.1:{server.server_port}/{n}" for n in range(n_hosts)]
        answers = facts.HostsAsked([*there, "nowhere", str(tmp_path)], wait=60).answers()
        server.shutdown()

    assert [address for address, answered in answers.items() if not answered] == ["nowhere"]


def test_silence_is_an_answer(only_loopback):
    """A host that is closed, and one that connects and says nothing, are not there."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            addresses = [f"http://127.0.0.1:{host.getsockname()[1]}/" for host in (silent, closed)]
        answers = facts.HostsAsked(addresses, wait=0.2).answers()

    assert answers == dict.fromkeys(addresses, False)


def test_mirror_is_asked_with_the_hosts_of_the_data(monkeypatch):
    """The mirror stands first; each host of the registry is named once, without a path."""
    monkeypatch.setenv("NBICA_MIRROR", "/srv/nbica")
    first, *hosts = facts.addresses()

    assert first == "/srv/nbica"
    assert len(hosts) == len(set(hosts)) > 3
    assert all(host.count("/") == 3 for host in hosts)


def test_server_of_a_kernel(monkeypatch):
    """The environment of the server is that of the interpreter that runs it."""
    monkeypatch.setenv("JPY_PARENT_PID", "0")
    nobody = facts._server_prefix()
    waiting = [sys.executable, "-c", "print(flush=True); input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        server.stdout.readline()  # it runs: before, the kernel may not know its command line yet
        monkeypatch.setenv("JPY_PARENT_PID", str(server.pid))
        found = facts._server_prefix()
        server.kill()

    assert nobody is None
    expected = str(Path(sys.executable).parents[1])
    assert found == (expected if Path("/proc").is_dir() else None)


def test_cohort_is_found_once_it_is_written(tmp_path):
    """A cohort is there when each file of each subject asked for is."""
    size = {"n_timepoints": 20, "voxel_size": 10.0, "data_dir": tmp_path}
    before = find_group(2, **size)
    cohort = datasets.simulate_group(2, **size)

    assert before is None
    assert str(find_group(2, **size)) == cohort.data_dir
    assert find_group(3, **size) is None


# ---- the whole -----------------------------------------------------------------------------------


def test_doctor_on_this_machine(capsys, monkeypatch):
    """The command prints a line per check, the same as JSON, and asks no host when told not to."""
    monkeypatch.setattr(facts, "addresses", lambda: pytest.fail("asks hosts"))

    statuses = main(["doctor", "--offline"]), main(["doctor", "--offline", "--json"])
    text, data = capsys.readouterr().out.split("{", 1)
    data = json.loads("{" + data)

    assert set(statuses) == {1 if data["problems"] else 0}
    names = [finding["name"] for finding in data["findings"]]
    assert names[:3] == ["Python", "packages", "imports"]
    assert all(name in text for name in names)
    assert ("Ready to work." in text) == (data["problems"] == 0)
    assert "the check itself failed" not in text


def test_failing_check_is_a_finding(monkeypatch):
    """A check that raises is reported with its error; the others are still made."""
    monkeypatch.setattr(facts, "memory", lambda: 1 / 0)

    diagnosis = nbica.doctor(offline=True)
    (failed,) = [finding for finding in diagnosis.findings if finding.name == "memory"]

    assert failed.state == "problem"
    assert "ZeroDivisionError" in failed.found
    assert len(diagnosis.findings) == 11


COLAB = """
import sys, types
asked = []
for name in ("google", "google.colab", "google.colab.output"):
    sys.modules[name] = types.ModuleType(name)
output = sys.modules["google.colab.output"]
output.enable_custom_widget_manager = lambda: asked.append(True)
output._widgets = types.SimpleNamespace(_installed_url="https://example.org/manager.js")
import nibabel, numpy, nbica
viewer = nbica.view_img(nibabel.Nifti1Image(numpy.arange(64.0).reshape(4, 4, 4), numpy.eye(4)))
data, metadata = viewer._repr_mimebundle_()
assert asked == [True] and "example.org" in str(metadata) and "image/png" in data
print(nbica.doctor(offline=True))
"""


@pytest.mark.slow
def test_colab():
    """A viewer asks Colab for its custom widgets by itself (anywidget does); doctor says when not.

    Colab is played by a module that takes down what it is asked.
    """
    done = subprocess.run([sys.executable, "-c", COLAB], capture_output=True, text=True, check=True)

    assert "enable_custom_widget_manager()" in done.stdout


def test_diagnosis_in_a_notebook():
    """What a notebook saves as text has no figure of the moment; what it shows has all, escaped."""
    finding = checkup.Finding("memory", "problem", "1 < 2", "more & more")
    diagnosis = checkup.Checkup((finding,), 1.234)

    assert repr(diagnosis) == "<Checkup: 1 checks, 1 problems>"
    assert "1 &lt; 2" in diagnosis._repr_html_()
    assert "→ more &amp; more" in diagnosis._repr_html_()
    assert str(diagnosis).endswith("To mend: memory.")


def test_the_password_of_a_mirror_is_not_told():
    """What `nbica doctor` prints goes into bug reports."""
    mirror = "https://robot:s3cret@mirror.org/nbica?key=k3y"

    for answers in ({mirror: True}, {mirror: False}, {}):
        told = " ".join(judge.network(answers, mirror))
        assert "***@mirror.org/nbica" in told
        assert not any(secret in told for secret in ("robot", "s3cret", "k3y"))
