"""Subjects' own time courses and maps of the group's components, one run in memory at a time."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from nbica.connectivity.subject_maps import (
    ReductionSettings,
    basis_with_mean,
    guide_run,
    overlap_run,
    reconstruct_run,
    regress_run,
    unmixing_of,
)
from nbica.decomposition.canica import CanICA
from nbica.decomposition.preflight import make_masker, plan_of
from nbica.decomposition.run_table import warn_about_runs
from nbica.decomposition.weighting import weighting_of
from nbica.image.inputs import inputs_of
from nbica.masking.mask import load_mask
from nbica.matching.labels import load_networks
from nbica.runtime import machine
from nbica.runtime.checks import check_count, check_fitted, check_n_jobs
from nbica.runtime.parallel import each_run
from nbica.runtime.store import open_store

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sklearn.base import BaseEstimator
    from sklearn.utils import Bunch

    from nbica.connectivity.subject_maps import SubjectMaps
    from nbica.decomposition.dict_learning import DictLearning
    from nbica.hints import Bytes, ImageLike, Images, MemoryLike, RunConfounds, Runs


def dual_regression(
    ica: CanICA | DictLearning, imgs: Runs, confounds: RunConfounds = None,
    memory: MemoryLike = None,
) -> Iterator[SubjectMaps]:  # fmt: skip
    """Estimate each subject's time courses and maps of the group's components.

    Reads every run once, as it is asked for. Memory is that of a run for each of the estimator's
    `n_jobs` processes, and of the maps of one subject, for any number of them; a list of all takes
    n_subjects x n_components x n_voxels x 4 B, or nothing with a `memory`: then the maps stay in
    their files.

    First the group's maps and an intercept are fitted to each frame, which gives time courses; then
    these to each voxel, which gives the subject's maps [1]_.

    Parameters
    ----------
    ica : CanICA or DictLearning
        Fitted; a run is smoothed and cleaned as in the fit.
    imgs : as `ica.fit` takes them
        These runs or new ones.
    confounds : list with one entry per run, optional
    memory : None, path or joblib.Memory
        Where results are kept; by default where the estimator keeps its own.

    Returns
    -------
    iterator of SubjectMaps
        With `name`, `time_courses`, those of `ica.transform`, and `maps`, of shape (n_components,
        n_voxels): the change of the cleaned signal per standard deviation of a time course, so
        that a network's strength shows in its map.

    Raises
    ------
    NotFittedError
    DataError, FileNotFoundError
        For images or confounds that cannot be used, naming them.

    See Also
    --------
    guided_ica : own maps that are further from Gaussian.
    back_reconstruct : parts of the group's maps.

    References
    ----------
    .. [1] L. Nickerson et al., "Using dual regression to investigate network shape and amplitude
       in functional connectivity analyses", Frontiers in Neuroscience 11 (2017), 115.

    Examples
    --------
    >>> from nbica import CanICA, connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> for own in connectivity.dual_regression(ica, cohort.func[:2], cohort.confounds[:2]):
    ...     print(own.time_courses.shape, own.maps.shape == ica.components_.shape)
    (40, 5) True
    (40, 5) True
    """
    pairs, shared, n_workers = _work(ica, imgs, confounds, memory)
    return _streamed(regress_run, pairs, shared, n_workers)


def back_reconstruct(
    ica: CanICA, imgs: Runs, confounds: RunConfounds = None, memory: MemoryLike = None
) -> Iterator[SubjectMaps]:
    """Compute each subject's part in the group's maps by back-reconstruction (as GIFT's GICA3).

    Reads every run three times, or once with a `memory` that holds its reduction: for what the
    runs have of the maps in all, for the part of each, and for its time courses. Memory is that of
    :func:`dual_regression`, and another copy of the group's maps.

    The map of a subject is what its principal components hold of the group's. Over the runs of the
    fit the maps add up to the group's [1]_, but for a constant in each, as ICA removes means; with
    a threshold, to what the group subspace holds of the maps. They do so as far as that subspace is
    exact: up to ten runs with `do_cca=True`, and with the default up to three, beyond to some
    hundredths of a standard deviation (see :class:`subspace.GroupSubspace`).

    Parameters
    ----------
    ica : CanICA
        Fitted.
    imgs : as `ica.fit` takes them
        The runs of the fit, all of them.
    confounds, memory
        As in :func:`dual_regression`.

    Returns
    -------
    iterator of SubjectMaps
        `maps` are the parts; `time_courses` those of :func:`dual_regression`, since those on the
        parts are much further from the truth: on simulated runs r .16 to .47 with the planted ones,
        against .70 to .88.

    Raises
    ------
    As :func:`dual_regression`.

    See Also
    --------
    dual_regression : also for runs that were not in the fit.

    References
    ----------
    .. [1] E. Erhardt et al., "Comparison of multi-subject ICA methods for analysis of fMRI data",
       Human Brain Mapping 32 (2011), 2075-2095.

    Examples
    --------
    The parts of all runs add up to the group's maps:

    >>> import numpy as np
    >>> from nbica import CanICA, connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, 5, do_cca=True, threshold=None, random_state=0).fit(cohort)
    >>> parts = connectivity.back_reconstruct(ica, cohort.func, cohort.confounds)
    >>> total = sum(part.maps for part in parts)
    >>> change = (total - ica.components_).std(axis=1)
    >>> bool(change.max() < 1e-3 * ica.components_.std())
    True
    """
    pairs, shared, n_workers = _work(ica, imgs, confounds, memory)
    maps = shared.pop("maps")
    basis, coordinates = basis_with_mean(maps)
    shared |= {"basis": basis, "form": _reduction_settings(ica)}
    overlap = sum(_streamed(overlap_run, pairs, shared, n_workers, quiet=True))
    shared |= {"unmixing": unmixing_of(overlap, coordinates), "maps": maps}
    return _streamed(reconstruct_run, pairs, shared, n_workers)


def guided_ica(
    imgs: Runs,
    networks: Images | Bunch | CanICA | DictLearning,
    confounds: RunConfounds = None,
    *,
    mask: ImageLike | BaseEstimator | None = None,
    n_components: int = 64,
    memory: MemoryLike = None,
    n_jobs: int | None = None,
    ram: Bytes = None,
) -> Iterator[SubjectMaps]:
    """Find each subject's version of given networks by ICA that they guide (GIG-ICA, MOO-ICAR).

    Reads every run twice, as it is asked for, or once with a `memory` that holds its reduction.
    Memory is that of :func:`dual_regression`, and of `n_components` maps. Time is that of the
    reduction, and for each of up to 200 steps of 2 n_networks x n_components multiplications per
    voxel (0.3 s in all for 20 networks, 64 components and 4000 voxels).

    For each network, it seeks the map within the span of the subject's principal components that is
    both like the network and as far from Gaussian as can be, with equal weight [1]_ [2]_. So
    networks keep their place in the list over subjects, and need not be of these subjects: a
    published template will do. On simulated cohorts in which people's networks differ, own maps
    then are nearer to the truth than those of dual regression (mean r .55 against .48 and .61
    against .56 in two cohorts of ours). Halves of 20 real runs agreed no better (r .27 with both).
    A map is like its network by design, in noise too: likeness is no sign that a person has it.

    Parameters
    ----------
    imgs : as `CanICA.fit` takes them
    networks : fitted CanICA or DictLearning, or images as :func:`matching.label` takes them
        Maps to be guided by; thresholded ones do.
    confounds : list with one entry per run, optional
    mask : path, nibabel image or NiftiMasker
        Where `networks` are images: as the `mask` of :class:`CanICA`, with its smoothing and
        cleaning where it is no masker. Those of a fit are taken from it.
    n_components : int
        Principal components of each run that its maps are made of; at most half as many as it has
        frames, since the others are noise. More than 64 gained less than .01 in our cohorts; as few
        as there are networks lost half of what there is to gain.
    memory : None, path or joblib.Memory
    n_jobs : int, optional
    ram : as in :class:`CanICA`
        By default those of the fit, or none, 1 and what the machine allows.

    Returns
    -------
    iterator of SubjectMaps
        `maps` have mean 0 and variance 1; `time_courses` are those of dual regression on the
        networks, which were nearer to the truth than those on the maps.

    Raises
    ------
    NotFittedError
    ValueError
        For images of networks without a mask.
    DataError, FileNotFoundError
        For images or confounds that cannot be used, naming them.

    See Also
    --------
    dual_regression : own maps by two regressions.

    References
    ----------
    .. [1] Y. Du, Y. Fan, "Group information guided ICA for fMRI data analysis", NeuroImage 69
       (2013), 157-197.
    .. [2] Y. Du et al., "NeuroMark: an automated and adaptive ICA based pipeline to identify
       reproducible fMRI markers of brain disorders", NeuroImage: Clinical 28 (2020), 102375.

    Examples
    --------
    >>> from nbica import connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> guided = connectivity.guided_ica(
    ...     cohort.func[:1], cohort, cohort.confounds[:1], mask=cohort.mask_img, n_components=16
    ... )
    >>> own = next(guided)
    >>> own.maps.shape[0] == len(cohort.labels), own.time_courses.shape
    (True, (40, 12))
    """
    check_count("n_components", n_components)
    check_n_jobs(n_jobs)
    is_fit = hasattr(networks, "get_params")
    given: dict[str, Any] = {"memory": memory, "n_jobs": n_jobs, "ram": ram}
    if is_fit:
        check_is_fitted(networks)
        mask = networks.masker_
        given = {n: getattr(networks, n) if v is None else v for n, v in given.items()}
    if mask is None:
        msg = "networks are images: pass a mask too, such as mask=NiftiMasker(mask_img=...)."
        raise ValueError(msg)
    ica = CanICA(mask, n_components, **given | {"n_jobs": given["n_jobs"] or 1})
    ica.masker_ = make_masker(ica).fit()
    ica.components_ = networks.components_ if is_fit else _maps_of(networks, ica.masker_.mask_img_)
    pairs, shared, n_workers = _planned(ica, imgs, confounds, given["memory"])
    return _streamed(guide_run, pairs, shared | {"n_components": n_components}, n_workers)


def _maps_of(networks, mask_img):
    """Images of networks in the voxels of a mask, (n_networks, n_voxels)."""
    return load_networks(networks).on(load_mask(mask_img))


def _work(ica, imgs, confounds, memory):
    """Runs with their confounds, what is the same for all, and how many at once."""
    check_fitted("ica", ica)
    return _planned(ica, imgs, confounds, ica.memory if memory is None else memory)


def _planned(ica, imgs, confounds, memory):
    """Pairs of a run and its confounds, what the workers share, and how many workers there are."""
    inputs = inputs_of(imgs, confounds)
    plan = plan_of(ica, inputs, ica.masker_.n_elements_)
    machine.check_disk(plan.scratch_path, plan.scratch)
    shared = {
        "preparation": ica.masker_.preparation_,
        "maps": ica.components_.astype(np.float32, copy=False),
        "store": open_store(memory),
        "scratch_folder": plan.scratch_path,
    }
    return list(inputs.pairs()), shared, plan.n_workers


def _reduction_settings(ica):
    """How a CanICA took the principal components of its runs; a TypeError for what is none."""
    if not isinstance(ica, CanICA):
        msg = (
            "Back-reconstruction needs the reductions of a CanICA; "
            f"got a {type(ica).__name__}: use dual_regression."
        )
        raise TypeError(msg)
    weighting = weighting_of(ica.do_cca)
    is_centred = ica.n_components == "auto" and weighting == "equal"
    return ReductionSettings(ica.components_per_run(), weighting, is_centred)


def _streamed(function, pairs, shared, n_workers, *, quiet=False):
    """Result of each run, as it is asked for; what was noticed about a run is said with it."""
    waiting = iter(pairs)
    # So many at a time, because results that nobody has asked for yet would pile up in memory.
    while batch := list(islice(waiting, n_workers)):
        for name, (result, notices) in each_run(function, batch, n_workers, **shared):
            if not quiet:
                warn_about_runs([(name, "; ".join(notices))], len(pairs), stacklevel=2)
            yield result
