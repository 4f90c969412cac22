"""Whether two pictures show the same, as a person would say who looks at both.

A picture is cut into cells of 4 x 4 pixels, of which the mean colours are compared. Two things may
move: a cell may have any colour between those of its neighbours in the other picture, since lines
and letters may lie a pixel aside; and what is left counts as the root mean square of a patch of
4 x 4 cells, where the edge of a letter is a shade, and a line or a blob of colour is not. Two
pictures are alike if they have about the same size, no patch is far apart, and all are close on
average.

So another release of matplotlib or FreeType goes unnoticed, and a mirrored brain, another map,
another colour map, a missing colour bar or an empty subplot does not:
tests/project/test_pictures.py.

A voxel is larger than a cell, and one that lies at a threshold may be coloured on one processor and
not on another. So a spot no larger than a voxel is no difference, where it is at a contour: each
picture has in the spot what the other has right around it. Of a blob that is missing there is
nothing around the place, and a cut that moved leaves more than a few spots.
"""

import base64
from io import BytesIO

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation, find_objects, label, maximum_filter, minimum_filter

CELL = 4  # pixels
PATCH = 4  # cells
# Of 255, for a patch and for the mean of all. The pictures of all notebooks, drawn with the oldest
# and the newest dependencies, were apart by 35 and 6 at most; drawn 2 pixels aside, by 34 and 5.
# Wrong ones are apart by 43 (the signs of a connectome's thin lines) or by 63 and more.
FURTHEST, ON_AVERAGE = 40, 8
# Cells across a voxel of 8 mm, as the talk's script draws it; how many may be on the other side.
VOXEL, AT_MOST = 6, 2
# Text of another font makes a figure wider: by so much of its size.
WIDER = 0.03


def cells(picture, shape=None):
    """Mean colours of a picture's cells, (n_high, n_wide, 3), from 0 to 255."""
    n_high, n_wide = shape or (round(picture.height / CELL), round(picture.width / CELL))
    resized = _on_white(picture).resize((n_wide, n_high), Image.Resampling.BOX)
    return np.asarray(resized, dtype=float)


def _on_white(picture):
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def unlike(found, saved):
    """What sets two pictures apart, in words; nothing if they are alike.

    Parameters
    ----------
    found, saved : PIL.Image.Image
    """
    wider = np.divide(found.size, saved.size)
    if np.abs(wider - 1).max() > WIDER:
        return f"it has {found.width} x {found.height} pixels, not {saved.width} x {saved.height}"
    expected = cells(saved)
    return unlike_cells(cells(found, expected.shape[:2]), expected)


def unlike_cells(found, saved):
    """The same of two pictures of one size that are cells already."""
    apart = patch_differences(found, saved)
    worst = apart.max(axis=2)
    row, column = np.unravel_index(worst.argmax(), worst.shape)
    if worst.max() <= FURTHEST and apart.mean() <= ON_AVERAGE:
        return ""
    x, y = column * PATCH * CELL, row * PATCH * CELL
    return (
        f"it differs by {worst.max():.0f} of 255 (at most {FURTHEST}) at {x} pixels from the left "
        f"and {y} from the top, and by {apart.mean():.1f} on average (at most {ON_AVERAGE})"
    )


def patch_differences(found, saved):
    """How far apart the patches are, (n_high, n_wide, 3), from 0 to 255."""
    apart = np.maximum(_beyond_neighbours(found, saved), _beyond_neighbours(saved, found))
    spots = list(_spots_at_contours(apart, found, saved))
    if len(spots) <= AT_MOST:
        for spot in spots:
            apart[spot] = 0
    # Patches at the edges are filled up with the mean of what they have: their edge cells.
    fill = [(0, -n % PATCH) for n in apart.shape[:2]]
    apart = np.pad(apart, [*fill, (0, 0)], mode="edge")
    n_high, n_wide = (n // PATCH for n in apart.shape[:2])
    squares = apart.reshape(n_high, PATCH, n_wide, PATCH, 3) ** 2
    return np.sqrt(squares.mean(axis=(1, 3)))


def _beyond_neighbours(cells, others):
    """How far each cell's colour is from the range of the other picture's cells around it."""
    around = (3, 3, 1)
    low, high = minimum_filter(others, around), maximum_filter(others, around)
    return np.maximum(np.maximum(low - cells, cells - high), 0)


def _spots_at_contours(apart, found, saved):
    """Masks of what differs, is as small as a voxel, and has in each what is around it in both."""
    differs = apart.max(axis=2) > FURTHEST / 2
    labels, _ = label(differs, np.ones((3, 3)))
    for number, place in enumerate(find_objects(labels), start=1):
        spot = labels == number
        if max(part.stop - part.start for part in place) > VOXEL or apart[spot].max() <= FURTHEST:
            continue
        around = binary_dilation(spot, np.ones((3, 3)), iterations=2) & ~spot
        if _in_range(found[spot], saved[around]) and _in_range(saved[spot], found[around]):
            yield spot


def _in_range(colors, others):
    low, high = others.min(axis=0) - FURTHEST, others.max(axis=0) + FURTHEST
    return bool(((colors >= low) & (colors <= high)).all())


def unlike_outputs(found, saved):
    """What sets the pictures of two lists of a cell's outputs apart: sentences, and pictures.

    Parameters
    ----------
    found, saved : list of nbformat outputs
        Text is left to others.

    Returns
    -------
    list of (sentence, found picture or None, saved picture or None)
    """
    found, saved = ([_png(o) for o in outputs if "data" in o] for outputs in (found, saved))
    told = []
    if [png is None for png in found] != [png is None for png in saved]:
        told.append((f"pictures are {_places(found)}, saved {_places(saved)}", None, None))
        return told
    for number, both in enumerate(zip(found, saved, strict=True), start=1):
        if None not in both:
            pictures = [Image.open(BytesIO(base64.b64decode(png))) for png in both]
            if sentence := unlike(*pictures):
                told.append((f"the picture of output {number}: {sentence}", *pictures))
    return told


def _png(output):
    return output["data"].get("image/png")


def _places(pngs):
    places = [str(number) for number, png in enumerate(pngs, start=1) if png is not None]
    return f"in output {', '.join(places)} of {len(pngs)}" if places else "in no output"
