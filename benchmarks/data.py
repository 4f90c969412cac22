"""Runs of the shape of real ones, with planted networks, written once into the data folder.

`NBICA_DATA`/benchmarks, or the platform's cache folder. The files depend on shape, run number and
`VERSION` only. A few distinct runs are written, a block of frames at a time; links to them stand
for any number of runs.
"""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import nibabel as nib
import numpy as np
from joblib import Parallel, delayed

from nbica.datasets import files
from nbica.image.writing import NiftiStream, nifti_header, write_image
from nbica.runtime.atomic import atomic

VERSION = 1  # bump when the same shape gives other files
N_NETWORKS = 20
BLOCK_BYTES = 24e6

# In counts of the scanner. The noise sets how well gzip does: with this one, and noise in the whole
# field of view, to .6 of the size as int16, which is what the ADHD-200 runs of nilearn have.
BASELINE = 2_500.0
WHITE_NOISE = 22.0
SMOOTH_NOISE = 13.0
SIGNAL = 45.0
SMOOTH_KNOTS = 2  # voxels between the knots of the smooth noise
NETWORK_SD = 9.0  # mm
PEAK_JITTER = 2.0  # mm, from subject to subject


@dataclass(frozen=True)
class Shape:
    """Form of a run.

    Attributes
    ----------
    name : str
    grid : tuple of 3 int
    n_timepoints : int
    n_voxels : int
        In the mask.
    voxel_size : float
        In mm.
    origin : tuple of 3 float
        Of the affine; x runs from right to left, as in most files in MNI space.
    t_r : float
    bare : bool
        Zeros outside the mask, as the HCP distributes its runs; else noise in the whole field.
    """

    name: str
    grid: tuple
    n_timepoints: int
    n_voxels: int
    voxel_size: float
    origin: tuple
    t_r: float
    bare: bool

    @property
    def affine(self):
        """Voxel indices to mm."""
        return nib.affines.from_matvec(np.diag([-1, 1, 1]) * self.voxel_size, self.origin)

    def n_bytes(self, dtype):
        """Size of the uncompressed volumes."""
        return int(np.prod(self.grid)) * self.n_timepoints * np.dtype(dtype).itemsize


_HCP = Shape("hcp", (91, 109, 91), 1200, 235_000, 2.0, (90.0, -126.0, -72.0), 0.72, bare=True)
SHAPES = {
    shape.name: shape
    for shape in (
        Shape("adhd", (67, 79, 64), 176, 47_000, 3.0, (99.0, -134.0, -80.0), 2.0, bare=False),
        _HCP,
        replace(_HCP, name="hcp-short", n_timepoints=120),
        Shape("tiny", (22, 26, 21), 60, 2_500, 8.0, (84.0, -118.0, -66.0), 2.0, bare=False),
    )
}


class Group(NamedTuple):
    """Paths of runs and of their mask, and what was planted: (n_networks, n_voxels)."""

    runs: list
    mask: str
    maps: np.ndarray


# ---- files ----------------------------------------------------------------------------------


def folder():
    """Where the benchmarks keep their files."""
    return files.data_folder() / "benchmarks"


def group(shape, n_runs, n_distinct=8, dtype="int16", suffix=".nii.gz", where=None):
    """Runs of a shape; those that are not on disk are written first.

    Memory is a few hundred MB; an HCP-shaped run takes about a minute.

    Parameters
    ----------
    shape : Shape or str
        One of `SHAPES`.
    n_runs : int
    n_distinct : int
        How many of them differ; the others are links to these.
    dtype : {"int16", "float32"}
    suffix : {".nii.gz", ".nii"}
    where : Path, optional
        Instead of `folder()`.

    Returns
    -------
    Group
    """
    shape = SHAPES.get(shape, shape)
    home = (where or folder()) / f"{shape.name}-v{VERSION}"
    scene = Scene(shape)
    mask = _ensure_mask(scene, home / "mask.nii.gz")
    names = [f"run-{run:02d}_{dtype}{suffix}" for run in range(min(n_runs, n_distinct))]
    distinct = [home / name for name in names]
    _ensure_runs(scene, distinct, dtype)
    runs = distinct if n_runs <= len(distinct) else link_runs(distinct, n_runs, home / "links")
    return Group([str(path) for path in runs], str(mask), scene.maps)


