"""Are components found again in other people? Fits of halves of a group, compared.

The measures are those of the papers on CanICA [1]_: with C the |correlations| between the maps of
two halves, `e` = tr(CᵀC) / d tells how much of the subspace is shared, and `t` = tr(C) / d, the
maps being paired, how well single maps are reproduced.

References
----------
.. [1] G. Varoquaux et al., "A group model for stable multi-subject ICA on fMRI datasets",
   NeuroImage 51 (2010), 288-299; their pairing is greedy, ours the best one (Hungarian).
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import clone

from nbica.exceptions import DataError, DataWarning
from nbica.image.inputs import confounds_of
from nbica.image.run import iter_runs
from nbica.image.twins import groups_of_twins
from nbica.matching.pairing import correlate, match
from nbica.runtime.checks import check_count
from nbica.runtime.leftovers import own_folder
from nbica.signal.confounds import list_confounds

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from nbica.hints import RunConfounds, Runs


@dataclass(frozen=True, eq=False)
class SplitHalf:
    """How well a group's components come back in its halves.

    Attributes
    ----------
    e : ndarray of shape (n_splits,)
        Energy of the subspace that two halves share, 0 to 1 for maps without a threshold.
    t : ndarray of shape (n_splits,)
        Mean |r| of the maps of two halves, one to one: 0 to 1.
    reproducibility : ndarray of shape (n_splits, n_components)
        |r| between the two maps that stand for each component in the two halves.
    n_runs : int

    See Also
    --------
    split_half : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.matching import SplitHalf
    >>> halves = SplitHalf(
    ...     e=np.array([0.8, 0.9]),
    ...     t=np.array([0.6, 0.7]),
    ...     reproducibility=np.array([[0.9, 0.3], [0.9, 0.5]]),
    ...     n_runs=20,
    ... )
    >>> halves.per_component.round(3).tolist()
    [0.9, 0.4]
    """

    e: np.ndarray
    t: np.ndarray
    reproducibility: np.ndarray
    n_runs: int

    @property
    def per_component(self) -> np.ndarray:
        """Mean reproducibility of each component over the splits."""
        return self.reproducibility.mean(axis=0)

    def __repr__(self):
        return (
            f"<{len(self.t)} split halves of {self.n_runs} runs: "
            f"e {self.e.mean():.3f}, t {self.t.mean():.3f}>"
        )


def split_half(
    estimator: BaseEstimator, imgs: Runs, n_splits: int = 10, confounds: RunConfounds = None,
    random_state: int = 0,
) -> SplitHalf:  # fmt: skip
    """Fit random halves of a group, and compare their components.

    Costs one fit of all runs, unless the estimator is fitted, and 2 n_splits fits of half of them.
    Runs are read once: each fit takes their reductions from the estimator's `memory`, or from one
    that lasts as long as this call (a temporary folder; 32 maps per run and more for more
    components). Memory is that of a fit.

    Parameters
    ----------
    estimator : CanICA, or another group decomposition (nilearn's as well)
        Not changed. All halves are fitted in its mask, and with the number of components that it
        has chosen, if it was to choose. A `threshold` counts: with None, whole maps are compared.
        If it is fitted, its components are those that `reproducibility` is about, and `imgs` must
        be the runs that it was fitted on.
    imgs : as the estimator's `fit` takes them
    n_splits : int
    confounds : list with one entry per run, optional
        By default those of the Bunch, if `imgs` is one.
    random_state : int
        Seed of the splits; two estimators are compared on the same ones with the same number.

    Returns
    -------
    SplitHalf

    Raises
    ------
    DataError
        For fewer than four runs.

    See Also
    --------
    nbica.plotting.plot_split_half : draws what is found.

    Notes
    -----
    A component is sought in either half by the best one-to-one match with the maps of all runs;
    what is compared are the two maps that were found, which share no run.

    Examples
    --------
    >>> from nbica import CanICA, datasets, matching
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=4, random_state=0)
    >>> halves = matching.split_half(ica, cohort.func, n_splits=3, confounds=cohort.confounds)
    >>> halves.reproducibility.shape, halves.n_runs
    ((3, 4), 4)
    >>> bool(0 < halves.t.mean() < 1)
    True
    """
    check_count("n_splits", n_splits)
    confounds = confounds_of(imgs, confounds)
    runs = _listed(imgs)
    twins = _told_twins(list(iter_runs(runs)))
    confounds = list_confounds(confounds, len(runs))
    with _remembering(estimator) as rememberer:
        whole = estimator
        if not hasattr(estimator, "components_"):
            whole = _fit(clone(rememberer), runs, confounds, range(len(runs)))
        n_components = len(whole.components_)
        halver = clone(rememberer).set_params(mask=whole.mask_img_, n_components=n_components)
        pairs = [
            [_fit(clone(halver), runs, confounds, half).components_ for half in halves]
            for halves in halves_with_twins(twins, n_splits, random_state)
        ]
    return compare(pairs, whole.components_, len(runs))


def random_halves(n_runs, n_splits, random_state=0):
    """Pairs of sorted arrays of run numbers, of equal size or one apart."""
    rng = np.random.default_rng(random_state)
    orders = [rng.permutation(n_runs) for _ in range(n_splits)]
    return [(np.sort(order[: n_runs // 2]), np.sort(order[n_runs // 2 :])) for order in orders]


def halves_with_twins(twins, n_splits, random_state=0):
    """As :func:`random_halves`, of runs of which some are the same: those stay on one side.

    Parameters
    ----------
    twins : list of int
        As :func:`nbica.image.twins.groups_of_twins` gives them.
    """
    groups, group_of = np.unique(twins, return_inverse=True)
    splits = random_halves(len(groups), n_splits, random_state)
    return [tuple(np.flatnonzero(np.isin(group_of, half)) for half in halves) for halves in splits]


def _told_twins(runs):
    """Which runs are the same, and a word about it; a DataError where too few differ."""
    twins = groups_of_twins(runs)
    n_different = len(set(twins))
    if n_different < 4:
        msg = (
            f"Got {len(runs)} runs, {n_different} of them different; halves of at least two runs "
            "each need four."
        )
        raise DataError(msg)
    again = [f"{runs[i].name} is {runs[t].name}" for i, t in enumerate(twins) if i != t]
    if again:
        msg = (
            f"{len(again)} of {len(runs)} runs are there twice ({'; '.join(again[:3])}): they "
            "count twice, and are kept in one half."
        )
        warnings.warn(msg, DataWarning, stacklevel=3)
    return twins


def compare(pairs, components, n_runs):
    """The measures, from maps.

    Parameters
    ----------
    pairs : list of pairs of ndarray of shape (n_maps, n_voxels)
        Maps of the two halves of each split.
    components : ndarray of shape (n_components, n_voxels)
        Maps of all runs.
    n_runs : int

    Returns
    -------
    SplitHalf
    """
    e, t, reproducibility = [], [], []
    for one, other in pairs:
        C = correlate(one, other)
        e.append(np.sum(C**2) / max(C.shape))
        t.append(match(one, other).mean)
        first, second = (match(half, components).indices for half in (one, other))
        found = (first >= 0) & (second >= 0)  # a half may have fewer maps
        reproducibility.append(np.where(found, np.abs(C[first, second]), 0.0))
    return SplitHalf(np.array(e), np.array(t), np.array(reproducibility), n_runs)


def _listed(imgs):
    """One entry per run; paths stay paths, so that any estimator can read them."""
    runs = list(iter_runs(imgs))
    if hasattr(imgs, "func"):
        imgs = imgs.func
    given = list(imgs) if isinstance(imgs, list | tuple) else []
    if len(given) == len(runs):
        return given
    return [getattr(run.frames, "path", run) for run in runs]


@contextmanager
def _remembering(estimator):
    """The estimator, with a memory for the time of the context if it has none."""
    if estimator.memory is not None:
        yield estimator
        return
    with own_folder(Path(gettempdir())) as folder:
        yield clone(estimator).set_params(memory=folder)


def _fit(estimator, runs, confounds, half):
    of_half = None if confounds is None else [confounds[i] for i in half]
    return estimator.fit([runs[i] for i in half], confounds=of_half)
