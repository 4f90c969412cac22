"""From values to colours: where a scale begins and ends, and what stays transparent."""

import warnings
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import Colormap, ListedColormap, to_rgba

from nbica.exceptions import DataWarning
from nbica.image.display import display_threshold
from nbica.plotting.colors import colormap
from nbica.plotting.large import largest, limits, sample, smallest
from nbica.plotting.volumes import grey_range
from nbica.runtime.checks import as_flag, is_number


@dataclass(frozen=True)
class Scale:
    """Colours of values.

    Parameters
    ----------
    cmap : Colormap
    vmin, vmax : float
        Values of its first and last colour.
    threshold : float or None
        Smaller absolute values, and exact zeros, are transparent; None shows everything but NaN.
    shown : (low, high), optional
        The part of the scale that a colour bar shows; all of it by default.
    """

    cmap: Colormap
    vmin: float
    vmax: float
    threshold: float | None = 0.0
    shown: tuple | None = None

    @property
    def limits(self):
        """Ends of the colour bar."""
        return self.shown or (self.vmin, self.vmax)

    def colors(self, values):
        """RGBA of an array: one axis more, of length 4.

        What is hidden keeps its colour under an alpha of 0, so that pictures interpolated between
        pixels have no dark rim.
        """
        finite = np.nan_to_num(values)
        rgba = self.cmap((finite - self.vmin) / (self.vmax - self.vmin))
        rgba[..., 3] *= self.is_shown(values)
        return rgba

    def is_shown(self, values):
        """Which values are not transparent."""
        if self.threshold is None:
            return np.isfinite(values)
        magnitude = np.abs(np.nan_to_num(values))
        return (magnitude >= self.threshold) & (magnitude > 0)


@dataclass(frozen=True)
class LabelScale:
    """Colours of whole numbers; every other value is transparent.

    Parameters
    ----------
    numbers : array of int, ascending
    palette : list of matplotlib colours
    """

    numbers: np.ndarray
    palette: list

    def colors(self, values):
        """RGBA of an array: one axis more, of length 4."""
        table = np.array([to_rgba(color) for color in self.palette] or [(0.0, 0.0, 0.0, 0.0)])
        values = np.nan_to_num(values, nan=np.inf)
        place = np.clip(np.searchsorted(self.numbers, values), 0, len(table) - 1)
        rgba = table[place]
        rgba[..., 3] *= np.isin(values, self.numbers)
        return rgba


def grey_scale(data, cmap, vmin=None, vmax=None, threshold=None, brightness=1.0):
    """The scale of anatomical and functional images; by default it ends where they are dense."""
    vmin, vmax = check_ends(vmin, vmax)
    if vmin is None or vmax is None:
        low, high = grey_range(data)
        vmin, vmax = low if vmin is None else vmin, high if vmax is None else vmax
    if not vmax > vmin:
        vmax = vmin + 1  # a constant image is black
    cmap = colormap(cmap)
    colors = cmap(np.linspace(0, 1, 256))
    colors[:, :3] = np.clip(brightness * colors[:, :3], 0, 1)
    return Scale(ListedColormap(colors), float(vmin), float(vmax), threshold)


