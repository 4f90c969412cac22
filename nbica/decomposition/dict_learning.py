"""DictLearning: as CanICA up to the last step, which makes sparse maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator

from nbica.decomposition.base import GroupDecompositionMixin
from nbica.decomposition.ica import check_random_state, separate
from nbica.decomposition.maps import flip_signs
from nbica.decomposition.preflight import check_parameters
from nbica.decomposition.sparse_coding import learn_dictionary
from nbica.decomposition.subspace import GroupSubspace
from nbica.exceptions import DataError, IgnoredWarning, NotConvergedWarning
from nbica.masking.extract import apply_mask, unmask
from nbica.runtime.cache import Stage
from nbica.runtime.checks import check_count, check_fraction, check_one_of, is_number, warn_of_y
from nbica.runtime.progress import warn
from nbica.signal.ties import in_order

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

# Rows that are kept between runs, for each component: of the runs as they are, which make the
# dictionary (from 20 real runs, maps of 3 and of all rows matched at |r| = .9996), and of what they
# share, which only says where to start. Both together take the memory that CanICA takes.
_KEPT, _KEPT_FOR_START = 3, 2
DICTIONARY_ROWS = Stage("dictionary rows", version=2)
# Parameters of nilearn's online solver, with their defaults.
ONLINE = {"n_epochs": 1, "batch_size": 20, "reduction_ratio": "auto"}


class DictLearning(GroupDecompositionMixin, BaseEstimator, auto_wrap_output_keys=None):
    """Group maps by sparse dictionary learning, one run in memory at a time.

    Peak memory of `fit` is that of CanICA: for each of `n_jobs` processes one cleaned run
    (n_timepoints x n_voxels x 4 B) and some blocks of frames, and in the parent about 11
    n_components x n_voxels x 4 B; neither grows with the number of runs. Time is that of a CanICA,
    and of some 50 to 100 steps of 10 n_components² multiplications per voxel.

    Each run is smoothed, cleaned and reduced to its principal components. The reductions are merged
    into a few rows with (nearly) the same products of voxels, all that a dictionary learns from;
    from the maps of a CanICA on, time courses times maps that are mostly 0 are fitted to them
    [1]_ [2]_. Names and defaults are those of nilearn 0.14's `DictLearning`.

    Parameters
    ----------
    n_components : int, default=20
        Maps to find; also the principal components that each run contributes.
    n_epochs : float, default=1
        Accepted so that scripts port, as `batch_size` and `reduction_ratio` are: they steer an
        online solver. Here each step takes all voxels (see `max_iter`), and a value that is not
        the default is answered by a warning.
    alpha : float, default=10
        Price of a map's values: the larger, the sparser. It is measured in the unit of the cleaned
        signals, and counts for less the more runs there are.
    reduction_ratio : default="auto"
    dict_init : path or 4D nibabel image, optional
        Maps to start from instead of those of a CanICA.
    random_state : int, RandomState, Generator or None
        Seed of the ICA.
    batch_size : int, default=20
    method : {"cd", "lars"}
        Two ways to one and the same lasso; here it is always coordinate descent.
    mask : path, nibabel image, NiftiMasker or None
        As in :class:`CanICA`, and so are those that follow.
    smoothing_fwhm : float, three floats or None, default=4
    standardize, standardize_confounds, detrend, low_pass, high_pass, t_r, dtype
    target_affine, target_shape, mask_strategy, mask_args, n_jobs, verbose, memory, memory_level
    max_iter : int, default=200
        Steps of the dictionary at most.
    tol : float, default=1e-5
        A step that lowers the objective by less, relative to it, is the last.
    ram : number of bytes, str such as "1.5GB", or None
    callback : callable or None
        Called after each merged run; `state.maps()` gives the maps to start from, so far.
    cache_limit, on_error, surf_mesh

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_voxels)
        Sparse maps of norm 1, long tail positive, those first that carry most variance.
    components_img_ : Nifti1Image, Cifti2Image or SurfaceImage
        The same, as an image of the runs' kind.
    components_init_ : ndarray of shape (n_components, n_voxels)
        The maps at the start, in an order of their own.
    variance_ : ndarray of shape (n_components,)
        Sum of squares that each map carries by itself, over the runs' mean: in squared units of the
        signals, summed over timepoints and voxels.
    objective_ : ndarray of shape (n_iter_,)
        What the steps made smaller: half the squares that are left, and alpha times the maps.
    n_iter_ : int
    masker_, mask_img_, n_components_, runs_, plan_, seconds_
        As in :class:`CanICA`.

    See Also
    --------
    CanICA : independent maps.

    Notes
    -----
    The maps depend on the data, the parameters and, by the start, on the seed: not on `n_jobs`, on
    the cache or on an order of voxels.

    References
    ----------
    .. [1] G. Varoquaux et al., "Multi-subject dictionary learning to segment an atlas of brain
       spontaneous activity", IPMI 2011, 562-573.
    .. [2] A. Mensch, G. Varoquaux, B. Thirion, "Compressed online dictionary learning for fast
       resting-state fMRI decomposition", IEEE ISBI 2016, 1282-1285.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import DictLearning, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> learner = DictLearning(mask=cohort.mask_img, n_components=5, alpha=1, random_state=0)
    >>> learner = learner.fit(cohort)
    >>> learner.components_img_.shape
    (13, 16, 14, 5)
    >>> bool((learner.components_ == 0).mean() > 0.1)
    True
    >>> bool((np.diff(learner.objective_) <= 0).all())
    True
    """

    def __init__(
        self, n_components: int = 20, n_epochs: float = 1, alpha: float = 10,
        reduction_ratio: float | Literal["auto"] = "auto", dict_init: ImageLike | None = None,
        random_state: Seed = None, batch_size: int = 20, method: Literal["cd", "lars"] = "cd",
        mask: ImageLike | BaseEstimator | None = None, smoothing_fwhm: Fwhm = 4,
        standardize: Standardize = True, standardize_confounds: bool = True, detrend: bool = True,
        low_pass: float | None = None, high_pass: float | None = None, t_r: float | None = None,
        dtype: DTypeLike | None = None, target_affine: ArrayLike | None = None,
        target_shape: Sequence[int] | None = None, mask_strategy: str = "epi",
        mask_args: dict | None = None, n_jobs: int = 1, verbose: int = 0, memory: MemoryLike = None,
        memory_level: int = 0, max_iter: int = 200, tol: float = 1e-5, ram: Bytes = None,
        callback: Callable | None = None, cache_limit: Bytes = None,
        on_error: Literal["raise", "skip"] = "raise", surf_mesh: MeshLike = None,
    ) -> None:  # fmt: skip
        self.n_components = n_components
        self.n_epochs = n_epochs
        self.alpha = alpha
        self.reduction_ratio = reduction_ratio
        self.dict_init = dict_init
        self.random_state = random_state
        self.batch_size = batch_size
        self.method = method
        self.mask = mask
        self.smoothing_fwhm = smoothing_fwhm
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
        self.n_jobs = n_jobs
        self.verbose = verbose
        self.memory = memory
        self.memory_level = memory_level
        self.max_iter = max_iter
        self.tol = tol
        self.ram = ram
        self.callback = callback
        self.cache_limit = cache_limit
        self.on_error = on_error
        self.surf_mesh = surf_mesh

    def fit(
        self, imgs: Runs, y: object = None, confounds: RunConfounds = None,
        sample_mask: RunSampleMasks = None,
    ) -> Self:  # fmt: skip
        """Find the maps of a group of runs.

        Parameters
        ----------
        imgs : list of paths or images, glob pattern, Bunch with `func`, or generator
        y : None
        confounds : list with one entry per run, optional
        sample_mask : list with one entry per run, optional
            Frames to keep of each, as indices or booleans, or None for all.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For parameters that cannot be, naming them and what they may be.
        DataError, FileNotFoundError
            For images or confounds that cannot be used, naming them; and for an `alpha` at which
            nothing is left of the maps.
        """
        self._check_parameters()
        warn_of_y(y, stacklevel=2)
        self._warn_of_online(stacklevel=2)
        with self._group_fit(imgs, confounds, sample_mask) as fit:
            parts = [self.n_components, self.dict_init is None]
            group = fit.cached(DICTIONARY_ROWS, parts, lambda: self._group(fit))
            self._learn_runs(fit, stacklevel=2)
            with fit.stage("ICA"):
                self.components_init_ = self._start(group.pop("shared", None))
            with fit.stage("dictionary"):
                self._find_components(group["weighted"])
        return self

    def components_per_run(self) -> int:
        """How many principal components each run contributes."""
        return self.n_components

    def _check_parameters(self):
        check_parameters(self)
        check_count("max_iter", self.max_iter)
        check_fraction("tol", self.tol, "1e-5")
        if not is_number(self.alpha) or not self.alpha > 0:
            msg = f"alpha is {self.alpha!r}; expected a number above 0, such as 10."
            raise ValueError(msg)
        check_one_of("method", self.method, ("cd", "lars"))
        check_random_state(self.random_state)

    def _warn_of_online(self, stacklevel):
        """Say which parameters were set that steer nilearn's online solver, and nothing here."""
        given = [
            f"{name}={getattr(self, name)!r}"
            for name, default in ONLINE.items()
            if not (np.isscalar(getattr(self, name)) and getattr(self, name) == default)
        ]
        if given:
            msg = (
                f"{', '.join(given)} changes nothing here: each step takes all voxels and all "
                "components, until the maps settle (max_iter, tol)."
            )
            warn(msg, IgnoredWarning, stacklevel=stacklevel + 1)

    def _group(self, fit):
        """What the runs share, and the runs as they are: arrays, as the cache keeps them."""
        k = self.n_components
        shared, rows = GroupSubspace(k, _KEPT_FOR_START * k), GroupSubspace(_KEPT * k, _KEPT * k)
        for reduction in fit.reductions():
            weights = reduction.singular_values[:, np.newaxis].astype(np.float32)
            rows.partial_fit(reduction.components * weights)
            if self.dict_init is None:
                shared.partial_fit(reduction.components)
                fit.run_callback(lambda: _independent(shared.components_, 0, n_init=1))
        weights = rows.singular_values_[:, np.newaxis].astype(np.float32)
        group = {"weighted": rows.components_ * weights}
        return group if self.dict_init is not None else group | {"shared": shared.components_}

    def _start(self, shared):
        """The maps to start from: given ones, or those of a CanICA."""
        if self.dict_init is None:
            maps = _independent(shared, self.random_state)
        else:
            maps = apply_mask(self.dict_init, self.mask_img_)
        if maps.ndim != 2 or len(maps) != self.n_components:
            n_found = len(maps) if maps.ndim == 2 else 1
            what = "dict_init has" if self.dict_init is not None else "the runs together span"
            msg = f"n_components is {self.n_components}, but {what} {n_found} maps: lower it."
            raise DataError(msg)
        return maps

    def _find_components(self, rows):
        """Learn sparse maps from the start, those that carry most first."""
        found = learn_dictionary(rows, self.components_init_, self.alpha, self.max_iter, self.tol)
        self._warn_of(found)
        sizes = np.linalg.norm(found.maps, axis=1)
        order = in_order(sizes)
        maps = found.maps[order] / np.where(sizes > 0, sizes, 1.0)[order, np.newaxis]
        self.components_ = flip_signs(maps).astype(self.dtype or np.float32)
        self.components_img_ = unmask(self.components_, self.masker_.preparation_.mask)
        carried = (sizes * np.linalg.norm(found.dictionary, axis=0))[order]
        self.variance_ = carried.astype(np.float64) ** 2 / (~self.runs_["skipped"]).sum()
        self.objective_ = np.array(found.objective)
        self.n_iter_ = len(found.objective)
        self.n_components_ = len(maps)

    def _warn_of(self, found):
        n_empty = int((~found.maps.any(axis=1)).sum())
        if n_empty == len(found.maps):
            msg = f"alpha={self.alpha:g} leaves nothing of the maps: choose a smaller one."
            raise DataError(msg)
        if n_empty:
            msg = f"{n_empty} of {len(found.maps)} maps are empty: a smaller alpha keeps them."
            warn(msg, NotConvergedWarning, stacklevel=4)
        if not found.converged:
            msg = (
                f"The dictionary had not settled after {self.max_iter} steps (tol={self.tol:g}): "
                "raise max_iter."
            )
            warn(msg, NotConvergedWarning, stacklevel=4)


def _independent(components, seed, n_init=10):
    """Maps of a CanICA, to start from; how far they converged decides nothing."""
    if not len(components):
        return components
    return flip_signs(separate(components, n_init, seed).maps)
