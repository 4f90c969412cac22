"""Two decompositions beside each other: which component of one is which of the other."""

from dataclasses import replace

import numpy as np

from nbica.image.world_axes import table
from nbica.matching import match
from nbica.viewer.payload import NO_DATA
from nbica.viewer.state import check_names

# Labels go over to a component of another fit from this |r| on: below, it is another component.
SAME = 0.7


def with_partner(scene, there):
    """A scene with a second decomposition, its maps in the order and sign of the first.

    Parameters
    ----------
    scene : Scene
    there : Maps
        On any grid.

    Returns
    -------
    scene : Scene
    header : dict
        What the browser is told: pairs, and how the second one's values are to the first's.

    Raises
    ------
    ValueError
        If there is nothing to compare with.
    """
    here = scene.maps
    if not here.mask.any():
        msg = "compare: the components to compare with are empty, all of them 0 or no data"
        raise ValueError(msg)
    found = match(values_at(there, here), here.codes.astype(float))
    index = np.where(found.indices < 0, 0, found.indices)
    codes = there.codes[index].copy()
    codes[found.indices < 0] = 0
    turned = found.signs[:, np.newaxis] < 0
    codes = np.where(turned & (codes != NO_DATA), -codes, codes).astype(np.int8)
    partner = replace(
        there, codes=codes, scales=there.scales[index], peaks=there.peaks[index],
        signed=there.signed or here.signed,
    )  # fmt: skip
    names = check_names(None, there)
    pairs = [
        {"r": float(r), "name": names[i] if i >= 0 else "", "index": int(i)}
        for i, r in zip(found.indices, found.correlations, strict=True)
    ]
    ratio = float(np.median(partner.peaks) / (np.median(here.peaks) or 1.0)) or 1.0
    return replace(scene, partner=partner), {"pairs": pairs, "partner_ratio": ratio}


def carried_over(marks, there, here):
    """Labels of one decomposition for the components of another that are most like its own.

    Parameters
    ----------
    marks : dict of str to list of str
        Labels of the components of `there`.
    there, here : Maps

    Returns
    -------
    marks : dict of str to list of str
        Labels of the components of `here`.
    lost : list of int
        Components of `there` whose labels have no place: none is like them, from r = 0.7 on.
    """
    if not marks or not here.mask.any() or not there.mask.any():
        return {}, [int(k) for k in marks]
    found = match(values_at(there, here), here.codes.astype(float))
    place = {
        int(old): new
        for new, (old, r) in enumerate(zip(found.indices, found.correlations, strict=True))
        if old >= 0 and abs(r) >= SAME
    }
    carried = {str(place[int(k)]): own for k, own in marks.items() if int(k) in place}
    return carried, [int(k) for k in marks if int(k) not in place]


def values_at(maps, others):
    """Codes of maps at the voxels of others' mask, by the nearest voxel; 0 outside."""
    tables = [
        table(maps.grid, axis, others.grid.origin[axis] + others.grid.step[axis] * np.arange(n))
        for axis, n in enumerate(others.grid.shape)
    ]
    nearest = [one.nearest for one in tables]
    x, y, z = (index >= 0 for index in nearest)
    inside = x[:, np.newaxis, np.newaxis] & y[:, np.newaxis] & z
    rows = []
    for k in range(len(maps.scales)):
        dense = np.where(maps.dense(k) == NO_DATA, 0, maps.dense(k))
        rows.append(np.where(inside, dense[np.ix_(*nearest)], 0).T[others.mask.T])
    return np.array(rows, float)
