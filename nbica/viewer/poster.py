"""Pictures for where no JavaScript runs: a forge, a PDF, a mail."""

import math
import textwrap
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nbica.viewer import colors, render

_GAP, _FOOT, _HEAD, _STRIP = 8, 50, 30, 18
_INK, _DIM, _LINE = (242, 242, 242), (190, 190, 190), (159, 232, 164)
_ENDS = (("P", "A"), ("L", "R"), ("L", "R"))


def ortho(scene, look, mm, title="", *, crosshair=True, colorbar=True, scale=1.0):
    """Three slices through one place with what a reader must know: letters, mm, colours.

    Parameters
    ----------
    scene : Scene
    look : Look
    mm : (x, y, z)
    title : str
    crosshair, colorbar : bool
        Whether they are drawn.
    scale : float
        Factor of all sizes. At 1 a slice is some 200 pixels wide; slices are drawn anew for each
        scale.

    Returns
    -------
    PIL.Image.Image
    """
    gap, head, foot = (round(size * scale) for size in (_GAP, _HEAD, _FOOT))
    panes = [_marked(scene, look, axis, mm, crosshair, scale) for axis in range(3)]
    width = sum(pane.width for pane in panes) + 4 * gap
    tallest = max(pane.height for pane in panes)
    sheet = Image.new("RGB", (width, tallest + head + foot))
    left = gap
    for pane in panes:
        sheet.paste(pane, (left, head + (tallest - pane.height) // 2))
        left += pane.width + gap
    pen = ImageDraw.Draw(sheet)
    pen.text((gap, 7 * scale), title, _INK, _font(14 * scale))
    place = ", ".join(f"{axis} {_signed(value)}" for axis, value in zip("xyz", mm, strict=True))
    words = "left is on the right" if look.radiological else "left is on the left"
    at = (gap, tallest + head + 16 * scale)
    pen.text(at, f"{place} mm · {words}", _DIM, _font(12 * scale))
    if colorbar:
        corner = (round(width - 250 * scale), round(tallest + head + 12 * scale))
        _draw_scale(sheet, pen, look, corner, scale)
    return sheet


def contact_sheet(scene, looks, places, titles, n_columns=5, coarse=1):
    """One axial slice per map through its peak, with its name.

    Parameters
    ----------
    scene : Scene
    looks : sequence of Look
    places : sequence of (x, y, z)
    titles : sequence of str
    n_columns : int
    coarse : int
        Times the scene's pixels.

    Returns
    -------
    PIL.Image.Image
    """
    tiles = []
    for look, mm, title in zip(looks, places, titles, strict=True):
        tile = _enlarged(render.pane(scene, look, 2, mm[2], coarse * scene.step), 1)
        page = Image.new("RGB", (tile.width, tile.height + 22))
        page.paste(tile, (0, 22))
        pen = ImageDraw.Draw(page)
        place = f"z {_signed(mm[2])}"
        pen.text((2, 4), title[: (tile.width - 7 * len(place)) // 8], _INK, _font(12))
        pen.text((tile.width - 2, 5), place, _DIM, _font(11), anchor="ra")
        tiles.append(page)
    n_columns = min(n_columns, len(tiles))
    n_rows = -(-len(tiles) // n_columns)
    width, height = tiles[0].width + _GAP, tiles[0].height + _GAP
    sheet = Image.new("RGB", (n_columns * width + _GAP, n_rows * height + _GAP))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, n_columns)
        sheet.paste(tile, (_GAP + column * width, _GAP + row * height))
    return sheet


def card(title, text, share=None):
    """A few words as a picture, with a bar that is filled by a share of 1.

    Parameters
    ----------
    title, text : str
    share : float, optional

    Returns
    -------
    PIL.Image.Image
    """
    lines = textwrap.wrap(text, 78)
    height = 56 + 21 * len(lines)
    sheet = Image.new("RGB", (620, height + (18 if share is not None else 0)))
    pen = ImageDraw.Draw(sheet)
    pen.text((18, 14), title, _INK, _font(15))
    for number, line in enumerate(lines):
        pen.text((18, 42 + 21 * number), line, _DIM, _font(13))
    if share is not None:
        left, top, right, bottom = 18, height, 602, height + 6
        pen.rectangle((left, top, right, bottom), (58, 58, 58))
        pen.rectangle((left, top, left + min(share, 1) * (right - left), bottom), _LINE)
    return sheet


def png(image):
    """A picture as the bytes of a PNG of 256 colours, half as large as with all.

    By the median, as is Pillow's default, the few pixels of a colour bar would get bands.
    """
    small = BytesIO()
    few = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(small, format="png", optimize=True)
    return small.getvalue()


def _marked(scene, look, axis, mm, crosshair, scale):
    """A slice with the letters of its ends above it, and the crosshair."""
    coarse = render.pane(scene, look, axis, mm[axis])
    factor = max(1, round(200 / coarse.shape[1])) * scale
    # Slices cannot be drawn at any size: at the next finer one, and then shrunk.
    finer = max(1, math.ceil(scale))
    picture = render.pane(scene, look, axis, mm[axis], scene.step / finer) if finer > 1 else coarse
    size = [round(n * factor) for n in coarse.shape[1::-1]]
    image = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
    horizontal, vertical = (other for other in range(3) if other != axis)
    mirrored = look.radiological and horizontal == 0
    strip = round(_STRIP * scale)
    sheet = Image.new("RGB", (image.width, image.height + strip))
    sheet.paste(image, (0, strip))
    pen = ImageDraw.Draw(sheet)
    if crosshair:
        right = _fraction(scene, horizontal, mm)
        right = (1 - right if mirrored else right) * image.width
        down = strip + (1 - _fraction(scene, vertical, mm)) * image.height
        thick = max(1, round(scale))
        pen.line([(right, strip), (right, sheet.height)], _LINE, thick)
        pen.line([(0, down), (sheet.width, down)], _LINE, thick)
    ends = _ENDS[axis][::-1] if mirrored else _ENDS[axis]
    pen.text((5 * scale, 0), ends[0], _INK, _font(14 * scale))
    pen.text((sheet.width - 5 * scale, 0), ends[1], _INK, _font(14 * scale), anchor="ra")
    return sheet


def _fraction(scene, axis, mm):
    low, high = scene.bounds[axis]
    return (mm[axis] - low) / (high - low)


def _enlarged(picture, factor):
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    return image.resize((width * factor, height * factor), Image.Resampling.BILINEAR)


def _draw_scale(sheet, pen, look, corner, scale=1.0):
    """Draw the color bar, with its ends and the threshold."""
    volume, layer = look.layers[0]
    low = render.lowest(volume, layer)
    width = round(200 * scale)
    values = np.linspace(low, layer.vmax, width)
    row = colors.table_of(layer.colormap)[np.linspace(0, 255, width).round().astype(int)]
    row[np.abs(values) < layer.threshold] = 58
    bar = np.repeat(row[np.newaxis], round(9 * scale), axis=0)
    sheet.paste(Image.fromarray(bar), corner)
    marks = {low, layer.vmax, layer.threshold}
    if low < 0 and layer.threshold > 0.12 * layer.vmax:
        marks.add(-layer.threshold)
    for value in sorted(marks):
        at = corner[0] + width * (value - low) / (layer.vmax - low)
        if low <= value <= layer.vmax:
            place = (at, corner[1] + 12 * scale)
            pen.text(place, f"{_signed(value, 3)}", _DIM, _font(11 * scale), anchor="ma")


def _signed(value, digits=None):
    text = f"{round(value)}" if digits is None else f"{value:.{digits}g}"
    return text.replace("-", "−")


@cache
def _font(size):
    # Matplotlib's own file: it has a true minus, and looks the same on every machine.
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
