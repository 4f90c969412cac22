"""Slices as RGB, in numpy: the oracle of `draw.js`, and the pictures where no JavaScript runs.

Both take the same steps in the same order in double precision, so that not one pixel differs:
tests/browser compares them in random states. Change one only with the other.

Time: some 10 ms per pane of 200 x 200 pixels.
"""

from dataclasses import dataclass, field

import numpy as np

from nbica.image.slicing import inside as inside_of
from nbica.image.slicing import interpolate, plane_at, plane_between, plane_of, strongest
from nbica.image.world_axes import table
from nbica.viewer import colors
from nbica.viewer.payload import NO_DATA

# The brightest background, of 255: white matter must not outshine the colours.
BRIGHTEST = 204
# In glass views, the thickest part of the head.
GLASS = 110
# Codes of a background above this are head and not air.
HEAD = 25
AXES = "xyz"


@dataclass(frozen=True)
class Layer:
    """How one image of maps is drawn."""

    frame: int = 0
    threshold: float = 0.0
    vmax: float = 1.0
    opacity: float = 1.0
    colormap: str = "blue_orange"


@dataclass(frozen=True)
class Look:
    """How a scene is drawn.

    Attributes
    ----------
    layers : tuple of (Maps, Layer)
        From the lowest to the highest.
    window : (float, float)
        Values of the background that are black and white.
    radiological : bool
        Right is drawn on the left.
    linear : bool
        Interpolate; else the nearest voxel.
    outlines : bool
        Draw the outlines of regions; not in a glass view.
    glass : bool
        Maximum of absolute values along the line of sight.
    """

    layers: tuple = ()
    window: tuple = (0.0, 1.0)
    radiological: bool = False
    linear: bool = True
    outlines: bool = True
    glass: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """What there is to draw.

    Attributes
    ----------
    background : Grey or None
    regions : tuple of Labels
    bounds : ndarray of shape (3, 2)
        The box to show, in mm.
    step : float
        A pixel's side, in mm.
    maps : Maps
        The maps to look through.
    overlays : tuple of Maps
        Single maps above them.
    partner : Maps or None
        Maps of another decomposition, as many.
    vertices : Vertices or None
        Values of the maps on the cortex, if they are not those of the volumes.
    """

    background: object
    regions: tuple
    bounds: np.ndarray
    step: float
    maps: object = None
    overlays: tuple = ()
    partner: object = None
    vertices: object = None
    cache: dict = field(default_factory=dict)

    @property
    def volumes(self):
        """All of it, in the order in which `volume.js` expects it."""
        order = [self.background, self.maps, *self.overlays, self.partner, *self.regions]
        return [volume for volume in [*order, self.vertices] if volume is not None]


def pane(scene, look, axis, mm, step=None):
    """One slice.

    Parameters
    ----------
    scene : Scene
    look : Look
    axis : {0, 1, 2}
        World axis across the plane: sagittal, coronal, axial.
    mm : float
        Where it is cut.
    step : float, optional
        A pixel's side, if not the scene's.

    Returns
    -------
    ndarray of uint8, shape (n_rows, n_columns, 3)
        Up is up; right is right unless the look is radiological.
    """
    places = _places(scene, look, axis, mm, scene.step if step is None else step)
    picture = _grey(scene, look, places)
    for volume, layer in look.layers:
        _paint_map(picture, volume, layer, look, places)
    if look.outlines and not look.glass:
        for volume in scene.regions:
            _paint_outlines(picture, volume, look, places)
    return picture.astype(np.uint8)


def pixels(low, high, step):
    """Centres of the pixels between two ends, in mm."""
    n = int(np.floor((high - low) / step + 0.5))
    return low + (np.arange(n) + 0.5) * step


def lightbox_cuts(scene, look, axis, n_slices):
    """Where the slices of a lightbox are cut, in mm.

    Evenly between the ends of what is shown of the map in view, a hundredth of it left out at each;
    in all of the box where nothing is shown.
    """
    low, high = scene.bounds[axis]
    volume, layer = look.layers[0]
    codes = volume.dense(layer.frame)
    values = np.abs(codes * volume.scales[layer.frame])
    shown = (codes != NO_DATA) & (codes != 0) & (values >= layer.threshold)
    counts = np.moveaxis(shown, axis, 0).reshape(shown.shape[axis], -1).sum(axis=1)
    if counts.any():
        first, last = _planes_of_most(counts)
        low, high = volume.grid.origin[axis] + volume.grid.step[axis] * np.array([first, last])
    return low + (high - low) * ((np.arange(n_slices) + 0.5) / n_slices)


def _planes_of_most(counts):
    """Faces of the planes between which nearly all is, in voxels."""
    least = counts.sum() / 100
    first = np.argmax(counts.cumsum() > least)
    last = len(counts) - 1 - np.argmax(counts[::-1].cumsum() > least)
    return first - 0.5, last + 0.5


@dataclass(frozen=True)
class _Places:
    """Centres of a pane's pixels in mm: across, right and down."""

    axis: int
    depth: float
    right: np.ndarray
    down: np.ndarray

    def tables(self, grid):
        horizontal, vertical = plane_of(self.axis)
        return (
            table(grid, self.axis, np.array([self.depth])),
            table(grid, horizontal, self.right),
            table(grid, vertical, self.down),
        )


def _places(scene, look, axis, mm, step):
    horizontal, vertical = plane_of(axis)
    right = pixels(*scene.bounds[horizontal], step)
    down = pixels(*scene.bounds[vertical], step)[::-1]
    if look.radiological and horizontal == 0:
        right = right[::-1]
    return _Places(axis, float(mm), right, down)


