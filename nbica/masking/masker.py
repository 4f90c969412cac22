"""NiftiMasker: one image to an array and back, as a scikit-learn transformer."""

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from nbica.image import spatial
from nbica.image.fingerprint import fingerprint
from nbica.image.grid import target_grid
from nbica.image.notices import warn_of
from nbica.image.run import iter_runs
from nbica.masking.compute import (
    brain_mask_on,
    compute_background_mask,
    compute_brain_mask,
    compute_epi_mask,
)
from nbica.masking.extract import unmask
from nbica.masking.mask import load_mask, mask_to_image, resample_mask
from nbica.masking.preparation import Preparation, prepare
from nbica.runtime.cache import key_of, remember
from nbica.runtime.checks import check_n_jobs, check_options, warn_of_y
from nbica.runtime.store import open_store
from nbica.signal.cleaning import Cleaning
from nbica.signal.confounds import load_confounds

STRATEGIES = {
    "background": compute_background_mask,
    "epi": compute_epi_mask,
    "whole-brain-template": compute_brain_mask,
}


class RunTransformer(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """What all maskers have in common: one 4D image in, one array of cleaned signals out."""

    def fit_transform(self, imgs, y=None, confounds=None):
        """Fit to one image and transform it; see :meth:`fit` and :meth:`transform`."""
        if np.ndim(y) != 1:  # labels of frames, in a Pipeline, are; a table of confounds is not
            warn_of_y(y, stacklevel=2)
        return self.fit(imgs, y).transform(imgs, confounds)

    def _checked_cleaning(self):
        return Cleaning(
            self.detrend, self.standardize, self.standardize_confounds,
            self.low_pass, self.high_pass, self.t_r,
        ).check()  # fmt: skip

    def _as_output(self, signals):
        # What comes from the cache is mapped from a file: the user's own copy may be changed.
        return np.require(signals, float_type(self.dtype), ["ENSUREARRAY", "WRITEABLE"])


class NiftiMasker(RunTransformer, auto_wrap_output_keys=None):
    """Take the voxels of a mask out of an image, clean their time courses, and put arrays back.

    Peak memory of `transform` is its result, n_timepoints x n_voxels x 4 B, and a few frames; the
    4D image is never in memory. Without a `mask_img`, `fit` reads the images once more.

    Parameters
    ----------
    mask_img : path or nibabel image, optional
        By default computed from the images that are given to `fit`.
    runs : array of shape (n_timepoints,), optional
        Labels of the parts of an image that were recorded apart; each is cleaned by itself.
    smoothing_fwhm : float, sequence of three floats or None
        Full width at half maximum of a Gaussian filter, in mm.
    standardize : {"zscore_sample", "psc", True, False}
        Time courses of variance 1 (True means the same), in percent of their mean, or as they are.
    standardize_confounds : bool
    detrend : bool
        Remove the linear trend of each time course.
    low_pass, high_pass : float or None
        Cut-off frequencies in Hz (Butterworth); they need `t_r`.
    t_r : float or None
        Seconds between frames.
    target_affine, target_shape
        Grid to work on; by default the mask's.
    mask_strategy : {"background", "epi", "whole-brain-template"}
        How to compute a mask. The last needs `mask_args={"template_img": ...}`.
    mask_args : dict, optional
        Passed to the function that computes the mask (see :mod:`nbica.masking`).
    dtype : dtype, optional
        Float type of the arrays that come out; by default, and for "auto", float32, which is what
        is computed in.
    memory : None, path or joblib.Memory
        Where results are kept.
    memory_level : int
        Accepted so that scripts port; all results are kept as soon as there is a `memory`.
    n_jobs : int
        Images read at once where a mask is computed from several.
    verbose : int

    Attributes
    ----------
    mask_img_ : Nifti1Image
    n_elements_ : int
        Voxels in the mask.
    preparation_ : preparation.Preparation

    Examples
    --------
    >>> masker = NiftiMasker(mask_img="mask.nii.gz", standardize=True)  # doctest: +SKIP
    >>> signals = masker.fit_transform("bold.nii.gz")  # doctest: +SKIP
    """

    def __init__(
        self, mask_img=None, runs=None, smoothing_fwhm=None, standardize=False,
        standardize_confounds=True, detrend=False, low_pass=None, high_pass=None, t_r=None,
        target_affine=None, target_shape=None, mask_strategy="background", mask_args=None,
        dtype=None, memory=None, memory_level=1, n_jobs=1, verbose=0,
    ):  # fmt: skip
        self.mask_img = mask_img
        self.runs = runs
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.detrend = detrend
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.target_affine = target_affine
        self.target_shape = target_shape
        self.mask_strategy = mask_strategy
        self.mask_args = mask_args
        self.dtype = dtype
        self.memory = memory
        self.memory_level = memory_level
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, imgs=None, y=None):
        """Load the mask, or compute it from images.

        Costs nothing with a `mask_img`, else one pass over the images.

        Parameters
        ----------
        imgs : path, image or list of these
            Needed only where there is no `mask_img`.
        y : None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown option, or where there is neither a mask nor an image.
        DataError
            For a mask that is empty, or is none.
        """
        cleaning = self._checked_cleaning()
        self._check_strategy()
        float_type(self.dtype)
        mask = self._given_mask() if self.mask_img is not None else self._computed_mask(imgs)
        spatial.smoothing_sigma(self.smoothing_fwhm, mask.affine)
        self.preparation_ = Preparation(mask, self.smoothing_fwhm, cleaning)
        self.mask_img_ = mask_to_image(mask)
        self.n_elements_ = mask.n_voxels
        return self

    def _check_strategy(self):
        if not isinstance(self.mask_strategy, str) or self.mask_strategy not in STRATEGIES:
            msg = (
                f"mask_strategy is {self.mask_strategy!r}; expected one of {', '.join(STRATEGIES)}."
            )
            raise ValueError(msg)
        check_n_jobs(self.n_jobs)

    def _given_mask(self):
        mask = load_mask(self.mask_img)
        if self.target_affine is None and self.target_shape is None:
            return mask
        grid = target_grid(mask.grid, self.target_affine, self.target_shape)
        return resample_mask(mask, grid)

    def _computed_mask(self, imgs):
        if imgs is None:
            msg = "There is no mask_img to use and no image to compute a mask from: pass either."
            raise ValueError(msg)
        compute = STRATEGIES[self.mask_strategy]
        is_template = self.mask_strategy == "whole-brain-template"
        check_options("mask_args", self.mask_args, brain_mask_on if is_template else compute)
        options = dict(self.mask_args or {})
        if self.mask_strategy == "whole-brain-template":
            return load_mask(self._template_mask(imgs, options))
        options = {"target_affine": self.target_affine, "target_shape": self.target_shape} | options
        return load_mask(compute(imgs, n_jobs=self.n_jobs, memory=self.memory, **options))

    def _template_mask(self, imgs, options):
        if "template_img" not in options:
            msg = (
                "mask_strategy='whole-brain-template' needs a template in the space of the images: "
                "mask_args={'template_img': path or image}."
            )
            raise ValueError(msg)
        grid = next(iter_runs(imgs)).grid
        grid = target_grid(grid, self.target_affine, self.target_shape)
        return brain_mask_on(grid, **options)

    def transform(self, imgs, confounds=None):
        """Cleaned time courses of one image.

        Peak memory is the result and a few frames.

        Parameters
        ----------
        imgs : path or nibabel image
            One 4D image; resampled to the mask's grid where it has another.
        confounds : array, DataFrame, path or list of these, optional
            What to remove, one row per frame.

        Returns
        -------
        ndarray of shape (n_timepoints, n_voxels)
        """
        check_is_fitted(self)
        run = one_run(imgs)
        confounds = load_confounds(confounds, run.n_timepoints, run.name)
        parts = _check_parts(self.runs, run)
        signals, notices = self._signals(run, confounds, parts)
        warn_of(run, notices)
        return self._as_output(signals)

    def _signals(self, run, confounds, parts):
        preparation = self.preparation_

        def key():
            rest = joblib.hash(confounds), joblib.hash(parts)
            return key_of("signals", 1, fingerprint(run), preparation.key(), rest)

        def compute():
            signals, notices = prepare(run, preparation, confounds, parts)
            return {"signals": signals, "notices": list(notices)}

        about = {"run": run.name, "parameters": f"{preparation.mask.n_voxels} voxels"}
        found = remember(open_store(self.memory), "signals", key, compute, about)
        return found.values["signals"], [*found.values["notices"], *found.notes]

    def inverse_transform(self, X):
        """Arrays over the mask's voxels as an image.

        Memory is that of the full image.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_voxels) or (n_voxels,)

        Returns
        -------
        Nifti1Image
            4D, or 3D for one row without its dimension.
        """
        check_is_fitted(self)
        return unmask(np.asarray(X), self.preparation_.mask, self.t_r)

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "preparation_")


def float_type(dtype):
    """The type of the arrays that come out; a ValueError for what is no float type."""
    if dtype is None or (isinstance(dtype, str) and dtype == "auto"):
        return np.dtype(np.float32)
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f":
        msg = f"dtype is {dtype!r}; expected a float type, such as numpy.float32, or None."
        raise ValueError(msg)
    return found


def _check_parts(labels, run):
    if labels is None:
        return None
    try:
        labels = np.asarray(labels)
    except ValueError:  # rows of different lengths
        labels = np.empty(0)
    if labels.shape != (run.n_timepoints,):
        msg = (
            f"runs has shape {labels.shape}; {run.name} has {run.n_timepoints} frames, so "
            f"expected one label for each: ({run.n_timepoints},)."
        )
        raise ValueError(msg)
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        msg = "runs holds NaN; expected a label for each frame."
        raise ValueError(msg)
    return labels


def one_run(imgs):
    """The one 4D image of what a user passes, as a Run; a ValueError for several."""
    runs = list(iter_runs(imgs))
    if len(runs) != 1:
        msg = f"Got {len(runs)} images; transform takes one 4D image at a time."
        raise ValueError(msg)
    return runs[0]
