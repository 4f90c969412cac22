"""What a scanner adds to the networks: contrast, motion, drift, physiology and noise.

Every disturbance but the last two is a few time courses times a few spatial patterns, so that a
block of frames costs one matrix product; smooth and thermal noise are drawn block by block. All
amplitudes are in scanner units, 1000 being the signal of grey matter.

What enters a matrix product is rounded to steps of a power of two, few enough for the products and
their sums to be exact in double precision. In whichever order a processor takes them, the runs have
the same bytes.
"""

from typing import NamedTuple

import numpy as np
from scipy import ndimage, signal
from scipy.stats import gamma

GREY_SIGNAL = 1000.0
SCALP_SIGNAL = 220.0
_EPI = {"grey": 1.0, "white": 0.82, "csf": 1.22, "skull": 0.08, "scalp": SCALP_SIGNAL / 1000}

# Where air in the sinuses and ear canals eats the signal: centre and width in mm, share lost.
_DROPOUTS = (((0, 36, -24), 13, 0.75), ((-48, -22, -32), 10, 0.55), ((48, -22, -32), 10, 0.55))

# Steps: of time courses, of patterns, of coarse noise, of splines; 52 bits hold all products.
_COURSE_STEP, _PATTERN_STEP, _NOISE_STEP, _SPLINE_STEP = 2.0**-12, 2.0**-6, 2.0**-8, 2.0**-10

# Large veins and arteries, whose flow varies slowly: centres in mm, several where paired.
_VESSELS = (
    ((0, 44, 52), (0, 20, 72)),  # superior sagittal sinus, in front
    ((0, -60, 72), (0, -86, 48)),  # and behind
    ((-46, -66, -22), (46, -66, -22)),  # transverse sinuses
    ((0, 0, -22), (-16, 0, -24), (16, 0, -24)),  # circle of Willis
    ((0, -50, 0), (0, -42, -14)),  # straight sinus and great vein
)

# Standard deviations over time, in percent of the grey-matter signal, where a pattern is 1.
NETWORK_PERCENT = 1.0
DRIFT_PERCENT = 7.0
WAVE_PERCENT = 0.2
CARDIAC_PERCENT = 1.5
BREATH_PERCENT = 0.6
VESSEL_PERCENT = 2.5
SMOOTH_PERCENT = 0.15
THERMAL_PERCENT = 2.7
MOTION_SHARE = 0.5  # of the signal change by motion, what realignment leaves behind
SPIKE_PERCENT = 2.5  # of the local signal, per mm of sudden movement


class Sources(NamedTuple):
    """Low-rank part of a run.

    `courses` has shape (n_timepoints, n_sources), `patterns` (n_sources, n_voxels) in scanner
    units; their product is the signal change.
    """

    courses: np.ndarray
    patterns: np.ndarray


def epi_contrast(fractions, affine):
    """Mean image of a gradient-echo EPI: fluid bright, signal lost above sinuses and ears."""
    image = sum(np.float32(weight) * fractions[name] for name, weight in _EPI.items())
    mm = _world(affine, image.shape)
    for centre, width, lost in _DROPOUTS:
        square = sum((axis - c) ** 2 for axis, c in zip(mm, centre, strict=True))
        image = image * (1 - lost * np.exp(-0.5 * square / width**2))
    return in_steps(GREY_SIGNAL * image, _PATTERN_STEP)


def in_steps(values, step):
    """Values rounded to whole multiples of a step, in double precision."""
    return np.rint(np.asarray(values, dtype=float) / step) * step


def haemodynamic_courses(rng, n_timepoints, t_r, correlation):
    """Draw time courses with the spectrum of BOLD: white noise seen through the response.

    Returns an ndarray of shape (n_timepoints, n_courses), each of mean 0 and variance 1, whose
    expected correlation is `correlation`.
    """
    per_frame = int(np.ceil(t_r / 0.5))
    step = t_r / per_frame
    response = double_gamma(np.arange(0, 32, step))
    n_steps = n_timepoints * per_frame
    mixing = np.linalg.cholesky(correlation)
    neural = rng.standard_normal((n_steps + len(response), len(correlation))) @ mixing.T
    spectrum = np.fft.rfft(neural, axis=0) * np.fft.rfft(response, len(neural))[:, np.newaxis]
    bold = np.fft.irfft(spectrum, len(neural), axis=0)[len(response) :][::per_frame]
    return _standardize(bold)


def double_gamma(t):
    """Haemodynamic response at times `t` in s: peak at 5 s, undershoot at 15 s (Glover 1999)."""
    return gamma.pdf(t, 6) - gamma.pdf(t, 16) / 6


