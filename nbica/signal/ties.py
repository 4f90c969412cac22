"""Decisions that do not hang on the last digits of a sum; arrays only.

Sums of products differ from processor to processor, in float32 by some 1e-7 of their terms, and
maps, after all that they go through, by some 1e-6 to 1e-4 of their standard deviation. What is
decided by comparing such numbers keeps to one rule:

* Numbers that differ by less than is known of them are equal, and of equals the first counts. How
  much that is stands where it is decided. So what *is* equal (starts that found the same maps,
  stabilities of 1, both halves of a symmetric blob) stays so on every processor.
* Nothing helps where values crowd without a gap, as voxels at a threshold do: wherever the cut is
  put, a voxel changes side as often as the error is large beside the distance between neighbouring
  values. There the error must be small, and what is printed or drawn must bear a voxel more or
  less. (Not taken: a cut in the widest gap near the rank asked for. Which of two gaps is wider is
  again decided by last digits, and then all voxels between them change side. Of 588 000 values
  of a heavy-tailed map with errors of 1e-5, a percentile lost .5 voxels on average, the widest gap
  68.)
"""

import numpy as np

# Relative to the largest: what sums of float32 products are known to, and a little less.
KNOWN = 1e-6
# The values of component maps, relative to the largest.
KNOWN_OF_MAPS = 1e-4


def first_of_largest(values, within=KNOWN):
    """Index of the first value that is as good as the largest: of a flattened array, as `argmax`.

    Parameters
    ----------
    values : array of any shape
        Not empty, without NaN.
    within : float
        How far below the largest a value may be, as a part of it.

    Returns
    -------
    int

    Examples
    --------
    >>> first_of_largest([0.2, 0.9999999, 1.0])
    1
    """
    values = np.asarray(values)
    largest = values.max()
    return int(np.argmax(values >= largest - within * abs(largest)))


def places(values, within=KNOWN):
    """Place of each value from the largest, which has place 0; equals share a place.

    Neighbours in size that differ by no more than `within` share one. So may values that differ by
    more, where others stand between; equals never part.

    Parameters
    ----------
    values : array of shape (n,)
    within : float
        As a part of the largest |value|.

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> places([0.5, 1.0, 0.9999999, 0.2])
    array([1, 0, 0, 2])
    """
    values = np.asarray(values, dtype=float)
    order = np.argsort(-values, kind="stable")
    steps = -np.diff(values[order]) > within * np.abs(values).max(initial=0.0)
    found = np.zeros(len(values), int)
    found[order[1:]] = np.cumsum(steps)
    return found


def in_order(*values, within=KNOWN):
    """Indices by decreasing value, equals by the next values, and in the end by their index.

    Parameters
    ----------
    *values : arrays of shape (n,)
        What counts most first.
    within : float or sequence of float, one for each
        As in :func:`places`.

    Returns
    -------
    ndarray of int, shape (n,)

    Examples
    --------
    >>> in_order([0.3, 0.7, 0.7000001])
    array([1, 2, 0])
    """
    widths = np.broadcast_to(within, len(values))
    ranks = [places(one, width) for one, width in zip(values, widths, strict=True)]
    return np.lexsort(ranks[::-1])
