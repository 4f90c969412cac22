"""From where on maps are shown: what stands out, and no crumbs beside it."""

import numpy as np
from scipy import ndimage

from nbica.image.display import display_threshold, upper_value
from nbica.viewer.payload import NO_DATA

# Where z-scores are shown from: of 20 real runs at 10 mm and of the embedded cohort, the typical
# map then is two blobs and nothing beside; from 2 on it is 4 to 6, and below that a hundred.
Z_THRESHOLD = 3.0
# Of what is shown of the typical map, so much may lie outside its four largest blobs.
_CRUMBS, _N_BLOBS = 0.02, 4
_STEPS = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0)
_MOST_MAPS = 5  # that are looked at


def auto_threshold(volume):
    """A threshold for looking at maps.

    Of z-scores, 3, or half of the typical peak where that is below 4. Else what
    `nbica.image.display.display_threshold` says of the values as they are quantised; of several
    maps, raised until the typical one has no crumbs. That costs some 0.02 s per map and step at
    2 mm, of five maps at most.

    Parameters
    ----------
    volume : Maps

    Returns
    -------
    float
    """
    if volume.unit != "z":
        threshold = display_threshold(_magnitudes(volume), volume.mask.size)
        return _without_crumbs(volume, threshold) if len(volume.scales) > 1 else threshold
    typical = _typical_peak(volume)
    return Z_THRESHOLD if typical >= 4 else typical / 2


def percentile(volume, percent):
    """A percentile of the absolute values of the whole image, air included, in the typical map.

    Parameters
    ----------
    volume : Maps
    percent : float

    Returns
    -------
    float
    """
    values = [upper_value(one, volume.mask.size, percent) for one in _magnitudes(volume)]
    return float(np.median(values))


def crumbs(shown):
    """The part of a mask that lies outside of its four largest blobs; 0 where nothing is shown."""
    blobs, n_blobs = ndimage.label(shown, np.ones((3, 3, 3)))
    if n_blobs <= _N_BLOBS:
        return 0.0
    sizes = np.sort(np.bincount(blobs.ravel())[1:])
    return float(sizes[:-_N_BLOBS].sum() / sizes.sum())


def _without_crumbs(volume, threshold):
    """The least of some multiples of a threshold at which the typical map has no crumbs.

    The threshold itself where none does, as in noise, or where a map would lose half its peak.
    """
    filled = np.flatnonzero(volume.peaks > 0)
    if threshold == 0 or not len(filled):
        return threshold
    some = filled[np.unique(np.linspace(0, len(filled) - 1, _MOST_MAPS).astype(int))]
    dense = [_magnitude(volume.dense(k)) * volume.scales[k] for k in some]
    for step in _STEPS:
        if step * threshold > _typical_peak(volume) / 2:
            break
        if np.median([crumbs(one >= step * threshold) for one in dense]) <= _CRUMBS:
            return step * threshold
    return threshold


def _typical_peak(volume):
    peaks = volume.peaks[volume.peaks > 0]
    return float(np.median(peaks)) if len(peaks) else 0.0


def _magnitudes(volume):
    for codes, scale in zip(volume.codes, volume.scales, strict=True):
        yield _magnitude(codes) * scale


def _magnitude(codes):
    return np.where(codes == NO_DATA, 0, np.abs(codes.astype(np.int16)))
