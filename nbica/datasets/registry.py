"""What can be fetched: licences, citations, and of each file its urls, hash and size.

`registry.json` has an entry per data set, `tables/<name>.tsv` a line per file. In a table a url is
relative to the entry's `base`: `-` stands for base and path, `?…` for these and a query, `.` for
the base itself; several urls, separated by blanks, are mirrors in the order in which they are
tried. Hash and size are `unknown` where no source tells them; `~300000000` is a size from hearsay.
"""

import csv
import json
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from nbica.datasets.download.addresses import shown

_HERE = Path(__file__).parent
UNKNOWN = "unknown"


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set, as its source offers it.

    Attributes
    ----------
    path : str
        Where it goes, relative to the data set's folder.
    urls : tuple of str
        Where it is offered, the preferred first.
    hash : str or None
        Such as "md5:0bb0…".
    size, about : int or None
        Bytes, as published and by hearsay.
    members : tuple of str
        What is needed of an archive, relative to the data set's folder; empty for a plain file.
    """

    path: str
    urls: tuple[str, ...]
    hash: str | None = None
    size: int | None = None
    about: int | None = None
    members: tuple[str, ...] = ()

    @property
    def provides(self):
        """The paths that are there once this file was fetched."""
        return self.members or (self.path,)


@dataclass(frozen=True)
class DataSet:
    """An entry of the registry; `files` maps paths to :class:`RemoteFile`."""

    name: str
    title: str
    folder: str
    base: str
    licence: str
    citation: str
    notes: str
    hashes: str
    http: str = ""
    t_r: float | None = None
    files: dict | None = None

    def archive(self, path, *members):
        """A listed archive, and what is needed of it."""
        return replace(self.files[path], members=members)

    def unlisted(self, path, url):
        """A file that follows a pattern; nothing is known of it but its url."""
        return RemoteFile(path, _absolute(url, self.base, path))

    @property
    def description(self):
        """What a Bunch says of its origin."""
        return (
            f"{self.title}\n\n{self.notes}\n\nSource: {shown(self.base)}\nHashes: {self.hashes}\n"
            f"Licence: {self.licence}\nPlease cite: {self.citation}\n"
        )


def names():
    """Names of all data sets."""
    return list(_entries())


def dataset(name, url=None):
    """One data set of the registry.

    Parameters
    ----------
    name : str
    url : str, optional
        Where to look instead of the entry's `base`.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if not isinstance(name, str) or name not in _entries():
        msg = f"There is no data set {name!r}; there are {', '.join(names())}."
        raise ValueError(msg)
    entry = dict(_entries()[name])
    entry["base"] = url or entry["base"]
    return DataSet(name=name, files=_files(name, entry["base"]), **entry)


@lru_cache
def _entries():
    return json.loads((_HERE / "registry.json").read_text(encoding="utf-8"))


@lru_cache
def _files(name, base):
    with (_HERE / "tables" / f"{name}.tsv").open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    return {row["path"]: _file(row, base) for row in rows}


def _file(row, base):
    size = row["size"]
    return RemoteFile(
        row["path"],
        _absolute(row["url"], base, row["path"]),
        hash=None if row["hash"] == UNKNOWN else row["hash"],
        size=int(size) if size.isdecimal() else None,
        about=int(size[1:]) if size.startswith("~") else None,
    )


def _absolute(urls, base, path):
    return tuple(_absolute_url(url, base, path) for url in urls.split(" "))


def _absolute_url(url, base, path):
    if "://" in url:
        return url
    if url == ".":
        return base
    if url == "-" or url.startswith("?"):
        return base + path + url.removeprefix("-")
    return base + url
