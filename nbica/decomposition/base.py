"""What the group decompositions share: a plan before the fit, its frame, runs seen through it."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from nbica.decomposition.group_fit import group_fit
from nbica.decomposition.preflight import plan_before, plan_of
from nbica.decomposition.projection import explain_run, project_run
from nbica.decomposition.provenance import record_of
from nbica.decomposition.run_table import warn_about_runs
from nbica.image.inputs import confounds_of, inputs_of, with_frames
from nbica.image.run import is_iterator
from nbica.runtime import machine
from nbica.runtime.checks import as_flag
from nbica.runtime.parallel import each_run
from nbica.runtime.tables import TableOutput

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nibabel import Nifti1Image

    from nbica.hints import RunConfounds, Runs, RunSampleMasks
    from nbica.runtime.budget import Plan


class GroupDecompositionMixin(TableOutput, TransformerMixin, auto_wrap_output_keys=None):
    """Methods of an estimator that is fitted to a group of runs.

    The estimator has the parameters that :func:`preflight.check_parameters` looks at, the methods
    `_check_parameters()` and `components_per_run()`, and learns `components_`.
    """

    @contextmanager
    def _group_fit(self, imgs, confounds, sample_mask, goes_on=False):
        """Give a GroupFit; where it is broken off, nothing half new has been learnt.

        With `goes_on`, runs are added to an earlier fit, which an error leaves as it was. An
        estimator that is being fitted in another thread is left alone, with a RuntimeError.
        """
        imgs, confounds = with_frames(imgs, confounds, sample_mask)
        with _only_fit_of(self), self._fresh_or_going_on(imgs, confounds, goes_on) as fit:
            yield fit

    @contextmanager
    def _fresh_or_going_on(self, imgs, confounds, goes_on):
        """A fit whose results are stored at its end, and cleared if it does not get there."""
        if not goes_on:
            clear_fitted(self)
        try:
            with group_fit(self, imgs, confounds) as fit:
                yield fit
                fit.conclude(getattr(self, "n_components_", 0))
            self.seconds_ = dict(fit.watch.seconds)
            self.record_ = record_of(self, fit.started, fit.log.inputs, fit.log.notes)
        except BaseException as error:  # an interrupt as well
            if not (goes_on and isinstance(error, Exception)):
                clear_fitted(self)
            raise

    def _learn_runs(self, fit, stacklevel):
        """Take over what a fit has found out about its runs, and where it looked at them."""
        self.runs_, self._seen_, self._courses_ = fit.finish(stacklevel + 1), fit.log.seen, {}
        self.masker_, self.mask_img_, self.plan_ = fit.masker, fit.masker.mask_img_, fit.plan

    def plan(self, imgs: Runs, confounds: RunConfounds = None) -> Plan:
        """How a fit of these runs would go: memory, disk, time; reads headers only.

        Takes about a millisecond per run.

        Parameters
        ----------
        imgs, confounds : as in :meth:`fit`
            Only whether there are confounds matters.

        Returns
        -------
        budget.Plan
            Prints as a small table. Without a mask the number of voxels is a guess: a third of
            the field of view.

        Raises
        ------
        MemoryError
            If `ram` is too small; it says the least that would do.
        TypeError
            For a generator, which it would use up.
        """
        self._check_parameters()
        return plan_before(self, imgs, confounds)

    def transform(
        self, imgs: Runs, confounds: RunConfounds = None, sample_mask: RunSampleMasks = None
    ) -> list[np.ndarray]:
        """Time courses of the components in each run, by least squares.

        Each frame is fitted by the maps and an intercept, as FSL does it and nilearn does not:
        what all voxels share, a global signal, is in no time course. Memory is that of one run per
        process, and the results.

        Parameters
        ----------
        imgs, confounds, sample_mask : as in :meth:`fit`

        Returns
        -------
        list of ndarray, each of shape (n_kept, n_components)
            The runs are smoothed and cleaned as in `fit`. After `set_output(transform="pandas")`
            or `"polars"`, tables.
        """
        courses = self._map_runs(project_run, imgs, confounds, sample_mask)
        return [self._as_output(course) for course in courses]

    def fit_transform(
        self, imgs: Runs | None = None, y: object = None, confounds: RunConfounds = None,
        sample_mask: RunSampleMasks = None, *, X: Runs | None = None,
    ) -> list[np.ndarray]:  # fmt: skip
        """Fit and transform the same runs; see :meth:`fit` and :meth:`transform`."""
        imgs = X if imgs is None else imgs
        confounds = confounds_of(imgs, confounds)
        imgs, confounds = (list(x) if is_iterator(x) else x for x in (imgs, confounds))
        self.fit(imgs, y, confounds, sample_mask)
        return self.transform(imgs, confounds, sample_mask)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the components: canica0, canica1, and so on."""
        del input_features
        name = type(self).__name__.lower()
        return np.array([f"{name}{i}" for i in range(len(self.components_))], dtype=object)

    def inverse_transform(self, loadings: Sequence[np.ndarray]) -> list[Nifti1Image]:
        """Images that the components make with given time courses.

        Memory is that of the 4D images.

        Parameters
        ----------
        loadings : list of ndarray, each of shape (n_timepoints, n_components)

        Returns
        -------
        list of Nifti1Image
        """
        check_is_fitted(self)
        if not isinstance(loadings, list | tuple):
            msg = f"loadings is a {type(loadings).__name__}; expected a list: one array per run."
            raise TypeError(msg)
        loadings = [np.asarray(rows) for rows in loadings]
        n_components = len(self.components_)
        for number, rows in enumerate(loadings):
            if rows.ndim != 2 or rows.shape[1] != n_components:
                msg = (
                    f"loadings[{number}] has shape {rows.shape}; expected (n_timepoints, "
                    f"{n_components}): one column for each component."
                )
                raise ValueError(msg)
        return [self.masker_.inverse_transform(rows @ self.components_) for rows in loadings]

    def score(
        self, imgs: Runs, y: object = None, confounds: RunConfounds = None,
        per_component: bool = False, sample_mask: RunSampleMasks = None,
    ) -> float | np.ndarray:  # fmt: skip
        """Fraction of the runs' variance that the components explain.

        Memory is that of one run per process, for any number of runs.

        Parameters
        ----------
        imgs, confounds, sample_mask : as in :meth:`fit`
        y : None
        per_component : bool
            For each component by itself instead of for all together.

        Returns
        -------
        float, or ndarray of shape (n_components,)
            From 0 to 1, over all cleaned signals. As in :meth:`transform` there is an intercept,
            and the mean of each frame counts as not explained.
        """
        per_component = as_flag("per_component", per_component)
        parts = self._map_runs(explain_run, imgs, confounds, sample_mask)
        together = np.sum([part.together for part in parts])
        total = np.sum([part.total for part in parts])
        alone = np.sum([part.alone for part in parts], axis=0)
        return (alone if per_component else together) / (total or 1.0)

    def _map_runs(self, function, imgs, confounds, sample_mask):
        """Call a function for each run with the maps, and warn of what was noticed in them."""
        check_is_fitted(self)
        inputs = inputs_of(*with_frames(imgs, confounds, sample_mask))
        plan = plan_of(self, inputs, self.masker_.n_elements_)
        machine.check_disk(plan.scratch_path, plan.scratch)
        shared = {
            "preparation": self.masker_.preparation_,
            "maps": self.components_,
            "scratch_folder": plan.scratch_path,
        }
        done = list(each_run(function, inputs.pairs(), plan.n_workers, **shared))
        noticed = [(name, "; ".join(notices)) for name, (_, notices) in done]
        warn_about_runs(noticed, inputs.n_runs, stacklevel=3)
        return [result for _, (result, _) in done]

    def __sklearn_tags__(self):
        """Say that images are taken."""
        from nbica.masking.tags import ImageTags  # scikit-learn 1.5 asks for none

        tags = super().__sklearn_tags__()
        tags.input_tags = ImageTags()
        return tags

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` has ended."""
        return hasattr(self, "components_img_")


_being_fitted, _lock = set(), threading.Lock()


@contextmanager
def _only_fit_of(estimator):
    """Raise RuntimeError if this very estimator is being fitted already."""
    with _lock:
        if id(estimator) in _being_fitted:
            name = type(estimator).__name__
            msg = (
                f"This {name} is being fitted already, in another panel or thread. Wait for it, "
                "stop it, or fit a copy: sklearn.base.clone(estimator)."
            )
            raise RuntimeError(msg)
        _being_fitted.add(id(estimator))
    try:
        yield
    finally:
        _being_fitted.discard(id(estimator))


def clear_fitted(estimator):
    """Drop what an earlier fit learnt."""
    for name in [name for name in vars(estimator) if name.endswith("_")]:
        delattr(estimator, name)