def draw_motion(rng, n_timepoints, t_r):
    """Motion of a head on a cushion: it wanders about a resting place, sinks a little and jerks.

    Returns an ndarray of shape (n_timepoints, 6): translations in mm, rotations in rad.
    """
    kept = np.exp(-t_r / 12.0)  # of a displacement, from frame to frame
    steps = rng.normal(0, 0.12 * np.sqrt(1 - kept**2), (n_timepoints, 6))
    motion = signal.lfilter([1], [1, -kept], steps, axis=0)
    motion += np.linspace(0, 1, n_timepoints)[:, np.newaxis] * rng.normal(0, 0.1, 6)
    for start in rng.choice(n_timepoints, max(2, n_timepoints // 20), replace=False):
        motion[start : start + rng.integers(1, 4)] += rng.normal(0, 0.5, 6)
    motion -= motion[0]
    motion[:, 3:] /= 50  # a millimetre on a sphere of 50 mm, in rad
    return motion


def motion_sources(motion, image, affine, mask):
    """Signal change by motion: edges move, excited slices change, jerks shift everything."""
    gradients = np.stack(np.gradient(image)).reshape(3, -1)[:, mask.ravel()]
    slopes = np.linalg.solve(np.asarray(affine)[:3, :3].T, gradients)  # per mm, world axes
    mm = np.stack([axis[mask] for axis in _world(affine, image.shape)]) - [[0], [-20], [0]]
    turning = -np.cross(mm.T, slopes.T).T
    edges = MOTION_SHARE * np.vstack([-slopes, turning])
    jerks = np.diff(motion, axis=0, prepend=motion[:1])
    sudden = (jerks[:, :3] ** 2).sum(axis=1) + ((50 * jerks[:, 3:]) ** 2).sum(axis=1)
    history = 0.5 * edges[:3] + 0.01 * image[mask] * np.sign(mm) * np.sqrt(np.abs(mm) / 60)
    whole = SPIKE_PERCENT / 100 * image[mask]
    courses = np.column_stack([motion, jerks[:, :3], -sudden])
    return Sources(courses, np.vstack([edges, history, whole]))


def drift_sources(rng, n_timepoints, image, affine, mask, scanner_seed):
    """Slow change of the scanner: a straight line and weaker slow waves, each with its own map.

    Most of where the line is steep belongs to the scanner, hence to all subjects of a group.
    """
    t = np.linspace(-1, 1, n_timepoints)
    waves = [np.cos(np.pi * k * (t + 1) / 2 + rng.uniform(0, 2 * np.pi)) for k in (1.3, 2.1)]
    courses = _standardize(np.column_stack([t, *waves]))
    field = SmoothField(affine, mask, spacing=14.0)
    patterns = field.draw(rng, 3)
    common = field.draw(np.random.default_rng(scanner_seed), 1)[0]
    patterns[0] = np.sqrt(0.8) * common + np.sqrt(0.2) * patterns[0]
    patterns *= np.array([[DRIFT_PERCENT], [WAVE_PERCENT], [WAVE_PERCENT]]) / 100
    return Sources(courses, patterns * image[mask])


def physiology_sources(rng, n_timepoints, t_r, fractions, image, affine, mask):
    """Heart beat in ventricles and brainstem; breathing at the edge of the brain.

    Both are sampled at the repetition time, so that they alias to where they do in real data.
    """
    beat, breath = (
        2 * np.pi * np.cumsum(t_r * (rate + spread * rng.standard_normal(n_timepoints)))
        for rate, spread in ((rng.normal(1.1, 0.1), 0.04), (rng.normal(0.28, 0.03), 0.01))
    )
    # The wave arrives in the brainstem a quarter of a beat before it moves the ventricles.
    courses = _standardize(np.column_stack([np.sin(beat), np.cos(beat), np.cos(breath)]))
    parts = (
        (fractions["brainstem"], CARDIAC_PERCENT),
        (fractions["ventricles"], CARDIAC_PERCENT),
        (ndimage.gaussian_gradient_magnitude(image, 0.7), BREATH_PERCENT),
    )
    local = [part[mask] / max(part[mask].max(), 1e-6) * percent for part, percent in parts]
    return Sources(courses, GREY_SIGNAL / 100 * np.stack(local))


def vessel_sources(rng, n_timepoints, t_r, fractions, affine, mask):
    """Slow signal of large vessels, alike in all subjects: components that are no networks."""
    courses = haemodynamic_courses(rng, n_timepoints, t_r, np.eye(len(_VESSELS)))
    mm = _world(affine, mask.shape)
    patterns = []
    for centres in _VESSELS:
        near = sum(
            np.exp(-sum((axis - c) ** 2 for axis, c in zip(mm, centre, strict=True)) / (2 * 8.0**2))
            for centre in centres
        )
        pattern = ((0.2 + fractions["csf"]) * near)[mask]
        patterns.append(pattern / max(pattern.max(), 1e-6))
    return Sources(courses, GREY_SIGNAL * VESSEL_PERCENT / 100 * np.stack(patterns))


def join(*sources):
    """Put several low-rank parts side by side, in steps that make their product exact."""
    courses = np.hstack([source.courses for source in sources])
    patterns = np.vstack([source.patterns for source in sources])
    return Sources(in_steps(courses, _COURSE_STEP), in_steps(patterns, _PATTERN_STEP))


class SmoothField:
    """Draws smooth random maps of variance 1: white noise on a coarse grid, through B-splines.

    A draw of n maps takes n x n_grid_voxels x 8 B for a moment.

    Parameters
    ----------
    affine : array-like of shape (4, 4)
    mask : ndarray of shape (nx, ny, nz), bool
    spacing : float
        Distance of the coarse grid's points in mm; the maps have a FWHM of about 1.6 times that.
    """

    def __init__(self, affine, mask, spacing):
        self.mask = mask
        sizes = np.linalg.norm(np.asarray(affine)[:3, :3], axis=0)
        self._bases = [
            _spline_basis(n, spacing / size) for n, size in zip(mask.shape, sizes, strict=True)
        ]

    def draw(self, rng, n_maps):
        """Return `n_maps` independent maps, an ndarray of shape (n_maps, n_voxels)."""
        return self.expand(self.draw_coarse(rng, n_maps))

    def draw_coarse(self, rng, n_maps):
        """Draw white noise on the coarse grid."""
        shape = (n_maps, *(basis.shape[1] for basis in self._bases))
        return rng.standard_normal(shape, dtype=np.float32)

    def expand(self, coarse):
        """Interpolate coarse maps to the voxels of the mask, exactly."""
        coarse = in_steps(coarse, _NOISE_STEP)
        for axis, basis in enumerate(self._bases, start=1):
            coarse = np.moveaxis(np.tensordot(coarse, basis, axes=(axis, 1)), -1, axis)
        return coarse[:, self.mask]


class NoiseStream:
    """Noise of a run, a block of frames at a time: smooth in space and time, plus thermal."""

    _MEMORY = 0.5  # correlation of the smooth part from frame to frame

    def __init__(self, rng, affine, mask, scale):
        self._rng = rng
        self._scale = scale * GREY_SIGNAL / 100
        self._field = SmoothField(affine, mask, spacing=9.0)
        self._state = self._field.draw_coarse(rng, 1)[0]

    def draw(self, n_frames):
        """Return the next frames, an ndarray of shape (n_frames, n_voxels)."""
        fresh = self._field.draw_coarse(self._rng, n_frames) * np.float32(
            np.sqrt(1 - self._MEMORY**2)
        )
        for frame in fresh:
            frame += np.float32(self._MEMORY) * self._state
            self._state = frame
        self._state = self._state.copy()
        noise = self._field.expand(fresh)
        noise *= SMOOTH_PERCENT * self._scale
        thermal = self._rng.standard_normal(noise.shape, dtype=np.float32)
        thermal *= np.float32(THERMAL_PERCENT * self._scale)
        noise += thermal
        return noise


def _spline_basis(n_voxels, spacing):
    """Cubic B-splines every `spacing` voxels, rows scaled so that noise keeps its variance."""
    n_knots = int(np.ceil((n_voxels - 1) / spacing)) + 3
    offset = np.arange(n_voxels)[:, np.newaxis] / spacing - (np.arange(n_knots) - 1)
    t = np.abs(offset)
    basis = np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.clip(2 - t, 0, None) ** 3 / 6)
    return in_steps(basis / np.linalg.norm(basis, axis=1, keepdims=True), _SPLINE_STEP)


def _standardize(courses):
    courses = courses - courses.mean(axis=0)
    return courses / np.maximum(courses.std(axis=0), 1e-12)


def _world(affine, shape):
    """World coordinates of every voxel, as three arrays in mm."""
    affine = np.asarray(affine, dtype=float)
    ijk = np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij", sparse=True)
    return [
        sum(affine[row, column] * ijk[column] for column in range(3)) + affine[row, 3]
        for row in range(3)
    ]
