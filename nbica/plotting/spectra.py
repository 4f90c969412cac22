"""Power spectra of time courses: networks are slow, noise often is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import signal

from nbica.plotting.figures import BLACK, WHITE
from nbica.plotting.layout import add_axes
from nbica.plotting.options import Frame

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, AxesOrPlace, FigureOrSize

# Frames per window: at 2 s 4 mHz apart, and several windows in most runs.
_WINDOW = 128
BAND = (0.01, 0.1)  # Hz, in which resting-state fluctuations have most of their power


def power_spectrum(
    time_courses: ArrayLike | Sequence[np.ndarray], t_r: float
) -> tuple[np.ndarray, np.ndarray]:
    """Compute power over frequency, averaged over windows (Welch) and runs.

    Parameters
    ----------
    time_courses : array of shape (n_timepoints, n_components), or a list of those
        One per run; each course counts with unit variance.
    t_r : float
        Seconds between frames.

    Returns
    -------
    frequencies : ndarray of shape (n_frequencies,)
        In Hz.
    power : ndarray of shape (n_components, n_frequencies)
        Shares of the variance, of sum 1; 0 for a constant course.

    Raises
    ------
    ValueError
        For shapes that do not fit each other, or a `t_r` that is not above 0.

    See Also
    --------
    plot_spectrum : draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> seconds = 2.0 * np.arange(200)
    >>> wave = np.sin(2 * np.pi * 0.05 * seconds)[:, np.newaxis]
    >>> frequencies, power = plotting.power_spectrum(wave, t_r=2.0)
    >>> bool(abs(frequencies[power[0].argmax()] - 0.05) < 0.01), round(float(power.sum()), 6)
    (True, 1.0)
    """
    runs = _check_runs(time_courses, t_r)
    window = min(_WINDOW, *(len(run) for run in runs))
    power: Any = 0.0
    for run in runs:
        deviation = run.std(axis=0)
        scaled = (run - run.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
        frequencies, one = signal.welch(scaled, 1 / t_r, nperseg=window, axis=0)
        power = power + one.T
    total = power.sum(axis=1, keepdims=True)
    return frequencies, power / np.where(total > 0, total, 1)


def share_in_band(frequencies, power, band=BAND):
    """Fraction of each spectrum's power between two frequencies."""
    within = (frequencies >= band[0]) & (frequencies <= band[1])
    return power[:, within].sum(axis=1)


def plot_spectrum(
    time_courses: ArrayLike | Sequence[np.ndarray], t_r: float, *,
    labels: Sequence[str] | None = None, band: tuple[float, float] = BAND,
    n_columns: int | None = None, color: str = "#1f62d0", title: str | None = None,
    output_file: AnyPath | None = None, figure: FigureOrSize = None, axes: AxesOrPlace = None,
) -> Figure:  # fmt: skip
    """Show the power spectrum of each time course, and how much of it is slow.

    Memory and time: next to nothing.

    Parameters
    ----------
    time_courses : array of shape (n_timepoints, n_components), or a list of those, one per run
        What `CanICA.transform` returns.
    t_r : float
        Seconds between frames.
    labels : sequence of str, optional
        "IC 0", "IC 1"… by default.
    band : (low, high)
        In Hz: shaded, with the share of the power that lies in it.
    n_columns : int, optional
    color : colour
    title, output_file, figure, axes
        See :func:`plot_stat_map`.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    ValueError
        See :func:`power_spectrum`.

    See Also
    --------
    power_spectrum : the numbers that are drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import plotting
    >>> time_courses = np.random.default_rng(0).normal(size=(120, 2))
    >>> figure = plotting.plot_spectrum(time_courses, t_r=2.0, labels=["visual", "motor"])
    >>> len(figure.axes)
    2
    """
    frequencies, power = power_spectrum(time_courses, t_r)
    labels = [f"IC {i}" for i in range(len(power))] if labels is None else list(labels)
    if len(labels) != len(power):
        msg = f"labels: found {len(labels)} for {len(power)} time courses; give one for each"
        raise ValueError(msg)
    n_columns = min(len(power), 4) if n_columns is None else n_columns
    n_rows = -(-len(power) // n_columns)
    frame = Frame(title, output_file, figure, axes)
    figure, place = frame.open(
        (max(3.4, 2.1 * n_columns), 1.35 * n_rows + 0.35 + 0.3 * bool(title)), WHITE
    )
    shares = share_in_band(frequencies, power, band)
    places = _grid(place, n_rows, n_columns, top=0.3 if title else 0.05)
    for index, spectrum in enumerate(power):
        panel = add_axes(figure, places[index])
        draw_spectrum(panel, frequencies, spectrum, band, color)
        panel.set_title(
            str(labels[index]), fontsize=7.5, loc="left", pad=2, color=BLACK, parse_math=False
        )
        panel.set_title(
            f"{100 * shares[index]:.0f} %", fontsize=7, loc="right", pad=2, color="#666"
        )
        is_lowest = index + n_columns >= len(power)
        panel.tick_params(labelbottom=is_lowest)
        if is_lowest:
            panel.set_xlabel("Hz", fontsize=7, labelpad=1, color=BLACK)
    if title:
        figure.suptitle(title, fontsize=10, x=0.02, ha="left", color=BLACK, parse_math=False)
    figure.sentence = f"power spectra of {len(power)} time courses"
    frame.close(figure)
    return figure


def draw_spectrum(axes, frequencies, spectrum, band, color):
    """One spectrum as a filled curve, the band shaded behind it."""
    axes.axvspan(*band, color="#000000", alpha=0.07, linewidth=0)
    axes.fill_between(frequencies, spectrum, color=color, alpha=0.25, linewidth=0)
    axes.plot(frequencies, spectrum, color=color, linewidth=1)
    axes.set(xlim=(0, frequencies[-1]), ylim=(0, None), yticks=[])
    ticks = [*band, round(frequencies[-1], 2)]
    axes.set(xticks=ticks, xticklabels=[f"{tick:g}" for tick in ticks])
    axes.tick_params(labelsize=6.5, length=2, colors=BLACK)
    axes.spines[["top", "left", "right"]].set_visible(False)


def _grid(place, n_rows, n_columns, top):
    """Rectangles of small pictures in reading order, in inches."""
    width, height = place.width / n_columns, (place.height - top - 0.3) / n_rows
    return [
        (
            place.left + column * width + 0.12,
            place.bottom + 0.3 + (n_rows - 1 - row) * height + 0.1,
            width - 0.24,
            height - 0.35,
        )
        for row in range(n_rows)
        for column in range(n_columns)
    ]


def _check_runs(time_courses, t_r):
    runs = time_courses if isinstance(time_courses, list | tuple) else [time_courses]
    runs = [np.asarray(run, dtype=float) for run in runs]
    runs = [run[:, np.newaxis] if run.ndim == 1 else run for run in runs]
    if not runs or any(run.ndim != 2 or run.shape[1] != runs[0].shape[1] for run in runs):
        shapes = ", ".join(str(run.shape) for run in runs) or "none"
        msg = f"time_courses of shape {shapes}; expected (n_timepoints, n_components) for each run"
        raise ValueError(msg)
    if not t_r > 0:
        msg = f"t_r is {t_r!r}; expected seconds between frames, above 0"
        raise ValueError(msg)
    return runs
