"""What arrived: checked, given its place, written down; and what a killed process left, removed."""

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

from nbica.datasets.download import hash_record, locks, transfer, unpack
from nbica.datasets.download.addresses import shown
from nbica.datasets.download.plan import part_of
from nbica.exceptions import DataError

_BEGINNINGS = {".gz": b"\x1f\x8b", ".tgz": b"\x1f\x8b", ".zip": b"PK"}


def flaw(path, file, expected):
    """What is wrong with a downloaded file, if anything."""
    size = n_bytes(path)
    if not size or (file.size and size != file.size):
        return f"it has {size} bytes, expected {file.size or 'some'}"
    if expected:
        got = hash_record.hash_of(path, expected.partition(":")[0])
        if got != expected.lower():
            return f"its hash is {got}, expected {expected} ({_origin(file)})"
        return None
    beginning = _BEGINNINGS.get(Path(file.path).suffix, b"")
    with path.open("rb") as stream:
        found = stream.read(len(beginning))
    return None if found == beginning else f"it begins with {found!r}, not as a {file.path} would"


def _origin(file):
    if file.hash:
        return "published by the source"
    record = hash_record.NAME
    return f"recorded at the first download; if the source has a new version, edit {record}"


def commit(file, source, folder):
    """Give a verified file its place and write it down."""
    entries = {file.path: _entry(source, shown(file.urls[0]))}
    if not file.members:
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        source.replace(folder / file.path)
        hash_record.add(folder, entries)
        return
    opened = part_of(folder, file.path).with_suffix(".unpacked")
    unpack.unpack(source, opened)
    if lacking := [name for name in file.members if not (opened / name).is_file()]:
        shutil.rmtree(opened)
        msg = f"{Path(file.path).name} holds no {lacking[0]}: the source changed its layout."
        raise DataError(msg)
    inside = [path for path in opened.rglob("*") if path.is_file()]
    entries |= {path.relative_to(opened).as_posix(): _entry(path, file.path) for path in inside}
    # Written first: what a kill then keeps from coming is missing, not taken for something else.
    hash_record.add(folder, entries)
    unpack.merge(opened, folder)


def adopted(plan):
    """The plan after files that someone put there were checked, and written down like others."""
    known = hash_record.read(plan.folder)
    new = {
        item.file: plan.folder / item.file.path
        for item in plan.items
        if item.state == "here" and not item.file.members and item.file.path not in known
    }
    new = {file: path for file, path in new.items() if path.is_file()}
    if not new or not os.access(plan.folder, os.W_OK):
        return plan
    flaws = {file for file, path in new.items() if flaw(path, file, file.hash)}
    good = {file.path: _entry(path, "by hand") for file, path in new.items() if file not in flaws}
    hash_record.add(plan.folder, good)
    items = [replace(i, state="damaged") if i.file in flaws else i for i in plan.items]
    return replace(plan, items=tuple(items))


def tidy(plan):
    """Remove what a killed process left of files that are here, and empty folders."""
    work = plan.folder / ".nbica"
    leftovers = {path.name for path in work.iterdir()} if work.is_dir() else set()
    for item in plan.items:
        part = part_of(plan.folder, item.file.path)
        if item.state == "here" and any(name.startswith(part.stem) for name in leftovers):
            with locks.held(part.with_suffix(".lock")):
                transfer.discard(part)
                shutil.rmtree(part.with_suffix(".unpacked"), ignore_errors=True)
    hash_record.tidy(plan.folder)
    for path in (work, plan.folder):
        with contextlib.suppress(OSError):
            path.rmdir()


def _entry(path, url):
    return {"hash": hash_record.hash_of(path, "sha256"), "size": n_bytes(path), "url": url}


def n_bytes(path):
    """Size of a file; 0 where there is none."""
    with contextlib.suppress(OSError):
        return path.stat().st_size
    return 0
