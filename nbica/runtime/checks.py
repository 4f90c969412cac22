"""What parameters may be, said before any work is done."""

import math
import os
import warnings
from collections.abc import Iterable, Mapping, Sized
from inspect import signature
from numbers import Real
from pathlib import Path

import numpy as np

from nbica.exceptions import DataWarning

_MOST_JOBS = 100_000
_MOST = 10**9  # of whatever is counted: more would never end


def check_count(name, value, at_least=1):
    """Raise ValueError unless a parameter is a whole number from 1, or another number, on."""
    is_count = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not is_count or not at_least <= value <= _MOST:
        wanted = f"a whole number from {at_least} on, and no more than 10⁹"
        msg = f"{name} is {value!r}; expected {wanted}."
        raise ValueError(msg)


def check_one_of(name, value, allowed):
    """Raise ValueError unless a parameter has one of the values allowed."""
    is_known = np.isscalar(value) or value is None
    if not is_known or value not in list(allowed):
        msg = f"{name} is {value!r}; expected one of {', '.join(map(repr, allowed))}."
        raise ValueError(msg)


def as_path(name, value):
    """A path that a user gives, ~ being home; a TypeError for what is no path."""
    if not isinstance(value, str | os.PathLike) or "\0" in str(value):
        msg = f"{name} is {value!r}; expected a path."
        raise TypeError(msg)
    return Path(value).expanduser()


def check_fitted(name, estimator):
    """Raise unless this is an estimator, and fitted."""
    if isinstance(estimator, type) or not hasattr(estimator, "fit"):
        msg = f"{name} is {estimator!r}; expected a fitted estimator, such as CanICA."
        raise TypeError(msg)
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(estimator)


def as_list(name, values):
    """What was given one by one as a list; a TypeError for a text, or what is no collection."""
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        msg = f"{name} is {values!r}; expected a list."
        raise TypeError(msg)
    return list(values)


def as_flag(name, value):
    """A parameter that is True or False as a bool; a ValueError for anything else.

    numpy's flags, 0 and 1 are what they say. A text is not: "False" would count as true.
    """
    is_flag = isinstance(value, bool | np.bool_ | Real) and value in (0, 1)
    if not is_flag:
        msg = f"{name} is {value!r}; expected True or False."
        raise ValueError(msg)
    return bool(value)


def check_flags(**flags):
    """Raise ValueError unless all are True or False, as :func:`as_flag` says."""
    for name, value in flags.items():
        as_flag(name, value)


def is_number(value):
    """Whether this is one finite real number, and no flag."""
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def as_array(values):
    """Values as an array; rows of different lengths, which are none, as an empty one of objects."""
    try:
        return np.asarray(values)
    except ValueError:
        return np.empty((0, 0), object)


def as_numbers(name, values, shape):
    """Values as an array of real numbers; a ValueError for other values or another number of axes.

    Parameters
    ----------
    name : str
    values : array-like
    shape : str
        The axes that it must have, such as "(n_maps, n_voxels)".
    """
    found = as_array(values)
    if found.dtype.kind not in "biuf":
        msg = f"{name} is a {type(values).__name__} of no real numbers; {shape} was expected"
        raise ValueError(msg)
    if found.ndim != len(list(filter(str.strip, shape.strip("()").split(",")))):
        msg = f"{name} have shape {found.shape}; {shape} was expected"
        raise ValueError(msg)
    return found


def one_each(name, values, n_things, things="components"):
    """Values as a list, one for each of some things; a ValueError for a text or another number."""
    is_list = isinstance(values, Sized) and not isinstance(values, str)
    if not is_list or len(values) != n_things:
        found = f"{len(values)} {name}" if is_list else repr(values)
        msg = f"{name}: found {found} for {n_things} {things}; give a list with one each"
        raise ValueError(msg)
    return list(values)


def check_fraction(name, value, example):
    """Raise ValueError unless a parameter is a number between 0 and 1, both left out."""
    if not is_number(value) or not 0 < value < 1:
        msg = f"{name} is {value!r}; expected a small number above 0, such as {example}."
        raise ValueError(msg)


def check_positive(name, value):
    """Raise ValueError unless a parameter is a number above 0, or None."""
    if value is not None and (not is_number(value) or not value > 0):
        msg = f"{name}={value!r} must be a positive number, or None to leave it out"
        raise ValueError(msg)


def check_callback(callback):
    """Raise TypeError unless it can be called with one argument, or is None."""
    if callback is None:
        return
    try:
        if isinstance(callback, type):
            raise TypeError
        signature(callback).bind(None)
    except TypeError:
        msg = (
            f"callback is {callback!r}; expected a function that can be called as callback(state)."
        )
        raise TypeError(msg) from None
    except ValueError:  # of some compiled ones nobody knows
        return


def check_options(name, options, function):
    """Raise unless `options` is a dict of parameters that a function has, or None."""
    if options is None:
        return
    if not isinstance(options, Mapping):
        msg = f"{name} is a {type(options).__name__}; expected a dict of parameters."
        raise TypeError(msg)
    known = list(signature(function).parameters)
    unknown = sorted(str(key) for key in options if key not in known)
    if unknown:
        msg = f"{name} has {', '.join(unknown)}; {function.__name__} takes {', '.join(known)}."
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


def check_seed(random_state):
    """Raise ValueError unless a generator of random numbers can be made of it."""
    is_whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    is_source = isinstance(random_state, np.random.RandomState | np.random.Generator)
    if not (random_state is None or is_source or (is_whole and 0 <= random_state < 2**32)):
        msg = (
            f"random_state is {random_state!r}; expected None, a whole number from 0 to 2**32 - 1, "
            "a RandomState or a Generator."
        )
        raise ValueError(msg)


def check_n_jobs(n_jobs):
    """Raise ValueError unless `n_jobs` is a number of processes, or -1, or None."""
    is_count = isinstance(n_jobs, int | np.integer) and not isinstance(n_jobs, bool)
    if n_jobs is not None and (not is_count or n_jobs == 0 or abs(n_jobs) > _MOST_JOBS):
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