def _ensure_mask(scene, path):
    if not path.exists():
        files.make_folder(path.parent)
        write_image(path, scene.mask.astype(np.uint8), scene.shape.affine)
    return path


def _ensure_runs(scene, paths, dtype):
    missing = [(run, path) for run, path in enumerate(paths) if not path.exists()]
    if not missing:
        return
    _check_space(scene.shape, dtype, [path for _, path in missing])
    print(f"    writing {len(missing)} {scene.shape.name} runs, {dtype}, once", file=sys.stderr)
    Parallel(n_jobs=2)(delayed(write_run)(scene.shape, run, path, dtype) for run, path in missing)


def _check_space(shape, dtype, paths):
    is_small = shape.bare and paths[0].suffix == ".gz"
    # As much again for what others write meanwhile.
    needed = len(paths) * shape.n_bytes(dtype) * (0.3 if is_small else 1.0) + 1e9
    free = shutil.disk_usage(paths[0].parent).free
    if free < needed:
        msg = (
            f"{len(paths)} {shape.name} runs need about {needed / 1e9:.1f} GB in "
            f"{paths[0].parent}, where {free / 1e9:.1f} GB are free. "
            "Set NBICA_DATA to a folder with more."
        )
        raise OSError(msg)


def link_runs(distinct, n_runs, links):
    """Names for `n_runs` runs, which are links to a few distinct ones in turn."""
    links.mkdir(parents=True, exist_ok=True)
    paths = []
    for number in range(n_runs):
        target = distinct[number % len(distinct)]
        # The name holds the target's, so that another number of distinct runs has other links.
        path = links / f"sub-{number:04d}_{target.name}"
        if not path.exists():
            _link(target, path)
        paths.append(path)
    return paths


def _link(target, path):
    path.unlink(missing_ok=True)  # a symbolic link to what is gone
    try:
        os.link(target, path)
    except OSError:
        path.symlink_to(target)


def write_run(shape, run, path, dtype):
    """Write one run, a block of frames at a time; memory is that of a few blocks."""
    header = nifti_header((*shape.grid, shape.n_timepoints), shape.affine, dtype, t_r=shape.t_r)
    with _writer(path, header) as write:
        for frames in Scene(shape).frames(run):
            values = np.rint(frames) if np.dtype(dtype).kind == "i" else frames
            write(values.astype(dtype).tobytes())


@contextlib.contextmanager
def _writer(path, header):
    """A function that appends bytes of voxels to a file, which appears when it is whole."""
    if path.suffix == ".gz":
        with NiftiStream(path, header) as stream:
            yield stream.write
        return
    header["magic"], header["vox_offset"] = b"n+1", 352
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(header.binaryblock + bytes(4))
        yield file.write


# ---- what is in them ------------------------------------------------------------------------


