"""The default threshold for looking at maps; arrays only."""

import numpy as np


def display_threshold(magnitudes, n_voxels):
    """A threshold for looking at maps: what stands out of dense ones, all of sparse ones.

    Costs a partial sort of each map.

    Parameters
    ----------
    magnitudes : sequence of ndarrays of shape (n_values,)
        |values| of each map, without NaN, where any of the maps is not 0.
    n_voxels : int
        Voxels of the image, air included.

    Returns
    -------
    float
        Leaves the top 2 percent of the image in the typical map. Maps with zeros among their
        values, or a single map in less than a tenth of the image, were thresholded by someone who
        knew better: half of their typical smallest value, which draws their outline where the
        voxels end (at 0, interpolation would add a rim). 0 where there is nothing.
    """
    magnitudes = [one for one in magnitudes if one.any()]
    if not magnitudes:
        return 0.0
    n_filled = [np.count_nonzero(one) for one in magnitudes]
    is_sparse = sum(n_filled) < 0.7 * sum(one.size for one in magnitudes)
    if is_sparse or (len(magnitudes) == 1 and n_filled[0] < 0.1 * n_voxels):
        return 0.5 * float(np.median([one[one > 0].min() for one in magnitudes]))
    return float(np.median([upper_value(one, n_voxels, 98) for one in magnitudes]))


def upper_value(values, n_voxels, percent):
    """A percentile of an image that is 0 but for these values, themselves 0 or more."""
    if not values.size:
        return 0.0
    rank = percent / 100 * (n_voxels - 1) - (n_voxels - values.size)
    return np.percentile(values, 100 * max(rank, 0) / max(values.size - 1, 1))
