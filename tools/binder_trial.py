"""Build and use a Binder session here, as closely as a machine without its image builder allows.

    python -m tools.binder_trial [--python PYTHON] [--keep] [FOLDER] [NOTEBOOK ...]   (as root)

The commands and their order are those of repo2docker 2026.4 (`buildpacks/base.py`, `conda/`,
`python/`): a base environment with its versions of Jupyter, `binder/requirements.txt` while nothing
else of the project is there, the project's files, `binder/postBuild`, and then, through
`binder/start`, a JupyterLab and one notebook after the other. All of it as a user without rights,
in a home of its own; the session on one CPU, without a network, in a control group of 2 GB whose
limit kills, as mybinder.org's does.

What is not the same: pip fills the base environment where repo2docker has conda, and the base image
(Ubuntu), the hub and its proxy are not here.
"""

import argparse
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import INTERVAL, Watch
from tools import jail

ROOT = Path(__file__).parents[1]
USER = "nbica-binder"
PORT = 8765
LIMIT = 2 * 1024**3  # mybinder.org: limit 2 G, one CPU
TARGET = 1.2e9
IDLE = 450e6  # what a session is guaranteed
FIRST = "notebooks/01_your_first_networks.ipynb"
# What repo2docker's lock for Python 3.12 has, of what notebooks or the server meet.
BASE = (
    "jupyterlab==4.4.9", "notebook==7.4.7", "jupyter_server==2.17.0", "jupyter_client==8.6.3",
    "ipykernel==7.0.1", "ipywidgets==8.1.7", "jupyterhub==5.4.0", "jupyter-resource-usage==1.2.0",
    "jupyter-offlinenotebook==0.3.2", "setuptools==80.9.0", "wheel==0.45.1",
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """Where a trial is: its folders, and the environment variables of its user."""

    folder: Path

    @property
    def home(self):
        """Home of the user, into which repo2docker copies the project."""
        return self.folder / "home" / "jovyan"

    @property
    def prefix(self):
        """The environment that server and kernel share."""
        return self.folder / "srv" / "notebook"

    @property
    def variables(self):
        """What a process of the user sees: nothing of ours but the way to the packages."""
        ours = {name: os.environ[name] for name in os.environ if name.startswith("PIP_")}
        return ours | {
            "HOME": str(self.home), "USER": USER, "REPO_DIR": str(self.home), "LANG": "C.UTF-8",
            "LD_LIBRARY_PATH": str(self.folder / "srv" / "python" / "lib"),
            "PATH": f"{self.home}/.local/bin:{self.prefix}/bin:/usr/local/bin:/usr/bin:/bin",
        }  # fmt: skip


def main(arguments=None):
    """Build, use, and report; returns 0 if all of it held."""
    options = _parse(arguments)
    jail.check_can()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))  # tidying up on the way out
    place = Place(options.folder.absolute())
    jail.make_user(USER, place.home)
    try:
        build(place, options.python)
        found = use(place, options.notebooks)
    finally:
        jail.remove_user(USER)
    (place.folder / "trial.json").write_text(json.dumps(found, indent=1) + "\n")
    print(as_text(found))
    if not options.keep:
        shutil.rmtree(place.folder)
    return 1 if troubles(found) else 0


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m tools.binder_trial", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("folder", nargs="?", type=Path, default=Path("/tmp/nbica-binder"))
    parser.add_argument("notebooks", nargs="*", help="all, if none is named")
    parser.add_argument("--python", type=Path, default=Path(sys.executable).resolve(),
                        help="of the version that binder/runtime.txt names")  # fmt: skip
    parser.add_argument("--keep", action="store_true", help="leave the folder, about 1 GB")
    return parser.parse_args(arguments)


# ---- as repo2docker builds ----------------------------------------------------------------------


def build(place, python):
    """The environment, then the third-party layer, then the project and what it prepares."""
    step("base environment", lambda: _make_base(place, python))
    home = place.home
    (home / "binder").mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "binder" / "requirements.txt", home / "binder")
    jail.give(place.folder, USER)
    pip = [place.prefix / "bin" / "pip", "install", "-qq", "--no-cache-dir"]
    layer = [*pip, "-r", "binder/requirements.txt"]
    step("binder/requirements.txt, of the project only this file", lambda: run(place, layer))
    _copy_project(home)
    jail.give(place.folder, USER)
    step("binder/postBuild", lambda: run(place, ["./binder/postBuild"]))


def _make_base(place, python):
    """An interpreter that the user can reach, and in it what repo2docker's lock has of Jupyter."""
    wanted = (ROOT / "binder" / "runtime.txt").read_text().strip().removeprefix("python-")
    found = _output(python, "import sys; print('%d.%d' % sys.version_info[:2])")
    if found != wanted:
        sys.exit(f"{python} is Python {found}; binder/runtime.txt wants {wanted}: pass --python.")
    if not (place.prefix / "bin" / "pip").exists():
        base = Path(_output(python, "import sys; print(sys.base_prefix)"))
        copy = place.folder / "srv" / "python"
        shutil.copytree(base, copy, symlinks=True, ignore=shutil.ignore_patterns("test"))
        inner = copy / "bin" / f"python{wanted}"
        subprocess.run([inner, "-m", "venv", place.prefix], check=True)
    pip = [place.prefix / "bin" / "pip", "install", "-qq", "--no-cache-dir"]
    subprocess.run([*pip, "--disable-pip-version-check", *BASE], check=True)


