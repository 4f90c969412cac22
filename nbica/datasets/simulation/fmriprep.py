"""Confound tables with the names and gaps of fMRIPrep's `desc-confounds_timeseries.tsv`."""

import numpy as np

from nbica.datasets.fmriprep_columns import DVARS_LIMIT, FD_LIMIT, MOTION

_LONGEST_WAVE = 128.0  # s, cut-off of the cosine regressors
_N_COMPCOR = 6


class RunStatistics:
    """Gathers, frame by frame, what the table needs of the images.

    Holds n_timepoints x (n_kept + 4) numbers, where n_kept is at most 1000 voxels of white matter
    and fluid; the images are not kept.

    Parameters
    ----------
    fractions : dict of ndarray
        Tissue fractions, of `nbica.datasets.simulation.anatomy`.
    mask : ndarray of shape (nx, ny, nz), bool
    """

    _MOST_VOXELS = 500  # per tissue

    def __init__(self, fractions, mask):
        self._tissues = {
            "csf": _purest(fractions["csf"][mask], self._MOST_VOXELS),
            "white_matter": _purest(fractions["white"][mask], self._MOST_VOXELS),
        }
        self._kept = np.unique(np.concatenate(list(self._tissues.values())))
        self._means = []
        self._dvars = []
        self._samples = []
        self._previous = None

    def add(self, frames):
        """Look at the next frames, an array of shape (n_frames, n_voxels)."""
        # In float64: what is written with six digits does not hang on the order of a sum.
        seen = [frames[:, voxels] for voxels in self._tissues.values()]
        self._means.append(np.column_stack([_mean(part) for part in [*seen, frames]]))
        self._samples.append(frames[:, self._kept].astype(np.float32))
        for frame in frames:
            if self._previous is not None:
                self._dvars.append(np.sqrt(_mean((frame - self._previous) ** 2)))
            self._previous = frame
        self._previous = self._previous.copy()  # a view would keep the whole block alive

    def columns(self):
        """Return signals and DVARS as a dict of columns."""
        means = np.vstack(self._means)
        dvars = np.array([np.nan, *self._dvars])
        return {
            "csf": means[:, 0],
            "white_matter": means[:, 1],
            "global_signal": means[:, 2],
            "dvars": dvars,
            # fMRIPrep divides by what noise alone would give; the median is close to that.
            "std_dvars": dvars / np.nanmedian(dvars),
        }

    def components(self, n_components, cosines):
        """Leading time courses of white matter and fluid (aCompCor), drifts removed."""
        samples = np.vstack(self._samples).astype(float)
        nuisance = np.column_stack([np.ones(len(samples)), *cosines.values()])
        samples -= nuisance @ np.linalg.lstsq(nuisance, samples, rcond=None)[0]
        values, vectors = np.linalg.eigh(samples @ samples.T)
        share = values[::-1][:n_components] / values.sum()
        courses = vectors[:, ::-1][:, :n_components]
        # An eigenvector's sign is arbitrary: let its largest entry be positive.
        largest = courses[np.abs(courses).argmax(axis=0), np.arange(courses.shape[1])]
        # Six digits are the same on every processor.
        return np.round(courses * np.sign(largest), 6), share


def _mean(values):
    return values.mean(axis=-1, dtype=np.float64)


def confounds_table(motion, statistics, t_r):
    """Assemble the table of a run.

    Parameters
    ----------
    motion : ndarray of shape (n_timepoints, 6)
        Translations in mm, rotations in rad.
    statistics : RunStatistics
        That has seen every frame.
    t_r : float
        Repetition time in s.

    Returns
    -------
    table : pandas.DataFrame of n_timepoints rows
        NaN, which is written `n/a`, where a value needs a frame before the first.
    sidecar : dict
        What fMRIPrep writes beside it on the aCompCor columns.
    """
    import pandas as pd

    signals = statistics.columns()
    cosines = cosine_drifts(len(motion), t_r)
    compcor, share = statistics.components(_N_COMPCOR, cosines)
    displacement = framewise_displacement(motion)
    columns = {}
    for name in ("csf", "white_matter", "global_signal"):
        columns |= _expanded(name, signals[name])
    columns |= {"std_dvars": signals["std_dvars"], "dvars": signals["dvars"]}
    columns["framewise_displacement"] = displacement
    names = [f"a_comp_cor_{i:02d}" for i in range(compcor.shape[1])]
    columns |= dict(zip(names, compcor.T, strict=True)) | cosines
    for name, course in zip(MOTION, motion.T, strict=True):
        columns |= _expanded(name, course)
    outliers = (displacement > FD_LIMIT) | (signals["std_dvars"] > DVARS_LIMIT)
    columns |= _one_hot("motion_outlier", np.flatnonzero(outliers), len(motion))
    return pd.DataFrame(columns), _sidecar(names, share)


def framewise_displacement(motion):
    """Sum of absolute displacements from frame to frame in mm (Power et al. 2012), NaN first."""
    moved = np.abs(np.diff(motion, axis=0))
    return np.concatenate([[np.nan], moved[:, :3].sum(axis=1) + 50 * moved[:, 3:].sum(axis=1)])


def motion_only(table):
    """The 24 motion columns of a table: six parameters, their derivatives, and the squares."""
    is_motion = table.columns.str.startswith(("trans_", "rot_"))
    return table.loc[:, is_motion]


def cosine_drifts(n_timepoints, t_r):
    """Discrete cosines slower than 128 s, as columns `cosine00`, `cosine01`, and so on."""
    order = int(np.floor(2 * n_timepoints * t_r / _LONGEST_WAVE))
    t = (np.arange(n_timepoints) + 0.5) / n_timepoints
    scale = np.sqrt(2 / n_timepoints)
    return {f"cosine{k:02d}": scale * np.cos(np.pi * (k + 1) * t) for k in range(order)}


def _expanded(name, course):
    """A course with its derivative and the squares of both (Satterthwaite et al. 2013)."""
    derivative = np.concatenate([[np.nan], np.diff(course)])
    return {
        name: course,
        f"{name}_derivative1": derivative,
        f"{name}_power2": course**2,
        f"{name}_derivative1_power2": derivative**2,
    }


def _one_hot(name, frames, n_timepoints):
    spikes = np.zeros((len(frames), n_timepoints))
    spikes[np.arange(len(frames)), frames] = 1.0
    return {f"{name}{i:02d}": spike for i, spike in enumerate(spikes)}


def _sidecar(names, share):
    return {
        name: {
            "CumulativeVarianceExplained": round(float(share[: i + 1].sum()), 6),
            "Mask": "combined",
            "Method": "aCompCor",
            "Retained": True,
            "VarianceExplained": round(float(share[i]), 6),
        }
        for i, name in enumerate(names)
    }


def _purest(fraction, n_most):
    """Indices of the voxels that are most nearly one tissue only."""
    order = np.argsort(-fraction, kind="stable")[:n_most]
    return np.sort(order[fraction[order] > 0.8 * fraction[order[0]]])
