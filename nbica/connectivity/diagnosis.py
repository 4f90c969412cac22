"""Tell two groups apart by their connectomes, in subjects that were not learnt from."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from nbica.connectivity.groups import as_labels, check_groups
from nbica.connectivity.measure import ConnectivityMeasure, Given, check_kind, covariances_of
from nbica.connectivity.subject_maps import courses_of
from nbica.exceptions import DataError
from nbica.runtime.checks import as_list, check_count, check_n_jobs, check_one_of, check_seed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sklearn.base import BaseEstimator

    from nbica.connectivity.subject_maps import SubjectMaps

_CLASSIFIERS = {
    "svm": LinearSVC(class_weight="balanced", dual=True, max_iter=10_000, random_state=0),
    "ridge": RidgeClassifierCV(np.logspace(-2, 3, 11), class_weight="balanced"),
}


@dataclass(frozen=True)
class Diagnosis:
    """Accuracy with which new subjects are classified.

    Attributes
    ----------
    scores : ndarray of shape (n_folds,)
        Balanced accuracy in the subjects left out of each fold.
    accuracy : float
        Their mean.
    chance : float
        What guessing gives: 0.5.
    by_chance : ndarray of shape (n_permutations,)
        The accuracy with labels shuffled over subjects, sorted.
    p : float or None
        How often shuffled labels did as well; None without permutations.
    pipeline : Pipeline
        Connectomes and classifier, fitted to all subjects.
    n_subjects : int
        How many people the runs were taken to be of. Where it is more than there were, runs of one
        person were on both sides: see `subjects` of :func:`classify_groups`.

    See Also
    --------
    classify_groups : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> rng = np.random.default_rng(0)
    >>> time_courses = [rng.normal(size=(50, 3)) for _ in range(12)]
    >>> found = connectivity.classify_groups(
    ...     time_courses, ["a", "b"] * 6, kind="correlation", n_permutations=5
    ... )
    >>> found.scores.shape, found.chance, found.by_chance.shape
    ((5,), 0.5, (5,))
    """

    scores: np.ndarray
    accuracy: float
    chance: float
    by_chance: np.ndarray
    p: float | None
    pipeline: object
    n_subjects: int

    def __repr__(self):
        shuffled = "" if self.p is None else f", p = {self.p:.3f}"
        return (
            f"<balanced accuracy {self.accuracy:.2f} in {len(self.scores)} folds of "
            f"{self.n_subjects} subjects, chance {self.chance:.2f}{shuffled}>"
        )


def classify_groups(
    time_courses: Sequence[np.ndarray | SubjectMaps], groups: Sequence, kind: str = "tangent",
    classifier: Literal["svm", "ridge"] | BaseEstimator = "svm",
    subjects: Sequence | np.ndarray | None = None, cv: object = None, n_permutations: int = 100,
    n_jobs: int = 1, random_state: int = 0,
) -> Diagnosis:  # fmt: skip
    """Cross-validate a diagnosis through functional connectivity.

    Costs n_folds x (n_permutations + 1) fits of a linear model and, for "tangent", of a geometric
    mean: 10 to 20 s for 40 subjects, 12 networks and the defaults. All that
    is learnt, the mean of the tangent space too, is learnt without the subjects that are tested.

    Parameters
    ----------
    time_courses : list of ndarray, each of shape (n_timepoints, n), or of SubjectMaps
        One per run. SubjectMaps, as of :func:`dual_regression`, have names as well.
    groups : sequence of labels
        Labels of two kinds, one per run.
    kind : as in :class:`ConnectivityMeasure`
    classifier : {"svm", "ridge"} or scikit-learn classifier, default="svm"
        A linear support vector machine (C = 1), or a ridge classifier whose penalty is chosen in
        the training set, both with balanced classes. Values are not scaled to one variance, which
        would give edges that vary little the say of others: of 40 simulated subjects in three
        designs the balanced accuracy was .92, .73, .88 (svm) and .91, .72, .86 (ridge), and .88,
        .71, .83 with scaling and ridge. Of your own, scaling can be a step of a pipeline.
    subjects : sequence of labels, optional
        Whose run each is: runs of one subject are never on both sides. By default the names of
        SubjectMaps tell, where BIDS has named them (`sub-...`); of arrays each is taken to be
        another subject's. If they are not, pass `subjects`: a person is known again by a connectome
        and the accuracy means nothing (.94 where there was no difference, with three runs each).
    cv : scikit-learn splitter, optional
        By default five folds, stratified by group, with a subject in one only.
    n_permutations : int
        Shuffles of the labels that show what chance gives; 0 for none.
    n_jobs : int
    random_state : int

    Returns
    -------
    Diagnosis

    Raises
    ------
    DataError
        If there are not two groups with one label per run, or if a subject has both.

    See Also
    --------
    compare_groups : where groups differ.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import connectivity
    >>> rng = np.random.default_rng(0)
    >>> groups = ["patient", "control"] * 10
    >>> time_courses = [rng.normal(size=(80, 4)) for _ in groups]
    >>> for course in time_courses[::2]:
    ...     course[:, 1] += course[:, 0]
    >>> found = connectivity.classify_groups(time_courses, groups, n_permutations=0)
    >>> found.accuracy > 0.9, found.n_subjects
    (True, 20)
    """
    check_n_jobs(n_jobs)
    check_seed(random_state)
    check_count("n_permutations", n_permutations, at_least=0)
    _check_classifier(classifier)
    check_kind(kind)
    # Whose runs these are, and of which group: nobody is on both sides of a fold.
    runs = as_list("time_courses", time_courses)
    X = courses_of(runs)
    names, is_first = check_groups(groups, len(X))
    y = np.where(is_first, *names)
    are_given = subjects is not None
    subjects = as_labels("subjects", subjects if are_given else _subjects_of(runs))
    _check_subjects(subjects, y)
    n_subjects = len(np.unique(subjects))
    # Only for a splitter that a user chose; it may take no groups, and would say so.
    of_folds = subjects if cv is not None and (are_given or n_subjects < len(X)) else None
    # A covariance is that of one run, in whatever fold: estimated once, not in every fold.
    covariances = covariances_of(X, kind)
    quick = _pipeline(ConnectivityMeasure(Given(), kind, True, standardize=False), classifier)

    def score(labels):
        folds = cv if cv is not None else _folds(labels, subjects, random_state)
        return cross_val_score(
            quick, covariances, labels, groups=of_folds, cv=folds, scoring="balanced_accuracy"
        )

    # The labels as they are, and shuffled over people, through the same folds.
    rng = np.random.default_rng(random_state)
    shuffles = [_shuffled(y, subjects, rng) for _ in range(n_permutations)]
    scores, *shuffled = Parallel(n_jobs=n_jobs)(delayed(score)(labels) for labels in [y, *shuffles])
    accuracy, by_chance = float(scores.mean()), np.sort([s.mean() for s in shuffled])
    # The labels as they are count as one of the shuffles: p is never 0.
    p = (1 + int((by_chance >= accuracy - 1e-9).sum())) / (1 + n_permutations)
    fitted = _pipeline(ConnectivityMeasure(kind=kind, vectorize=True), classifier).fit(X, y)
    p = p if n_permutations else None
    return Diagnosis(scores, accuracy, 0.5, by_chance, p, fitted, n_subjects)


def _check_classifier(classifier):
    if isinstance(classifier, str):
        check_one_of("classifier", classifier, _CLASSIFIERS)
    elif isinstance(classifier, type) or not hasattr(classifier, "fit"):
        msg = f"classifier is {classifier!r}; expected 'svm', 'ridge' or one of scikit-learn's."
        raise TypeError(msg)


def _pipeline(measure, classifier):
    if isinstance(classifier, str):
        classifier = _CLASSIFIERS[classifier]
    return make_pipeline(measure, clone(classifier))


def _subjects_of(runs):
    """Whose each run is: by the name that BIDS gave it, else a person of its own."""
    named = [re.findall(r"sub-[^_/\\]+", getattr(run, "name", "")) for run in runs]
    return [found[-1] if found else str(number) for number, found in enumerate(named)]


def _check_subjects(subjects, y):
    if subjects.shape != y.shape:
        msg = f"subjects has shape {subjects.shape}; expected one label for each of {len(y)} runs."
        raise DataError(msg)
    for subject in np.unique(subjects):
        found = np.unique(y[subjects == subject])
        if len(found) > 1:
            msg = f"Subject {subject} has runs of both groups: {', '.join(map(str, found))}."
            raise DataError(msg)


def _folds(y, subjects, random_state):
    """Pairs of runs to learn from and to test: each group in its proportion, subjects whole.

    Made of subjects, since a shuffled StratifiedGroupKFold does not stratify before scikit-learn
    1.8 (scikit-learn/scikit-learn#32540).
    """
    _, first, of_run = np.unique(subjects, return_index=True, return_inverse=True)
    labels = y[first]
    n_folds = min(5, np.unique(labels, return_counts=True)[1].min())
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=random_state)
    parts = folds.split(labels, labels)
    return [tuple(np.flatnonzero(np.isin(of_run, part)) for part in pair) for pair in parts]


def _shuffled(y, subjects, rng):
    """Labels shuffled over subjects; all runs of one keep one label."""
    _, first, of_run = np.unique(subjects, return_index=True, return_inverse=True)
    return rng.permutation(y[first])[of_run]