class Scene:
    """What the runs of a shape share: a brain and its networks."""

    def __init__(self, shape):
        self.shape = shape

    @cached_property
    def _depth(self):
        """0 at the centre of the brain, 1 at the surface of an average one; per voxel."""
        x, y, z = self._millimetres(np.indices(self.shape.grid).reshape(3, -1).T)
        depth = np.sqrt((x / 68) ** 2 + ((y + 18) / 86) ** 2 + ((z - 14) / 62) ** 2)
        # The two halves are apart at the top, and the base is flat.
        depth += 0.3 * np.exp(-((x / 4) ** 2)) * (z > 30) + 0.02 * np.clip(-20 - z, 0, None)
        return depth.reshape(self.shape.grid)

    def _millimetres(self, voxels):
        return nib.affines.apply_affine(self.shape.affine, voxels).T

    @cached_property
    def mask(self):
        """The brain: just as many voxels as the shape says."""
        n_voxels = self.shape.n_voxels
        inside = np.argpartition(self._depth, n_voxels, axis=None)[:n_voxels]
        mask = np.zeros(self.shape.grid, bool)
        mask.flat[inside] = True
        return mask

    @cached_property
    def _places(self):
        """Where the mask's voxels are in mm, (n_voxels, 3)."""
        return self._millimetres(np.argwhere(self.mask)).T

    @cached_property
    def _peaks(self):
        """One peak per network in the right half, each far from all others, (n_networks, 3)."""
        is_inner = (self._depth[self.mask] < 0.8) & (self._places[:, 0] > 8)
        places = self._places[is_inner]
        peaks = [places[np.argmax(places[:, 1])]]
        distances = np.full(len(places), np.inf)
        while len(peaks) < N_NETWORKS:
            distances = np.minimum(distances, np.linalg.norm(places - peaks[-1], axis=1))
            peaks.append(places[np.argmax(distances)])
        return np.array(peaks)

    @cached_property
    def maps(self):
        """The planted networks, rows of maximum 1, (n_networks, n_voxels)."""
        return self._draw_maps(self._peaks, self._peaks * [-1, 1, 1])

    def _draw_maps(self, right, left):
        maps = np.empty((N_NETWORKS, len(self._places)), np.float32)
        for network, peaks in enumerate(zip(right, left, strict=True)):
            squares = [((self._places - peak) ** 2).sum(axis=1) for peak in peaks]
            blobs = [np.exp(-0.5 * square / NETWORK_SD**2) for square in squares]
            maps[network] = np.maximum(blobs[0], 0.8 * blobs[1])
        return maps

    def frames(self, run):
        """The frames of one subject, blocks of float32 (n_frames, nz, ny, nx), x fastest.

        A subject has networks at slightly other places and of other strength, own time courses,
        smooth and white noise.
        """
        rng = np.random.default_rng([VERSION, run])
        maps = self._subject_maps(rng)
        courses = _time_courses(rng, self.shape.n_timepoints)
        is_brain = np.ascontiguousarray(self.mask.T)
        # The frames of a file run x fastest, the maps z fastest.
        order = np.zeros(self.shape.grid, np.intp)
        order[self.mask] = np.arange(self.shape.n_voxels)
        maps = maps[:, order.T[is_brain]]
        n_frames = max(1, int(BLOCK_BYTES / (4 * is_brain.size)))
        for start in range(0, len(courses), n_frames):
            block = courses[start : start + n_frames]
            frames = self._noise(rng, len(block))
            frames[:, is_brain] += BASELINE + block @ maps
            yield frames * is_brain if self.shape.bare else frames

    def _subject_maps(self, rng):
        shifts = rng.normal(0, PEAK_JITTER, size=(2, N_NETWORKS, 3))
        maps = self._draw_maps(self._peaks + shifts[0], self._peaks * [-1, 1, 1] + shifts[1])
        strengths = SIGNAL * np.exp(rng.normal(0, 0.15, size=(N_NETWORKS, 1)))
        return maps * strengths.astype(np.float32)

    def _noise(self, rng, n_frames):
        shape = self.shape.grid[::-1]
        noise = rng.standard_normal((n_frames, *shape), np.float32)
        noise *= WHITE_NOISE
        noise += SMOOTH_NOISE * _smooth_noise(rng, n_frames, shape)
        return noise


def _time_courses(rng, n_timepoints):
    """Slow time courses of variance 1, (n_timepoints, n_networks)."""
    white = rng.standard_normal((n_timepoints + 4, N_NETWORKS))
    slow = sum(
        weight * white[lag : lag + n_timepoints] for lag, weight in enumerate([1, 2, 3, 2, 1])
    )
    return (slow / slow.std(axis=0)).astype(np.float32)


def _smooth_noise(rng, n_frames, shape):
    """Gaussian fields of variance near 1: a coarse grid of noise, spread by Gaussians."""
    z, y, x = (_spread(n) for n in shape)
    noise = rng.standard_normal((n_frames, z.shape[1], y.shape[1], x.shape[1]), np.float32)
    noise = y @ (noise @ x.T)
    noise = z @ noise.reshape(n_frames, z.shape[1], -1)
    return noise.reshape(n_frames, *shape)


def _spread(n):
    """From the knots along an axis to its voxels, rows of norm 1."""
    knots = np.arange(0, n + SMOOTH_KNOTS, SMOOTH_KNOTS)
    weights = np.exp(-0.5 * ((np.arange(n)[:, np.newaxis] - knots) / SMOOTH_KNOTS) ** 2)
    return (weights / np.linalg.norm(weights, axis=1, keepdims=True)).astype(np.float32)
