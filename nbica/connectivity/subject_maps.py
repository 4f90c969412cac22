"""Maps as one run has them: by dual regression, guided ICA, or back through its reduction."""

from typing import NamedTuple

import joblib
import numpy as np
from threadpoolctl import threadpool_limits

from nbica.connectivity.guided import guide
from nbica.decomposition.projection import fit_frames, project_run
from nbica.decomposition.reduction import reduce_run
from nbica.decomposition.selection import orthonormal
from nbica.decomposition.weighting import weighted_rows
from nbica.image.fingerprint import fingerprint
from nbica.masking.preparation import PreparedRun
from nbica.runtime.cache import Stage
from nbica.signal.confounds import load_confounds
from nbica.signal.least_squares import gram

SUBJECT_MAPS = Stage("subject maps", version=3)
GUIDED_MAPS = Stage("guided maps", version=1)


class SubjectMaps(NamedTuple):
    """One run, seen through the group's components.

    Attributes
    ----------
    name : str
        The run's path.
    time_courses : ndarray of float32, shape (n_timepoints, n_components)
    maps : ndarray of float32, shape (n_components, n_voxels)

    See Also
    --------
    dual_regression : makes them.

    Examples
    --------
    >>> from pathlib import Path
    >>> from nbica import CanICA, connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> own = next(connectivity.dual_regression(ica, cohort.func, cohort.confounds))
    >>> Path(own.name).name[:6], own.time_courses.shape
    ('sub-01', (40, 5))
    >>> ica.masker_.inverse_transform(own.maps).shape
    (13, 16, 14, 5)
    """

    name: str
    time_courses: np.ndarray
    maps: np.ndarray


def regress_run(run, preparation, maps, store, confounds=None, scratch_folder=None):
    """Dual regression of one run; from the cache where it is there.

    Peak memory is the cleaned run and the maps.

    Parameters
    ----------
    run : Run
    preparation : preparation.Preparation
    maps : ndarray of shape (n_components, n_voxels)
        The group's.
    store : store.Store or store.NoStore
    confounds : as :class:`preparation.PreparedRun` takes them
    scratch_folder : path, optional
        Keep the cleaned matrix in a file there instead of in RAM.

    Returns
    -------
    subject : SubjectMaps
    warnings : list of str
    """
    confounds = load_confounds(confounds, run.n_timepoints, run.name)

    def compute():
        return _regressed(run, preparation, maps, confounds, scratch_folder)

    return _kept(SUBJECT_MAPS, run, preparation, store, (confounds, np.asarray(maps)), compute)


