"""Least squares on maps; arrays only."""

import numpy as np
from scipy import linalg


def inverse_overlaps(maps):
    """Pseudo-inverse: maps that a threshold emptied get a time course of 0 instead of an error."""
    # dask may hand over arrays that are not aligned, for which numpy takes another product.
    maps = np.require(maps, requirements=["ALIGNED"])
    overlaps = (maps @ maps.T).astype(np.float64)
    present = np.flatnonzero(np.diag(overlaps))  # exactly 0 for the others, not the rounding of 0
    inverse = np.zeros_like(overlaps)
    inverse[np.ix_(present, present)] = linalg.pinvh(overlaps[np.ix_(present, present)])
    return inverse
