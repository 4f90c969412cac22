"""Answers that can be recognised but not read: a digest of each number, rounded.

A digest keeps an answer from being read by accident, no more: whoever tries all numbers finds it,
as he would by asking `check` itself. That is why a fast hash is enough.
"""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING

import numpy as np

from nbica.runtime.checks import as_list, is_number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike

# Arrays up to this size are judged number by number, larger ones by so many projections.
MAX_SINGLE = 64
N_PROJECTIONS = 16


def features(values):
    """Some numbers that stand for an array; linear in it.

    Costs nothing for small arrays, 16 passes over a large one.

    Parameters
    ----------
    values : ndarray

    Returns
    -------
    ndarray, 1D
        The values themselves, or for more than 64 of them 16 sums with fixed random signs, divided
        by sqrt(size): what adds noise of size s to the values adds about s to each feature.
    """
    # No answer is as large as the bound, and what is can be multiplied.
    flat = _numbers(values).ravel().clip(-1e99, 1e99)
    if flat.size <= MAX_SINGLE:
        return flat
    return np.array([_signs(i, flat.size) @ flat for i in range(N_PROJECTIONS)]) / flat.size**0.5


def _numbers(values):
    try:
        found = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        found = np.array(np.nan)
    if np.isnan(found).any():
        msg = f"values are {values!r}; expected numbers, none of them NaN."
        raise ValueError(msg)
    return found


def _signs(number, size):
    """+1 and -1, the same on every machine and with every version of numpy."""
    stream = hashlib.shake_256(f"nbica/{number}".encode()).digest(-(-size // 8))
    return np.unpackbits(np.frombuffer(stream, np.uint8), count=size) * 2.0 - 1.0


def seal(name: str, values: ArrayLike, step: float) -> list[str]:
    """Make the digests of an array.

    Parameters
    ----------
    name : str
        Name of the question: the same number has another digest in another question.
    values : ndarray
    step : float
        What counts as equal, see :func:`agrees`.

    Returns
    -------
    list of str
        One per feature.

    See Also
    --------
    seal_names, seal_affine : answers of another kind.

    Examples
    --------
    Equal to the step, the digests are the same; in another question they are not:

    >>> import numpy as np
    >>> from nbica import teaching
    >>> answer = np.array([0.12, 3.4])
    >>> teaching.seal("q1", answer, 0.01) == teaching.seal("q1", answer + 0.001, 0.01)
    True
    >>> teaching.seal("q1", answer, 0.01) == teaching.seal("q2", answer, 0.01)
    False
    """
    if not is_number(step) or step <= 0:
        msg = f"step is {step!r}; expected a number above 0."
        raise ValueError(msg)
    bins = _bins(features(values), step)
    return [_digest(f"{name}/{i}/{number}") for i, number in enumerate(bins)]


def seal_names(name: str, names: Iterable[str]) -> list[str]:
    """Make the digests of names, in no order, whatever their capitals, blanks and dashes.

    See Also
    --------
    seal : numbers and arrays.

    Examples
    --------
    >>> from nbica import teaching
    >>> first = teaching.seal_names("q1", ["Default Mode", "salience"])
    >>> first == teaching.seal_names("q1", ["salience", "default-mode"])
    True
    """
    names = as_list("names", names)
    if not all(isinstance(one, str) for one in names):
        msg = f"names are {names!r}; expected texts."
        raise TypeError(msg)
    return sorted(_digest(f"{name}/{plain(one)}") for one in names)


def seal_affine(name: str, affine: ArrayLike) -> list[str]:
    """Make the digests of the numbers of an affine, to a thousandth of a millimetre.

    See Also
    --------
    seal : numbers and arrays.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import teaching
    >>> affine = np.diag([3.0, 3.0, 3.0, 1.0])
    >>> teaching.seal_affine("q1", affine) == teaching.seal_affine("q1", affine + 1e-5)
    True
    """
    return seal(f"{name}/affine", affine, 0.001)


def agrees(name, sealed, found, step, reach=1):
    """Which features are those that were sealed.

    Parameters
    ----------
    name : str
    sealed : list of str
    found : ndarray of shape (len(sealed),)
        Features of the array that is looked at.
    step : float
    reach : int
        So many steps away a feature still counts: with 1, what differs by up to `step` does, what
        differs by two does not, and between them the place decides. 0 is for whole numbers.

    Returns
    -------
    ndarray of bool
    """
    shifts = range(-reach, reach + 1)
    return np.array(
        [
            any(_digest(f"{name}/{i}/{number + shift}") == one for shift in shifts)
            for i, (one, number) in enumerate(zip(sealed, _bins(found, step), strict=True))
        ]
    )


def plain(text):
    """A name without what does not distinguish it."""
    return " ".join("".join(c if c.isalnum() else " " for c in text.casefold()).split())


def _bins(numbers, step):
    # Halves go up always, so that two numbers a step apart are in neighbouring bins.
    return [math.floor(n + 0.5) for n in (numbers / step).tolist()]


def _digest(text):
    return hashlib.sha256(f"nbica.check/{text}".encode()).hexdigest()[:16]
