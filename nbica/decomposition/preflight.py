"""What is settled before a fit reads its first run: parameters, masker, plan.

An estimator is asked for its parameters; nothing is learnt here, and nothing but headers is read.
"""

from inspect import signature

import numpy as np

from nbica.decomposition.reduction import stored_components
from nbica.decomposition.weighting import weighting_of
from nbica.exceptions import IgnoredWarning
from nbica.image.copies import bytes_of_copy
from nbica.image.inputs import inputs_of
from nbica.image.run import is_iterator
from nbica.masking.masker import STRATEGIES, NiftiMasker
from nbica.runtime import budget
from nbica.runtime.checks import (
    check_callback,
    check_dtype,
    check_n_components,
    check_n_jobs,
    check_one_of,
)
from nbica.runtime.eviction import parse_limit
from nbica.runtime.progress import warn
from nbica.runtime.store import open_store
from nbica.runtime.units import parse_ram
from nbica.runtime.workload import workload_of


def check_parameters(estimator, allows_auto=False):
    """Raise ValueError or TypeError for a parameter of a group fit that cannot be."""
    check_n_components(estimator.n_components, allows_auto)
    check_n_jobs(estimator.n_jobs)
    parse_ram(estimator.ram)
    check_dtype(estimator.dtype)
    check_callback(estimator.callback)
    open_store(estimator.memory)
    parse_limit(estimator.cache_limit)
    check_one_of("on_error", estimator.on_error, ("raise", "skip"))


def make_masker(estimator):
    """The masker that an estimator's parameters ask for, not yet fitted."""
    names = set(NiftiMasker().get_params()) - {"mask_img", "runs"}
    own = {name: value for name, value in estimator.get_params(deep=False).items() if name in names}
    mask = estimator.mask
    if isinstance(mask, type) or not hasattr(mask, "get_params"):
        return NiftiMasker(mask_img=mask, **own)
    # Where and how to compute remains the estimator's business.
    names -= {"memory", "memory_level", "n_jobs", "verbose", "dtype", "reports", "cmap"}
    if getattr(mask, "surf_mesh", None) is None:
        names -= {"surf_mesh"}
    theirs = {name: value for name, value in mask.get_params().items() if name in names}
    _check_masker(mask, theirs)
    _warn_of_overrides(estimator, own, theirs)
    mask_img = getattr(mask, "mask_img_", None) or mask.mask_img
    return NiftiMasker(mask_img=mask_img, **(own | theirs))


def _check_masker(mask, its):
    if hasattr(mask, "labels_img") or hasattr(mask, "maps_img"):
        msg = (
            f"mask is a {type(mask).__name__}, whose regions a decomposition does not use; "
            "it works on voxels: pass a mask image or a NiftiMasker."
        )
        raise TypeError(msg)
    if its.get("high_variance_confounds"):
        msg = (
            "mask is a masker with high_variance_confounds=True, which a decomposition does not "
            "compute: pass confounds=[nbica.image.high_variance_confounds(run), ...] to fit."
        )
        raise ValueError(msg)


def _warn_of_overrides(estimator, own, theirs):
    """Say which parameters that were set the masker replaces by others."""
    defaults = {n: p.default for n, p in signature(type(estimator)).parameters.items()}
    said = [
        f"{name}={theirs[name]!r} instead of {own[name]!r}"
        for name in sorted(set(own) & set(theirs))
        if not _alike(own[name], defaults[name]) and not _alike(own[name], theirs[name])
    ]
    if said:
        msg = f"The masker that is passed as mask has settings of its own: {', '.join(said)}."
        warn(msg, IgnoredWarning, stacklevel=5)


def _alike(one, other):
    """Whether two parameters are equal; images and arrays in spelling."""
    return one == other if np.isscalar(one) and np.isscalar(other) else str(one) == str(other)


def check_mask_size(n_voxels, n_components):
    """Raise ValueError for a mask with fewer voxels than components are wanted."""
    if n_components != "auto" and n_voxels < n_components:
        msg = (
            f"n_components is {n_components}, but the mask has only {n_voxels} voxels: lower "
            "n_components or widen the mask."
        )
        raise ValueError(msg)


def plan_before(estimator, imgs, confounds=None):
    """Plan for a fit that was not begun; reads headers only.

    Raises
    ------
    TypeError
        For generators, which a plan would use up.
    """
    for name, given in {"imgs": imgs, "confounds": confounds}.items():
        if is_iterator(given):
            msg = (
                f"{name} is a {type(given).__name__}, which can be gone through only once: a plan "
                f"would use it up before the fit. Pass {name}=list({name})."
            )
            raise TypeError(msg)
    inputs = inputs_of(imgs, confounds)
    masker = make_masker(estimator)
    if inputs.first.on_surfaces:
        grid = fit_to_surfaces(masker, estimator, inputs).preparation_.mask
        return plan_of(estimator, inputs, grid.n_voxels, grid=grid)
    if masker.mask_img is None:
        return plan_with_mask_pass(estimator, inputs, masker)
    return plan_of(estimator, inputs, masker.fit().n_elements_, grid=masker.preparation_.mask.grid)


def plan_with_mask_pass(estimator, inputs, masker):
    """Plan for a fit that computes its mask, from a guess at the number of voxels."""
    third = int(np.prod(inputs.runs[0].grid.shape) / 3)  # what a mask usually keeps
    return plan_of(estimator, inputs, third, mask_pass=str(masker.mask_strategy) in STRATEGIES)


def fit_to_surfaces(masker, estimator, inputs):
    """Fit a masker to runs of grayordinates, which costs nothing: their files say what there is.

    The estimator's own width of smoothing is for volumes: without surfaces to smooth along it is
    left out, unless another was asked for.
    """
    of_volumes = signature(type(estimator)).parameters["smoothing_fwhm"].default
    if masker.surf_mesh is None and masker.smoothing_fwhm == of_volumes:
        masker.set_params(smoothing_fwhm=None)
    return masker.fit(inputs.runs if inputs.n_runs is not None else [inputs.first])


def plan_of(estimator, inputs, n_voxels, mask_pass=False, grid=None):
    """Plan for runs; of a generator the first speaks for all.

    Parameters
    ----------
    estimator : CanICA or DictLearning
    inputs : Inputs
    n_voxels : int
    mask_pass : bool
        Whether the mask is computed of the runs.
    grid : Grid, optional
        That of the mask, where it is known.

    Returns
    -------
    budget.Plan
    """
    n_rows = estimator.components_per_run()
    runs = inputs.runs if inputs.n_runs is not None else [inputs.first]
    workload = workload_of(
        runs,
        inputs.n_runs,
        n_voxels,
        n_rows if estimator.n_components == "auto" else estimator.n_components,
        stored_components(n_rows),
        smooth=_smooths(estimator, inputs.first),
        confounds=inputs.has_confounds,
        band_pass=estimator.low_pass is not None or estimator.high_pass is not None,
        mask_pass=mask_pass,
        n_rows=n_rows,
        weighted=weighting_of(getattr(estimator, "do_cca", True)) != "equal",
        grid=grid,
        unpacked=[n for run in runs if (n := bytes_of_copy(run))] if mask_pass else (),
    )
    location = open_store(estimator.memory).location
    return budget.plan_for(workload, estimator.n_jobs, estimator.ram, location)


def _smooths(estimator, run):
    is_asked = bool(np.any(estimator.smoothing_fwhm))
    return is_asked and not (run.on_surfaces and estimator.surf_mesh is None)
