"""CanICA: from images to component maps, in reading order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from nbica.decomposition.base import GroupDecompositionMixin
from nbica.decomposition.ica import (
    ALGORITHMS,
    check_random_state,
    fast_ica,
    separate,
    starts_of,
)
from nbica.decomposition.maps import (
    canonical_share,
    check_ratio,
    check_threshold,
    flip_signs,
    threshold_maps,
    warn_of_empty,
)
from nbica.decomposition.preflight import check_parameters
from nbica.decomposition.selection import (
    ComponentSpectrum,
    Null,
    choose,
    components_per_run,
    orthonormal,
)
from nbica.decomposition.subspace import GroupSubspace
from nbica.decomposition.weighting import weighted_rows, weighting_of
from nbica.exceptions import DataError, DataWarning
from nbica.image.grayordinates import Grayordinates
from nbica.masking.extract import unmask
from nbica.runtime.cache import Stage
from nbica.runtime.checks import check_count, check_flags, check_fraction, check_one_of, warn_of_y
from nbica.runtime.progress import warn
from nbica.signal.ties import KNOWN, in_order

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import ArrayLike, DTypeLike

    from nbica.hints import (
        Bytes,
        Fwhm,
        ImageLike,
        MemoryLike,
        MeshLike,
        RunConfounds,
        Runs,
        RunSampleMasks,
        Seed,
        Standardize,
    )

# Maps shown during a fit whose number of components is chosen at its end.
MAPS_SO_FAR = 20
SUBSPACE = Stage("subspace", version=3)


class CanICA(GroupDecompositionMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Group ICA of fMRI runs by CanICA, one run in memory at a time.

    Peak memory of `fit` is, for each of `n_jobs` processes, one cleaned run (n_timepoints x
    n_voxels x 4 B) and some blocks of frames, and in the parent about 10 n_components x n_voxels
    x 4 B; neither grows with the number of runs. Time is that of reading the runs (once with a
    mask, else twice), smoothing, and n_timepoints² x n_voxels multiplications for each.

    Each run is smoothed, cleaned and reduced to its principal components; a generalised canonical
    correlation analysis finds the subspace that the runs share; spatial ICA rotates it into maps
    [1]_ [2]_. Names are those of nilearn 0.14's `CanICA`, and
    so are defaults but for `n_init` and `do_cca`.

    Parameters
    ----------
    mask : path, nibabel image, NiftiMasker or None
        Voxels to work on. None computes a mask from the data by `mask_strategy`. How a masker (ours
        or nilearn's, fitted or not) smooths, cleans and masks replaces what is given here.
    n_components : int or "auto", default=20
        Maps to find. "auto" takes 64 principal components of
        each run and counts the dimensions that the runs share beyond chance, see
        `selection.choose`: it takes up to 48 more merges, and 3 times the memory of 20 components
        in the parent. With `do_cca="weighted"` the number is chosen in the same way, of components
        that count equally, and these 64 then count by their share of signal: one more merge for
        each run.
    smoothing_fwhm : float, three floats or None, default=6
        Full width at half maximum of a Gaussian filter, in mm.
    do_cca : {"weighted", True, False}, default="weighted"
        How the principal components of a run count in the group. "weighted" takes three times as
        many as there are maps, in a cache as well, each by the share of signal in it (see
        `weighting`); True, nilearn's default, as many as maps, all equal (canonical correlation
        analysis); False by their standard deviation (a plain PCA of the concatenated runs).
        Weighted, maps were nearer to the planted ones than equal in all of 9 simulated cohorts
        (mean r by .01 to .05), and halves of 20 real runs agree better: t .79, .72, .69 with 10,
        20, 30 components, not .65, .63, .63.
    threshold : None, "auto", float, ("p", p), ("robust p", p), ("mixture", p), default="auto"
        A ratio r keeps the r x n_voxels largest values of all maps together, "auto" is 1;
        ("p", 0.05) keeps of each map what a Gaussian null exceeds in 5 % of the voxels, as in the
        paper [2]_; ("mixture", 0.5) as MELODIC. ("p", 0.01) agreed best with planted networks. See
        `maps.threshold_maps`.
    n_init : int or "auto", default="auto"
        Random starts of the ICA, of which the one with the highest contrast is kept. "auto" is 30
        up to 40 components, where they cost little (see `ica.starts_of`), and 10 beyond; nilearn
        has 10.
    random_state : int, RandomState, Generator or None
        Seed of those starts.
    standardize : {True, "zscore_sample", "psc", False}, default=True
        Scale of the time courses; True is "zscore_sample".
    standardize_confounds, detrend : bool, default=True
    low_pass, high_pass, t_r : float or None
        Band-pass in Hz, and the seconds between frames that it needs.
    dtype : dtype, optional
        Of `components_`; by default float32, in which the work is done.
    target_affine, target_shape
        Grid to work on; by default the mask's or that of the first run.
    mask_strategy : {"epi", "background", "whole-brain-template"}, default="epi"
    mask_args : dict, optional
        Passed to the function that computes the mask.
    memory : None, path or joblib.Memory
        Where the reductions of the runs are kept (their leading components, in steps of 32), and
        the group subspace: a second fit reads only what has changed, and with another `n_init`,
        `threshold`, seed or number of components up to the next multiple of 32, no image at all.
        See `cache.py` for what counts as changed.
    memory_level : int
        Accepted so that scripts port; all reductions are kept as soon as there is a `memory`.
    n_jobs : int, default=1
        Processes that read and reduce runs, each with one BLAS thread; -1 is all cores. It does
        not change the result.
    verbose : int, default=0
        Above 0, progress is shown.
    max_iter : int, default=200
        Iterations of each start of the ICA.
    tol : float, default=1e-5
        A start has converged when no map turns by more, in 1 - |cosine|.
    ram : number of bytes, str such as "1.5GB", or None
        Budget for all processes together, the interpreters included; on a dask cluster, for each
        process. None takes what the machine allows, with a margin: free memory, control groups,
        `MEM_LIMIT`. It decides how many runs are worked on at once and whether a run's matrix is in
        RAM or in a scratch file, and does not change the result.
    callback : callable, optional
        Called as `callback(state)` after each run with a :class:`group_fit.GroupState`: which run
        it was, how many there are, and `state.maps()`, the maps of the runs so far. What it raises
        stops the fit.
    cache_limit : number of bytes, str such as "5GB", or None
        What `memory` may take: beyond, entries that were not used for longest are dropped, and that
        is said. None is half of the disk space that is free or the cache's. Entries that nobody
        used for 180 days go in any case.
    on_error : {"raise", "skip"}, default="raise"
        What to do with a run that cannot be read: stop, or leave it out with a warning and list it
        in `runs_`.
    consensus : bool, default=False
        Take not the best start of the ICA but what all agree on: the axes of the clusters that
        their components form (ICASSO). It helps where few starts find the optimum, which is not so
        at up to 20 components; there, more starts (`n_init=30`) help more. See `ica.fast_ica`.
    order : {"variance", "stability"}
        Components in decreasing order of what they hold of the variance that the runs share, or of
        `stability_` to a thousandth, and of variance among equals. Shares of variance that differ
        by less than a millionth are equal too, and keep the order in which the ICA found them.
    algorithm : {"fastica", "infomax"}, default="fastica"
        FastICA with the cubic contrast; or Infomax from where that ended, as GIFT's users know it
        (see `infomax`): some tens of passes over the voxels more, no random number. Its maps may
        be correlated. With "weighted", planted networks were found better in all of 9 simulated
        cohorts (mean r by .002 to .018); halves of 20 real runs shared more of the subspace (e .81,
        not .79, with 20 components) and single maps agreed no better (t .73, not .72; with 10
        components .75, not .79), which is why it is not the default.
    n_pca_components : int or None, default=None
        Principal components that each run contributes, GIFT's first reduction step. None is 3
        `n_components` with `do_cca="weighted"`, else `n_components`, and 64 with "auto".
    surf_mesh : (left, right), dict, PolyMesh or SurfaceImage, optional
        Surfaces of the space of CIFTI or GIFTI runs. With them `smoothing_fwhm` is a Gaussian along
        the cortex, and within each structure below; without them such runs are not smoothed.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_voxels)
        Maps of norm 1 (before the threshold), long tail positive; by default those first that hold
        most of what the runs share.
    components_img_ : Nifti1Image, Cifti2Image or SurfaceImage
        The same, 4D, on the mask's grid; of CIFTI runs a dscalar, of GIFTI pairs a SurfaceImage.
    masker_ : NiftiMasker
    mask_img_ : Nifti1Image
    canonical_correlations_ : ndarray of shape (n_components,) or None
        Those of the dimensions of the group subspace, from 1 (in every run) to about 1/n_runs (in
        one), for components that count equally; weighted by their signal, less. None without
        `do_cca`.
    component_spectrum_ : selection.ComponentSpectrum
        What "auto" decided by: all canonical correlations, and those of the null; for
        `plotting.plot_component_spectrum`. Only there with "auto".
    variance_ : ndarray of shape (n_components,)
        Squared singular values of the group subspace divided by the number of runs: with `do_cca`
        the canonical correlations; without, in squared units of the signals, summed over
        timepoints and voxels.
    stability_ : ndarray of shape (n_components,)
        How well each map is found again by the other starts: ICASSO's index Iq, from 0 to 1. It
        tells of the ICA alone, not of other subjects: that is `matching.split_half`'s to tell.
    convergence_ : DataFrame
        One row per start: seed, n_iter, converged, change, contrast, chosen.
    rotations_ : ndarray of shape (n_starts, n_components, n_components)
        Where each start of FastICA ended, in whitened space, the rows of the chosen one in the
        order of `components_`; for `plotting.plot_icasso`.
    n_components_ : int
    runs_ : DataFrame
        One row per run: path, n_timepoints, n_components, cached, seconds (and those of the stages
        read, smooth, clean, reduce; 0 where they came from the cache), warnings.
    plan_ : budget.Plan
        What was decided for memory.
    seconds_ : dict
        Seconds that the stages of the fit took: mask, reduce runs, merge (while runs are reduced),
        ICA.

    See Also
    --------
    DictLearning : sparse maps that may overlap.
    nbica.FitPanel : plans, starts and watches a fit.
    nbica.matching.label : names the components after known networks.

    Notes
    -----
    The maps depend on the data, the parameters and the seed: not on `n_jobs` or on the cache.

    References
    ----------
    .. [1] G. Varoquaux et al., "A group model for stable multi-subject ICA on fMRI datasets",
       NeuroImage 51 (2010), 288-299, arXiv:1006.2300.
    .. [2] G. Varoquaux et al., "ICA-based sparse features recovery from fMRI datasets", IEEE ISBI
       2010, 1177-1180, arXiv:1006.2302.

    Examples
    --------
    >>> from nbica import CanICA, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(mask=cohort.mask_img, n_components=5, smoothing_fwhm=12, random_state=0)
    >>> ica = ica.fit(cohort.func, confounds=cohort.confounds)
    >>> ica.components_img_.shape, ica.runs_["n_timepoints"].tolist()
    ((13, 16, 14, 5), [40, 40, 40, 40])
    >>> time_courses = ica.transform(cohort.func, confounds=cohort.confounds)
    >>> len(time_courses), time_courses[0].shape
    (4, (40, 5))
    """

    def __init__(
        self, mask: ImageLike | BaseEstimator | None = None,
        n_components: int | Literal["auto"] = 20, smoothing_fwhm: Fwhm = 6,
        do_cca: bool | Literal["weighted"] = "weighted",
        threshold: float | Literal["auto"] | tuple[str, float] | None = "auto",
        n_init: int | Literal["auto"] = "auto", random_state: Seed = None,
        standardize: Standardize = True, standardize_confounds: bool = True, detrend: bool = True,
        low_pass: float | None = None, high_pass: float | None = None, t_r: float | None = None,
        dtype: DTypeLike | None = None, target_affine: ArrayLike | None = None,
        target_shape: Sequence[int] | None = None, mask_strategy: str = "epi",
        mask_args: dict | None = None, memory: MemoryLike = None, memory_level: int = 0,
        n_jobs: int = 1, verbose: int = 0, max_iter: int = 200, tol: float = 1e-5,
        ram: Bytes = None, callback: Callable | None = None, cache_limit: Bytes = None,
        on_error: Literal["raise", "skip"] = "raise", consensus: bool = False,
        order: Literal["variance", "stability"] = "variance",
        algorithm: Literal["fastica", "infomax"] = "fastica", n_pca_components: int | None = None,
        surf_mesh: MeshLike = None,
    ) -> None:  # fmt: skip
        self.mask = mask
        self.n_components = n_components
        self.smoothing_fwhm = smoothing_fwhm
        self.do_cca = do_cca
        self.threshold = threshold
        self.n_init = n_init
        self.random_state = random_state
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.detrend = detrend
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.dtype = dtype
        self.target_affine = target_affine
        self.target_shape = target_shape
        self.mask_strategy = mask_strategy
        self.mask_args = mask_args
        self.memory = memory
        self.memory_level = memory_level
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.max_iter = max_iter
        self.tol = tol
        self.ram = ram
        self.callback = callback
        self.cache_limit = cache_limit
        self.on_error = on_error
        self.consensus = consensus
        self.order = order
        self.algorithm = algorithm
        self.n_pca_components = n_pca_components
        self.surf_mesh = surf_mesh

    # ---- fit --------------------------------------------------------------------------------

    def fit(
        self, imgs: Runs, y: object = None, confounds: RunConfounds = None,
        sample_mask: RunSampleMasks = None,
    ) -> Self:  # fmt: skip
        """Find the components of a group of runs.

        Parameters
        ----------
        imgs : list of paths or images, glob pattern, Bunch with `func`, or generator
            4D runs. A generator is consumed run by run if there is a `mask`; without one the runs
            are needed twice and a list is made of it.
        y : None
        confounds : list with one entry per run, optional
            Arrays, DataFrames, paths of tables, or None. By default those of the Bunch, if `imgs`
            is one.
        sample_mask : list with one entry per run, optional
            Frames to keep of each, as indices or booleans, or None for all. The others are left
            out before the run is cleaned; a band-pass has them interpolated. By default that of
            the Bunch.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For parameters that cannot be, naming them and what they may be.
        DataError, FileNotFoundError
            For images or confounds that cannot be used, naming them.
        """
        self._check_parameters()
        warn_of_y(y, stacklevel=2)
        with self._group_fit(imgs, confounds, sample_mask) as fit:
            way = self.do_cca if isinstance(self.do_cca, str) else bool(self.do_cca)
            parts = [self.n_components, way, self.components_per_run()]
            group = fit.cached(SUBSPACE, parts, lambda: self._group(fit))
            self._learn_runs(fit, stacklevel=2)
            components = self._learn_subspace(group)
            with fit.stage("ICA"):
                self._find_components(components)
        return self

    def _check_parameters(self):
        check_parameters(self, allows_auto=weighting_of(self.do_cca) != "deviation")
        check_count("max_iter", self.max_iter)
        if not isinstance(self.n_init, str) or self.n_init != "auto":
            check_count("n_init", self.n_init)
        check_fraction("tol", self.tol, "1e-5")
        check_flags(consensus=self.consensus)
        check_one_of("order", self.order, ("variance", "stability"))
        check_one_of("algorithm", self.algorithm, ALGORITHMS)
        if self.n_pca_components is not None:
            check_count("n_pca_components", self.n_pca_components)
        check_threshold(self.threshold)
        if self.n_components != "auto":
            check_ratio(self.threshold, self.n_components, stacklevel=3)
        check_random_state(self.random_state)

    def components_per_run(self) -> int:
        """How many principal components each run contributes."""
        if self.n_pca_components is not None:
            return self.n_pca_components
        return components_per_run(self.n_components, weighting_of(self.do_cca))

    def partial_fit(
        self, imgs: Runs, y: object = None, confounds: RunConfounds = None,
        sample_mask: RunSampleMasks = None,
    ) -> Self:  # fmt: skip
        """Add runs, one or more, and find the components of all so far.

        Costs what the new runs cost, and an ICA. Memory is that of `fit`, of which the stack of the
        group subspace stays: 10 n_components x n_voxels x 4 B.

        The maps are those of a `fit` of all these runs in this order, with the same mask; without a
        `mask` it is computed from the runs of the first call.

        Parameters
        ----------
        imgs, confounds, sample_mask : as in :meth:`fit`
        y : None

        Returns
        -------
        self
            Not fitted while the runs so far span fewer than `n_components` dimensions.

        Raises
        ------
        ValueError
            After `fit`, which does not keep what would be needed; and as :meth:`fit`. An error in a
            run leaves what was learnt from those before.
        """
        self._check_parameters()
        warn_of_y(y, stacklevel=2)
        subspace = self._subspace_so_far()
        with self._group_fit(imgs, confounds, sample_mask, goes_on=True) as fit:
            self.subspace_ = self._merge(fit, subspace)
            self._learn_runs(fit, stacklevel=2)
            group = _leading(self.subspace_)
            if len(group["components"]) == self.n_components:
                self._find_components(self._learn_subspace(group))
        return self

    def _subspace_so_far(self):
        """The subspace that `partial_fit` goes on with, if it can."""
        if self.n_components == "auto":
            msg = 'n_components="auto" is chosen of all runs at once: use fit, or give a number.'
            raise ValueError(msg)
        subspace = getattr(self, "subspace_", None) or GroupSubspace(self.n_components)
        if hasattr(self, "components_") and not hasattr(self, "subspace_"):
            msg = (
                "This estimator was fitted by fit(), which keeps its maps only. Begin anew with "
                "partial_fit: sklearn.base.clone(estimator).partial_fit(imgs)."
            )
            raise ValueError(msg)
        if subspace.n_components != self.n_components:
            msg = (
                f"n_components was {subspace.n_components} in the first call of partial_fit and is "
                f"{self.n_components} now; begin anew with sklearn.base.clone(estimator)."
            )
            raise ValueError(msg)
        return subspace

    def _group(self, fit):
        """What the runs share: arrays, as the cache keeps them."""
        if self.n_components != "auto":
            return _leading(self._merge(fit, GroupSubspace(self.n_components)))
        mask = fit.masker.preparation_.mask
        if isinstance(mask, Grayordinates):
            msg = (
                'n_components="auto" compares the runs with random volumes of the same smoothness, '
                "which there are none of on grayordinates: give n_components as a number."
            )
            raise ValueError(msg)
        n_rows = self.components_per_run()
        subspace, weighted = (GroupSubspace(n_rows, 2 * n_rows) for _ in "12")
        null = Null(mask.array)
        is_weighted = weighting_of(self.do_cca) == "signal"
        shown = weighted if is_weighted else subspace
        # The number is chosen of equal components, since the null knows no others.
        for reduction in fit.reductions():
            rows = orthonormal(reduction.components)
            null.partial_fit(rows)
            subspace.partial_fit(rows)
            if is_weighted:
                weighted.partial_fit(weighted_rows(reduction, "signal"))
            fit.run_callback(lambda: self._maps_so_far(shown))
        group = _leading(shown)
        shown = weighted = None  # before the null, which takes as much memory
        if len(group["components"]):
            with fit.stage("choose"):
                spectrum = choose(subspace, null)
            group |= {"correlations": spectrum.correlations, "null": spectrum.null}
        return group

    def _merge(self, fit, subspace):
        weighting = weighting_of(self.do_cca)
        for reduction in fit.reductions():
            subspace.partial_fit(weighted_rows(reduction, weighting))
            fit.run_callback(lambda: self._maps_so_far(subspace))
        return subspace

    def _choose(self, spectrum):
        """How many components the runs share beyond chance; at least one."""
        self.component_spectrum_ = spectrum
        found = f"largest canonical correlation {spectrum.correlations[0]:.3f}"
        if spectrum.n_components == 0:
            msg = (
                f"The {spectrum.n_runs} runs share no dimension beyond chance: {found}, of which "
                f"{spectrum.bar:.3f} could be chance. Give n_components as a number, or add runs."
            )
            raise DataError(msg)
        if spectrum.is_capped:
            msg = (
                f'n_components="auto": all {len(spectrum.correlations)} dimensions taken of the '
                "runs are shared beyond chance, and there may be more. Take the number for a lower "
                "bound, or give n_components as a number."
            )
            warn(msg, DataWarning, stacklevel=4)
        return spectrum.n_components

    def _maps_so_far(self, subspace):
        """Maps of the runs merged so far, by an ICA from a single start."""
        components = subspace.components_
        if self.n_components == "auto":  # how many is not known before the end
            components = components[:MAPS_SO_FAR]
        if not len(components):
            return components
        found = separate(components, 1, 0, self.max_iter, self.tol)
        weights = subspace.singular_values_[: len(components)] ** 2
        share = canonical_share(found.maps, components, weights)
        return flip_signs(found.maps[in_order(share)])

    def _learn_subspace(self, group):
        """Store what is known of the group's subspace; return the rows that are kept."""
        self._check_rank(len(group["components"]), 1)
        n_runs, n_components = int((~self.runs_["skipped"]).sum()), self.n_components
        if "null" in group:
            spectrum = ComponentSpectrum(group["correlations"], group["null"], n_runs)
            n_components = self._choose(spectrum)
        components = group["components"][:n_components]
        self._check_rank(len(components), n_components)
        self.variance_ = group["singular_values"][:n_components] ** 2 / n_runs
        self.canonical_correlations_ = self.variance_.copy() if self.do_cca else None
        return components

    def _check_rank(self, n_found, n_wanted):
        n_runs = len(self.runs_)
        if n_found == 0:
            msg = (
                f"None of the {n_runs} runs varies over time inside the mask. Either the mask and "
                "the runs do not overlap (are both in the same space?), or the runs are constant."
            )
            raise DataError(msg)
        if n_found < n_wanted:
            msg = (
                f"n_components is {n_wanted}, but after cleaning the {n_runs} runs "
                f"together span only {n_found} dimensions: lower n_components, or add runs or "
                "timepoints."
            )
            raise DataError(msg)

    def _find_components(self, components):
        """Learn the maps of a subspace: rotated, ordered, signed, thresholded."""
        # Rotate the subspace into independent maps.
        n_init = starts_of(self.n_init, len(components))
        found = fast_ica(
            components, n_init, self.random_state, self.max_iter, self.tol, self.consensus,
            self.algorithm,
        )  # fmt: skip
        # A direction that is the same in all voxels is no map.
        self._check_rank(len(found.maps), len(components))
        if self.n_components == "auto":
            check_ratio(self.threshold, len(found.maps), stacklevel=3)
        # Order them by what they hold of what the runs share; long tails point up.
        share = canonical_share(found.maps, components, self.variance_)
        order = in_order(share)
        if self.order == "stability":  # to a thousandth, and by variance among equals
            order = in_order(found.stability, share, within=(1e-3, KNOWN))
        maps = flip_signs(found.maps[order])
        self.components_ = threshold_maps(maps, self.threshold).astype(self.dtype or np.float32)
        warn_of_empty(self.components_, self.threshold, stacklevel=3)
        self.components_img_ = unmask(self.components_, self.masker_.preparation_.mask)
        self.stability_ = found.stability[order]
        self.convergence_ = found.table()
        self.rotations_ = found.rotations
        if not self.consensus:
            self.rotations_[found.best] = self.rotations_[found.best][order]
        self.n_components_ = len(maps)


def _leading(subspace):
    """What is kept of a subspace, whose stack is ten times as large."""
    return {"components": subspace.components_, "singular_values": subspace.singular_values_}
