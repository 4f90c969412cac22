"""Values to whole numbers: as finely as fits, with the step between two of them kept beside.

The value that a reader sees is true to half that step.

Memory: one map as float and the codes. Time: 0.1 s per map at 2 mm.
"""

from collections.abc import Iterable
from dataclasses import replace
from numbers import Real

import numpy as np

from nbica.runtime.checks import is_number
from nbica.viewer.geometry import shrink
from nbica.viewer.payload import NO_DATA, Grey, Labels, Maps, residuals, squeeze

LEVELS = (127, 63, 31)
# So many bytes of maps in one page: as text in an HTML file, with the rest, they stay below 2.5 MB.
MOST_BYTES = 1_400_000
# Above these, volumes are shrunk: more voxels than a slow link or a phone wants.
MOST_MAP_VALUES = 16_000_000
MOST_GREY_VALUES = 10_000_000


def grey(data, grid, name=""):
    """Quantise a background to 254 steps of its values.

    The window leaves out the darkest and the brightest percent of what is above 0.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz)
        Bool, whole or real numbers; NaN and Inf are "no data".
    grid : AlignedGrid
    name : str

    Returns
    -------
    Grey
    """
    if data.size > MOST_GREY_VALUES:
        data, grid = shrink(data, grid, _factor(data.size, MOST_GREY_VALUES))
    data = data.astype(np.float32)
    finite = np.isfinite(data)
    values = data[finite]
    low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
    quantum = (high - low) / 254 if high > low else 1.0
    codes = np.zeros(data.shape, np.uint8)
    codes[finite] = np.rint((values.astype(float) - low) / quantum).astype(np.uint8) + 1
    inside = values[values > 0] if (values > 0).any() else values
    window = np.percentile(inside, [1, 99.5]) if inside.size else (0.0, 1.0)
    # The darkest tissue stays lighter than the paper, and air is black.
    dark = float(window[0]) - 0.15 * float(window[1] - window[0])
    dark = max(dark, 0.0) if low >= 0 else dark
    bright = float(window[1]) if window[1] > dark else dark + quantum
    return Grey(name, grid, codes, low, quantum, (dark, bright))


def maps(data, grid, name="", quantum=None, most_bytes=MOST_BYTES):
    """Quantise maps to int8, as finely as fits.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz, n_maps)
        Bool, whole or real numbers; NaN and Inf are "no data".
    grid : AlignedGrid
    name : str
    quantum : float, optional
        Step between two values, for all maps. By default each map has 127 steps to its largest
        absolute value; 63 or 31 where the maps would not fit otherwise.
    most_bytes : int
        What fits.

    Returns
    -------
    Maps

    Raises
    ------
    ValueError
        If the quantum is not above 0, or too small for 127 steps to reach the largest value.
    """
    data, grid, mask = _fitting(data, grid)
    peaks = np.array([_peak(frame) for frame in _frames(data, mask)])
    signed = any(bool((frame < 0).any()) for frame in _frames(data, mask))
    packed = Maps(name, grid, mask, np.empty((0, 0)), np.ones(1), peaks, signed)
    if quantum is not None:
        _check_quantum(quantum, peaks)
        return _quantised(packed, data, np.full(len(peaks), float(quantum)))
    scales = np.where(peaks > 0, peaks, 1.0)
    for levels in LEVELS:
        if levels == LEVELS[-1] or _estimate(packed, data, scales / levels) <= most_bytes:
            return _quantised(packed, data, scales / levels)


def series(data, grid, name=""):
    """Quantise the frames of a series: a baseline, the mean, and what differs from it.

    All frames share one scale. Parameters and result as :func:`maps`.
    """
    data, grid, mask = _fitting(data, grid)
    mean = np.zeros(int(mask.sum()))
    for frame in _frames(data, mask):
        mean += frame
    mean = (mean / data.shape[3]).astype(np.float32)
    deviations = [_peak(frame - mean) for frame in _frames(data, mask)]
    scale = max(*deviations, 0.0) / LEVELS[0] or 1.0
    codes = np.array([_codes(frame - mean, scale) for frame in _frames(data, mask)])
    n = len(codes)
    return Maps(name, grid, mask, codes, np.full(n, scale), np.array(deviations), True, mean)


