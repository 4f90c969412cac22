"""What any group decomposition can be asked: a plan before the fit, runs seen through it after."""

import numpy as np
from sklearn.base import TransformerMixin
from sklearn.utils.validation import check_is_fitted

from nbica.decomposition.preflight import plan_before, plan_of
from nbica.decomposition.projection import explain_run, project_run
from nbica.decomposition.run_table import warn_about_runs
from nbica.image.run import is_iterator, iter_runs
from nbica.runtime import machine
from nbica.runtime.checks import as_flag
from nbica.runtime.parallel import each_run, pair
from nbica.signal.confounds import list_confounds


class GroupDecompositionMixin(TransformerMixin):
    """Methods of an estimator with `components_` and a `masker_`, and the journey's parameters.

    The estimator has besides: `_check_parameters()`.
    """

    def plan(self, imgs, confounds=None):
        """How a fit of these runs would go: memory, disk, time; reads headers only.

        Takes about a millisecond per run.

        Parameters
        ----------
        imgs, confounds : as in :meth:`fit`
            Of the confounds it matters only whether there are any.

        Returns
        -------
        budget.Plan
            Prints as a small table. Without a mask the number of voxels is a guess: a third of
            the field of view.

        Raises
        ------
        MemoryError
            If `ram` is too small; it says the least that would do.
        """
        self._check_parameters()
        return plan_before(self, imgs, confounds)

    def transform(self, imgs, confounds=None):
        """Time courses of the components in each run, by least squares.

        Memory is that of one run per process, and the results.

        Parameters
        ----------
        imgs : as in :meth:`fit`
        confounds : as in :meth:`fit`

        Returns
        -------
        list of ndarray, each of shape (n_timepoints, n_components)
            The runs are smoothed and cleaned as in `fit`.
        """
        return self._map_runs(project_run, imgs, confounds)

    def fit_transform(self, imgs, y=None, confounds=None):
        """Fit and transform the same runs; see :meth:`fit` and :meth:`transform`."""
        imgs = list(imgs) if is_iterator(imgs) else imgs
        return self.fit(imgs, y, confounds).transform(imgs, confounds)

    def inverse_transform(self, loadings):
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

    def score(self, imgs, y=None, confounds=None, per_component=False):
        """Fraction of the runs' variance that the components explain.

        Memory is that of one run per process, for any number of runs.

        Parameters
        ----------
        imgs, confounds : as in :meth:`fit`
        y : None
        per_component : bool
            For each component by itself instead of for all together.

        Returns
        -------
        float, or ndarray of shape (n_components,)
            From 0 to 1, over all cleaned signals.
        """
        per_component = as_flag("per_component", per_component)
        parts = self._map_runs(explain_run, imgs, confounds)
        together = np.sum([part.together for part in parts])
        total = np.sum([part.total for part in parts])
        alone = np.sum([part.alone for part in parts], axis=0)
        return (alone if per_component else together) / (total or 1.0)

    def _map_runs(self, function, imgs, confounds):
        check_is_fitted(self)
        runs = list(iter_runs(imgs))
        pairs = pair(runs, list_confounds(confounds, len(runs)))
        plan, _ = plan_of(self, runs, self.masker_.n_elements_, confounds is not None)
        machine.check_disk(plan.scratch_path, plan.scratch)
        shared = {
            "preparation": self.masker_.preparation_,
            "maps": self.components_,
            "scratch_folder": plan.scratch_path,
        }
        done = list(each_run(function, pairs, plan.n_workers, **shared))
        noticed = [(name, "; ".join(notices)) for name, (_, notices) in done]
        warn_about_runs(noticed, len(runs), stacklevel=3)
        return [result for _, (result, _) in done]

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` has ended."""
        return hasattr(self, "components_img_")
