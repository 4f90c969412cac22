"""A user without rights, a control group whose limit kills, one CPU, no network: Linux, as root."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
TOOLS = ("useradd", "userdel", "setpriv", "taskset", "unshare", "nsenter", "ip")


def check_can():
    """End with a sentence where this machine cannot do it."""
    if sys.platform != "linux" or os.geteuid() != 0:
        sys.exit("The trial makes a user and a control group: it needs Linux and root.")
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        sys.exit(f"Not on the path: {', '.join(missing)} (packages passwd, util-linux, iproute2).")


def make_user(name, home):
    """A user whose home is this folder, and who may write nowhere else."""
    home.mkdir(parents=True, exist_ok=True)
    command = ["useradd", "--no-log-init", "--home-dir", str(home), "--shell", "/bin/bash", name]
    subprocess.run(command, check=True)


def remove_user(name):
    """Take the user away again; files stay."""
    subprocess.run(["userdel", name], check=True, stderr=subprocess.DEVNULL)


def give(folder, name):
    """Make a user the owner of a folder and all in it."""
    subprocess.run(["chown", "-R", f"{name}:{name}", str(folder)], check=True)


# ---- memory -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Group:
    """A control group of memory, of either version."""

    folder: Path

    @property
    def is_second(self):
        """Whether it is of version 2."""
        return (self.folder / "cgroup.controllers").exists()

    def limit(self, n_bytes):
        """End what is in it beyond so many bytes, swap included."""
        names = ("memory.max",) if self.is_second else (
            "memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
        )  # fmt: skip
        for name in names:
            if (self.folder / name).exists():
                (self.folder / name).write_text(str(n_bytes))

    def resident(self):
        """Bytes that cannot be dropped: anonymous, shared and mapped pages."""
        names = ("anon", "file_mapped") if self.is_second else ("total_rss", "total_mapped_file")
        found = dict(line.split() for line in self._read("memory.stat").splitlines())
        return sum(int(found[name]) for name in names)

    def peak(self):
        """The kernel's own largest count, pages of files that it may drop included."""
        return int(self._read("memory.peak" if self.is_second else "memory.max_usage_in_bytes"))

    def forget_peak(self):
        """Begin to count anew (version 1; version 2 keeps the largest of all)."""
        if not self.is_second:
            (self.folder / "memory.max_usage_in_bytes").write_text("0")

    def _read(self, name):
        return (self.folder / name).read_text()


@contextlib.contextmanager
def control_group(n_bytes):
    """A group below our own, for as long as it is needed."""
    group = Group(_own_group() / f"nbica-binder-{os.getpid()}")
    group.folder.mkdir()
    try:
        group.limit(n_bytes)
        yield group
    finally:
        group.folder.rmdir()


def _own_group():
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, kinds, path = line.split(":", 2)
        if "memory" in kinds.split(","):
            return CGROUPS / "memory" / path.lstrip("/")
    return CGROUPS / path.lstrip("/")  # version 2 has one line, and it is the last


# ---- processes ----------------------------------------------------------------------------------

_ENTER = """
echo $$ > "$1"; user=$2; shift 2
exec setpriv --reuid "$user" --regid "$user" --clear-groups taskset --cpu-list 0 "$@"
"""


@dataclass
class Cell:
    """Where processes run as the user, in the group, on one CPU, in a network of their own."""

    group: Group
    user: str
    home: Path
    variables: dict
    network: int | None = None
    started: list = field(default_factory=list)

    def start(self, command, log):
        """Start a process; the first one makes the network that the others enter."""
        with log.open("wb") as stream:
            process = subprocess.Popen(
                self._inside(command), cwd=self.home, env=self.variables,
                stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        if self.network is None:
            _wait_for(lambda: _network(process.pid) != _network("self"))
            self.network = process.pid
        return process

    def run(self, command, wait):
        """Run a process to its end."""
        return subprocess.run(
            self._inside(command), cwd=self.home, env=self.variables, capture_output=True,
            text=True, timeout=wait, check=False,
        )  # fmt: skip

    def _inside(self, command):
        into = ["unshare", "--net", "sh", "-c", f"ip link set lo up\n{_ENTER}"]
        if self.network is not None:
            into = ["nsenter", f"--net=/proc/{self.network}/ns/net", "sh", "-c", _ENTER]
        tasks = self.group.folder / "cgroup.procs"
        return [*into, "sh", str(tasks), str(pwd.getpwnam(self.user).pw_uid), *command]

    def end(self):
        """End all that was started here, with its children."""
        for process in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait(30)
        # Kernels end when they see that their server has; until then the group is in use.
        _wait_for(lambda: not (self.group.folder / "cgroup.procs").read_text())


def _network(process):
    return Path(f"/proc/{process}/ns/net").readlink()


def _wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.1)