def is_series(data):
    """Whether frames are a series over time and not maps: they hardly differ from their mean.

    True if the mean over frames exceeds three standard deviations in the typical voxel, as in any
    raw run. Maps of components have a mean near 0. Looks at 30 frames at most.
    """
    if data.ndim != 4 or data.shape[3] < 10:
        return False
    some = data[..., :: -(-data.shape[3] // 30)].astype(np.float32)
    mean, deviation = some.mean(axis=3), some.std(axis=3)
    inside = np.isfinite(mean) & (mean != 0)
    return bool(inside.any() and np.median(mean[inside] - 3 * deviation[inside]) > 0)


def labels(data, grid, name="", regions=None):
    """Regions as whole numbers; a mask is one region.

    Parameters
    ----------
    data : ndarray of shape (nx, ny, nz)
        Whole numbers from 0 on; NaN counts as 0.
    grid : AlignedGrid
    name : str
    regions : dict or sequence of str, optional
        Names by number, or of the regions 1, 2…

    Returns
    -------
    Labels

    Raises
    ------
    ValueError
        If values are negative, not whole, or too many.
    """
    values = np.nan_to_num(np.asarray(data, float))
    whole = np.rint(values)
    beyond = (whole < 0).any() or whole.max(initial=0) > 65535
    if beyond or np.abs(whole - values).max(initial=0) > 1e-3:
        msg = (
            f"{name or 'The image of regions'} holds values from {values.min():.4g} to "
            f"{values.max():.4g}; expected whole numbers from 0 to 65535. For a mask, threshold "
            "it first"
        )
        raise ValueError(msg)
    names = _named(regions)
    dtype = np.uint8 if whole.max(initial=0) < 256 else np.uint16
    return Labels(name, grid, whole.astype(dtype), names)


def _named(regions):
    """Names by number, from a dict or a sequence."""
    if regions is not None and not hasattr(regions, "items"):
        if isinstance(regions, str) or not isinstance(regions, Iterable):
            msg = f"labels is {regions!r}; expected names of the regions 1, 2…, or a dict by number"
            raise ValueError(msg)
        regions = dict(enumerate(regions, start=1))
    for code in regions or {}:
        if not isinstance(code, Real) or code != int(code):
            msg = f"labels has the number {code!r}; expected whole numbers, as the image holds them"
            raise ValueError(msg)
    return {int(code): str(region) for code, region in (regions or {}).items()}


def _factor(n_values, most):
    return int(np.ceil((n_values / most) ** (1 / 3)))


def _fitting(data, grid):
    """The data, shrunk if there is too much of it, and where any of it is not 0."""
    mask = _support(data)
    if mask.sum() * data.shape[3] > MOST_MAP_VALUES:
        data, grid = shrink(data, grid, _factor(mask.sum() * data.shape[3], MOST_MAP_VALUES))
        mask = _support(data)
    return data, grid, mask


def _support(data):
    mask = np.zeros(data.shape[:3], bool)
    for k in range(data.shape[3]):
        mask |= data[..., k] != 0
    return mask


def _frames(data, mask):
    """What is in the mask, frame by frame, as float; NaN where there is no data."""
    for k in range(data.shape[3]):
        frame = data[..., k].T[mask.T].astype(float)
        yield np.where(np.isfinite(frame), frame, np.nan)


def _peak(frame):
    return float(np.nanmax(np.abs(frame))) if np.isfinite(frame).any() else 0.0


def _codes(frame, scale):
    missing = np.isnan(frame)
    codes = np.rint(np.where(missing, 0, frame) / scale).astype(np.int8)
    codes[missing] = NO_DATA
    return codes


def _quantised(packed, data, scales):
    frames = zip(_frames(data, packed.mask), scales, strict=True)
    codes = np.array([_codes(frame, scale) for frame, scale in frames])
    return replace(packed, codes=codes.reshape(len(scales), -1), scales=scales)


def _estimate(packed, data, scales):
    """About how many bytes the maps take, from three of them."""
    some = np.unique(np.linspace(0, data.shape[3] - 1, 3).astype(int))
    few = _quantised(packed, data[..., some], scales[some])
    return len(squeeze(residuals(few).tobytes())) * data.shape[3] / len(some)


def _check_quantum(quantum, peaks):
    if (
        not is_number(quantum)
        or not quantum > 0
        or peaks.max(initial=0) > 127 * quantum * (1 + 1e-9)
    ):
        msg = (
            f"quantum is {quantum!r}; expected a number above 0 of which 127 reach the largest "
            f"value, {peaks.max(initial=0):.4g}: {peaks.max(initial=0) / 127:.2g} or more."
        )
        raise ValueError(msg)
