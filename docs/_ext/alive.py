"""Viewers of saved notebooks, alive on the site: each is a page of its own, in a frame.

A saved notebook holds a picture of a viewer, since what a widget holds is megabytes. The notebooks
that show one are run once more while the site is built, and their viewers written as
`viewer.to_html` writes them. All else on the site stays as it was saved.
"""

import hashlib
import html
from pathlib import Path

import nbformat
from docutils import nodes
from nbclient import NotebookClient
from sphinx.util.docutils import SphinxDirective

from tools import student

ROOT = Path(__file__).parents[2]
PAGES = Path(__file__).parents[1] / "_build" / "pages" / "viewers"
COPIES = Path(__file__).parents[1] / "_build" / "student"
LARGEST = 2.5e6
WIDGET = "application/vnd.jupyter.widget-view+json"
PAGE = "application/vnd.nbica.page"
_VIEWERS = ("<SliceViewer:", "<ComponentBrowser:", "<ICADial:", "<Steps:")
# Runs before the first cell: a viewer gives its page instead of a widget.
_PREAMBLE = f"""
from nbica.teaching import Dial
from nbica.viewer.slice_viewer import SliceViewer

def _page(self, **kwargs):
    return {{"text/plain": repr(self), "{PAGE}": str(self.to_html())}}, {{}}

SliceViewer._repr_mimebundle_ = Dial._repr_mimebundle_ = _page
"""
# Ends each page: it tells the site how tall it is, and the site tells it to be dark or light.
_SCRIPT = """<script>
const page = document.body;
new ResizeObserver(() => parent.postMessage({ height: page.scrollHeight }, "*")).observe(page);
addEventListener("message", (event) => { page.dataset.jpThemeLight = event.data.light; });
</script>
</body>"""


def setup(app):
    """Write the pages first, and put frames into the notebooks as they are read."""
    app.connect("builder-inited", lambda app: (student.write_all(COPIES), write_all()))
    app.connect("source-read", _prepare)
    app.add_directive("viewer", Viewer)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def viewers_in(notebook):
    """Where a notebook shows viewers: (number of the cell, number of the output, sentence)."""
    for c, cell in enumerate(notebook.cells):
        for o, output in enumerate(cell.get("outputs", [])):
            text = output.get("data", {}).get("text/plain", "")
            if WIDGET in output.get("data", {}) and text.startswith(_VIEWERS):
                yield c, o, text.strip("<>")


def name_of(stem, c, o):
    """Of a viewer's page."""
    return f"{stem}-{c:02d}-{o}.html"


def write_all(notebooks=ROOT / "notebooks", folder=PAGES):
    """Write the viewers' pages of all notebooks; what has not changed since is left as it is."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(notebooks.glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        expected = [name_of(path.stem, c, o) for c, o, _ in viewers_in(notebook)]
        stamp, state = folder.parent.parent / f"{path.stem}.stamp", _state_of(notebook)
        if not expected or (stamp.is_file() and stamp.read_text(encoding="utf-8") == state):
            continue
        for old in folder.glob(f"{path.stem}-*.html"):
            old.unlink()
        for name, page in run(notebook, path).items():
            (folder / name).write_text(page, encoding="utf-8")
        stamp.write_text(state, encoding="utf-8")


def run(notebook, path):
    """Run a notebook from top to bottom; the pages of its viewers, by name.

    Raises
    ------
    ValueError
        If a page is larger than `LARGEST`, or not all viewers of the saved notebook were shown.
    """
    fresh = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(_PREAMBLE), *notebook.cells])
    NotebookClient(
        fresh, timeout=600, kernel_name="python3", resources={"metadata": {"path": path.parent}}
    ).execute()
    outputs = [cell.get("outputs", []) for cell in fresh.cells[1:]]
    pages = {}
    for c, o, sentence in viewers_in(nbformat.read(path, as_version=4)):
        page = outputs[c][o].get("data", {}).get(PAGE) if o < len(outputs[c]) else None
        if page is None or len(page) > LARGEST:
            found = "nothing" if page is None else f"a page of {len(page) / 1e6:.1f} MB"
            msg = (
                f"{path.name}, cell {c}: {sentence} gave {found}; expected a viewer of at most "
                f"{LARGEST / 1e6} MB. Run `make notebooks`, or show fewer maps."
            )
            raise ValueError(msg)
        pages[name_of(path.stem, c, o)] = page.replace("</body>", _SCRIPT)
    return pages


def _state_of(notebook):
    """What the pages depend on: the cells of their notebook, and nbica."""
    digest = hashlib.sha256((_PREAMBLE + _SCRIPT).encode())
    for cell in notebook.cells:
        digest.update(cell.source.encode())
    for path in sorted((ROOT / "nbica").rglob("*")):
        if path.suffix in {".py", ".js", ".css"}:
            digest.update(path.read_bytes())
    return digest.hexdigest()


# ---- as a notebook is read ----------------------------------------------------------------------


def _prepare(app, docname, source):
    if docname.startswith("notebooks/"):
        notebook = nbformat.reads(source[0], as_version=4)
        source[0] = nbformat.writes(prepared(notebook, docname.split("/")[1]))


def prepared(notebook, stem):
    """A notebook for the site: viewers in frames, pictures with their words, a way to take it."""
    for c, o, sentence in viewers_in(notebook):
        notebook.cells[c].outputs[o].data = {"text/html": frame(stem, c, o, sentence)}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            if "image/png" in data:
                cell.metadata["mystnb"] = {"image": {"alt": data["text/plain"].strip("<>")}}
            for kind in [kind for kind in data if kind.startswith("application/")]:
                del data[kind]  # for programs: a widget's model, whether an exercise is passed
    take = f"{{download}}`Download this notebook </docs/_build/student/{stem}.ipynb>`"
    title, _, rest = notebook.cells[0].source.partition("\n")
    notebook.cells[0].source = f"{title}\n\n{take}\n\n{rest}"
    return notebook


def frame(stem, c, o, sentence):
    """The HTML that shows a viewer's page inside a page one folder below the site's root."""
    src, title = f"../viewers/{name_of(stem, c, o)}", html.escape(sentence, quote=True)
    return (
        f'<div class="nbica-viewer"><iframe src="{src}" title="{title}" loading="lazy"></iframe>'
        f'<p>No kernel is needed: click into it. <a href="{src}">Open it alone</a></p></div>'
    )


class Viewer(SphinxDirective):
    """The first viewer of a notebook, in another page."""

    required_arguments = 1

    def run(self):
        """A frame."""
        stem = self.arguments[0]
        notebook = nbformat.read(ROOT / "notebooks" / f"{stem}.ipynb", as_version=4)
        self.env.note_dependency(str(ROOT / "notebooks" / f"{stem}.ipynb"))
        return [nodes.raw("", frame(stem, *next(viewers_in(notebook))), format="html")]
