"""Colour maps for the viewer: few, vetted for colour-blind readers, as tables of 256 colours."""

import numpy as np

# Stops are (place, colour). Diverging maps meet in the middle, where nothing is shown.
_STOPS = {
    # As in nbica.plotting: told apart by all common kinds of colour vision, lighter outwards.
    "blue_orange": [
        (0.00, "#d6f7ff"), (0.18, "#63c8ff"), (0.50, "#1746c8"),
        (0.50, "#a8280a"), (0.82, "#ff9a1f"), (1.00, "#fff3b0"),
    ],
    "purple_green": [
        (0.00, "#f3dcff"), (0.20, "#cf8bff"), (0.50, "#6a1fb0"),
        (0.50, "#2f6b12"), (0.80, "#86d936"), (1.00, "#eaffc4"),
    ],
    "amber": [
        (0.00, "#3a0f02"), (0.35, "#a8380a"), (0.70, "#ff9a1f"), (1.00, "#fff3b0"),
    ],
    "viridis": [
        (0.00, "#440154"), (0.25, "#3b528b"), (0.50, "#21918c"), (0.75, "#5ec962"),
        (1.00, "#fde725"),
    ],
    "grays": [(0.00, "#1a1a1a"), (1.00, "#ffffff")],
}  # fmt: skip
DIVERGING = ("blue_orange", "purple_green")
NAMES = tuple(_STOPS)
# Outlines of regions, in turn, for each map: colours that it has not, told from it and from grey.
OUTLINES = {
    "blue_orange": (
        "#50f050", "#ff5cf0", "#00f0b4", "#c8dc28", "#b46ee6", "#ff8cc8", "#8ccc50",
    ),
    "purple_green": ("#ff8a2a", "#4d9eff", "#ffe14d", "#ff5ca8", "#32d2d2", "#ff6a5a"),
    "amber": ("#40e0ff", "#ff6cf0", "#50f050", "#8fa8ff", "#00e0a0", "#c070ff"),
    "viridis": ("#ff6a5a", "#ff8ad0", "#ffb060", "#c864ff", "#4db8ff", "#ff4dd2"),
    "grays": ("#50f050", "#ff5cf0", "#ff8a2a", "#40d0ff", "#f0e442", "#8f8fff"),
}  # fmt: skip


def table_of(name):
    """The 256 colours of a map, from lowest to highest.

    Parameters
    ----------
    name : str
        One of `NAMES`.

    Returns
    -------
    ndarray of uint8, shape (256, 3)
    """
    places, colors = zip(*_STOPS[name], strict=True)
    rgb = np.array([rgb_of(color) for color in colors], float)
    at = np.linspace(0, 1, 256)
    # Where two stops share a place, the lower half takes the first.
    places = np.array(places) + np.where(np.diff(places, append=2) == 0, -1e-9, 0)
    return np.rint([np.interp(at, places, channel) for channel in rgb.T]).astype(np.uint8).T


def rgb_of(text):
    """Red, green and blue of "#rrggbb"."""
    return tuple(int(text[i : i + 2], 16) for i in (1, 3, 5))
