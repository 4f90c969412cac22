"""Figures that show themselves in a notebook and are saved whole."""

import os
import sys
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

PAPER, INK = "#000000", "#f2f2f2"
WHITE, BLACK = "#ffffff", "#1c1c1c"


class MapsFigure(Figure):
    """A matplotlib Figure that notebooks show as a picture, with or without pyplot imported."""

    sentence = "figure of brain maps"
    is_shown = False

    def __repr__(self):
        return f"<{self.sentence}>"

    def _repr_mimebundle_(self, include=None, exclude=None):
        # Asked before every other form: pyplot brings a PNG of its own for all figures.
        self.is_shown = True
        return {}

    def _repr_png_(self):
        from PIL import Image

        drawn, small = BytesIO(), BytesIO()
        super().savefig(drawn, format="png")
        # 256 colours look the same (within 6 of 255, greys stay grey) and make a saved notebook
        # smaller by half.
        picture = Image.open(drawn).convert("RGB")
        method, dither = Image.Quantize.MAXCOVERAGE, Image.Dither.NONE
        picture = picture.quantize(256, method, kmeans=1, dither=dither)
        picture.save(small, format="png", optimize=True)
        return small.getvalue()

    def savefig(self, fname, **options):
        """Write a picture to a file, whose suffix chooses the format; never half of it.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        """
        if not isinstance(fname, str | os.PathLike):
            super().savefig(fname, **options)
            return
        path = Path(fname).expanduser()
        if not path.parent.is_dir():
            msg = f"There is no folder {str(path.parent)!r} for the picture {path.name!r}: make it."
            raise FileNotFoundError(msg)
        part = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
        try:
            super().savefig(part, **options)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def as_written(texts):
    """Make matplotlib show names as they are: a dollar sign in them begins no formula."""
    for text in texts:
        text.set_parse_math(False)


_drawn = []  # in the running cell of a notebook


def present(figure):
    """See that a notebook shows a figure: where it is a cell's value, else when the cell ends."""
    shell = _notebook()
    if shell is None:
        return
    if not _drawn:
        shell.events.register("post_execute", _show_the_rest)
    _drawn.append(figure)


def _show_the_rest():
    from IPython.display import display

    _notebook().events.unregister("post_execute", _show_the_rest)
    figures = [figure for figure in _drawn if not figure.is_shown]
    _drawn.clear()
    for figure in figures:
        display(figure)


def _notebook():
    """The shell of a kernel, which has a front end that shows pictures; else None."""
    IPython = sys.modules.get("IPython")
    shell = IPython.get_ipython() if IPython is not None else None
    return shell if shell is not None and hasattr(shell, "kernel") else None
