"""Is every link of the built site good? Inside: file and anchor are there. Outside: asked nothing.

    python docs/_ext/built_links.py docs/_build/html

What a page loads by itself (scripts, styles, pictures, frames) has to be on the site: it works on a
plane, and tells nobody who reads it.
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from sphinx.util import logging

_LOADS = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}


class Reader(HTMLParser):
    """What a page links to, loads, and can be linked to by."""

    def __init__(self):
        super().__init__()
        self.ids, self.links, self.loads = set(), set(), set()

    def handle_starttag(self, tag, attrs):
        """Note the addresses in one element."""
        attrs = dict(attrs)
        self.ids.update(filter(None, [attrs.get("id"), attrs.get("name")]))
        if tag == "a" and attrs.get("href"):
            self.links.add(attrs["href"])
        if tag == "link" and "stylesheet" in (attrs.get("rel") or ""):
            self.loads.add(attrs["href"])
        if attrs.get(_LOADS.get(tag)):
            self.loads.add(attrs[_LOADS[tag]])


def read(path):
    """A page, read; the viewers' own are megabytes of numbers without a link."""
    reader = Reader()
    reader.feed(path.read_text(encoding="utf-8"))
    return reader


def faults(folder):
    """What is wrong with the links of a site: one line each."""
    folder = Path(folder).resolve()
    files = sorted(path for path in folder.rglob("*.html") if path.parent.name != "_static")
    pages = {path: read(path) for path in files}
    for path, page in pages.items():
        where = path.relative_to(folder)
        for link in sorted(page.links | page.loads):
            fault = _fault(link, path, pages, loaded=link in page.loads)
            if fault:
                yield f"{where}: {fault}: {link}"
    for path in sorted(folder.rglob("*.css")):
        for link in re.findall(
            r"(?:url\(|@import )['\"]?(https?:[^'\")]+)", path.read_text(encoding="utf-8")
        ):
            yield f"{path.relative_to(folder)}: loaded from outside: {link}"


def _fault(link, path, pages, loaded):
    scheme, host, name, _, anchor = urlsplit(link)
    if scheme == "data":
        return None
    if scheme or host:
        return "loaded from outside" if loaded else None
    target = (path.parent / unquote(name)).resolve() if name else path
    if not target.is_file():
        return "no such file"
    if anchor and target in pages and unquote(anchor) not in pages[target].ids:
        return "no such anchor"
    return None


def setup(app):
    """Warn of each fault once the site is built; `-W` makes the build fail."""
    app.connect("build-finished", _warn)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _warn(app, exception):
    if exception is None and app.builder.name == "html":
        for fault in faults(app.outdir):
            logging.getLogger(__name__).warning(fault)


if __name__ == "__main__":
    sys.exit("\n".join(faults(sys.argv[1])))
