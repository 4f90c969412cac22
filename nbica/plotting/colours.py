"""Colours that all kinds of colour vision tell apart."""

from matplotlib.colors import LinearSegmentedColormap

# Blue against orange is told apart by all common kinds of colour vision, and both grow lighter
# outwards, so that the peaks stand out in grey print too.
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
