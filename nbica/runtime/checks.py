"""What parameters may be, said before any work is done."""

import warnings

import numpy as np

from nbica.exceptions import DataWarning


def check_count(name, value):
    """Raise ValueError unless a parameter is a whole number from 1 on."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        msg = f"{name} is {value!r}; expected a whole number from 1 on."
        raise ValueError(msg)


def check_n_components(n_components, may_choose):
    """Raise ValueError unless it is a number of components, or "auto" where that may be chosen."""
    if not isinstance(n_components, str) or n_components != "auto":
        check_count("n_components", n_components)
    elif not may_choose:
        msg = (
            'n_components="auto" compares canonical correlations with a null, which only CanICA '
            "with do_cca=True or 'weighted' has. Give a whole number."
        )
        raise ValueError(msg)


def check_n_jobs(n_jobs):
    """Raise ValueError unless `n_jobs` is a number of processes, or -1, or None."""
    is_count = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not is_count or n_jobs == 0):
        msg = f"n_jobs is {n_jobs!r}; expected a number of processes, or -1 for all cores."
        raise ValueError(msg)


def check_dtype(dtype):
    """Raise ValueError unless `dtype` is float32, float64 or None."""
    try:
        is_float = dtype is None or np.dtype(dtype) in (np.float32, np.float64)
    except TypeError:
        is_float = False
    if not is_float:
        msg = f"dtype is {dtype!r}; expected float32, float64 or None (float32)."
        raise ValueError(msg)


def warn_of_y(y, stacklevel):
    """Say that `y` is not used, where one was passed: it is often a misplaced table of confounds.

    Parameters
    ----------
    y : object
    stacklevel : int
        As `warnings.warn` takes it, from the caller.
    """
    if y is not None:
        msg = "y is not used; confounds are passed by name: confounds=..."
        warnings.warn(msg, DataWarning, stacklevel=stacklevel + 1)
