"""Names that stand for a file whose content is elsewhere: git-annex, DataLad, git-lfs, links."""

from pathlib import Path

# Git's own stand-ins are a line or two; no image and no table is read for this.
_LONGEST = 4096
_BEGINNINGS = {
    b"/annex/objects/": "git-annex or DataLad",
    b"version https://git-lfs": "git-lfs",
}
_GET = "Get it with `datalad get`, `git annex get` or `git lfs pull`, or copy the file itself"


def placeholder(path):
    """Why a path has a name but no content here; empty where it has, or where there is nothing.

    Costs a look at the disk, and for files of up to 4 kB a read.

    Parameters
    ----------
    path : path

    Returns
    -------
    str
        A sentence without its full stop, which says what to do.
    """
    path = Path(path)
    try:
        if path.is_symlink() and not path.exists():
            return f"{path} is a link to {path.readlink()}, which is not here. {_GET}"
        if not path.is_file() or not 0 < path.stat().st_size <= _LONGEST:
            return ""
        content = path.read_bytes()
    except OSError:
        return ""
    for beginning, program in _BEGINNINGS.items():
        if content.startswith(beginning):
            return f"{path} is what {program} leaves in place of a file that is not here. {_GET}"
    return ""
