"""Windows' rule, for whoever has this folder on PYTHONPATH: what a process holds stays as it is.

Windows removes, renames, replaces and empties no file that some process has mapped or open. Here
an audit hook, in each process of a test and in its workers, refuses the same: it looks up in /proc
what the processes of its group hold.
"""

import os
import sys
from pathlib import Path


def held():
    """Paths of all files that the processes of this group have mapped or open."""
    found = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(process.name)) == os.getpgid(0):
                found |= _mapped(process) | _opened(process)
        except OSError:  # it ended meanwhile
            continue
    return found


def _mapped(process):
    lines = (process / "maps").read_text(encoding="utf-8").splitlines()
    return {line.split(maxsplit=5)[5] for line in lines if line.count("/")}


def _opened(process):
    return {str(link.readlink()) for link in (process / "fd").iterdir() if link.is_symlink()}


def _absolute(path, folder=-1):
    base = Path.cwd() if folder is None or folder < 0 else Path(f"/proc/self/fd/{folder}").resolve()
    return str(base / os.fsdecode(path))


def _refuse(*paths):
    for path in paths:
        for other in held():
            if other == path or other.startswith(f"{path}/"):
                reason = f"in use by a process, as {other}"
                sys.stderr.write(f"WINDOWS: {path} is {reason}\n")
                raise PermissionError(13, reason, path)


def _watch(event, arguments):
    if event == "os.remove":
        _refuse(_absolute(*arguments))
    elif event == "os.rename":
        source, target, source_folder, target_folder = arguments
        _refuse(_absolute(source, source_folder), _absolute(target, target_folder))
    elif isinstance(arguments[0] if arguments else 0, int):
        return  # a file that is open already
    elif event == "os.truncate" or (event == "open" and arguments[2] & os.O_TRUNC):
        _refuse(_absolute(arguments[0]))


sys.addaudithook(_watch)
