"""What is settled before a fit reads its first run: parameters, confounds, masker, plan.

An estimator is asked for its parameters; nothing is learnt here, and nothing but headers is read.
"""

from itertools import chain

import numpy as np

from nbica.decomposition.reduction import stored_components
from nbica.decomposition.selection import dimensions_per_run
from nbica.decomposition.weighting import check_weighting
from nbica.image.run import is_iterator, iter_runs
from nbica.masking.masker import NiftiMasker
from nbica.runtime import budget
from nbica.runtime.checks import check_callback, check_dtype, check_n_components, check_n_jobs
from nbica.runtime.eviction import parse_limit
from nbica.runtime.store import open_store
from nbica.runtime.units import parse_ram
from nbica.runtime.workload import workload_of


def check_parameters(estimator):
    """Raise ValueError or TypeError for a parameter of the journey that cannot be."""
    do_cca = getattr(estimator, "do_cca", False)
    check_weighting(do_cca)
    check_n_components(estimator.n_components, do_cca and not isinstance(do_cca, str))
    check_n_jobs(estimator.n_jobs)
    parse_ram(estimator.ram)
    check_dtype(estimator.dtype)
    check_callback(estimator.callback)
    open_store(estimator.memory)
    parse_limit(getattr(estimator, "cache_limit", None))
    on_error = getattr(estimator, "on_error", "raise")
    if on_error not in ("raise", "skip"):
        msg = f"on_error is {on_error!r}; expected 'raise' or 'skip'."
        raise ValueError(msg)


def confounds_of(imgs, confounds):
    """The confounds that were passed, else those of a Bunch of runs."""
    if confounds is None and hasattr(imgs, "func"):
        return getattr(imgs, "confounds", None)
    return confounds


def make_masker(estimator):
    """The masker that an estimator's parameters ask for, not yet fitted."""
    names = set(NiftiMasker().get_params()) - {"mask_img", "runs"}
    own = {name: getattr(estimator, name) for name in names}
    mask = estimator.mask
    if isinstance(mask, type) or not hasattr(mask, "get_params"):
        return NiftiMasker(mask_img=mask, **own)
    # Where and how to compute remains the estimator's business.
    names -= {"memory", "memory_level", "n_jobs", "verbose", "dtype"}
    theirs = {name: value for name, value in mask.get_params().items() if name in names}
    mask_img = getattr(mask, "mask_img_", None) or mask.mask_img
    return NiftiMasker(mask_img=mask_img, **(own | theirs))


def check_mask_size(n_voxels, n_components):
    """Raise ValueError for a mask with fewer voxels than components are wanted."""
    if n_components != "auto" and n_voxels < n_components:
        msg = (
            f"n_components is {n_components}, but the mask has only {n_voxels} voxels: lower "
            "n_components or widen the mask."
        )
        raise ValueError(msg)


def list_runs(imgs, needed_twice):
    """Runs, and how many; a generator stays one where a single pass is enough."""
    runs = iter_runs(imgs)
    if is_iterator(imgs) and not needed_twice:
        return runs, None
    runs = list(runs)
    return runs, len(runs)


def plan_before(estimator, imgs, confounds=None):
    """Plan for a fit that was not begun; reads headers only."""
    if is_iterator(imgs):
        msg = (
            "Got a generator, of which a plan would leave nothing for the fit: make a list of it "
            "first (imgs = list(imgs)). A fit of a generator makes its own plan, in plan_."
        )
        raise TypeError(msg)
    runs = list(iter_runs(imgs))
    with_confounds = confounds_of(imgs, confounds) is not None
    masker = make_masker(estimator)
    if masker.mask_img is None:
        return plan_with_mask_pass(estimator, runs, with_confounds)
    return plan_of(estimator, runs, masker.fit().n_elements_, with_confounds)[0]


def plan_with_mask_pass(estimator, runs, with_confounds):
    """Plan for a fit that computes its mask, from a guess at the number of voxels."""
    third = int(np.prod(runs[0].grid.shape) / 3)  # what a mask usually keeps
    return plan_of(estimator, runs, third, with_confounds, mask_pass=True)[0]


def plan_of(estimator, runs, n_voxels, with_confounds=False, mask_pass=False):
    """Plan for runs, and the runs; of a generator the first speaks for all."""
    listed, n_runs = runs, None
    if isinstance(runs, list):
        n_runs = len(runs)
    else:
        listed = [next(runs)]
        runs = chain(listed, runs)
    n_rows = dimensions_per_run(estimator)
    workload = workload_of(
        listed,
        n_runs,
        n_voxels,
        n_rows if estimator.n_components == "auto" else estimator.n_components,
        stored_components(n_rows),
        smooth=bool(np.any(estimator.smoothing_fwhm)),
        confounds=with_confounds,
        band_pass=estimator.low_pass is not None or estimator.high_pass is not None,
        mask_pass=mask_pass,
    )
    location = open_store(estimator.memory).location
    return budget.plan_for(workload, estimator.n_jobs, estimator.ram, location), runs