def guide_run(run, preparation, maps, n_components, store, confounds=None, scratch_folder=None):
    """Guided ICA of one run, and the time courses of dual regression; from the cache if there.

    Reads the run twice, once where its reduction is in the cache. Peak memory is the cleaned run,
    or n_components and three times the maps.

    Parameters
    ----------
    run, preparation, maps, store, confounds, scratch_folder
        As in :func:`regress_run`.
    n_components : int
        Principal components of the run, at most, that its maps are made of; never more than half as
        many as it has frames.

    Returns
    -------
    subject : SubjectMaps
    warnings : list of str
    """
    confounds = load_confounds(confounds, run.n_timepoints, run.name)
    n_components = min(n_components, max(1, run.n_timepoints // 2))

    def compute():
        # The sums do not depend on how many threads there are.
        with threadpool_limits(1, "blas"):
            rows = _equal_rows(run, preparation, n_components, store, confounds, scratch_folder)
            own = guide(rows * np.float32(np.sqrt(rows.shape[1])), maps)
        courses, notices = project_run(run, preparation, maps, confounds, scratch_folder)
        return {"time_courses": courses, "maps": own, "notices": notices}

    given = (confounds, np.asarray(maps), n_components)
    return _kept(GUIDED_MAPS, run, preparation, store, given, compute)


def _kept(stage, run, preparation, store, given, compute):
    """A subject's maps of a stage, and what was noticed."""

    def key():
        return stage.key(fingerprint(run), preparation.key(), joblib.hash(given))

    about = {"run": run.name, "parameters": f"{len(given[1])} maps"}
    found = stage.get_or_compute_once(store, key, compute, about)
    values = found.values
    notices = [*values["notices"], *found.notes]
    return SubjectMaps(run.name, values["time_courses"], values["maps"]), notices


def _equal_rows(run, preparation, n_components, store, confounds, scratch_folder):
    """A run's principal components, their means over voxels taken out, orthonormal."""
    form = ReductionSettings(n_components, "equal", True)
    return _reduced_rows(run, preparation, form, store, confounds, scratch_folder)[0]


def _regressed(run, preparation, maps, confounds, scratch_folder):
    """Time courses by least squares on the maps, then maps by least squares on those."""
    with (
        threadpool_limits(1, "blas"),
        PreparedRun(run, preparation, confounds, scratch_folder) as signals,
    ):
        courses = fit_frames(signals, maps).courses
        to_maps = np.linalg.pinv(standardized(courses)).astype(np.float32)
        own = np.empty((len(maps), signals.n_voxels), np.float32)
        for voxels, block in signals.walk():
            own[:, voxels] = to_maps @ block
        notices = list(signals.notices())
    return {"time_courses": courses.astype(np.float32), "maps": own, "notices": notices}


def courses_of(runs):
    """Time courses of runs that are given as arrays or as SubjectMaps."""
    return [run.time_courses if isinstance(run, SubjectMaps) else np.asarray(run) for run in runs]


def standardized(courses):
    """Time courses of mean 0 and variance 1; those that are constant become 0."""
    courses = courses - courses.mean(axis=0)
    deviations = courses.std(axis=0)
    return courses / np.where(deviations > 0, deviations, np.inf)


# ---- back through the reduction -----------------------------------------------------------------


class ReductionSettings(NamedTuple):
    """How a fit took the principal components of its runs.

    Attributes
    ----------
    n_components : int
        How many of each.
    weighting : {"equal", "deviation", "signal"}
        How they count, as in :func:`weighting.weighted_rows`.
    centred : bool
        Whether their means over voxels were taken out.
    """

    n_components: int
    weighting: str
    centred: bool


def basis_with_mean(maps):
    """Orthonormal rows that span the maps and the constant map, which comes first.

    ICA takes the mean out of its maps; with the constant the group subspace is spanned again.

    Parameters
    ----------
    maps : ndarray of shape (n_components, n_voxels)

    Returns
    -------
    basis : ndarray of float32, shape (1 + n, n_voxels)
    coordinates : ndarray of shape (n_components, n)
        Coordinates of the maps without their means, along the rows after the first.
    """
    centred = (maps - maps.mean(axis=1, keepdims=True)).astype(np.float32)
    s2, U = np.linalg.eigh(gram(centred))
    kept = s2 > 1e-10 * s2.max()
    s, U = np.sqrt(s2[kept]), U[:, kept]
    constant = np.full((1, maps.shape[1]), 1 / np.sqrt(maps.shape[1]), np.float32)
    return np.vstack([constant, (U / s).T.astype(np.float32) @ centred]), U * s


def unmixing_of(overlap, coordinates):
    """What leads from a run's part of the basis to its part of the maps.

    The k leading eigenvectors of the overlap are the group subspace, rows C = W E with E the basis;
    the maps, with their means again, are G C; and a run has G s⁻² C Pᵀ P of them, which is summed
    over runs just G C.

    Parameters
    ----------
    overlap : ndarray of shape (1 + n, 1 + n)
        Sum over all runs of :func:`overlap_run`.
    coordinates : ndarray of shape (n_components, n)
        Of :func:`basis_with_mean`.

    Returns
    -------
    ndarray of shape (n_components, 1 + n)
    """
    s2, W = np.linalg.eigh(overlap)
    s2, W = s2[1:], W[:, 1:].T
    G = coordinates @ np.linalg.pinv(W[:, 1:])
    return (G / s2) @ W


def overlap_run(run, preparation, basis, form, store, confounds=None, scratch_folder=None):
    """Products of a basis with what a run's principal components have of it, E Pᵀ P Eᵀ.

    Returns
    -------
    overlap : ndarray of shape (n_rows, n_rows)
    warnings : list of str
    """
    with threadpool_limits(1, "blas"):
        rows, notices = _reduced_rows(run, preparation, form, store, confounds, scratch_folder)
        along = (basis @ rows.T).astype(np.float64)
        return along @ along.T, notices


def reconstruct_run(
    run, preparation, maps, basis, form, unmixing, store, confounds=None, scratch_folder=None
):
    """Maps of one run by back-reconstruction, beside its time courses on the group's maps.

    (Time courses on its own maps are worse: they are few principal components of one run, far from
    orthogonal, and each holds much of the others.)

    Parameters
    ----------
    run, preparation, maps, store, confounds, scratch_folder
        As in :func:`regress_run`.
    basis : ndarray of shape (n_rows, n_voxels)
    form : ReductionSettings
    unmixing : ndarray of shape (n_components, n_rows)
        From :func:`unmixing_of`.

    Returns
    -------
    subject : SubjectMaps
    warnings : list of str
    """
    with threadpool_limits(1, "blas"):
        rows, _ = _reduced_rows(run, preparation, form, store, confounds, scratch_folder)
        own = (unmixing @ (basis @ rows.T)).astype(np.float32) @ rows
    courses, notices = project_run(run, preparation, maps, confounds, scratch_folder)
    return SubjectMaps(run.name, courses, own), notices


def _reduced_rows(run, preparation, form, store, confounds, scratch_folder):
    n_rows = form.n_components
    reduction = reduce_run(
        run, preparation, n_rows, confounds, store=store, scratch_folder=scratch_folder
    ).reduction
    rows = np.asarray(weighted_rows(reduction.leading(n_rows), form.weighting))
    if form.centred:
        rows = orthonormal(rows)
    return rows, list(reduction.warnings)
