"""Figures that show themselves in a notebook and are saved whole."""

import os
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

PAPER, INK = "#000000", "#f2f2f2"


class MapsFigure(Figure):
    """A matplotlib Figure that notebooks show as a picture, with or without pyplot imported."""

    sentence = "figure of brain maps"

    def __repr__(self):
        return f"<{self.sentence}>"

    def _repr_png_(self):
        from PIL import Image

        drawn, small = BytesIO(), BytesIO()
        self.savefig(drawn, format="png")
        # 256 colours look the same and make a saved notebook three times smaller.
        picture = Image.open(drawn).convert("RGB").quantize(256, dither=Image.Dither.NONE)
        picture.save(small, format="png", optimize=True)
        return small.getvalue()


def save(figure, path):
    """Write a figure to a file, whose suffix chooses the format; never half of it.

    Raises
    ------
    FileNotFoundError
        If the folder does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        msg = f"output_file is {str(path)!r}, but there is no folder {str(path.parent)!r}: make it."
        raise FileNotFoundError(msg)
    part = path.with_name(f".{path.stem}-{os.getpid()}{path.suffix}")
    try:
        figure.savefig(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
