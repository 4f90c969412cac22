"""Colour bars, and keys of named colours."""

import numpy as np
from matplotlib.colors import to_rgb

from nbica.plotting.figures import as_written
from nbica.runtime.checks import as_flag

BAR_WIDTH = 0.62  # inches, with its labels


def bar_width(colorbar):
    """Inches to leave for a colour bar: none where there is to be none."""
    return BAR_WIDTH * as_flag("colorbar", colorbar)


def key_width(names):
    """Inches that a key of names takes."""
    return 0.4 + 0.062 * max(map(len, names))


def draw_colorbar(axes, scale, *, ink, vertical=True, fontsize=6.5, tick_format=None):
    """Draw a scale into axes of its own, grey where values are hidden.

    `tick_format` is a format such as "%.2g", or a function of a number; two digits by default.
    """
    low, high = scale.limits
    values = np.linspace(low, high, 512)
    colors = scale.colors(values)
    colors[colors[:, 3] == 0] = (0.5, 0.5, 0.5, 0.35)
    axes.set_axis_on()
    axes.patch.set_alpha(0)
    strip, extent = colors[np.newaxis], (low, high, 0, 1)
    if vertical:
        strip, extent = colors[:, np.newaxis], (0, 1, low, high)
    axes.imshow(strip, aspect="auto", extent=extent, origin="lower", interpolation="nearest")
    ticks = ticks_of(scale, apart=0.1 if vertical else 0.2)
    write = in_short if tick_format is None else _writer(tick_format)
    texts = [write(tick) for tick in ticks]
    if vertical:
        axes.yaxis.tick_right()
        axes.set(xticks=[], yticks=ticks, yticklabels=texts)
    else:
        axes.set(yticks=[], xticks=ticks, xticklabels=texts)
    axes.tick_params(colors=ink, labelsize=fontsize, length=2, width=0.5)
    axes.spines[:].set_visible(False)


def _writer(tick_format):
    write = tick_format if callable(tick_format) else lambda value: tick_format % value
    try:
        write(0.0)
    except (TypeError, ValueError, ArithmeticError) as error:
        msg = (
            f"cbar_tick_format={tick_format!r}; expected a format such as '%.2g', or a function of "
            "a number"
        )
        raise ValueError(msg) from error
    return write


def ticks_of(scale, apart=0.1):
    """Ends, the threshold and 0, as far as their labels do not run into each other.

    `apart` is what a label takes of the bar's length.
    """
    low, high = scale.limits
    threshold = scale.threshold or 0.0
    wanted = [low, high, threshold, -threshold, 0.0]
    kept = []
    for tick in wanted:
        if low <= tick <= high and all(abs(tick - other) > apart * (high - low) for other in kept):
            kept.append(tick)
    return sorted(kept)


def in_short(value):
    """Two significant digits, with a true minus sign."""
    text = f"{value:.2g}" if abs(value) < 100 else f"{value:.3g}"
    return text.replace("-", "−")


def draw_key(axes, colors, names, *, ink, fontsize=6.5):
    """Draw named colours below each other."""
    axes.set_axis_on()
    axes.patch.set_alpha(0)
    strip = np.array([to_rgb(color) for color in colors])[:, np.newaxis]
    axes.imshow(strip, aspect="auto", interpolation="nearest")
    axes.yaxis.tick_right()
    axes.set(xticks=[], yticks=range(len(names)), yticklabels=names)
    as_written(axes.get_yticklabels())
    axes.tick_params(colors=ink, labelsize=fontsize, length=0)
    axes.spines[:].set_visible(False)
