"""Where to cut: from display modes, coordinates and counts to rows of slices."""

import warnings

import numpy as np
from scipy import ndimage

from nbica.exceptions import DataWarning
from nbica.plotting.views import Slice
from nbica.signal.ties import KNOWN_OF_MAPS, first_of_largest

MODES = "ortho, tiled, mosaic, x, y, z, or two of these letters such as xz"
_N_CUTS = 7


def rows_of_slices(display_mode, cut_coords, volume, threshold=0.0, strongest=20):
    """Slices to show, row by row.

    Parameters
    ----------
    display_mode : str
        See `MODES`.
    cut_coords : None, int, float, sequence or dict
        In mm: for several axes one number for each in the order x, y, z; for one axis as many as
        wanted, or an int: how many. For "mosaic" one int for all axes, one for each, or a dict
        such as ``{"x": [-20, 20]}``. None looks for the place.
    volume : Volume
        What the slices shall show.
    threshold : float or None
        Below which nothing of it is seen.
    strongest : float
        Percent of what is seen that may be the middle; 100 for the middle of a whole brain.

    Returns
    -------
    list of list of Slice

    Raises
    ------
    ValueError
        For a mode that does not exist, or coordinates that do not fit it.
    """
    axes = _axes_of(display_mode)
    seen = Seen(volume, threshold or 0.0, strongest)
    if display_mode == "mosaic":
        return _mosaic(cut_coords, seen)
    if len(axes) == 1:
        return [_along(axes[0], _N_CUTS if cut_coords is None else cut_coords, seen)]
    cuts = dict(zip(sorted(axes), _one_each(display_mode, cut_coords, axes, seen), strict=True))
    slices = [Slice(axis, cuts[axis]) for axis in axes]
    return [slices[:2], slices[2:]] if display_mode == "tiled" else [slices]


def _axes_of(display_mode):
    """World axes that a display mode cuts across."""
    is_text = isinstance(display_mode, str)
    if is_text and display_mode in ("ortho", "mosaic"):
        return [0, 1, 2]
    if is_text and display_mode == "tiled":
        return [1, 0, 2]  # coronal above axial: left and right are aligned
    letters = list(display_mode) if is_text else []
    if not letters or set(letters) - set("xyz") or len(set(letters)) < len(letters):
        msg = f"display_mode={display_mode!r} is unknown; use one of {MODES}"
        raise ValueError(msg)
    return ["xyz".index(letter) for letter in letters]


def _one_each(display_mode, cut_coords, axes, seen):
    """One coordinate for each axis, given or that of the largest blob."""
    if cut_coords is None:
        return [float(seen.centre()[axis]) for axis in sorted(axes)]
    found = _as_mm(cut_coords)
    if found is None or found.shape != (len(axes),):
        names = ", ".join("xyz"[axis] for axis in sorted(axes))
        msg = (
            f"cut_coords={cut_coords!r} does not fit display_mode={display_mode!r}; give {names} "
            "in mm"
        )
        raise ValueError(msg)
    return found.tolist()


def _as_mm(cut_coords):
    """Finite coordinates as an array; None for what is none."""
    try:
        found = np.asarray(cut_coords, dtype=float)
    except (TypeError, ValueError):
        return None
    return found if np.isfinite(found).all() else None


def are_counted(display_mode, cut_coords):
    """Whether it was said how many cuts there are to be along an axis, and not where."""
    if display_mode == "mosaic":
        return not isinstance(cut_coords, dict)
    return len(display_mode) == 1 and (
        cut_coords is None or isinstance(cut_coords, int | np.integer)
    )


def warn_of_cuts_outside(rows, *boxes):
    """Say which slices miss one of some boxes in mm: they show nothing of the image."""
    low, high = np.max([box[:, 0] for box in boxes], axis=0), np.min([b[:, 1] for b in boxes], 0)
    slices = [view for row in rows for view in row]
    outside = [s.label for s in slices if not low[s.axis] <= s.mm <= high[s.axis]]
    if outside:
        ends = [f"{a} from {lo:g} to {hi:g}" for a, lo, hi in zip("xyz", low, high, strict=True)]
        msg = (
            f"The cuts {', '.join(outside)} seem to be out of the image ({', '.join(ends)} mm): "
            "they show nothing of it. Are all images in one space, and cut_coords in mm?"
        )
        warnings.warn(msg, DataWarning, stacklevel=5)