def scale_of(maps, *, cmap, threshold=0.0, vmin=None, vmax=None, symmetric_cbar="auto"):
    """The scale that fits some maps.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, nx, ny, nz)
    cmap : Colormap or str
    threshold : float, "auto" or None
    vmin, vmax : float, optional
        By default the colours are symmetric about 0 and end at the median peak of the maps.
    symmetric_cbar : bool or "auto"
        Whether the colour bar shows both signs; "auto": if the maps have both.

    Returns
    -------
    Scale

    Raises
    ------
    ValueError
        If the range is empty, or below the threshold.
    """
    vmin, vmax = check_ends(vmin, vmax)
    if not isinstance(symmetric_cbar, str) or symmetric_cbar != "auto":
        symmetric_cbar = as_flag("symmetric_cbar", symmetric_cbar)
    threshold = check_threshold(maps, threshold)
    rim = _without_rim(maps, threshold)
    # Below a scale that ends early there is no place for a rim: colours are full at once.
    threshold = rim if vmax is None or rim is None or vmax > rim else threshold
    if vmax == 0 and vmin is None:
        vmin = -_peak(maps, threshold)
    if vmax is None:
        vmax = abs(vmin) if vmin is not None and symmetric_cbar is True else _peak(maps, threshold)
    if symmetric_cbar is True and vmin not in (None, -vmax):
        msg = f"symmetric_cbar is True, but vmin={vmin:.3g} and vmax={vmax:.3g}; leave one out"
        raise ValueError(msg)
    if vmin is not None and vmin != -vmax:
        _check_range(vmin, vmax)
        warn_if_blank(maps, threshold, stacklevel=4)
        return Scale(colormap(cmap), vmin, vmax, threshold)
    if not vmax > (threshold or 0):
        msg = f"vmax={vmax:.3g} is not above threshold={threshold or 0:.3g}; lower the threshold"
        raise ValueError(msg)
    warn_if_blank(maps, threshold, stacklevel=4)
    signs = _signs(maps, threshold) if symmetric_cbar == "auto" else (symmetric_cbar, True)
    shown = {(True, False): (-vmax, 0.0), (False, True): (0.0, vmax)}.get(tuple(signs))
    return Scale(colormap(cmap), -vmax, vmax, threshold, shown)


def check_threshold(maps, threshold):
    """A threshold as a number or None; "auto" is found from the maps.

    Raises
    ------
    ValueError
        If it is neither "auto", None nor a number from 0 on.
    """
    if threshold is None:
        return None
    if isinstance(threshold, str) and threshold == "auto":
        return auto_threshold(np.nan_to_num(np.abs(sample(maps))))
    if not is_number(threshold) or threshold < 0:
        msg = f"threshold={threshold!r} must be a number from 0 on, 'auto' or None"
        raise ValueError(msg)
    return float(threshold)


def warn_if_blank(maps, threshold, what="threshold", stacklevel=3):
    """Say that a threshold hides everything: a blank picture does not tell why it is blank."""
    strongest = largest(maps)
    if not strongest:
        msg = "The image holds nothing but 0, NaN and infinity: nothing is shown."
        warnings.warn(msg, DataWarning, stacklevel=stacklevel)
    if (threshold or 0) > strongest > 0:
        msg = (
            f"{what}={threshold:g} is above the largest absolute value, {strongest:.4g}: nothing "
            "is shown. Lower it."
        )
        warnings.warn(msg, DataWarning, stacklevel=stacklevel)


def _without_rim(maps, threshold):
    """At least half of the smallest value: interpolated, voxels would else reach into zeros."""
    if threshold is None:
        return None
    least = smallest(maps)
    return threshold if least is None else max(threshold, 0.5 * least)


def auto_threshold(magnitudes):
    """What `nbica.image.display.display_threshold` says of maps of shape (n_maps, nx, ny, nz)."""
    return display_threshold(magnitudes[:, magnitudes.any(axis=0)], magnitudes[0].size)


def _peak(maps, threshold):
    peaks = np.array([largest(one) for one in maps])
    peak = float(np.median(peaks[peaks > 0])) if peaks.any() else 1.0
    # Above every map: nothing is shown, which is what was asked for.
    return peak if peak > (threshold or 0) else 2 * threshold


def _signs(maps, threshold):
    """Whether negative and positive values are shown."""
    low, high = limits(maps)
    at_least = max(threshold or 0, np.finfo(np.float32).tiny)
    negative, positive = low <= -at_least, high >= at_least
    return (negative, positive) if negative or positive else (True, True)


def check_ends(vmin, vmax):
    """Both ends of a scale as float or None; a ValueError for what is no number."""
    for name, value in (("vmin", vmin), ("vmax", vmax)):
        if value is not None and not is_number(value):
            msg = f"{name}={value!r}; expected a number, or None to find it"
            raise ValueError(msg)
    return tuple(None if value is None else float(value) for value in (vmin, vmax))


def _check_range(vmin, vmax):
    if not vmin < vmax:
        msg = f"vmin={vmin:.3g} is not below vmax={vmax:.3g}"
        raise ValueError(msg)
