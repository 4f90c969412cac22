"""What all maskers have in common: images in, one array of cleaned signals out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from nbica.image.high_variance import high_variance_confounds
from nbica.image.notices import warn_of
from nbica.image.series import run_of_images
from nbica.runtime.checks import as_flag, warn_of_y
from nbica.runtime.store import open_store
from nbica.runtime.tables import TableOutput
from nbica.signal.cleaning import Cleaning, butterworth_options
from nbica.signal.confounds import load_confounds

if TYPE_CHECKING:
    from nbica.hints import Confounds, Images, SampleMask

# What `clean_args` may hold, besides options of the Butterworth filter.
_CLEAN_ARGS = ("filter", "extrapolate")


class RunTransformer(TableOutput, TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """One 4D image, or 3D images, in; one array of cleaned signals out.

    A subclass has `_signals(run, confounds, sample_mask)` and `get_feature_names_out()`.
    """

    def fit_transform(
        self, imgs: Images | None = None, y: Any = None, confounds: Confounds = None,
        sample_mask: SampleMask = None, *, X: Images | None = None,
    ) -> np.ndarray:  # fmt: skip
        """Fit to one image and transform it; see :meth:`fit` and :meth:`transform`."""
        imgs = X if imgs is None else imgs
        if np.ndim(y) != 1:  # labels of frames, in a Pipeline, are; a table of confounds is not
            warn_of_y(y, stacklevel=2)
        return self.fit(imgs, y)._transformed(imgs, confounds, sample_mask)

    def transform(
        self, imgs: Images, confounds: Confounds = None, sample_mask: SampleMask = None
    ) -> np.ndarray:
        """Cleaned signals of one image, a column for each voxel or region.

        Peak memory is the result and a few frames.

        Parameters
        ----------
        imgs : path or nibabel image, or list of 3D ones
            One 4D image, or 3D images on one grid: a row for each.
        confounds : array, DataFrame, path or list of these, optional
            What to remove, one row per frame.
        sample_mask : array of int or bool, optional
            Frames to keep; the others are left out before anything is cleaned, or for a band-pass
            interpolated and left out after it. With `runs`, a list with one for each.

        Returns
        -------
        ndarray of shape (n_kept, n_columns), or (n_columns,) for one 3D image
            A region of which the image's grid holds no voxel is 0, with a warning. After
            `set_output(transform="pandas")` or `"polars"`, a table with names.

        Raises
        ------
        DataError
            If no region is left on the image's grid.
        ValueError
            If `resampling_target` is None and the image is on another grid than the atlas.
        """
        return self._transformed(imgs, confounds, sample_mask)

    def _transformed(self, imgs, confounds, sample_mask):
        """What `transform` gives: signals cleaned of the user's confounds and of the run's own."""
        check_is_fitted(self)
        run, is_volume = run_of_images(imgs)
        confounds = load_confounds(confounds, run.n_timepoints, run.name)
        if as_flag("high_variance_confounds", self.high_variance_confounds):
            own = high_variance_confounds(run)
            confounds = own if confounds is None else np.hstack([confounds, own])
        signals, notices = self._signals(run, confounds, sample_mask)
        warn_of(run, notices, stacklevel=3)
        signals = np.require(signals, float_type(self.dtype), ["ENSUREARRAY", "WRITEABLE"])
        return (
            signals[0] if is_volume and self._container() == "default" else self._as_output(signals)
        )

    def _recalled(self, stage, run, make_key, compute, parameters):
        """Signals and notices of a run, from the cache where they are there.

        `compute()` gives both, `make_key()` what they are kept under; `parameters` is a word about
        them for who lists the cache.
        """

        def values():
            signals, notices = compute()
            return {"signals": signals, "notices": list(notices)}

        about = {"run": run.name, "parameters": parameters}
        found = stage.get_or_compute_once(open_store(self.memory), make_key, values, about)
        return found.values["signals"], [*found.values["notices"], *found.notes]

    def _checked_cleaning(self):
        if not isinstance(self.clean_args, Mapping | None):
            msg = f"clean_args is {self.clean_args!r}; expected a dict, or None."
            raise TypeError(msg)
        options = dict(self.clean_args or {})
        named = {name: options.pop(name) for name in _CLEAN_ARGS if name in options}
        return Cleaning(
            self.detrend, self.standardize, self.standardize_confounds,
            self.low_pass, self.high_pass, self.t_r,
            butterworth=butterworth_options(options, "clean_args"), **named,
        ).check()  # fmt: skip

    def as_nilearn(self) -> BaseEstimator:
        """Make nilearn's masker with the same parameters, fitted if this one is.

        Returns
        -------
        nilearn.maskers.NiftiMasker, NiftiLabelsMasker or NiftiMapsMasker
        """
        theirs = getattr(import_module("nilearn.maskers"), type(self).__name__)()
        known = theirs.get_params()
        same = {name: value for name, value in self.get_params().items() if name in known}
        theirs.set_params(**same | {"memory": None})
        if self.__sklearn_is_fitted__():
            theirs.set_params(**self._as_fitted()).fit(getattr(self, "_seen_imgs", None))
        return theirs

    def _as_fitted(self):
        """Parameters that take the place of what was computed in `fit`."""
        return {}

    def generate_report(
        self, engine: str = "matplotlib", title: str | None = None, **kwargs: Any
    ) -> Any:
        """A page about the masker, by nilearn: what was masked, over the image given to `fit`.

        Costs nilearn's own `fit` of that image.

        Parameters
        ----------
        engine, title, **kwargs
            As nilearn's `generate_report` takes them.

        Returns
        -------
        nilearn.reporting.HTMLReport
            Shows itself in a notebook; `save_as_html(path)` writes it.
        """
        return self.as_nilearn().generate_report(engine=engine, title=title, **kwargs)

    def _remember(self, imgs):
        """Keep the images that were fitted to, for a report."""
        self._seen_imgs = imgs if as_flag("reports", self.reports) else None

    def __getstate__(self):
        """Without the images of a report: a pickle is small, and goes to other machines."""
        return super().__getstate__() | {"_seen_imgs": None}

    def __sklearn_tags__(self):
        """Say that images are taken."""
        from nbica.masking.tags import ImageTags  # scikit-learn 1.5 asks for none

        tags = super().__sklearn_tags__()
        tags.input_tags = ImageTags()
        return tags


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
