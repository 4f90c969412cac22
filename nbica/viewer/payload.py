"""What a browser holds of images, and how it gets there: whole numbers to bytes, once.

Maps cross as int8 with a scale each, and only where any of them is not 0. Each code is sent as its
difference from what its neighbours predict: brain maps are smooth, and gzip packs the differences a
third smaller. All is one gzipped block: the length of a JSON header in four bytes, the header, the
arrays.

Memory: the codes, and one map as int16. Time: 0.1 s per map at 2 mm.
"""

import json
import zlib
from dataclasses import dataclass, field, replace

import numpy as np

from nbica.image.world_axes import AlignedGrid

NO_DATA = -128


@dataclass(frozen=True, eq=False)
class Grey:
    """A background: code 0 says no data, 1 to 255 are `low` to `low + 254 * quantum`."""

    name: str
    grid: AlignedGrid
    codes: np.ndarray  # uint8, (nx, ny, nz)
    low: float
    quantum: float
    window: tuple  # values that are drawn black and white
    to_voxel: np.ndarray = field(default_factory=lambda: np.eye(4))
    role: str = "grey"


@dataclass(frozen=True, eq=False)
class Maps:
    """Maps: `values = codes * scales`, 0 outside of the mask; -128 says no data.

    Codes are in the order in which a NIfTI file holds voxels: x runs fastest. A series also has a
    baseline, the mean over its frames, and its codes are what differs from that.
    """

    name: str
    grid: AlignedGrid
    mask: np.ndarray  # bool, (nx, ny, nz)
    codes: np.ndarray  # int8, (n_maps, n_voxels)
    scales: np.ndarray  # float, (n_maps,)
    peaks: np.ndarray  # largest absolute values, (n_maps,)
    signed: bool
    baseline: np.ndarray | None = None  # float32, (n_voxels,)
    to_voxel: np.ndarray = field(default_factory=lambda: np.eye(4))
    unit: str = ""  # "z", or what the image is in
    role: str = "maps"

    def in_z_scores(self, factor):
        """The same maps with their values times a factor, which makes them z-scores."""
        scales, peaks = self.scales * factor, self.peaks * factor
        return replace(self, scales=scales, peaks=peaks, unit="z")

    def dense(self, k):
        """Codes of one map as a volume."""
        volume = np.zeros(self.mask.shape[::-1], np.int8)
        volume[self.mask.T] = self.codes[k]
        return volume.T

    def value_at(self, k, mm):
        """Value of one map at a place, true to half its scale; NaN outside and where no data is."""
        voxel = np.floor((mm - self.grid.origin) / self.grid.step + 0.5).astype(int)
        if (voxel < 0).any() or (voxel >= self.grid.shape).any():
            return float("nan")
        code = int(self.dense(k)[tuple(voxel)])
        if code == NO_DATA:
            return float("nan")
        return code * float(self.scales[k]) + self._baseline_at(voxel)

    def _baseline_at(self, voxel):
        if self.baseline is None or not self.mask[tuple(voxel)]:
            return 0.0
        place = np.ravel_multi_index(tuple(voxel), self.grid.shape, order="F")
        return float(self.baseline[self.mask.ravel(order="F")[:place].sum()])

    def peak_of(self, k):
        """Where a map's absolute value is largest, in mm; the middle for an empty map."""
        return self.peaks_of(k, 1)[0]

    def peaks_of(self, k, n_peaks):
        """Where the largest absolute values are, at least 15 mm apart, by size; in mm."""
        size = np.where(self.codes[k] == NO_DATA, 0, np.abs(self.codes[k].astype(np.int16)))
        order = np.argsort(-size, kind="stable")[:4000]
        voxels = np.argwhere(self.mask.T)[order][:, ::-1]
        found = []
        for voxel, value in zip(voxels, size[order], strict=True):
            mm = self.grid.mm_of(voxel)
            if value and all(np.sum((mm - other) ** 2) > 15.0**2 for other in found):
                found.append(mm)
            if len(found) == n_peaks:
                break
        return found or [self.grid.faces.mean(axis=1)]


@dataclass(frozen=True, eq=False)
class Labels:
    """Regions, drawn as outlines: 0 is outside of all."""

    name: str
    grid: AlignedGrid
    codes: np.ndarray  # uint8 or uint16, (nx, ny, nz)
    regions: dict  # code: name
    role: str = "labels"


