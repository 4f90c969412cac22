"""Colours of the viewer: outlines are told from the maps and the greys they lie on."""

import numpy as np
import pytest

from nbica.viewer import colors

_TO_XYZ = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
) / np.array([[0.9505], [1.0], [1.089]])


def lab(rgb):
    """CIE L*a*b* of sRGB, 0 to 255."""
    part = np.asarray(rgb, float) / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    xyz = linear @ _TO_XYZ.T
    x, y, z = np.moveaxis(np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116), -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def distances(some, others):
    """Euclidean distances in L*a*b*, shape (len(some), len(others))."""
    return np.linalg.norm(lab(some)[:, np.newaxis] - lab(others), axis=-1)


@pytest.mark.parametrize("name", colors.NAMES)
def test_outlines_differ_from_the_map(name):
    """Each outline is 30 steps of L*a*b* or more from all colours of its map, and from greys."""
    outlines = [colors.rgb_of(color) for color in colors.OUTLINES[name]]
    greys = np.repeat(np.arange(205)[:, np.newaxis], 3, axis=1)

    assert distances(outlines, colors.table_of(name)).min() > 30
    assert distances(outlines, greys).min() > 30
    assert distances(outlines, outlines)[~np.eye(len(outlines), dtype=bool)].min() > 20
