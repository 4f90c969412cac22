"""An analytic head in MNI-like space: world coordinates in mm to tissue fractions, on any grid.

The shapes are ellipsoids, tubes and sheets whose sizes were set by eye to the extents of MNI152
(x ±68, y −104…+70, z −70…+78 mm). No template image went into it, so that it is ours to ship and
the 2 mm anatomy and the functional grid are two views of the same head.

Everything is written for the right side in folded coordinates (m, y, z) with m = |x|; only the
pattern of sulci differs between the sides. All distances are in mm and only near-exact: an
ellipsoid's distance is its normalised radius times its mean local scale.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from scipy.special import expit

from nbica.datasets.simulation.networks import NETWORKS

TISSUES = ("grey", "white", "csf", "ventricles", "cerebellum", "brainstem", "skull", "scalp")
FINEST = 2.0  # mm: coarser voxels are averaged over samples at most this far apart
_MAX_POINTS = 150_000  # points evaluated at once: about 60 MB of temporaries

_CORTEX = 3.3  # mm, thickness of the ribbon
_T1 = {"grey": 0.60, "white": 1.0, "csf": 0.16, "skull": 0.05, "scalp": 0.30}


def tissue_fractions(affine, shape):
    """Evaluate the head on a grid.

    Takes about one second and 100 MB beyond the result for a whole brain at 2 mm or coarser;
    in proportion to the number of voxels below that.

    Parameters
    ----------
    affine : array-like of shape (4, 4)
        Voxel indices to world coordinates, in mm, RAS+.
    shape : tuple of 3 int
        The grid.

    Returns
    -------
    fractions : dict of ndarray of shape `shape`, float32
        For every name of `TISSUES` the fraction of each voxel, in [0, 1]. `grey`, `white`, `csf`,
        `skull` and `scalp` share the voxel between them; `ventricles` (part of `csf`),
        `cerebellum` and `brainstem` (part of `grey` and `white`) say where.
    """
    affine = np.asarray(affine, dtype=float)
    steps = np.maximum(1, np.ceil(np.linalg.norm(affine[:3, :3], axis=0) / FINEST - 1e-6))
    steps = steps.astype(int)
    fractions = {name: np.empty(shape, dtype=np.float32) for name in TISSUES}
    per_slab = max(1, int(_MAX_POINTS // (shape[1] * shape[2] * steps.prod())))
    for start in range(0, shape[0], per_slab):
        slab = slice(start, min(start + per_slab, shape[0]))
        for name, values in _slab_fractions(affine, shape, steps, slab).items():
            fractions[name][slab] = values
    return fractions


def distance_to_brain(affine, shape):
    """Distance of voxels to the outer surface of the brain, without its sulci.

    Takes some 30 ms for a whole brain at 3 mm.

    Parameters
    ----------
    affine, shape : as in :func:`tissue_fractions`

    Returns
    -------
    ndarray of shape `shape`, float32
        In mm, negative inside; near-exact.
    """
    affine = np.asarray(affine, dtype=float)
    ijk = np.indices(shape, dtype=np.float32).reshape(3, -1)
    x, y, z = (affine[:3, :3] @ ijk + affine[:3, 3:]).astype(np.float32)
    m = np.abs(x)
    parts = _hemisphere(m, y, z), _cerebellum(m, y, z), _brainstem(m, y, z)
    return np.minimum.reduce(parts).reshape(shape)


def brain_mask(fractions, threshold=0.5):
    """Voxels that are mostly inside the skull: grey and white matter and the fluid around them."""
    return fractions["grey"] + fractions["white"] + fractions["csf"] > threshold


def t1_contrast(fractions):
    """Weigh the tissues as a T1 image does: white matter 1, grey matter .6, fluid dark."""
    return sum(np.float32(weight) * fractions[name] for name, weight in _T1.items())


def _slab_fractions(affine, shape, steps, slab):
    """Mean of the tissues over `steps` samples per axis inside each voxel of a slab."""
    extent = (slab.stop - slab.start, *shape[1:])
    first = (slab.start, 0, 0)
    axes = [first[i] - 0.5 + (np.arange(extent[i] * steps[i]) + 0.5) / steps[i] for i in range(3)]
    ijk = np.stack(np.meshgrid(*axes, indexing="ij")).reshape(3, -1)
    x, y, z = (affine[:3, :3] @ ijk + affine[:3, 3:]).astype(np.float32)
    blocks = [size for pair in zip(extent, steps, strict=True) for size in pair]
    return {
        name: values.reshape(blocks).mean(axis=(1, 3, 5))
        for name, values in _tissues_at(x, y, z).items()
    }


def _tissues_at(x, y, z):
    """Tissue fractions at points; the order in which parts cover one another is the anatomy."""
    out = {name: np.zeros(x.shape, dtype=np.float32) for name in TISSUES}
    hull = _hull(x, y, z)
    near = hull < 18
    m, y, z = np.abs(x[near]), y[near], z[near]
    side, hull = np.sign(x[near]), hull[near]

    grey, white = _cerebrum(m, y, z, side)
    stem = _inside(_brainstem(m, y, z))
    cerebellum = _inside(_cerebellum(m, y, z)) * (1 - stem)
    folia = _folia(m, y, z)
    grey, white = _cover(grey, white, cerebellum, folia)
    grey, white = _cover(grey, white, stem, 0.22)
    grey, white = _cover(grey, white, _inside(_deep_grey(m, y, z)), 0.9)
    grey, white = _cover(grey, white, _inside(_pallidum(m, y, z)), 0.5)
    fluid = _inside(_ventricles(m, y, z))
    grey, white = grey * (1 - fluid), white * (1 - fluid)

    inside = np.maximum(_inside(hull - 1.0), np.maximum(stem, cerebellum))
    brain = grey + white
    csf = np.clip(inside - brain, 0, 1)
    outside = np.clip(1 - np.maximum(inside, brain), 0, 1)
    bone = _inside(hull - 7)
    skull = outside * bone
    scalp = outside * _inside(hull - 13) * (1 - bone)
    parts = (grey, white, csf, fluid, cerebellum, stem, skull, scalp)
    for name, part in zip(TISSUES, parts, strict=True):
        out[name][near] = part
    return out


# --- shapes: each returns a distance in mm, negative inside ---


def _ellipsoid(m, y, z, centre, radii, tilt=0.0):
    """Distance to an ellipsoid, tilted by `tilt` radians about the left-right axis."""
    a, b, c = (axis - origin for axis, origin in zip((m, y, z), centre, strict=True))
    if tilt:
        b, c = np.cos(tilt) * b - np.sin(tilt) * c, np.sin(tilt) * b + np.cos(tilt) * c
    scaled = [axis / radius for axis, radius in zip((a, b, c), radii, strict=True)]
    rho = np.sqrt(sum(axis * axis for axis in scaled)) + 1e-6
    slope = np.sqrt(sum((axis / r) ** 2 for axis, r in zip(scaled, radii, strict=True))) + 1e-6
    return rho * (rho - 1) / slope


def _tube(m, y, z, points):
    """Distance to a tube through (m, y, z, radius) points, its radius varying between them."""
    best = np.full(m.shape, np.inf, dtype=np.float32)
    for (*start, r0), (*stop, r1) in pairwise(points):
        along = np.subtract(stop, start)
        offset = [axis - origin for axis, origin in zip((m, y, z), start, strict=True)]
        t = sum(o * a for o, a in zip(offset, along, strict=True)) / (along @ along)
        t = np.clip(t, 0, 1).astype(np.float32)
        square = sum((o - t * a) ** 2 for o, a in zip(offset, along, strict=True))
        best = np.minimum(best, np.sqrt(square) - (r0 + t * (r1 - r0)))
    return best


def _union(*distances, blend=6.0):
    """Smooth minimum: joins shapes with a fillet of about `blend` mm."""
    joined = distances[0]
    for other in distances[1:]:
        overlap = np.clip(0.5 + 0.5 * (other - joined) / blend, 0, 1)
        joined = other + (joined - other) * overlap - blend * overlap * (1 - overlap)
    return joined


def _inside(distance, softness=0.45):
    """Fraction from a distance: 1 inside, 0 outside, a smooth edge about 2 mm wide."""
    return expit(np.asarray(-distance / softness, dtype=np.float32))


def _cover(grey, white, amount, grey_share):
    """Put `amount` of a tissue that is `grey_share` grey over what is there."""
    rest = 1 - amount
    return grey * rest + amount * grey_share, white * rest + amount * (1 - grey_share)


def _hemisphere(m, y, z):
    """Outer surface of the cerebrum, without its sulci and without the midline."""
    frontal = _ellipsoid(m, y, z, (19, 16, 13), (45, 56, 49), tilt=0.25)
    parietal = _ellipsoid(m, y, z, (21, -32, 24), (49, 59, 55))
    occipital = _ellipsoid(m, y, z, (16, -68, 6), (35, 38, 31))
    temporal = _ellipsoid(m, y, z, (46, -18, -20), (22, 47, 23), tilt=0.2)
    top = _union(frontal, parietal, occipital, blend=12)
    # The underside rests on the orbits and, behind, on the tentorium, which rises to the middle.
    tent = 12 * np.exp(-(((y + 48) / 24) ** 2) - (m / 26) ** 2)
    shelf = 7 * expit((5 - y) / 6)
    floor = z + 23 - shelf - tent
    return _union(-_union(-top, floor, blend=9), temporal, blend=7)


def _hull(x, y, z):
    """Inner surface of the skull."""
    # Flat over the midline, where the hemispheres part but the skull does not follow.
    m = np.maximum(np.abs(x), 17)
    neck = _tube(x, y, z, [(0, -28, -30, 20), (0, -38, -58, 13)])
    return _union(_union(_hemisphere(m, y, z), _cerebellum(m, y, z), blend=10), neck, blend=14)


def _cerebellum(m, y, z):
    lobe = _ellipsoid(m, y, z, (21, -63, -38), (30, 28, 21), tilt=-0.25)
    vermis = _ellipsoid(m, y, z, (0, -62, -27), (9, 22, 19))
    return _union(lobe, vermis, blend=6)


def _brainstem(m, y, z):
    stem = _tube(
        m, y, z, [(0, -20, -8, 13), (0, -26, -24, 12), (0, -34, -44, 10), (0, -41, -66, 7)]
    )
    pons = _ellipsoid(m, y, z, (0, -25, -32), (18, 12, 13))
    return _union(stem, pons, blend=6)


def _ventricles(m, y, z):
    horns = _tube(
        m,
        y,
        z,
        [
            (13, 33, 1, 2.2), (10.5, 24, 8, 4.0), (9.5, 8, 16, 4.4), (11, -12, 21, 4.0),
            (15, -28, 20, 4.6), (24, -42, 12, 6.0), (31, -36, -1, 3.6), (34, -22, -13, 2.6),
            (29, -9, -20, 1.8),
        ],
    )  # fmt: skip
    occipital = _tube(m, y, z, [(24, -43, 11, 5.5), (25, -58, 8, 3.2), (22, -72, 5, 1.2)])
    third = _ellipsoid(m, y, z, (0, -14, 0), (2.0, 13, 10))
    fourth = _ellipsoid(m, y, z, (0, -45, -33), (6, 5, 9), tilt=0.25)
    return np.minimum(_union(horns, occipital, blend=3), np.minimum(third, fourth))


def _deep_grey(m, y, z):
    thalamus = _ellipsoid(m, y, z, (11.5, -18, 8), (8.5, 14, 8.5), tilt=-0.15)
    caudate = _tube(
        m, y, z, [(12, 18, 0, 5.5), (14.5, 10, 11, 5.0), (16, -8, 21, 3.0), (21, -28, 21, 2.0)]
    )
    putamen = _ellipsoid(m, y, z, (26.5, 3, 1), (5.5, 16, 10), tilt=-0.1)
    accumbens = _ellipsoid(m, y, z, (12, 11, -7), (6, 6, 5))
    hippocampus = _tube(m, y, z, [(24, -5, -18, 6.5), (27, -18, -17, 5), (27, -34, -6, 3.5)])
    return np.minimum.reduce([thalamus, caudate, putamen, accumbens, hippocampus])


def _pallidum(m, y, z):
    return _ellipsoid(m, y, z, (19, -4, 0), (4.5, 9, 7), tilt=-0.1)


# --- folding ---


def _cerebrum(m, y, z, side):
    """Grey and white fractions of the folded cortex.

    A sulcus is a sheet cut into the surface down to some depth. The distance to the nearest of
    surface, sulci, midline and Sylvian fissure then gives fluid, ribbon and white matter at once.
    """
    depth = -_hemisphere(m, y, z)
    pattern, away = _sulcal_sheets(m, y, z, side)
    reach = 18 + 5 * pattern
    sulci = np.hypot(away, np.clip(depth - reach, 0, None)) - 0.55
    to_pia = np.minimum(np.minimum(depth, sulci), np.minimum(_midline(m, y, z), _sylvian(m, y, z)))
    tissue = _inside(-to_pia)
    white = _inside(_CORTEX - to_pia) * tissue
    return tissue - white, white


def _midline(m, y, z):
    """Distance to the fissure between the hemispheres, which the corpus callosum bridges."""
    bridge = _ellipsoid(np.zeros_like(m), y, z, (0, -14, 4), (1e3, 46, 25), tilt=-0.12)
    return np.hypot(m, np.clip(-bridge, 0, None)) - 0.8


def _sylvian(m, y, z):
    """Distance to the fissure above the temporal lobe and to the insula it hides."""
    above = z + 3 + 0.42 * (y - 4) + 4 * np.sin(m / 7)
    behind = np.clip(np.abs(y + 12) - 34, 0, None)
    fissure = np.sqrt((above / 1.1) ** 2 + behind**2 + np.clip(38 - m, 0, None) ** 2)
    high = np.clip(np.abs(above) - 11, 0, None)
    front = np.clip(np.abs(y - 2) - 20, 0, None)
    insula = np.sqrt((m - 38 + 0.012 * (y - 2) ** 2) ** 2 + high**2 + front**2)
    return np.minimum(fissure, insula) - 0.9


def _sulcal_sheets(m, y, z, side):
    """Slow variation of sulcal depth, in about [-1, 1], and the distance to the nearest sheet.

    The sheets are the zeros of a random field over the surface, carried inwards along rays from
    the middle of the hemisphere, so that they stand upright on the surface.
    """
    points, scale = _on_surface(m, y, z)
    vectors, amplitudes = _folds()
    right = side > 0
    field = np.zeros_like(m)
    gradient = [np.zeros_like(m) for _ in range(3)]
    for vector, (left_cos, left_sin), (right_cos, right_sin) in zip(
        vectors, *amplitudes, strict=True
    ):
        angle = sum(k * p for k, p in zip(vector, points, strict=True))
        a, b = np.where(right, right_cos, left_cos), np.where(right, right_sin, left_sin)
        cos, sin = np.cos(angle), np.sin(angle)
        field += a * cos + b * sin
        slope = b * cos - a * sin
        for axis, k in enumerate(vector):
            gradient[axis] += k * slope
    steepness = np.sqrt(sum(g * g for g in gradient)) * scale
    slow = np.sin(points[1] / 17 + points[2] / 23) * np.cos(points[0] / 13 - points[2] / 19)
    return slow, np.abs(field) / (steepness + 0.02)


def _on_surface(m, y, z):
    """Slide points along rays towards the surface of a hemisphere; how far, as a factor."""
    ray = [(m - 22) / 46, (y + 17) / 86, (z - 10) / 60]
    scale = (np.sqrt(sum(r * r for r in ray)) + 0.15) ** -0.8
    return [axis * scale for axis in (m - 22, y + 17, z - 10)], scale


@cache
def _folds(n_waves=34, shortest=24, longest=31, seed=7):
    """Random field of the sulci: wave vectors, and amplitudes of cosine and sine for each side.

    Both sides start from the same draw, and each is then changed as little as possible so that
    a sulcus passes by every cortical peak of the networks: the published peaks, which are means
    over many brains, have to lie in grey matter of this one. That also makes the sides differ.
    """
    rng = np.random.default_rng(seed)
    direction = rng.standard_normal((n_waves, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    vectors = 2 * np.pi / rng.uniform(shortest, longest, (n_waves, 1)) * direction
    drawn = rng.standard_normal(2 * n_waves)
    peaks = np.array([peak for network in NETWORKS for peak in network.peaks], dtype=float)
    amplitudes = []
    for side in (-1, 1):
        here = peaks[(peaks[:, 0] * side >= 0)] * (side, 1, 1)
        angle = np.column_stack(_on_surface(*here.T)[0]) @ vectors.T
        waves = np.hstack([np.cos(angle), np.sin(angle)])
        change = np.linalg.lstsq(waves, -(waves @ drawn), rcond=0.02)[0]
        amplitudes.append((drawn + change).reshape(2, n_waves).T.astype(np.float32))
    return vectors.astype(np.float32), amplitudes


def _folia(m, y, z):
    """Share of grey matter in the cerebellum: thin leaves around a branching white core."""
    depth = -_cerebellum(m, y, z)
    angle = np.arctan2(z + 34, y + 50)
    leaves = np.cos(26 * angle + 0.05 * m) + 0.5 * np.cos(0.9 * depth + 0.15 * m)
    core = _inside(6.5 + 2.6 * leaves - depth, softness=1.0) * (1 - 0.9 * np.exp(-((m / 8) ** 2)))
    return 0.95 - 0.85 * core