def _along(axis, cut_coords, seen):
    """Slices across one axis, at given places or spread over what is seen."""
    if isinstance(cut_coords, int | np.integer) and not isinstance(cut_coords, bool):
        if cut_coords < 1:
            msg = f"cut_coords={cut_coords} must be 1 or more cuts, or a list of mm"
            raise ValueError(msg)
        return [Slice(axis, mm) for mm in seen.spread(axis, cut_coords)]
    found = _as_mm(cut_coords)
    coordinates = np.zeros(0) if found is None else np.atleast_1d(found)
    if coordinates.ndim != 1 or not coordinates.size:
        msg = f"cut_coords={cut_coords!r}; expected a list of mm along {'xyz'[axis]}, or a count"
        raise ValueError(msg)
    return [Slice(axis, float(mm)) for mm in coordinates]


def _mosaic(cut_coords, seen):
    """A row of slices across each axis."""
    wanted = _N_CUTS if cut_coords is None else cut_coords
    if isinstance(wanted, dict):
        if not wanted or set(wanted) - set("xyz"):
            msg = f"cut_coords={cut_coords!r}; a mosaic takes a dict with keys of x, y, z"
            raise ValueError(msg)
        return [_along("xyz".index(letter), cuts, seen) for letter, cuts in wanted.items()]
    if np.ndim(wanted) == 0:
        wanted = [wanted] * 3
    if not hasattr(wanted, "__len__") or len(wanted) != 3:
        msg = f"cut_coords={cut_coords!r}; a mosaic takes a count, or one for each of x, y, z"
        raise ValueError(msg)
    return [_along(axis, cuts, seen) for axis, cuts in enumerate(wanted)]


class Seen:
    """Where in the world the visible part of a volume lies."""

    def __init__(self, volume, threshold, strongest):
        magnitude = np.nan_to_num(np.abs(volume.data))
        visible = (magnitude >= threshold) & (magnitude > 0)
        if not visible.any():  # then any place is as good as another
            visible = np.ones_like(visible)
        self._affine = volume.affine
        self._strongest = strongest
        self._weights = np.where(visible, np.maximum(magnitude, np.finfo(np.float32).tiny), 0)

    def centre(self):
        """Middle of the largest blob, in mm: a voxel of it.

        Among blobs as large, and voxels as near, to 1e-4, it takes the first.
        """
        seen = self._weights[self._weights > 0]
        strong = self._weights >= np.percentile(seen, 100 - self._strongest)
        strong &= self._weights > 0
        labels, n_blobs = ndimage.label(strong)
        sizes = ndimage.sum_labels(self._weights, labels, np.arange(1, n_blobs + 1))
        voxels = np.argwhere(labels == 1 + first_of_largest(sizes, KNOWN_OF_MAPS))
        weights = self._weights[tuple(voxels.T)].astype(np.float64)
        middle = weights @ voxels / weights.sum()
        distances = np.linalg.norm(voxels - middle, axis=1).round(4)
        return self._world(voxels[np.argmin(distances)])

    def spread(self, axis, n):
        """Places along an axis, in mm: for one the strongest slice, for more evenly over all."""
        voxels = np.argwhere(self._weights > 0)
        mm = self._world(voxels)[:, axis]
        weights = self._weights[tuple(voxels.T)].astype(np.float64) ** 2
        width = max(1.0, np.linalg.norm(self._affine[axis, :3]))
        if n == 1:
            slabs = np.round((mm - mm.min()) / width).astype(int)
            strongest = first_of_largest(np.bincount(slabs, weights), KNOWN_OF_MAPS)
            return [_whole(np.average(mm[slabs == strongest]))]
        order = np.argsort(mm, kind="stable")
        mass = np.cumsum(weights[order]) / weights.sum()
        low, high = mm[order[np.searchsorted(mass, [0.02, 0.98])]]
        reach = max(high - low, width * n)
        places = (low + high) / 2 + reach * ((np.arange(n) + 0.5) / n - 0.5)
        return _whole(places)

    def _world(self, voxels):
        return voxels @ self._affine[:3, :3].T + self._affine[:3, 3]


def _whole(mm):
    """Whole mm; 2.5 goes one way, whether the last digits make it more or less."""
    return np.round(np.round(mm, 3)).tolist()
