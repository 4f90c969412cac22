"""What goes into the site: every notebook and every name, links that hold, live viewers."""

import inspect
import re
from logging import makeLogRecord
from pathlib import Path
from urllib.parse import unquote

import nbformat
import numpy as np
import pytest
from public_names import is_ours, names_in_the_reference, names_that_are_public, value_of

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
pytest.importorskip("sphinx", reason="the site needs nbica[docs]")
pytest.importorskip("latex2mathml", reason="the site needs nbica[docs]")

import alive  # noqa: E402
import built_links  # noqa: E402
import docstrings  # noqa: E402
import elsewhere  # noqa: E402
import every_name  # noqa: E402
import formulas  # noqa: E402
import gallery  # noqa: E402

# ---- what is on it ------------------------------------------------------------------------------


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_its_card(path):
    """Title and goals are the notebook's own, and the thumbnail is not blank."""
    card = gallery.card_of(path)
    thumbnail = gallery.thumbnail(nbformat.read(path, as_version=4))

    assert card.title in path.read_text(encoding="utf-8")
    assert re.fullmatch(r"[A-Z`].{20,700}\.", card.goal)
    assert thumbnail.size == gallery.SIZE
    assert len(np.unique(thumbnail)) > 10


def test_no_notebook_is_named_twice():
    """The groups of the gallery share no notebook, and take those that no group names."""
    text = (DOCS / "gallery.md").read_text(encoding="utf-8")
    groups = re.findall(r"```\{gallery\} (.+)", text)
    numbers = " ".join(groups[:-1]).split()

    assert groups[-1] == "others"
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize(
    ("text", "goal"),
    [
        ("\nIn this notebook you will\n\n* look,\n* see *more*.\n\nA minute.", "Look; see *more*."),
        ("\nIn this notebook you will do it,\nall:\n\n1. this,\n2. that,", "Do it, all."),
        ("\nIn this notebook you fit: now. Then not.\n\nMore.", "Fit: now."),
        ("\nWhat is a mean? Of many?\n\nMore.", "What is a mean? Of many?"),
    ],
)
def test_the_goal_is_one_sentence(text, goal):
    """What is promised, in one sentence; else the first one."""
    assert gallery.goal_of(text) == goal


def test_a_tag_chooses_the_picture():
    """The most colourful picture is the thumbnail, unless a cell is tagged."""
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    own = gallery.thumbnail(notebook)
    cells = [cell for cell, _ in gallery._pictures(notebook)]
    sheets = []
    for cell in cells:
        cell.metadata["tags"] = ["thumbnail"]
        sheets.append(gallery.thumbnail(notebook))
        cell.metadata["tags"] = []

    assert len(cells) > 1
    assert own == max(sheets, key=gallery.colorfulness)
    assert any(sheet != own for sheet in sheets)


def test_every_public_name_is_in_the_reference():
    """What a user may import has its page, and every page its name."""
    there = list(names_in_the_reference())

    documented = [value_of(name) for name in there]

    assert len(there) == len(set(there))
    missing = [n for n in names_that_are_public() if value_of(n) not in documented]
    assert missing == [], "list it in a page of docs/api"


def test_the_start_page_has_a_line_for_each_name():
    """All that the other pages list, each once."""
    lines = list(every_name.tables(DOCS / "api" / "index.rst"))
    listed = [f"nbica.{line.strip()[1:]}" for line in lines if line.startswith("   ~")]

    assert sorted(listed) == sorted(names_in_the_reference())


def test_types_in_docstrings_lead_to_what_is_there():
    """To a class that can be imported, of ours or of those whose reference the site knows."""
    for short, full in (elsewhere.TYPES | elsewhere.own_types()).items():
        assert value_of(full).__name__ == short or "nbica" in full


def test_a_site_that_cannot_be_reached_is_no_warning():
    """But all else that is said of other sites is."""
    record = makeLogRecord({"msg": "failed to reach any of the inventories with …"})
    other = makeLogRecord({"msg": "external reference target not found"})

    assert not elsewhere.is_not_about_the_network(record)
    assert elsewhere.is_not_about_the_network(other)


