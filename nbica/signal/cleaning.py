"""Clean time series: detrend, band-pass, remove confounds, standardize; arrays only.

The order and the meaning are those of `nilearn.signal.clean`: signals and confounds are detrended,
both are filtered, what the confounds explain is removed, the rest is standardized. Up to the last
step all of this is linear in time, so it is composed once into one small operator
(`time_operator.py`), which then runs over blocks of voxels in place.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from nbica.exceptions import DataWarning, IgnoredWarning
from nbica.runtime.checks import as_array, as_flag, as_numbers, check_positive
from nbica.signal.confounds import check_sample_mask, load_confounds
from nbica.signal.time_operator import compose, with_cosines

if TYPE_CHECKING:
    from nbica.hints import Confounds, SampleMask

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from nbica.hints import Confounds, SampleMask, Standardize

_FILTERS = ("butterworth", "cosine", False)
_SCALINGS = ("zscore_sample", "psc")

# Some 4000 voxels of 176 timepoints, 600 of 1200: the fastest there, as less are many calls and
# more leave the cache.
_BLOCK_BYTES = 3e6

# What is left of a voxel below this fraction of what it was, its mean left out, is rounding.
_ROUNDING = {np.dtype(np.float32): 2e-6, np.dtype(np.float64): 1e-10}
# What varies by less than this fraction of its mean is the last digit of what was stored: whole
# numbers of 10⁷ ± 3, which float32 holds exactly, are signal.
_STEP = {np.dtype(np.float32): 1.2e-7, np.dtype(np.float64): 1e-10}


@dataclass(frozen=True)
class Cleaning:
    """How time series are cleaned.

    Parameters
    ----------
    detrend : bool
        Remove mean and linear trend.
    standardize : {"zscore_sample", "psc", True, False, None}
        Unit variance (ddof=1), percent signal change, or as they are. True is "zscore_sample".
    standardize_confounds : bool
        Centre the confounds and give them unit variance; else they are only scaled by their
        maximum, and one with a mean removes some of the signals' mean.
    low_pass, high_pass : float or None
        Cut-off frequencies of the band-pass in Hz.
    t_r : float or None
        Repetition time in seconds; needed by the band-pass only.
    filter : {"butterworth", "cosine", False}
        How the band-pass works: a Butterworth filter, or slow cosines that are removed like
        confounds (a high-pass only), or not at all.
    extrapolate : bool
        For the Butterworth filter, continue kept frames by splines beyond the first and the last.
    butterworth : tuple of (str, value)
        Options of the Butterworth filter: "order", "padtype", "padlen", as `scipy.signal` has them.

    See Also
    --------
    clean : cleans arrays.

    Examples
    --------
    >>> from nbica.signal import Cleaning
    >>> cleaning = Cleaning(low_pass=0.1, high_pass=0.01, t_r=2.0)
    >>> cleaning.band, cleaning.check().standardize
    ([0.01, 0.1], 'zscore_sample')
    >>> Cleaning(low_pass=0.1).check()
    Traceback (most recent call last):
        ...
    ValueError: low_pass=0.1 and high_pass=None are in Hz and need the repetition ...
    """

    detrend: bool = True
    standardize: str | bool | None = "zscore_sample"
    standardize_confounds: bool = True
    low_pass: float | None = None
    high_pass: float | None = None
    t_r: float | None = None
    filter: str | bool = "butterworth"
    extrapolate: bool = False
    butterworth: tuple = ()

    def check(self) -> Cleaning:
        """Return the same cleaning with one spelling for each choice, or raise ValueError."""
        self._check_filter()
        self._check_band()
        return replace(
            self,
            detrend=as_flag("detrend", self.detrend),
            standardize=_scaling(self.standardize),
            standardize_confounds=as_flag("standardize_confounds", self.standardize_confounds),
        )

    @property
    def band(self) -> list[float]:
        """The cut-offs of the Butterworth filter, in Hz, by increasing frequency."""
        return self._cuts if self.filter == "butterworth" else []

    @property
    def _cuts(self):
        return [cut for cut in (self.high_pass, self.low_pass) if cut is not None]

    def _check_filter(self):
        if not isinstance(self.filter, str | bool) or self.filter not in _FILTERS:
            msg = f"filter={self.filter!r} is unknown; use 'butterworth', 'cosine' or False"
            raise ValueError(msg)
        if self.filter == "cosine" and (self.high_pass is None or self.t_r is None):
            msg = (
                "filter='cosine' removes what is slower than high_pass, in Hz, and needs t_r in "
                f"seconds; got high_pass={self.high_pass}, t_r={self.t_r}"
            )
            raise ValueError(msg)
        unknown = {name for name, _ in self.butterworth} - {"order", "padtype", "padlen"}
        if unknown:
            msg = f"unknown options of the Butterworth filter: {', '.join(sorted(unknown))}"
            raise ValueError(msg)

    def _check_band(self):
        for name in ("low_pass", "high_pass", "t_r"):
            check_positive(name, getattr(self, name))
        if self._cuts and self.t_r is None and self.filter:
            msg = (
                f"low_pass={self.low_pass} and high_pass={self.high_pass} are in Hz and need the "
                "repetition time in seconds: pass t_r=..."
            )
            raise ValueError(msg)
        for name in ("low_pass", "high_pass") if self.filter == "butterworth" else ():
            _check_below_nyquist(name, getattr(self, name), self.t_r)
        if len(self.band) == 2 and self.high_pass >= self.low_pass:
            msg = (
                f"high_pass={self.high_pass} must lie below low_pass={self.low_pass} (Hz); "
                "the band between the two is kept. Were they swapped?"
            )
            raise ValueError(msg)


def _scaling(standardize):
    if standardize is None or (isinstance(standardize, str) and standardize in _SCALINGS):
        return standardize
    try:
        return "zscore_sample" if as_flag("standardize", standardize) else None
    except ValueError:
        allowed = ", ".join(map(repr, (True, False, None, *_SCALINGS)))
        msg = f"standardize={standardize!r} is unknown; use one of {allowed}"
        raise ValueError(msg) from None


def _check_below_nyquist(name, cut, t_r):
    if cut is not None and t_r is not None and cut >= 0.5 / t_r:
        msg = (
            f"{name}={cut} Hz is not below {0.5 / t_r:.4g} Hz, the highest frequency (Nyquist) "
            f"that t_r={t_r} s can show; lower {name}, or check that t_r is in seconds"
        )
        raise ValueError(msg)


def clean(
    signals: np.ndarray, runs: ArrayLike | None = None, detrend: bool = True,
    standardize: Standardize = "zscore_sample", sample_mask: SampleMask = None,
    confounds: Confounds = None, standardize_confounds: bool = True,
    filter: Literal["butterworth", "cosine", False] = "butterworth", low_pass: float | None = None,
    high_pass: float | None = None, t_r: float | None = None, ensure_finite: bool = False,
    extrapolate: bool = False, **kwargs: Any
) -> np.ndarray:  # fmt: skip
    """Detrend, band-pass, remove confounds and standardize time series, in this order.

    Memory: one copy of the signals. Time: a few passes over it; a band-pass costs
    2 n_timepoints² n_voxels operations.

    Parameters
    ----------
    signals : ndarray of shape (n_timepoints, n_voxels)
        Left as it is. float32 and float64 are kept, integers become floats.
    runs : array of shape (n_timepoints,), optional
        Labels of the parts that were recorded apart; each is cleaned by itself.
    detrend, standardize, standardize_confounds, filter, low_pass, high_pass, t_r, extrapolate
        See `Cleaning`.
    sample_mask : array of int or bool, or a list with one for each part, optional
        Frames to keep; the others are left out of everything.
    confounds : array, DataFrame, path, list of these, or None
        See `nbica.signal.confounds.load_confounds`.
    ensure_finite : bool
        Let what is NaN or infinite be 0.
    **kwargs
        `butterworth__order`, `butterworth__padtype`, `butterworth__padlen`.

    Returns
    -------
    ndarray of shape (n_kept, n_voxels)
        The cleaned signals. Constant voxels are exactly zero once detrended or standardized; a
        voxel that holds a NaN is NaN, the others do not notice.

    See Also
    --------
    Cleaning : the same choices, to be kept and passed on.

    Notes
    -----
    Equals `nilearn.signal.clean` [1]_ (Butterworth of order 5, forwards and backwards; signals
    and confounds filtered alike [2]_), to rounding: 1e-10 in float64; in float32 5e-5 of a
    standard deviation, a mean of 1000 and a standard deviation of 5 included. It differs where
    nilearn's answer is amplified rounding: constant voxels, confounds of which the detrending
    leaves nothing, confounds that depend on each other.

    References
    ----------
    .. [1] https://nilearn.github.io/stable/modules/generated/nilearn.signal.clean.html
    .. [2] Lindquist et al. (2019), Human Brain Mapping 40, doi:10.1002/hbm.24528.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import signal
    >>> rng = np.random.default_rng(0)
    >>> motion = rng.normal(size=(100, 1))
    >>> signals = 800 + 5 * motion + rng.normal(size=(100, 3)) + 0.1 * np.arange(100)[:, None]
    >>> cleaned = signal.clean(signals, confounds=motion)
    >>> bool(np.abs(cleaned.T @ motion).max() < 1e-6), cleaned.std(axis=0, ddof=1).round(6).tolist()
    (True, [1.0, 1.0, 1.0])
    """
    cleaning = Cleaning(
        detrend, standardize, standardize_confounds, low_pass, high_pass, t_r, filter, extrapolate,
        butterworth_options(kwargs, "clean()"),
    ).check()  # fmt: skip
    _warn_of_unused(cleaning)
    signals = as_numbers("signals", signals, "(n_timepoints, n_voxels)")
    ensure_finite = as_flag("ensure_finite", ensure_finite)
    cleaned = np.array(signals, dtype=_float_type(signals.dtype), order="C")
    _check_signals(cleaned)
    if ensure_finite:
        np.nan_to_num(cleaned, copy=False, posinf=0, neginf=0)
    confounds = load_confounds(confounds, len(cleaned), "signals")
    cleaned, cleaners = clean_parts(cleaned, cleaning, confounds, runs, sample_mask)
    for notice in dict.fromkeys(notice for cleaner in cleaners for notice in cleaner.notices()):
        warnings.warn(notice, DataWarning, stacklevel=2)
    return cleaned


def _warn_of_unused(cleaning):
    """Say which cut-offs have no say with the filter that was chosen."""
    idle = {False: ("low_pass", "high_pass"), "cosine": ("low_pass",)}.get(cleaning.filter, ())
    idle = [name for name in idle if getattr(cleaning, name) is not None]
    if idle:
        msg = f"filter={cleaning.filter!r} does not perform filtering by {' and '.join(idle)}."
        warnings.warn(msg, IgnoredWarning, stacklevel=3)


def butterworth_options(options, taker):
    """Options of the Butterworth filter as `Cleaning` takes them; a TypeError for others."""
    known = {f"butterworth__{name}": name for name in ("order", "padtype", "padlen")}
    unknown = set(options) - set(known)
    if unknown:
        msg = f"{taker} takes no {', '.join(sorted(unknown))}; but, further, {', '.join(known)}"
        raise TypeError(msg)
    return tuple((known[name], value) for name, value in sorted(options.items()))


def clean_parts(
    signals: np.ndarray, cleaning: Cleaning, confounds: Confounds = None,
    parts: ArrayLike | None = None, sample_mask: SampleMask = None,
    baseline: np.ndarray | float | None = None,
) -> tuple[np.ndarray, list[Cleaner]]:  # fmt: skip
    """Clean parts of a run that were recorded apart, each by itself; may overwrite the signals.

    Parameters
    ----------
    signals : ndarray of shape (n_timepoints, n_voxels), float32 or float64
    cleaning : Cleaning
    confounds : ndarray of shape (n_timepoints, n_confounds) or None
    parts : array of shape (n_timepoints,), optional
        Labels; without them all is one part.
    sample_mask : array, or a list with one for each part, optional
        Frames to keep, counted within the part.
    baseline : ndarray of shape (n_voxels,), optional
        See :meth:`Cleaner.clean`.

    Returns
    -------
    signals : ndarray of shape (n_kept, n_voxels)
        The parts by increasing label, as in nilearn, where frames are left out.
    cleaners : list of Cleaner
        Who cleaned each part.
    """
    # The frames of each part, and of these the ones to keep.
    rows = [np.arange(len(signals))]
    if parts is not None:
        rows = [
            np.flatnonzero(parts == label) for label in np.unique(check_parts(parts, len(signals)))
        ]
    kept = _kept_of_parts(sample_mask, rows)
    # Each part by itself; then they are put together in the order of the run.
    of_parts = [
        _clean_rows(signals, *of_part, cleaning, confounds, baseline)
        for of_part in zip(rows, kept, strict=True)
    ]
    cleaners = [cleaner for cleaner, _ in of_parts]
    if len(rows) == 1:
        return of_parts[0][1], cleaners
    if sample_mask is not None:
        return np.vstack([part for _, part in of_parts]), cleaners
    for its_rows, (_, part) in zip(rows, of_parts, strict=True):
        signals[its_rows] = part
    return signals, cleaners


def _clean_rows(signals, rows, kept, cleaning, confounds, baseline):
    """Clean some timepoints by themselves; returns the Cleaner that did it, and what is kept."""
    # All of the signals are cleaned where they are, of some a copy.
    part = signals if len(rows) == len(signals) else signals[rows]
    part = part if kept is None else part[kept]
    confounds = None if confounds is None else confounds[rows]
    cleaner = Cleaner(cleaning, confounds, len(rows), part.dtype, kept)
    cleaner.clean(part, baseline)
    return cleaner, part


def check_parts(parts, n_timepoints, name="signals"):
    """Labels of parts as an array; a ValueError if there is not one for each timepoint."""
    parts = as_array(parts)
    if parts.shape != (n_timepoints,):
        msg = (
            f"runs has shape {parts.shape}; {name} has {n_timepoints} frames, so expected one "
            f"label for each: ({n_timepoints},)."
        )
        raise ValueError(msg)
    if parts.dtype.kind == "f" and np.isnan(parts).any():
        msg = "runs holds NaN; expected a label for each frame."
        raise ValueError(msg)
    return parts


def _kept_of_parts(sample_mask, rows):
    """The frames to keep of each part; one mask will do where there is one part."""
    if sample_mask is None:
        return [None] * len(rows)
    masks = sample_mask if isinstance(sample_mask, list | tuple) else [sample_mask]
    is_one = len(rows) == 1 and len(masks) != 1
    if is_one and not any(np.ndim(mask) for mask in masks):
        masks = [sample_mask]  # a list of numbers
    if len(masks) != len(rows):
        msg = f"Got {len(masks)} sample masks for {len(rows)} runs; expected one for each."
        raise ValueError(msg)
    return [
        check_sample_mask(mask, len(of_part), "signals")
        for mask, of_part in zip(masks, rows, strict=True)
    ]


def clean_inplace(signals, cleaning, confounds=None):
    """Clean signals in place, block by block.

    Memory beside the signals: see :class:`Cleaner`. The result does not depend on the block.

    Parameters
    ----------
    signals : ndarray of shape (n_timepoints, n_voxels), float32 or float64
        Overwritten.
    cleaning : Cleaning
        What to do.
    confounds : array, DataFrame, path, list of these, or None
        See `nbica.signal.confounds.load_confounds`.

    Returns
    -------
    int
        How many voxels are constant in time after the cleaning (to rounding).
    """
    _check_signals(signals)
    cleaner = Cleaner(cleaning, confounds, len(signals), signals.dtype)
    cleaner.clean(signals)
    for notice in cleaner.notices():
        warnings.warn(notice, DataWarning, stacklevel=2)
    return cleaner.n_constant


class Cleaner:
    """One run's cleaning, composed once and applied in place to any number of its voxels at a time.

    Memory beside the signals: a block of 3 MB; with a band-pass also a few matrices of
    n_timepoints² x 8 B (46 MiB in all at 1200 timepoints).

    Parameters
    ----------
    cleaning : Cleaning
    confounds : array, DataFrame, path, list of these, or None
        One row for each frame of the run.
    n_timepoints : int
    dtype : {float32, float64}
    kept : ndarray of int, optional
        Frames that are cleaned, where others are left out.

    Attributes
    ----------
    n_constant : int
        Voxels cleaned so far that are constant in time after the cleaning (to rounding).
    """

    def __init__(self, cleaning, confounds, n_timepoints, dtype=np.float32, kept=None):
        self.cleaning = cleaning.check()
        self.n_constant = self._n_without_mean = 0
        self._n_timepoints = n_timepoints if kept is None else len(kept)
        self._dtype = np.dtype(dtype)
        confounds = load_confounds(confounds, n_timepoints, "signals")
        if self.cleaning.filter == "cosine":
            confounds = with_cosines(confounds, self.cleaning, n_timepoints)
        if kept is not None and confounds is not None:
            confounds = confounds[kept]
        if self._n_timepoints > 1:
            operator = compose(self.cleaning, confounds, n_timepoints, kept)
            self._operator = operator.finish(self._dtype)

    def clean(self, signals, baseline=None):
        """Clean some voxels of the run, (n_timepoints, n_some), in place.

        Where there is a `baseline`, one number for each voxel, it counts as part of each of its
        values. Signals that come without theirs have more digits.
        """
        if baseline is None:
            baseline = np.zeros(signals.shape[1], self._dtype)
        if self._n_timepoints == 1:
            signals += baseline
            self.n_constant += signals.shape[1]
            return
        n_voxels = int(_BLOCK_BYTES / (4 * self._n_timepoints)) + 1
        work = np.empty((self._n_timepoints, min(n_voxels, signals.shape[1])), self._dtype)
        for start in range(0, signals.shape[1], n_voxels):
            part = slice(start, start + n_voxels)
            counts = _clean_block(
                signals[:, part], baseline[part], self._operator, self.cleaning.standardize, work
            )
            self.n_constant += counts[0]
            self._n_without_mean += counts[1]

    def notices(self):
        """What was noticed so far, in sentences."""
        cleaning = self.cleaning
        if self._n_timepoints == 1 and (cleaning.detrend or cleaning.standardize or cleaning.band):
            yield "One timepoint cannot be detrended, filtered or standardized; it stays as it is."
        if self._n_without_mean:
            yield (
                f"{self._n_without_mean} voxels have a mean of 0, of which there is no percent "
                "signal change; they are set to 0. Signals without a baseline need 'zscore_sample'."
            )


@np.errstate(invalid="ignore")  # an Inf makes its voxel NaN; frames.py leaves none in a run
def _clean_block(block, baseline, operator, standardize, work):
    """Clean voxels in place; return how many are constant, and how many have no mean."""
    mean = block.mean(axis=0)
    # Off with the baseline first: float32 products of a mean of 1000 and a fluctuation of 5 would
    # lose the fluctuation's last digits. The subtraction itself is exact where it matters.
    block -= mean
    mean += baseline
    deviation = np.sqrt(_sum_of_squares(block) / len(block))
    magnitude = np.sqrt(mean**2 + deviation**2)
    level = operator.level(block, mean) if standardize == "psc" else None
    operator.apply(block, mean, work[:, : block.shape[1]])
    std = _std(block, is_centred=standardize is not None)
    rounding = _ROUNDING[block.dtype]
    # Written so that NaN counts as neither constant nor without mean.
    constant = std <= np.maximum(rounding * deviation, _STEP[block.dtype] * np.abs(mean))
    block[:, constant] = operator.of_constant(mean[constant])
    if standardize == "zscore_sample":
        block /= np.where(constant, 1, std)
    if standardize != "psc":
        return np.count_nonzero(constant), 0
    without_mean = np.abs(level) <= rounding * magnitude
    block *= np.where(without_mean, 0, 100 / np.where(without_mean, 1, np.abs(level)))
    return np.count_nonzero(constant), np.count_nonzero(without_mean & ~constant)


def _sum_of_squares(block):
    return np.einsum("tv,tv->v", block, block)


def _std(block, is_centred):
    if not is_centred:
        return block.std(axis=0, ddof=1)
    return np.sqrt(_sum_of_squares(block) / (len(block) - 1))


def _check_signals(signals):
    if signals.ndim != 2 or not len(signals):
        msg = f"signals have shape {signals.shape}; (n_timepoints, n_voxels) was expected"
        raise ValueError(msg)
    if signals.dtype not in _ROUNDING:
        msg = f"signals have dtype {signals.dtype}; in-place cleaning needs float32 or float64"
        raise TypeError(msg)


def _float_type(dtype):
    if dtype in _ROUNDING:
        return dtype
    return np.dtype(np.float64 if dtype.itemsize >= 8 else np.float32)