def _copy_project(home):
    """The files that git knows, changed or not, as a commit of now would have them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).exists():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, home / name, follow_symlinks=False)


def run(place, command):
    """Run a command of the build as the user, in its home; stop on an error."""
    user = pwd.getpwnam(USER)
    subprocess.run(
        command, cwd=place.home, env=place.variables, user=user.pw_uid, group=user.pw_gid,
        extra_groups=[], check=True,
    )  # fmt: skip


def _output(python, code):
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def step(name, act):
    """Do one step and say how long it took."""
    start = time.perf_counter()
    print(f"{name} …", flush=True)
    act()
    print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


# ---- as a session uses it -----------------------------------------------------------------------


def use(place, names):
    """Start a session, look at where it lands, run the notebooks in it.

    Returns
    -------
    dict
        Bytes of the environment and of the home, where the session lands, what it holds when idle,
        what `nbica doctor` says in it, and a row per notebook.
    """
    folder = place.home / "notebooks"
    names = names or sorted(path.name for path in folder.glob("[0-9]*.ipynb"))
    sizes = {name: _size(path) for name, path in (("srv", place.prefix), ("home", place.home))}
    with jail.control_group(LIMIT) as group:
        cell = jail.Cell(group, USER, place.home, _session_variables(place))
        server = cell.start(
            ["binder/start", "jupyter-lab", f"--port={PORT}", "--ip=127.0.0.1", "--no-browser"],
            log=place.folder / "server.log",
        )
        try:
            lands = _landing(cell, place.folder / "server.log")
            idle = group.resident()
            doctor = _examined(cell)
            rows = [_execute(cell, server, group, folder / Path(name).name) for name in names]
        finally:
            cell.end()
    return {"bytes": sizes, "lands": lands, "idle": idle, "doctor": doctor, "notebooks": rows}


def _session_variables(place):
    """What JupyterHub tells a session about its limits."""
    hub = {"MEM_LIMIT": str(LIMIT), "CPU_LIMIT": "1.0", "JUPYTER_TOKEN": "trial"}
    return place.variables | hub


_ASK = """
import sys, time, urllib.request
for _ in range(240):
    try:
        reply = urllib.request.urlopen(sys.argv[1], timeout=5)
    except OSError:
        time.sleep(0.25)
    else:
        sys.exit(print(reply.url))
"""


def _landing(cell, log):
    """Path at which a session ends up that is given none; asked from within its network."""
    address = f"http://127.0.0.1:{PORT}/?token=trial"
    found = cell.run(["python", "-c", _ASK, address], wait=90)
    if not found.stdout:
        sys.exit(f"the server does not answer:\n{log.read_text()[-3000:]}")
    return found.stdout.strip().split("?")[0].removeprefix(f"http://127.0.0.1:{PORT}")


def _examined(cell):
    """What `nbica doctor` says within the limits."""
    done = cell.run(["binder/start", "nbica", "doctor", "--offline", "--json"], wait=120)
    return json.loads(done.stdout)


def _execute(cell, server, group, path):
    """Run a notebook from its first cell to its last; what it took, with the server beside it."""
    print(path.name, end=" … ", flush=True)
    group.forget_peak()
    log = path.with_suffix(".log")
    process = cell.start(["binder/start", "jupyter", "execute", str(path)], log=log)
    watch, most = Watch(process.pid), 0
    watch.start, watch._say = time.perf_counter(), lambda *_: None
    while process.poll() is None:
        watch.sample()
        most = max(most, group.resident())
        time.sleep(INTERVAL)
    seconds = time.perf_counter() - watch.start
    alive = server.poll() is None
    row = {
        "notebook": path.stem, "passed": process.returncode == 0, "seconds": round(seconds, 1),
        "cpu_seconds": round(sum(watch.cpu.values()), 1), "tree_pss": watch.peak,
        "session": most, "with_file_pages": group.peak(), "server_alive": alive,
    }  # fmt: skip
    said = "" if row["passed"] else log.read_text()[-2000:]
    print(f"{seconds:.0f} s, {most / 1e6:.0f} MB {said}", flush=True)
    return row


def _size(folder):
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink())


# ---- what came of it ----------------------------------------------------------------------------


def troubles(found):
    """What did not hold, in words."""
    rows = found["notebooks"]
    said = [f"{row['notebook']} failed" for row in rows if not row["passed"]]
    said += [
        f"{row['notebook']} took {row['session'] / 1e9:.2f} GB"
        for row in rows
        if row["session"] > TARGET
    ]
    if not all(row["server_alive"] for row in rows):
        said.append("the server was killed")
    if found["lands"] != f"/lab/tree/{FIRST}":
        said.append(f"the session lands at {found['lands']}")
    if found["doctor"]["problems"]:
        said.append("nbica doctor has found problems")
    if found["idle"] > IDLE:
        said.append(f"the idle session holds {found['idle'] / 1e6:.0f} MB")
    return said


def as_text(found):
    """A table as Markdown, with the sentence of what did not hold."""
    lines = [
        f"Environment {found['bytes']['srv'] / 1e6:.0f} MB, home {found['bytes']['home'] / 1e6:.0f}"
        f" MB; lands at {found['lands']}; idle session {found['idle'] / 1e6:.0f} MB",
        *(f"{line['name']}: {line['found']}" for line in found["doctor"]["findings"]),
        "", "| notebook | seconds | CPU s | peak, kernel and client | peak, whole session | |",
        "|---|---|---|---|---|---|",
    ]  # fmt: skip
    for row in found["notebooks"]:
        lines.append(
            f"| {row['notebook']} | {row['seconds']:.0f} | {row['cpu_seconds']:.0f} "
            f"| {row['tree_pss'] / 1e6:.0f} MB | {row['session'] / 1e6:.0f} MB "
            f"| {'' if row['passed'] else 'FAILED'} |"
        )
    said = troubles(found)
    return "\n".join([*lines, "", f"Did not hold: {'; '.join(said)}" if said else "All held."])


if __name__ == "__main__":
    sys.exit(main())
