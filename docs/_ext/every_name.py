"""The start page of the API: one line for each public name, from the pages and their docstrings."""

import re
from pathlib import Path

MARK = ".. every_name"  # a comment of reST, in docs/api/index.rst
_ENTRY = re.compile(r" {3}[\w.]+")


def setup(app):
    """Fill the mark when a source is read."""
    app.connect("source-read", _fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def entries(page):
    """Pairs of module and name that a page of the API lists, in its order."""
    module = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        if line.startswith(".. currentmodule:: "):
            module = line.split(":: ")[1]
        elif module and _ENTRY.fullmatch(line):
            yield module, line.strip()


def pages(index):
    """Pages that the start page leads to, in its order."""
    names = _ENTRY.findall(index.read_text(encoding="utf-8"))
    paths = [index.with_name(f"{name.strip()}.rst") for name in names]
    return [path for path in paths if path.exists()]


def tables(index):
    """Lines of reST: under the title of each page, its names and their first sentences."""
    for page in pages(index):
        listed = list(entries(page))
        if listed:
            title = page.read_text(encoding="utf-8").splitlines()[0]
            yield from [title, "-" * len(title), "", ".. currentmodule:: nbica", ""]
            yield from [".. autosummary::", "   :nosignatures:", ""]
            full = [f"{module}.{name}".removeprefix("nbica.") for module, name in listed]
            yield from [f"   ~{name}" for name in full]
            yield ""


def _fill(app, docname, source):
    if MARK in source[0]:
        index = Path(app.env.doc2path(docname))
        source[0] = source[0].replace(MARK, "\n".join(tables(index)))
