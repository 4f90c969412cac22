"""The cortex that a viewer turns: fsaverage5 to bytes, which maps it is for, values on it.

Only the surfaces cross, once and the same for every viewer: some 0.2 MB. What is drawn on them is
sampled by the browser from the volumes that it holds for the slices, so that the next map, the next
frame or another overlay costs no byte. Where values belong to vertices and not to voxels, they
cross instead of that; see :func:`vertex_values`.

A vertex is sent as its difference from the middle of the two vertices that it was put between when
an icosahedron was divided; that division also gives the faces, which cross as none.
"""

import warnings
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import traitlets as t

from nbica.exceptions import DataWarning
from nbica.image import surfaces, template
from nbica.viewer import payload
from nbica.viewer.scene import affine_of
from nbica.viewer.state import as_real

# Coordinates are whole numbers of steps, in mm; a vertex of fsaverage5 is some 3 mm from the next.
STEP = 0.025
DEPTH_STEP = 1 / 60  # of sulcal depth, which ends at 127 of them
GAP = 1.5  # mm from the middle to a hemisphere that is blown up


@dataclass(frozen=True, eq=False)
class Surface:
    """One hemisphere in whole numbers; see :class:`nbica.image.surfaces.Hemisphere`."""

    name: str
    pial: np.ndarray  # int16, (n_vertices, 3)
    white: np.ndarray
    inflated: np.ndarray
    sulc: np.ndarray  # int8, (n_vertices,)
    is_cortex: np.ndarray  # bool, (n_vertices,)
    role: str = "surface"

    @property
    def about(self):
        """What else the browser must know."""
        return {"name": self.name}

    @property
    def arrays(self):
        """What crosses to the browser, by name."""
        thickness = self.white - self.pial
        coordinates = {"pial": self.pial, "thickness": thickness, "inflated": self.inflated}
        arrays = {"cortex": np.packbits(self.is_cortex, bitorder="little")}
        for name, array in {**coordinates, "sulc": self.sulc.astype(np.int16)[:, None]}.items():
            found = residuals(array)
            # Apart, bytes that say much and bytes that hardly say anything pack better.
            arrays[f"{name}_low"] = (found & 255).astype(np.uint8)
            arrays[f"{name}_high"] = (found >> 8).astype(np.int8)
        return arrays


@dataclass(frozen=True, eq=False)
class Vertices:
    """Values of maps at vertices: `codes * scales`, 0 where there are none."""

    left: np.ndarray  # int8, (n_maps, n_vertices)
    right: np.ndarray
    scales: np.ndarray  # float, (n_maps,)
    role: str = "vertices"

    @property
    def about(self):
        """What else the browser must know."""
        return {"scales": self.scales.tolist()}

    @property
    def arrays(self):
        """What crosses to the browser, by name."""
        halves = {"left": self.left, "right": self.right}
        return {f"{k}_low": (residuals(v.T) & 255).astype(np.uint8) for k, v in halves.items()}


def residuals(array):
    """What the two vertices that a vertex lies between do not say of it, axis after axis.

    Parameters
    ----------
    array : ndarray of int16, shape (n_vertices, n_axes)

    Returns
    -------
    ndarray of int16, shape (n_axes, n_vertices)
    """
    values = array.T.astype(np.int32)
    first, second = surfaces.icosahedral_mesh(surfaces.LEVELS)[1].T
    predicted = (values[:, first] + values[:, second]) >> 1
    predicted[:, :12] = 0
    return (values - predicted).astype(np.int16)


@cache
def quantised():
    """Both hemispheres of fsaverage5 as :class:`Surface`."""
    halves = zip(surfaces.HEMISPHERES, surfaces.load_fsaverage5(), strict=True)
    return tuple(
        Surface(
            name, _steps(half.pial), _steps(half.white), _steps(_beside(half.inflated, half.pial)),
            np.clip(np.rint(half.sulc / DEPTH_STEP), -127, 127).astype(np.int8), half.is_cortex,
        )
        for name, half in halves
    )  # fmt: skip


def _steps(coordinates):
    return np.rint(coordinates.astype(float) / STEP).astype(np.int16)


def _beside(inflated, pial):
    """A blown-up hemisphere as long as the folded one, around the same middle, on its own side."""
    low, high = inflated.min(axis=0), inflated.max(axis=0)
    size = np.ptp(pial[:, 1]) / (high - low)[1]
    centre = (pial.min(axis=0) + pial.max(axis=0)) / 2
    half = size * (high - low)[0] / 2 + GAP
    centre[0] = np.copysign(half, centre[0])
    return (inflated - (low + high) / 2) * size + centre


@cache
def pack_cortex():
    """Both hemispheres as bytes that `cortex_mesh.js` unpacks."""
    return payload.pack(
        quantised(), step=STEP, depth_step=DEPTH_STEP, levels=surfaces.LEVELS,
        icosahedron=surfaces.ICOSAHEDRON, n_depths=surfaces.N_DEPTHS,
    )  # fmt: skip


