"""Figures that show themselves in a notebook and are saved whole."""

from __future__ import annotations

import sys
import warnings
from collections import deque
from io import BytesIO
from typing import Any

from matplotlib.figure import Figure

from nbica.exceptions import IgnoredWarning
from nbica.runtime.atomic import atomic, to_write

_WITHOUT_WINDOWS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")
PAPER, INK = "#000000", "#f2f2f2"
WHITE, BLACK = "#ffffff", "#1c1c1c"


class MapsFigure(Figure):
    """A matplotlib Figure that notebooks show as a picture, with or without pyplot imported.

    See Also
    --------
    plot_components : makes one.

    Examples
    --------
    >>> from pathlib import Path
    >>> from nbica.plotting import MapsFigure
    >>> figure = MapsFigure(figsize=(3, 2))
    >>> axes = figure.subplots()
    >>> _ = axes.plot([0, 1, 0])
    >>> figure.savefig("peak.png")
    >>> Path("peak.png").exists()
    True
    """

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

    def savefig(self, fname: Any, **options: Any) -> None:
        """Write a picture to a file, whose suffix chooses the format; never half of it.

        Raises
        ------
        FileNotFoundError
            If the folder does not exist.
        """
        if hasattr(fname, "write"):
            super().savefig(fname, **options)
            return
        path = to_write(fname)
        if not (path.suffix or options.get("format")):
            msg = (
                f"{str(path)!r} is not the name of a picture: a suffix such as .png chooses the "
                "format."
            )
            raise ValueError(msg)
        with atomic(path) as temporary:
            super().savefig(temporary, **options)


def as_written(texts):
    """Make matplotlib show names as they are: a dollar sign in them begins no formula."""
    for text in texts:
        text.set_parse_math(False)


_drawn = []  # in the running cell of a notebook
_waiting = deque(maxlen=20)  # in a script, for `show`: the latest, so that a loop fills no memory


def present(figure):
    """See that a notebook shows a figure: where it is a cell's value, else when the cell ends."""
    shell = _notebook()
    if shell is None:
        _waiting.append(figure)
        return
    if not _drawn:
        shell.events.register("post_execute", _show_at_the_end)
    _drawn.append(figure)


def show() -> None:
    """Show the figures that were drawn, as nilearn's function of this name does.

    A notebook shows them here instead of at the end of the cell. A script opens a window for each
    of the latest 20, and those of pyplot, and waits until they are closed; that needs one of
    matplotlib's interactive backends.

    See Also
    --------
    MapsFigure : what is shown.

    Examples
    --------
    In a script, after all figures were drawn:

    >>> from nbica import plotting
    >>> image = plotting.plot_matrix([[1.0, 0.2], [0.2, 1.0]])
    >>> len(image.figure.axes)
    2
    >>> plotting.show()  # doctest: +SKIP
    """
    if _notebook() is not None:
        _show_the_rest()
        return
    import matplotlib.pyplot as plt

    if plt.get_backend().lower() in _WITHOUT_WINDOWS:
        msg = (
            f"matplotlib's backend {plt.get_backend()!r} has no windows: nothing is shown. Install "
            "one that has (pip install PyQt6), or write a file with output_file=."
        )
        warnings.warn(msg, IgnoredWarning, stacklevel=2)
        return
    while _waiting:
        _open_window(_waiting.popleft())
    plt.show()


def _open_window(figure):
    """Hand a figure to pyplot, in the window of an empty one of its size."""
    if figure.is_shown:
        return
    import matplotlib.pyplot as plt

    empty = plt.figure(figsize=figure.get_size_inches(), dpi=figure.dpi)
    canvas = empty.canvas
    canvas.figure = figure
    figure.set_canvas(canvas)
    figure.is_shown = True


def _show_at_the_end():
    _notebook().events.unregister("post_execute", _show_at_the_end)
    _show_the_rest()


def _show_the_rest():
    from IPython.display import display

    figures = [figure for figure in _drawn if not figure.is_shown]
    _drawn.clear()
    for figure in figures:
        display(figure)


def _notebook():
    """The shell of a kernel, which has a front end that shows pictures; else None."""
    IPython = sys.modules.get("IPython")
    shell = IPython.get_ipython() if IPython is not None else None
    return shell if shell is not None and hasattr(shell, "kernel") else None
