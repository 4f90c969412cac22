"""Plan first: which files, how large, what is already here, under which licence, and where to.

A plan is made from the registry and a look at the disk; nothing is asked of the network.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from nbica.datasets import registry
from nbica.datasets.download import folders, hash_record

_MOST_LINES = 8
_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"), (1, "B"))


@dataclass(frozen=True)
class Item:
    """A file of a plan.

    Attributes
    ----------
    file : registry.RemoteFile
    state : {"here", "begun", "missing", "damaged"}
        Begun: part of it was downloaded. Damaged: here with another size or hash than it must have.
    paths : dict
        What it provides and is here: paths in the data set to paths on disk.
    """

    file: registry.RemoteFile
    state: str
    paths: dict


@dataclass(frozen=True)
class DownloadPlan:
    """What a fetch would do.

    Attributes
    ----------
    entry : registry.DataSet
    items : tuple of Item
    folder : Path
        Into which is downloaded.
    others : tuple of Path
        Folders of nilearn's copies, in which is looked too.
    next_step : str
        What remains to be seen once these files are here; empty if this is all.
    """

    entry: registry.DataSet
    items: tuple[Item, ...]
    folder: Path
    others: tuple[Path, ...] = ()
    next_step: str = ""

    @property
    def missing(self):
        """Items that have to be downloaded."""
        return [item for item in self.items if item.state != "here"]

    @property
    def n_bytes(self):
        """Bytes to download as far as they are known, and whether all are."""
        files = [item.file for item in self.missing]
        sizes = [file.size or file.about for file in files]
        return sum(filter(None, sizes)), all(file.size for file in files)

    @property
    def paths(self):
        """Paths in the data set to paths on disk (str), of all that is here."""
        return {name: str(path) for item in self.items for name, path in item.paths.items()}

    @property
    def table(self):
        """A data frame with one row per file: path, state, size in bytes (or NA), known hash."""
        import pandas as pd

        rows = [(item.file.path, item.state, item.file.size, item.file.hash) for item in self.items]
        table = pd.DataFrame(rows, columns=["file", "state", "size", "hash"])
        return table.astype({"size": "Int64"})

    def again(self, *, verify=False):
        """The same plan after another look at the disk."""
        return _look([item.file for item in self.items], self, verify=verify)

    def __repr__(self):
        n_here = len(self.items) - len(self.missing)
        lines = [
            f"{self.entry.name}: {self.entry.title}",
            f"  files    {len(self.items)}, of which {n_here} are here; {self._amount()}",
            *(f"           {_line(item)}" for item in self.items[:_MOST_LINES]),
            *[f"           … and {len(self.items) - _MOST_LINES} more"]
            * (len(self.items) > _MOST_LINES),
            *[f"  then     {self.next_step}"] * bool(self.next_step),
            f"  licence  {self.entry.licence}",
            f"  cite     {self.entry.citation}",
            f"  into     {self.folder}",
        ]
        return "\n".join(lines)

    def _amount(self):
        if not self.missing:
            return "nothing to download"
        known, is_all = self.n_bytes
        n_unknown = sum(not (item.file.size or item.file.about) for item in self.missing)
        if is_all:
            return f"{in_words(known)} to download"
        about = f"about {in_words(known)} to download" if known else "to download"
        unknown = f"{n_unknown} of unknown size" if n_unknown else ""
        return ", ".join(filter(None, [about, unknown]))


def make_plan(entry, files, data_dir=None, *, next_step="", verify=False):
    """Look at the disk and plan.

    Takes a look at each file's size; with `verify` all files are read.

    Parameters
    ----------
    entry : registry.DataSet
    files : list of registry.RemoteFile
    data_dir : path, optional
    next_step : str
    verify : bool
        Whether to compare hashes where they are known.

    Returns
    -------
    DownloadPlan
    """
    folder = folders.own_folder(entry.folder, data_dir)
    others = tuple(folders.other_folders(entry.folder, data_dir))
    return _look(files, DownloadPlan(entry, (), folder, others, next_step), verify=verify)


def part_of(folder, path):
    """Where a file is while it is being downloaded."""
    return folder / ".nbica" / (path.replace("/", "__") + ".part")


def in_words(n_bytes):
    """A number of bytes for people."""
    unit, name = next((pair for pair in _UNITS if n_bytes >= pair[0]), _UNITS[-1])
    return f"{n_bytes / unit:.3g} {name}"


def _look(files, plan, *, verify=False):
    known = hash_record.read(plan.folder)
    items = [look_at(file, plan, known, verify=verify) for file in files]
    return replace(plan, items=tuple(items))


def look_at(file, plan, known, *, verify=False):
    """The item of a file: what is here of it.

    Parameters
    ----------
    file : registry.RemoteFile
    plan : DownloadPlan
        Tells the folders.
    known : dict
        The record of the plan's folder.
    verify : bool
    """
    expected = {name: _expected(file, name, known) for name in file.provides}
    found = {name: _find(name, size, plan) for name, (size, _) in expected.items()}
    paths = {name: path for name, path in found.items() if path}
    if verify:
        paths = {name: path for name, path in paths.items() if _agrees(path, expected[name][1])}
    if len(paths) == len(found):
        return Item(file, "here", paths)
    if any((plan.folder / name).is_file() and name not in paths for name in found):
        return Item(file, "damaged", paths)
    begun = part_of(plan.folder, file.path).is_file()
    return Item(file, "begun" if begun else "missing", paths)


def _expected(file, name, known):
    """Size and hash that a file must have, or None for what is not known."""
    entry = known.get(name, {})
    if name == file.path:
        return file.size or entry.get("size"), file.hash or entry.get("hash")
    return entry.get("size"), entry.get("hash")


def _find(name, size, plan):
    """The first file of that name, size and some content."""
    for folder in (plan.folder, *plan.others):
        path = folder / name
        n_bytes = path.stat().st_size if path.is_file() else 0
        if n_bytes and n_bytes == (size or n_bytes):
            return path
    return None


def _agrees(path, expected):
    if expected is None:
        return True
    return hash_record.hash_of(path, expected.partition(":")[0]) == expected.lower()


def _line(item):
    file = item.file
    size = in_words(file.size) if file.size else ""
    about = f"about {in_words(file.about)}" if file.about else ""
    return "  ".join(filter(None, [f"{item.state:8}", file.path, size, about]))
