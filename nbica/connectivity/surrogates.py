"""Time courses as they would be if connectivity did not change within a run; arrays only."""

import numpy as np


def phase_randomized(courses, rng):
    """Time courses with the same spectra and cross-spectra, their phases drawn anew.

    Every frequency gets one random phase, the same in all time courses [1]_: correlations over the
    run, and at every lag, are those of the run; what changes over time is gone. Costs one Fourier
    transform.

    Parameters
    ----------
    courses : ndarray of shape (n_timepoints, n)
    rng : Generator

    Returns
    -------
    ndarray of shape (n_timepoints, n)

    References
    ----------
    .. [1] D. Prichard, J. Theiler, "Generating surrogate data for time series with several
       simultaneously measured variables", Physical Review Letters 73 (1994), 951-954.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> courses = rng.standard_normal((50, 3))
    >>> again = phase_randomized(courses, rng)
    >>> np.allclose(np.cov(again.T), np.cov(courses.T))
    True
    """
    n = len(courses)
    waves = np.fft.rfft(courses, axis=0)
    turn = np.exp(2j * np.pi * rng.random(len(waves)))
    turn[0] = 1.0  # the mean has no phase, and neither has the fastest wave of an even number
    if n % 2 == 0:
        turn[-1] = 1.0
    return np.fft.irfft(waves * turn[:, np.newaxis], n, axis=0)