def _grey(scene, look, places):
    """The background of a slice as RGB, black where there is none."""
    rows, columns = len(places.down), len(places.right)
    picture = np.zeros((rows, columns, 3))
    if scene.background is None:
        return picture
    if look.glass:
        codes, inside = _glass_grey(scene, look, places)
        grey = np.floor(codes + 0.5)
    else:
        background = scene.background
        codes, inside, _ = _sample(background.codes, background.grid, places, look.linear)
        low, high = ((value - background.low) / background.quantum + 1 for value in look.window)
        grey = np.floor(_clip01((codes - low) / (high - low)) * BRIGHTEST + 0.5)
    picture[inside] = grey[inside][:, np.newaxis]
    return picture


def _glass_grey(scene, look, places):
    key = ("thickness", places.axis)
    if key not in scene.cache:
        counts = (scene.background.codes > HEAD).sum(axis=places.axis).T
        scene.cache[key] = counts * (GLASS / max(counts.max(), 1))
    _, right, down = places.tables(scene.background.grid)
    return interpolate(scene.cache[key], right, down, look.linear), inside_of(right, down)


def _paint_map(picture, volume, layer, look, places):
    """Color a map where it passes the threshold."""
    dense = volume.dense(layer.frame)
    if look.glass:
        _, right, down = places.tables(volume.grid)
        codes = interpolate(strongest(_without_gaps(dense), places.axis), right, down, look.linear)
        inside, missing = inside_of(right, down), False
    else:
        codes, inside, missing = _sample(dense, volume.grid, places, look.linear)
    values = codes * volume.scales[layer.frame]
    shown = inside & (np.abs(values) >= layer.threshold) & (values != 0) & ~np.asarray(missing)
    low = lowest(volume, layer)
    index = np.floor(_clip01((values[shown] - low) / (layer.vmax - low)) * 255 + 0.5).astype(int)
    color = colors.table_of(layer.colormap)[index]
    under = picture[shown]
    picture[shown] = np.floor(under * (1 - layer.opacity) + color * layer.opacity + 0.5)


def lowest(volume, layer):
    """The value at the low end of the colours: symmetric wherever there are two signs."""
    return -layer.vmax if volume.signed or layer.colormap in colors.DIVERGING else 0.0


def _paint_outlines(picture, volume, look, places):
    """Draw the borders between regions in their colors."""
    across, right, down = places.tables(volume.grid)
    if across.nearest[0] < 0:
        return
    plane = plane_at(volume.codes, places.axis, across.nearest[0])
    read = _likeliest if look.linear else _nearest
    codes = np.where(inside_of(right, down), read(plane, right, down), 0).astype(int)
    edge = np.zeros(codes.shape, bool)
    edge[:, :-1] |= codes[:, :-1] != codes[:, 1:]
    edge[:-1] |= codes[:-1] != codes[1:]
    # An outline takes the colour of the region it belongs to; where two meet, of the higher.
    owner = codes.copy()
    owner[:, :-1] = np.maximum(owner[:, :-1], codes[:, 1:])
    owner[:-1] = np.maximum(owner[:-1], codes[1:])
    palette = colors.OUTLINES[look.layers[0][1].colormap]
    rgb = np.array([colors.rgb_of(color) for color in palette])
    picture[edge] = rgb[(owner[edge] - 1) % len(rgb)]


def _nearest(plane, right, down):
    return plane[np.ix_(down.nearest, right.nearest)]


def _likeliest(plane, right, down):
    """The region that has most of each pixel, of the nine voxels around; the first of equals.

    They are weighted by a smooth bump, the quadratic B-spline, so that the steps of voxels go.
    """
    rows, columns = (_around(axis, n) for axis, n in zip((down, right), plane.shape, strict=True))
    weights = [v[:, np.newaxis] * h for v in _bumps(down) for h in _bumps(right)]
    codes = [plane[np.ix_(row, column)] for row in rows for column in columns]
    best, found = np.full(codes[0].shape, -1.0), np.zeros(codes[0].shape, int)
    for code in codes:
        total = np.zeros(code.shape)
        for other, weight in zip(codes, weights, strict=True):  # in the order of the browser
            total += np.where(other == code, weight, 0.0)
        found = np.where(total > best, code, found)
        best = np.maximum(total, best)
    return found


def _around(axis, n):
    nearest = np.clip(axis.nearest, 0, n - 1)
    return [np.clip(nearest + by, 0, n - 1) for by in (-1, 0, 1)]


def _bumps(axis):
    t = axis.low - axis.nearest + axis.weight
    return (0.5 - t) * (0.5 - t) / 2, 0.75 - t * t, (0.5 + t) * (0.5 + t) / 2


def _sample(dense, grid, places, linear):
    """Codes at a pane's pixels, which pixels are inside, and which hold no data."""
    across, right, down = places.tables(grid)
    inside = inside_of(right, down) & (across.nearest[0] >= 0)
    nearest = plane_at(dense, places.axis, across.nearest[0])
    missing = (nearest == NO_DATA)[np.ix_(down.nearest, right.nearest)]
    plane = plane_between(dense, places.axis, across, linear, _without_gaps)
    return interpolate(plane, right, down, linear), inside, missing


def _without_gaps(plane):
    return np.where(plane == NO_DATA, 0, plane).astype(float)


def _clip01(values):
    return np.minimum(np.maximum(values, 0.0), 1.0)