def vertex_values(left, right, n_maps=1):
    """Values that belong to the vertices of fsaverage5, for the cortex of a viewer.

    What comes from a surface (CIFTI, GIFTI) is shown as it is, instead of what the viewer would
    sample from the volume: `view_img(img, vertex_values=(left, right))`. Colors, threshold and
    component are those of the maps in the slices.

    Some 10 to 15 kB cross for each map.

    Parameters
    ----------
    left, right : arrays of shape (n_maps, 10242), or (10242,) for one map
        In the maps' unit and order; NaN is no data. Values on another mesh (fs_LR's 32 492
        vertices) are to be brought to fsaverage5 first.
    n_maps : int
        How many maps the viewer has.

    Returns
    -------
    Vertices

    Raises
    ------
    ValueError
        If the arrays are of another shape, or not of real numbers.

    Examples
    --------
    >>> found = vertex_values(np.zeros(10242), np.linspace(-2, 2, 10242))
    >>> found.right.min(), found.right.max()
    (np.int8(-127), np.int8(127))
    """
    halves = [_checked(values, name, n_maps) for name, values in (("left", left), ("right", right))]
    peaks = np.max([np.abs(half).max(axis=1) for half in halves], axis=0)
    scales = np.where(peaks > 0, peaks, 1.0) / 127
    codes = [np.rint(half / scales[:, np.newaxis]).astype(np.int8) for half in halves]
    return Vertices(*codes, scales)


def with_vertex_values(scene, values):
    """A scene with values on the cortex, as a user passed them: (left, right) or None."""
    if values is None:
        return scene
    left, right = values
    return replace(scene, vertices=vertex_values(left, right, len(scene.maps.scales)))


def _checked(values, name, n_maps):
    values = np.atleast_2d(as_real(values, f"vertex_values ({name})"))
    n_vertices = 10 * 4**surfaces.LEVELS + 2
    if values.shape != (n_maps, n_vertices):
        msg = (
            f"vertex_values: {name} has shape {values.shape}; expected ({n_maps}, {n_vertices}): "
            "one row for each map, and the vertices of fsaverage5."
        )
        raise ValueError(msg)
    return np.where(np.isfinite(values), values, 0.0)


# ---- which maps it is for -----------------------------------------------------------------------

NONE_HERE = (
    "there is no cortex in this viewer: it was left out (cortex=False), or the maps do not lie in "
    "MNI space, where fsaverage5 is"
)
ELSEWHERE = (
    "There is no cortex to show these maps on: fsaverage5 is for maps in MNI space, and they lie "
    "elsewhere. Bring them there (nbica.image.resample_img moves grids, not brains), or leave "
    "cortex='auto'."
)


def cortex_for(cortex, scene):
    """What crosses of a cortex, of what a user passed.

    Parameters
    ----------
    cortex : bool or "auto"
        "auto": where the maps lie in MNI space, or where values came with vertices.
    scene : nbica.viewer.render.Scene

    Returns
    -------
    bytes or None

    Raises
    ------
    ValueError
        For anything else.

    Warns
    -----
    DataWarning
        If it was asked for, and the maps lie elsewhere.
    """
    if not (isinstance(cortex, bool | np.bool_) or (isinstance(cortex, str) and cortex == "auto")):
        msg = f"cortex is {cortex!r}; expected True, False or 'auto'"
        raise ValueError(msg)
    if cortex is False:
        return None
    if scene.vertices is not None or template.is_mni(scene.maps.mask, affine_of(scene.maps)):
        return pack_cortex()
    if cortex is True:
        warnings.warn(ELSEWHERE, DataWarning, stacklevel=5)
    return None


class CortexTraits(t.HasTraits):
    """What a viewer has more that shows a cortex.

    Attributes
    ----------
    cortex : bool
        Show it beside the slices.
    inflation : float
        0 is folded, 1 is blown up.
    turn : list of two floats
        From where the cortex beside the slices is seen: elevation and azimuth in degrees, as
        nilearn and Matplotlib count them. From the left it is [0, 180], from the top [90, 270].
    hemi : {"both", "left", "right"}
        What is seen of it.
    """

    _cortex = t.Bytes(None, allow_none=True).tag(sync=True)

    cortex = t.Bool(False).tag(sync=True)
    inflation = t.Float(0.0, min=0, max=1).tag(sync=True)
    turn = t.List(t.Float(), [0.0, 180.0], minlen=2, maxlen=2).tag(sync=True)
    hemi = t.Enum(("both", *surfaces.HEMISPHERES), "both").tag(sync=True)

    @t.validate("cortex", "view")
    def _check_cortex(self, proposal):
        if proposal["value"] in (True, "cortex") and not self._cortex_packed:
            raise t.TraitError(NONE_HERE)
        return proposal["value"]

    @t.validate("turn", "inflation")
    def _check_turn(self, proposal):
        if not np.isfinite(proposal["value"]).all():
            msg = f"{proposal['trait'].name} is {proposal['value']}; expected finite numbers"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("_cortex")
    def _check_packed(self, proposal):
        if proposal["value"] != self._cortex_packed:
            msg = "the cortex is packed once; make another viewer"
            raise t.TraitError(msg)
        return proposal["value"]
