"""What a viewer's state begins with, and what it may be."""

import warnings
from numbers import Real

import numpy as np

from nbica.exceptions import DataWarning
from nbica.runtime.checks import as_array, one_each
from nbica.runtime.text import reads_as_number
from nbica.viewer import colors, thresholds


def check_names(names, maps):
    """One name per map."""
    n_maps = len(maps.scales)
    if names is None:
        if n_maps == 1:
            return [maps.name or "map"]
        kind = "frame" if maps.baseline is not None else "IC"
        return [f"{kind} {index}" for index in range(n_maps)]
    return [str(name) for name in one_each("names", names, n_maps, "maps")]


def check_courses(time_courses, n_maps):
    """Time courses as lists under "values", one per map; None where there are none."""
    if time_courses is None:
        return None
    courses = as_real(time_courses, "time_courses")
    if courses.ndim != 2 or courses.shape[1] != n_maps:
        msg = (
            f"time_courses has shape {courses.shape}; expected (n_timepoints, n_maps) with "
            f"{n_maps} maps."
        )
        raise ValueError(msg)
    rows = [[float(f"{v:.5g}") if np.isfinite(v) else None for v in row] for row in courses.T]
    return {"values": rows}


def as_real(values, name):
    """An array of float64; a ValueError for what is no array of real numbers."""
    values = as_array(values)
    if values.dtype.kind not in "biuf":
        msg = f"{name} holds {values.dtype}; expected real numbers"
        raise ValueError(msg)
    return values.astype(float)


def check_t_r(t_r):
    """Seconds between time points as a float, or None."""
    is_number = isinstance(t_r, Real) and not isinstance(t_r, bool | np.bool_)
    if t_r is not None and not (is_number and 0 < t_r < np.inf):
        msg = f"t_r is {t_r!r}; expected seconds between time points, a number above 0, or None"
        raise ValueError(msg)
    return None if t_r is None else float(t_r)


def check_overlays(overlays, n_overlays):
    """How each further map is drawn, from a notebook or a browser.

    Parameters
    ----------
    overlays : list of dict
    n_overlays : int

    Returns
    -------
    list of dict
        With visible, threshold, vmax, opacity and colormap.

    Raises
    ------
    ValueError
    """
    if len(overlays) != n_overlays:
        msg = f"overlays: found {len(overlays)} for {n_overlays} further maps; give one dict each"
        raise ValueError(msg)
    return [_checked_overlay(dict(look)) for look in overlays]


def _checked_overlay(look):
    if set(look) != set(_OVERLAY):
        msg = f"overlays: found {sorted(look)}; each has {', '.join(_OVERLAY)}"
        raise ValueError(msg)
    for name, value in look.items():
        if not _OVERLAY[name](value):
            msg = f"overlays: {name} cannot be {value!r}"
            raise ValueError(msg)
    return look


def _is_within(low, high):
    def check(value):
        return isinstance(value, Real) and not isinstance(value, bool) and low <= value <= high

    return check


_LARGEST = np.finfo(float).max
_OVERLAY = {
    "visible": lambda value: isinstance(value, bool),
    "threshold": _is_within(0, _LARGEST),
    "vmax": _is_within(np.finfo(float).tiny, _LARGEST),
    "opacity": _is_within(0, 1),
    "colormap": lambda value: isinstance(value, str) and value in colors.NAMES,
}


def first_look(scene, threshold):
    """The traits a viewer begins with, from what there is to see."""
    maps = scene.maps
    if isinstance(threshold, str):
        threshold = rounded(_threshold_of(maps, threshold))
    elif isinstance(threshold, bool | np.bool_) or not isinstance(threshold, Real):
        msg = f"threshold is {threshold!r}; {_THRESHOLDS}"
        raise ValueError(msg)
    peaks = maps.peaks[maps.peaks > 0]
    vmax = float(np.median(peaks)) if len(peaks) else 1.0
    return {
        "threshold": float(threshold),
        "vmax": vmax if vmax > threshold else min(2 * float(threshold), _LARGEST),
        "cut_coords": maps.peak_of(0).tolist(),
        "window": list(scene.background.window) if scene.background else [0.0, 1.0],
        "overlays": [_overlay_look(volume) for volume in scene.overlays],
    }


_THRESHOLDS = "expected a number from 0 on, a percentile such as '95%', or 'auto'"


def _threshold_of(maps, text):
    """What "auto" or a percentile such as "95%" is in values."""
    if text == "auto":
        return thresholds.auto_threshold(maps)
    number, percent, rest = text.strip().partition("%")
    if not percent or rest or not reads_as_number(number) or not 0 <= float(number) < 100:
        msg = f"threshold is {text!r}; {_THRESHOLDS}"
        raise ValueError(msg)
    return thresholds.percentile(maps, float(number))


def warn_if_hidden(maps, threshold, stacklevel):
    """Warn where nothing of the maps is to be seen."""
    largest = float(maps.peaks.max(initial=0))
    if threshold > largest > 0:
        msg = (
            f"threshold={threshold:.4g} is above the largest absolute value of all maps, "
            f"{largest:.4g}: nothing is shown. Lower it, or leave it to threshold='auto'."
        )
        warnings.warn(msg, DataWarning, stacklevel=stacklevel)
    if not largest:
        msg = "The maps hold nothing but 0, NaN and infinity: nothing is shown."
        warnings.warn(msg, DataWarning, stacklevel=stacklevel)


def _overlay_look(volume):
    peak = float(volume.peaks[0]) or 1.0
    return {
        "visible": True, "threshold": rounded(thresholds.auto_threshold(volume)), "vmax": peak,
        "opacity": 0.8, "colormap": "purple_green",
    }  # fmt: skip


def rounded(value):
    """Two digits are enough for a threshold; downwards, so that nothing is lost.

    What falls short of two digits by 1e-4 of the last has them: half of a peak of 1 is 0.5, not
    0.49, on a processor that makes it 0.4999999 too.
    """
    if not value:
        return 0.0
    step = 10.0 ** (np.floor(np.log10(value)) - 1)
    return float(f"{np.floor(value / step + 1e-4) * step:.3g}")