@dataclass(frozen=True, eq=False)
class Courses:
    """Time courses of one run and their spectra, in steps of a scale for each component."""

    run: int
    t_r: float | None
    step: float  # between two frequencies, in Hz; the first of power is one step above 0
    scales: np.ndarray  # (n_maps,)
    codes: np.ndarray  # int16, (n_maps, n_timepoints)
    power: np.ndarray  # uint16, (n_maps, n_frequencies), 65535 is the strongest
    strongest: np.ndarray  # (n_maps,), shares of the variance
    role: str = "courses"


# ---- codes to bytes -----------------------------------------------------------------------------


def residuals(volume):
    """What the neighbours before each voxel do not say of it, modulo 256.

    A voxel is predicted from the seven before it along x, y and z: two thirds of the sum of the
    three beside it, less a third of the sum of the three across an edge. That is exact where a
    map is linear.

    Parameters
    ----------
    volume : Maps

    Returns
    -------
    ndarray of int8, shape (n_maps, n_voxels)
    """
    inside = volume.mask.T
    padded = np.zeros(np.add(inside.shape, 1), np.int16)
    now, past = slice(1, None), slice(None, -1)
    out = np.empty(volume.codes.shape, np.int8)
    for k, codes in enumerate(volume.codes):
        padded[1:, 1:, 1:][inside] = codes
        beside = padded[now, now, past] + padded[now, past, now] + padded[past, now, now]
        across = padded[now, past, past] + padded[past, now, past] + padded[past, past, now]
        predicted = (2 * beside - across) // 3
        out[k] = (codes - predicted[inside]).astype(np.int8)
    return out


def pack(volumes, **header):
    """One gzipped block of bytes that `volume.js` unpacks.

    Parameters
    ----------
    volumes : sequence of Grey, Maps and Labels
    **header
        What else to say, as JSON can hold it.

    Returns
    -------
    bytes
        The same for the same input.
    """
    buffers, descriptions = [], []
    for volume in volumes:
        arrays = _arrays_of(volume)
        place = {}
        for name, array in arrays.items():
            place[name] = {
                "at": sum(map(len, buffers)),
                "size": array.nbytes,
                "type": str(array.dtype),
            }
            buffers.append(array.tobytes() + bytes(-array.nbytes % 8))  # typed arrays are aligned
        descriptions.append(_describe(volume) | {"arrays": place})
    # A browser reads no NaN: it would show nothing at all.
    text = json.dumps({**header, "volumes": descriptions}, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % 8)
    return squeeze(len(text).to_bytes(4, "little") + text + b"".join(buffers))


def squeeze(data):
    """Gzip for what was predicted: runs of equal bytes and no longer search.

    A tenth smaller than the usual search for matches, and seven times faster, on dense maps.
    """
    packer = zlib.compressobj(6, zlib.DEFLATED, 31, 9, zlib.Z_RLE)
    return packer.compress(data) + packer.flush()


def _arrays_of(volume):
    """What of a volume crosses as bytes, by name."""
    if volume.role == "courses":
        return {"values": volume.codes, "power": volume.power}
    if volume.role in ("surface", "vertices"):
        return volume.arrays
    if volume.role != "maps":
        return {"codes": volume.codes.ravel(order="F")}
    arrays = {
        "mask": np.packbits(volume.mask.ravel(order="F"), bitorder="little"),
        "residuals": residuals(volume),
    }
    return arrays if volume.baseline is None else arrays | {"baseline": volume.baseline}


def _describe(volume):
    """What of a volume crosses as JSON: its role, grid and scales."""
    if volume.role == "courses":
        return {
            "role": "courses", "run": volume.run, "t_r": volume.t_r, "step": volume.step,
            "scales": volume.scales.tolist(), "strongest": volume.strongest.tolist(),
        }  # fmt: skip
    if volume.role in ("surface", "vertices"):
        return {"role": volume.role, **volume.about}
    grid = volume.grid
    common = {
        "role": volume.role, "name": volume.name, "shape": list(grid.shape),
        "origin": grid.origin.tolist(), "step": grid.step.tolist(),
    }  # fmt: skip
    if volume.role == "labels":
        return common | {"regions": volume.regions}
    common["toVoxel"] = volume.to_voxel[:3].tolist()
    if volume.role == "grey":
        return common | {"low": volume.low, "quantum": volume.quantum, "window": volume.window}
    return common | {
        "scales": volume.scales.tolist(), "peaks": volume.peaks.tolist(), "signed": volume.signed,
        "unit": volume.unit,
        "gaps": bool((volume.codes == NO_DATA).any()),
    }  # fmt: skip
