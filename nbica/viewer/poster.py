"""Pictures for where no JavaScript runs: a forge, a PDF, a mail."""

import textwrap
from functools import cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from nbica.viewer import colors, render

_GAP, _FOOT, _HEAD = 8, 50, 30
_INK, _DIM, _LINE = (242, 242, 242), (190, 190, 190), (159, 232, 164)
_ENDS = (("P", "A"), ("L", "R"), ("L", "R"))


def ortho(scene, look, mm, title=""):
    """Three slices through one place with what a reader must know: letters, mm, colours.

    Returns
    -------
    PIL.Image.Image
    """
    panes = [_marked(scene, look, axis, mm) for axis in range(3)]
    width = sum(pane.width for pane in panes) + 4 * _GAP
    tallest = max(pane.height for pane in panes)
    sheet = Image.new("RGB", (width, tallest + _HEAD + _FOOT))
    left = _GAP
    for pane in panes:
        sheet.paste(pane, (left, _HEAD + (tallest - pane.height) // 2))
        left += pane.width + _GAP
    pen = ImageDraw.Draw(sheet)
    pen.text((_GAP, 7), title, _INK, _font(14))
    place = ", ".join(f"{axis} {_signed(value)}" for axis, value in zip("xyz", mm, strict=True))
    words = "left is on the right" if look.radiological else "left is on the left"
    pen.text((_GAP, tallest + _HEAD + 16), f"{place} mm · {words}", _DIM, _font(12))
    _draw_scale(sheet, pen, look, (width - 250, tallest + _HEAD + 12))
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
        pen.text((2, 4), title[: tile.width // 8], _INK, _font(12))
        pen.text((tile.width - 48, tile.height + 6), f"z {_signed(mm[2])}", _DIM, _font(11))
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


def _marked(scene, look, axis, mm):
    picture = render.pane(scene, look, axis, mm[axis])
    factor = max(1, round(200 / picture.shape[1]))
    image = _enlarged(picture, factor)
    pen = ImageDraw.Draw(image)
    horizontal, vertical = (other for other in range(3) if other != axis)
    mirrored = look.radiological and horizontal == 0
    right = _fraction(scene, horizontal, mm)
    right = (1 - right if mirrored else right) * image.width
    down = (1 - _fraction(scene, vertical, mm)) * image.height
    pen.line([(right, 0), (right, image.height)], _LINE)
    pen.line([(0, down), (image.width, down)], _LINE)
    ends = _ENDS[axis][::-1] if mirrored else _ENDS[axis]
    pen.text((5, 2), ends[0], _INK, _font(13))
    pen.text((image.width - 15, 2), ends[1], _INK, _font(14))
    return image


def _fraction(scene, axis, mm):
    low, high = scene.bounds[axis]
    return (mm[axis] - low) / (high - low)


def _enlarged(picture, factor):
    height, width = picture.shape[:2]
    image = Image.fromarray(picture)
    return image.resize((width * factor, height * factor), Image.Resampling.BILINEAR)


def _draw_scale(sheet, pen, look, corner):
    volume, layer = look.layers[0]
    low = render.lowest(volume, layer)
    values = np.linspace(low, layer.vmax, 200)
    row = colors.table_of(layer.colormap)[np.linspace(0, 255, 200).astype(int)]
    row[np.abs(values) < layer.threshold] = 58
    sheet.paste(Image.fromarray(np.repeat(row[np.newaxis], 9, axis=0)), corner)
    marks = {low, layer.vmax, layer.threshold}
    if low < 0 and layer.threshold > 0.12 * layer.vmax:
        marks.add(-layer.threshold)
    for value in sorted(marks):
        at = corner[0] + 200 * (value - low) / (layer.vmax - low)
        if low <= value <= layer.vmax:
            pen.text((at, corner[1] + 12), f"{_signed(value, 3)}", _DIM, _font(11), anchor="ma")


def _signed(value, digits=None):
    text = f"{round(value)}" if digits is None else f"{value:.{digits}g}"
    return text.replace("-", "−")


@cache
def _font(size):
    # Matplotlib's own file: it has a true minus, and looks the same on every machine.
    import matplotlib

    return ImageFont.truetype(f"{matplotlib.get_data_path()}/fonts/ttf/DejaVuSans.ttf", size)
