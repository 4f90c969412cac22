"""The gallery: a card for each notebook, with its title, its goals and one of its own pictures.

In a page, ``{gallery}`` with numbers shows those of them that are there, and ``{gallery} others``
those that no gallery of the page before it has named: a new notebook is never left out.
"""

import base64
import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFont, ImageOps
from sphinx.util.docutils import SphinxDirective

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
THUMBNAILS = Path(__file__).parents[1] / "_build" / "thumbnails"
SIZE = (560, 350)
# The cell that has this tag gives the thumbnail; without one, the most colourful picture does.
TAG = "thumbnail"
_PROMISE = re.compile(r"In this (?:notebook|lesson) you ")


@dataclass(frozen=True)
class Card:
    """What the gallery says of a notebook."""

    path: Path
    title: str
    goal: str

    @property
    def number(self):
        """The number of a lesson, the name of a how-to."""
        number = self.path.stem.split("_")[0]
        return number if number.isdigit() else self.path.stem


def setup(app):
    """Register the directive, and make the thumbnails first."""
    app.add_directive("gallery", Gallery)
    app.connect("builder-inited", _write_thumbnails)
    return {"parallel_read_safe": False, "parallel_write_safe": True}


def cards(folder=NOTEBOOKS):
    """One for each notebook, by number."""
    return [card_of(path) for path in sorted(folder.glob("*.ipynb"))]


def card_of(path):
    """Title and goals, from the first cell."""
    first = nbformat.read(path, as_version=4).cells[0].source
    title, _, rest = first.partition("\n")
    return Card(path, re.sub(r"^#\s*(How-to\s*·\s*)?", "", title).strip(), goal_of(rest))


def goal_of(text):
    """One sentence: what the reader will do, or else how the notebook begins."""
    text = _PROMISE.sub("", text.strip(), count=1).removeprefix("will")
    bullets = re.split(r"^\s*(?:\*|\d+\.)\s+", text, flags=re.MULTILINE)
    said, *steps = (_joined(part.split("\n\n")[0]) for part in bullets)
    ends = re.compile(r"(,? and)?[,.:;]*$")
    sentence = said.split(". ")[0] or "; ".join(ends.sub("", step) for step in steps)
    sentence = sentence[:1].upper() + ends.sub("", sentence[1:])
    return sentence if sentence.endswith("?") else sentence + "."


def _joined(text):
    return " ".join(text.split())


# ---- pictures -----------------------------------------------------------------------------------


def thumbnail(notebook):
    """A picture that the notebook was saved with, on a sheet of `SIZE`; else what it printed."""
    pictures = [(cell, _sheet_of(data)) for cell, data in _pictures(notebook)]
    tagged = [sheet for cell, sheet in pictures if TAG in cell.metadata.get("tags", [])]
    if tagged:
        return tagged[-1]
    if pictures:
        return max((sheet for _, sheet in pictures), key=colorfulness)
    return _text_on_a_sheet("\n".join(_printed(notebook)))


def colorfulness(picture):
    """Mean saturation times brightness: 0 for grey, 255 for pure colours."""
    pixels = np.asarray(picture.convert("RGB"), int)
    return float((pixels.max(axis=-1) - pixels.min(axis=-1)).mean())


def _sheet_of(data):
    picture = Image.open(BytesIO(base64.b64decode(data))).convert("RGB")
    color = picture.getpixel((0, 0))
    edge = ImageChops.difference(picture, Image.new("RGB", picture.size, color)).getbbox()
    inside = (SIZE[0] - 24, SIZE[1] - 24)
    small = ImageOps.pad(picture.crop(edge), inside, Image.Resampling.LANCZOS, color=color)
    return ImageOps.expand(small, 12, fill=color)


def _pictures(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                yield cell, output.data["image/png"]


def _printed(notebook):
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream":
                yield output.text.rstrip()


def _text_on_a_sheet(text):
    import matplotlib

    sheet = Image.new("RGB", SIZE, "white")
    font = ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSansMono.ttf", 18)
    ImageDraw.Draw(sheet).multiline_text((28, 28), text, "#24292f", font, spacing=10)
    return sheet


def _write_thumbnails(app):
    THUMBNAILS.mkdir(parents=True, exist_ok=True)
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        sheet = thumbnail(nbformat.read(path, as_version=4))
        sheet.save(THUMBNAILS / f"{path.stem}.webp", quality=88, method=6)


# ---- the directive ------------------------------------------------------------------------------


class Gallery(SphinxDirective):
    """Cards of the notebooks whose numbers are given."""

    has_content = False
    required_arguments = 1
    final_argument_whitespace = True

    def run(self):
        """Cards, as sphinx-design makes them."""
        named = self.env.temp_data.setdefault("gallery", set())
        wanted = self.arguments[0].split()
        everything = cards()
        if wanted == ["others"]:
            wanted = sorted({card.number for card in everything} - named)
        named.update(wanted)
        shown = [card for number in wanted for card in everything if card.number == number]
        return self.parse_text_to_nodes(_grid_of(shown)) if shown else []


def _grid_of(shown):
    return "\n".join([":::::{grid} 1 2 2 3", ":gutter: 3", "", *map(_item, shown), ":::::"])


def _item(card):
    return f"""::::{{grid-item-card}} {card.title}
:img-top: /docs/_build/thumbnails/{card.path.stem}.webp
:img-alt: A picture of the notebook
:link: /notebooks/{card.path.stem}
:link-type: doc
:class-card: nbica-card
{card.goal}
::::
"""
