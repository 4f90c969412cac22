"""Where panels go on paper: rows of pictures of known size in mm, in a rectangle in inches."""

from typing import NamedTuple

import numpy as np

_GAP = 6.0  # mm between panels
_TITLE, _EDGE = 0.34, 0.06  # inches
_INCHES_PER_MM = 0.02  # at most
_WIDTH, _WIDE = 7.0, 10.0  # inches: what a page, or a screen, has


class Rectangle(NamedTuple):
    """Left, bottom, width and height, in inches or in fractions of a figure."""

    left: float
    bottom: float
    width: float
    height: float


class Layout(NamedTuple):
    """Rectangles of the panels, of the colour bar and of the title."""

    panels: list
    bar: Rectangle
    title: Rectangle


def size_for(rows, has_title, bar_width, align="centre"):
    """Width and height in inches of a figure that shows rows of (width, height) mm well."""
    width, height = _extent(rows)
    widest = _WIDE if max(map(len, rows)) > 4 else _WIDTH
    top = _TITLE if has_title else 0.0
    bar_width = _beside(rows, align, bar_width, (widest - 2 * _EDGE) / width)
    scale = min(_INCHES_PER_MM, (widest - bar_width - 2 * _EDGE) / width)
    return width * scale + bar_width + 2 * _EDGE, height * scale + top + 2 * _EDGE


def arrange(rows, rectangle, has_title=False, bar_width=0.0, align="centre"):
    """Lay rows of pictures out in a rectangle, all to one scale.

    Parameters
    ----------
    rows : list of list of (width, height)
        In mm, the first row on top.
    rectangle : Rectangle
        In inches.
    has_title : bool
        Whether to leave a strip for it.
    bar_width : float
        Width of the colour bar and its labels, in inches: in a strip on the right, or in the corner
        that a shorter last row leaves free.
    align : {"centre", "left"}
        Place of rows shorter than the longest.

    Returns
    -------
    Layout
        In inches; panels in reading order.
    """
    top = _TITLE if has_title else 0.0
    width, height = _extent(rows)
    room = rectangle.width - 2 * _EDGE, rectangle.height - top - 2 * _EDGE
    strip = _beside(rows, align, bar_width, min(room[0] / width, room[1] / height))
    room = room[0] - strip, room[1]
    scale = max(min(room[0] / width, room[1] / height), 1e-6)
    left = rectangle.left + _EDGE + (room[0] - width * scale) / 2
    bottom = rectangle.bottom + _EDGE + (room[1] - height * scale) / 2
    panels, upper = [], height
    for row in rows:
        tallest = max(h for _, h in row)
        upper -= tallest
        start = 0.0 if align == "left" else (width - _row_width(row)) / 2
        for w, h in row:
            place = left + start * scale, bottom + (upper + (tallest - h) / 2) * scale
            panels.append(Rectangle(*place, w * scale, h * scale))
            start += w + _GAP
        upper -= _GAP
    # Beside all rows, or beside the last one only.
    across, up = (width, height) if strip else (_row_width(rows[-1]), max(h for _, h in rows[-1]))
    tall = min(up * scale, 2.4)
    middle = bottom + up * scale / 2
    bar = Rectangle(left + across * scale + 0.12, middle - 0.4 * tall, 0.09, 0.8 * tall)
    title = Rectangle(left, bottom + height * scale, width * scale, _TITLE)
    return Layout(panels, bar, title)


def _beside(rows, align, bar_width, scale):
    """Width of the strip that a bar needs: none where a shorter last row leaves it a corner."""
    free = _extent(rows)[0] - _row_width(rows[-1]) if align == "left" else 0.0
    return 0.0 if free * scale > bar_width else bar_width


def _extent(rows):
    width = max(map(_row_width, rows))
    return width, sum(max(h for _, h in row) for row in rows) + _GAP * (len(rows) - 1)


def _row_width(row):
    return sum(w for w, _ in row) + _GAP * (len(row) - 1)


def add_axes(figure, rectangle):
    """Axes of a figure in a rectangle in inches."""
    width, height = figure.get_size_inches()
    return figure.add_axes(np.divide(rectangle, (width, height, width, height)))
