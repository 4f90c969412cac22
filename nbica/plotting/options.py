"""Where a picture is drawn: a figure of its own, or the figure or axes that a user gives."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle as Patch

from nbica.plotting.figures import MapsFigure, present
from nbica.plotting.layout import Rectangle
from nbica.runtime.checks import check_flags

if TYPE_CHECKING:
    from nbica.hints import AnyPath, AxesOrPlace, CutCoords, FigureOrSize


@dataclass(frozen=True)
class Frame:
    """Options of all pictures that concern their frame.

    Parameters
    ----------
    title : str, optional
    output_file : path or file, optional
        Also written there; the suffix chooses the format.
    figure : Figure, or (width, height) in inches, optional
    axes : Axes, or (left, bottom, width, height) in fractions of the figure, optional
    """

    title: str | None = None
    output_file: AnyPath | None = None
    figure: FigureOrSize = None
    axes: AxesOrPlace = None

    def __post_init__(self):
        if not isinstance(self.title, str | Real | None):
            msg = f"title is {self.title!r}; expected a text"
            raise TypeError(msg)

    def open(self, size, paper):
        """A figure, and the rectangle of it to draw in, in inches."""
        if isinstance(self.axes, Axes):
            self.axes.set_axis_off()
            figure = root_of(self.axes)
            pixels = self.axes.get_window_extent()
            return figure, _fill(Rectangle(*np.divide(pixels.bounds, figure.dpi)), figure, paper)
        figure = self._figure(size, paper)
        rectangle = _in_inches((0, 0, 1, 1) if self.axes is None else self.axes, figure)
        return figure, _fill(rectangle, figure, paper)

    def _figure(self, size, paper):
        if isinstance(self.figure, Figure):
            return self.figure
        if self.figure is not None and not are_sizes(self.figure, 2):
            msg = f"figure is {self.figure!r}; expected a Figure, or width and height in inches"
            raise TypeError(msg)
        if self.axes is not None and not are_sizes(self.axes, 4, least=-10):
            msg = f"axes is {self.axes!r}; expected Axes, or left, bottom, width and height"
            raise TypeError(msg)
        return MapsFigure(
            figsize=size if self.figure is None else self.figure, dpi=120, facecolor=paper
        )

    def close(self, figure):
        """Write the figure where it was asked for, else see that it is shown."""
        if self.output_file is not None:
            figure.savefig(self.output_file)
        elif isinstance(figure, MapsFigure):
            present(figure)


@dataclass(frozen=True)
class SliceOptions(Frame):
    """How slices are looked at; see :func:`nbica.plotting.plot_stat_map`."""

    display_mode: str = "ortho"
    cut_coords: CutCoords = None
    draw_cross: bool = True
    annotate: bool = True
    black_bg: bool = True
    radiological: bool = False

    def __post_init__(self):
        super().__post_init__()
        check_flags(
            draw_cross=self.draw_cross, annotate=self.annotate, black_bg=self.black_bg,
            radiological=self.radiological,
        )  # fmt: skip


# What goes on to matplotlib, where a picture is drawn.
DRAWING = (
    "antialiased", "filterrad", "filternorm", "interpolation", "linestyles", "linewidth",
    "linewidths", "rasterized", "resample", "zorder",
)  # fmt: skip


def look_of(options):
    """SliceOptions, and what goes on to matplotlib, of the keywords that a function was given.

    Raises
    ------
    TypeError
        For a keyword that is neither.
    """
    names = [field.name for field in fields(SliceOptions)]
    unknown = sorted(set(options) - {*names, *DRAWING})
    if unknown:
        known = ", ".join([*names, *DRAWING])
        msg = f"unknown keywords: {', '.join(unknown)}; further ones are {known}"
        raise TypeError(msg)
    drawing = {name: value for name, value in options.items() if name in DRAWING}
    if "linewidth" in drawing:
        drawing["linewidths"] = drawing.pop("linewidth")
    return SliceOptions(**{name: options[name] for name in names if name in options}), drawing


def takes(options):
    """Decorate a function of `**options`: its signature names the fields of a dataclass instead.

    So that a notebook completes them, and they are written down once.
    """

    def decorate(function):
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        more = [
            inspect.Parameter(
                field.name,
                inspect.Parameter.KEYWORD_ONLY,
                default=field.default,
                annotation=field.type,
            )
            for field in fields(options)
        ]
        rest = inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD, annotation=Any)
        function.__signature__ = signature.replace(parameters=[*own, *more, rest])
        return function

    return decorate


def are_sizes(values, n, least=1e-3):
    """Whether these are so many finite numbers, none of them smaller than the least."""
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        return False
    return found.shape == (n,) and np.isfinite(found).all() and (found >= least).all()


def root_of(axes):
    """The figure that axes belong to, also by way of subfigures."""
    return axes.get_figure().canvas.figure


def _fill(rectangle, figure, paper):
    """Lay paper below: a user's figure may be of another colour. Returns the rectangle."""
    width, height = figure.get_size_inches()
    left, bottom, w, h = np.divide(rectangle, (width, height, width, height))
    figure.add_artist(
        Patch((left, bottom), w, h, transform=figure.transFigure, color=paper, zorder=-1)
    )
    return rectangle


def _in_inches(fractions, figure):
    width, height = figure.get_size_inches()
    left, bottom, w, h = fractions
    return Rectangle(left * width, bottom * height, w * width, h * height)
