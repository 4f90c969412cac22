"""Colours that all kinds of colour vision tell apart."""

from importlib import import_module

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import LinearSegmentedColormap, ListedColormap

# Modules that give matplotlib more colour maps, for names that it does not know.
_MORE_MAPS = ("nilearn.plotting",)


def colormap(cmap):
    """A colour map of itself or of its name; names of nilearn's, such as "cold_hot", count too."""
    if isinstance(cmap, str) and cmap not in colormaps:
        for module in _MORE_MAPS:
            import_module(module)
    try:
        return colormaps.get_cmap(cmap)
    except (TypeError, ValueError) as error:
        msg = f"cmap is {cmap!r}; expected a colour map of matplotlib, or its name. {error}"
        raise ValueError(msg) from error


# On black. Blue against orange is told apart by all common kinds of colour vision, and both grow
# lighter outwards, so that the peaks stand out in grey print too.
BLUE_ORANGE = LinearSegmentedColormap.from_list(
    "nbica_blue_orange",
    [
        (0.00, "#d6f7ff"),
        (0.18, "#63c8ff"),
        (0.50, "#1746c8"),
        (0.50, "#a8280a"),
        (0.82, "#ff9a1f"),
        (1.00, "#fff3b0"),
    ],
)

# The same on white paper: both grow darker outwards.
BLUE_ORANGE_ON_WHITE = LinearSegmentedColormap.from_list(
    "nbica_blue_orange_on_white",
    [
        (0.00, "#08215f"),
        (0.22, "#1f62d0"),
        (0.50, "#f4f4f2"),
        (0.78, "#e0670c"),
        (1.00, "#6d1703"),
    ],
)

# Each of them as far as can be from those before it, for normal and colour-blind vision alike
# (Machado et al. 2009), at a lightness that shows on black and on white: of the first eight any two
# are 25 CIELAB units apart, of all 17.
_DISTINCT = (
    "#3b82e0", "#f08c1a", "#0dfab1", "#7a6831", "#e8b1e8", "#7a31fa", "#9f437a", "#c3e87a",
    "#fa567a", "#c38c43", "#0dc39f", "#c30db1", "#b17ab1", "#1f7a56",
)  # fmt: skip


def distinct(n):
    """A colour for each of n things; beyond 14 they are taken from along "viridis"."""
    if n <= len(_DISTINCT):
        return list(_DISTINCT[:n])
    # Neighbours in number, which are often neighbours in the brain, differ most.
    order = np.argsort(np.arange(n) * 0.618034 % 1)
    return [colormaps["viridis"](place / (n - 1)) for place in np.argsort(order)]


def listed(n, cmap=None):
    """N colours: the distinct ones, or those evenly along a colour map."""
    if cmap is None:
        return distinct(n)
    cmap = colormap(cmap)
    if isinstance(cmap, ListedColormap) and cmap.N <= 20:
        return [cmap(i % cmap.N) for i in range(n)]
    return [cmap(i / max(n - 1, 1)) for i in range(n)]