def test_what_the_notebooks_import_is_in_the_reference():
    """A reader finds the page of every function that a notebook or the README calls."""
    text = "".join(cell for path in NOTEBOOKS for cell in _code(path))
    text += (ROOT / "README.md").read_text(encoding="utf-8")
    imported = re.findall(r"^from (nbica[\w.]*) import ([^#\n]+)", text, re.MULTILINE)
    names = {f"{h}.{n}" for h, some in imported for n in re.findall(r"\w+", some)}
    called = {name: value_of(name) for name in names if not inspect.ismodule(value_of(name))}
    called = {name: value for name, value in called.items() if is_ours(name)}
    documented = [value_of(name) for name in names_in_the_reference()]

    assert len(called) > 20
    assert [name for name, value in called.items() if value not in documented] == []


def _code(path):
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source + "\n" for cell in cells if cell.cell_type == "code"]


# ---- links --------------------------------------------------------------------------------------


def texts():
    """Markdown by the file that it is in: guides, README, notes, results, notebooks."""
    for folder in (ROOT, DOCS, ROOT / "changes", ROOT / "benchmarks"):
        for path in sorted(folder.glob("*.md")):
            yield path, re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        yield path, "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")


TEXTS = dict(texts())


def anchors(path):
    """Of the headings of a text, as forges make them."""
    for title in re.findall(r"^#+ (.+)$", TEXTS[path], re.MULTILINE):
        yield re.sub(r"[^\w\- ]", "", title.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_links_between_files_hold(path):
    """Each relative link leads to a file that is there, and to a heading in it."""
    links = re.findall(r"\]\(([^)\s]+)\)|<img[^>]+src=\"([^\"]+)\"", TEXTS[path])
    for link in filter(None, (target for pair in links for target in pair)):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, anchor = unquote(link).partition("#")
        target = (path.parent / name).resolve() if name else path

        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_faults_of_a_site_are_found(tmp_path):
    """A file or an anchor that is not there, and what would be loaded from outside."""
    (tmp_path / "a.html").write_text(
        '<h1 id="here"></h1><a href="#here"></a><a href="b.html#there"></a><a href="c.html"></a>'
        '<a href="https://example.org"></a><script src="https://example.org/x.js"></script>'
        '<link rel="stylesheet" href="s.css"><img src="data:image/png;base64,">'
    )
    (tmp_path / "b.html").write_text("<p></p>")
    (tmp_path / "s.css").write_text("@import 'https://example.org/y.css';")

    assert [fault.split(": ", 1)[1] for fault in built_links.faults(tmp_path)] == [
        "no such anchor: b.html#there",
        "no such file: c.html",
        "loaded from outside: https://example.org/x.js",
        "loaded from outside: https://example.org/y.css",
    ]


# ---- its parts ----------------------------------------------------------------------------------


def test_formulas_are_mathml():
    """A formula needs no script, keeps its LaTeX for who cannot see it, and a slip is named."""
    assert formulas.mathml("a^2").startswith('<math aria-label="a^2"')
    assert 'display="block"' in formulas.mathml("a", "block")
    with pytest.raises(ValueError, match="cannot be turned into MathML"):
        formulas.mathml(r"\left( a")


def test_docstrings_keep_their_bars():
    """|r| in a docstring stays what it is, and so does a shape with an underscore."""
    lines = ["mean |r| of shape (n_iter_,)"]
    docstrings._escape(None, "function", "f", None, None, lines)

    assert lines == [r"mean \|r\| of shape (n_iter\_,)"]


def test_viewers_come_into_frames():
    """On the site a saved viewer is a frame, a picture has words, and the notebook can be taken."""
    path = ROOT / "notebooks" / "howto_viewers.ipynb"
    saved = nbformat.read(path, as_version=4)
    viewers = list(alive.viewers_in(saved))
    shown = alive.prepared(saved, path.stem)

    assert len(viewers) >= 2
    for c, o, _ in viewers:
        assert list(shown.cells[c].outputs[o].data) == ["text/html"]
        assert alive.name_of(path.stem, c, o) in shown.cells[c].outputs[o].data["text/html"]
    assert "{download}" in shown.cells[0].source
