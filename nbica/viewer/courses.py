"""Time courses and spectra of the desk: packed run by run, computed when they are looked at."""

import threading
import time
from contextvars import copy_context

import numpy as np

from nbica.decomposition.seen_runs import SeenCourses
from nbica.exceptions import DataError
from nbica.matching.quality import short_names
from nbica.runtime.checks import as_list
from nbica.runtime.progress import monitor
from nbica.viewer.payload import Courses, pack
from nbica.viewer.state import as_real

# What is computed unasked, in seconds: the other runs after the one that is looked at.
PATIENCE = 60.0
# What is done without a word, in seconds.
_QUIET = 10.0
_MOST = 32767


def packed(index, values, t_r):
    """One run's time courses with their spectra, as whole numbers.

    Parameters
    ----------
    index : int
        Which run.
    values : ndarray of shape (n_timepoints, n_components)
    t_r : float or None
        Seconds between frames; without it, spectra are over cycles per frame.

    Returns
    -------
    Courses
    """
    from nbica.plotting.spectra import power_spectrum

    scales = np.maximum(np.abs(values).max(axis=0), np.finfo(float).tiny) / _MOST
    frequencies, power = power_spectrum(values, t_r or 1.0)
    most = np.maximum(power[:, 1:].max(axis=1, keepdims=True, initial=0), np.finfo(float).tiny)
    step = float(frequencies[1]) if len(frequencies) > 1 else 0.0
    return Courses(
        index, t_r, step, scales,
        np.rint(values / scales).astype(np.int16).T,
        np.rint(power[:, 1:] / most * 65535).clip(0, 65535).astype(np.uint16),
        most[:, 0],
    )  # fmt: skip


def z_scored(values):
    """Time courses in units of their standard deviation, around 0."""
    values = np.asarray(values, float)
    deviation = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(deviation > 0, deviation, 1)


def courses_of(components, time_courses, subjects, n_maps, t_r):
    """Where the desk's time courses come from: what was passed, else the runs of the fit; or None.

    Parameters
    ----------
    As :func:`nbica.browse`.

    Returns
    -------
    GivenCourses, FittedCourses or None
    """
    if time_courses is not None:
        return GivenCourses(time_courses, subjects, n_maps, t_r)
    if hasattr(components, "runs_") and hasattr(components, "plan_"):
        return FittedCourses(SeenCourses(components), subjects, t_r)
    return None


class GivenCourses:
    """Time courses that a user passed.

    Parameters
    ----------
    time_courses : array or list of arrays of shape (n_timepoints, n_maps)
    subjects : sequence of str, optional
    n_maps : int
    t_r : float, optional
    """

    def __init__(self, time_courses, subjects, n_maps, t_r=None):
        is_one = isinstance(time_courses, np.ndarray)
        runs = [time_courses] if is_one else as_list("time_courses", time_courses)
        if not runs:
            msg = "time_courses is empty; expected an array for each run, or None"
            raise ValueError(msg)
        runs = [as_real(run, "time_courses") for run in runs]
        for number, run in enumerate(runs):
            if (
                run.ndim != 2
                or run.shape[1] != n_maps
                or not len(run)
                or not np.isfinite(run).all()
            ):
                msg = (
                    f"time_courses: run {number} has shape {run.shape}; expected finite numbers of "
                    f"shape (n_timepoints, {n_maps})"
                )
                raise ValueError(msg)
        self.subjects = _subjects(subjects, [f"run {k + 1}" for k in range(len(runs))])
        self._runs, self._t_r = runs, t_r

    def known(self):
        """All runs, packed."""
        return [packed(index, run, self._t_r) for index, run in enumerate(self._runs)]

    def about(self):
        """What the browser is told beforehand."""
        return {"subjects": self.subjects, "unit": "", "trouble": ""}

    def compute_all(self):
        """Nothing is left to compute."""
        return []

    def get(self, index):
        """One run, packed."""
        return packed(index, self._runs[index], self._t_r)


class FittedCourses:
    """Time courses of a fit in its own runs, in standard deviations.

    Parameters
    ----------
    source : seen_runs.SeenCourses
    subjects : sequence of str, optional
    t_r : float, optional
        In place of what the runs say.
    """

    def __init__(self, source, subjects=None, t_r=None):
        self.subjects = _subjects(subjects, short_names(source.names))
        self.trouble = source.trouble
        self._source, self._t_r = source, t_r

    def about(self):
        """What the browser is told beforehand."""
        return {"subjects": self.subjects, "unit": "sd", "trouble": self.trouble}

    def known(self):
        """The runs that were computed before, packed."""
        known = [k for k in range(len(self.subjects)) if self._source.known(k) is not None]
        return [self.get(k) for k in known]

    def get(self, index):
        """One run, packed; see :meth:`seen_runs.SeenCourses.get` for cost and errors."""
        return packed(
            index, z_scored(self._source.get(index)), self._t_r or self._source.t_r[index]
        )

    def compute_all(self):
        """Go through the runs that were not looked at yet; that is shown if it takes a while.

        Returns
        -------
        list of str
            What was wrong with those that could not be used.
        """
        missing = [k for k in range(len(self.subjects)) if self._source.known(k) is None]
        if self.trouble or not missing:
            return []
        began = time.monotonic()
        troubles = [self._compute(missing[0])]
        is_long = (time.monotonic() - began) * len(missing[1:]) > _QUIET
        with monitor("time courses", f"{len(missing)} runs", verbose=int(is_long)) as report:
            rest = report.track(missing[1:], len(missing[1:]), "runs")
            troubles += [self._compute(index) for index in rest]
        return [trouble for trouble in troubles if trouble]

    def _compute(self, index):
        """What was wrong with a run, or nothing."""
        try:
            self._source.get(index)
        except (DataError, OSError) as error:
            return str(error)
        return ""


def _subjects(given, usual):
    if given is None:
        return usual
    if isinstance(given, str) or len(given) != len(usual):
        msg = f"subjects: {len(given)} names for {len(usual)} time courses; give one each"
        raise ValueError(msg)
    return [str(name) for name in given]


class CourseTeller:
    """Answers who looks at a run: computes in a thread of its own and tells when it is done.

    Parameters
    ----------
    courses : GivenCourses or FittedCourses
    tell : callable
        Called as `tell(content, buffers)`, in that thread.
    """

    def __init__(self, courses, tell):
        self._courses, self._tell = courses, tell
        self._wanted, self._told, self._lock = [], set(), threading.Lock()
        self._thread, self._closed = None, False

    def want(self, index):
        """Have a run computed next; "all" for those that are left, whatever it takes."""
        n_runs = len(self._courses.subjects)
        if index == "all":
            self._add([k for k in range(n_runs) if k not in self._told])
        elif isinstance(index, int) and not isinstance(index, bool) and 0 <= index < n_runs:
            self._add([index], first=True)

    def close(self):
        """End after the run that is under way."""
        self._closed = True

    def _add(self, indices, first=False):
        with self._lock:
            rest = [k for k in self._wanted if k not in indices]
            self._wanted = indices + rest if first else rest + indices
            if self._wanted and self._thread is None:
                # In a context of the message: without one, ipykernel 7.0 sends nothing.
                context = copy_context()
                self._thread = threading.Thread(
                    target=context.run, args=(self._work,), name="nbica time courses", daemon=True
                )
                self._thread.start()

    def _next(self):
        with self._lock:
            if self._closed or not self._wanted:
                self._thread = None
                return None
            return self._wanted.pop(0)

    def _work(self):
        while (index := self._next()) is not None:
            began = time.monotonic()
            try:
                news, blocks = {"run": index}, [pack([self._courses.get(index)])]
            except (DataError, OSError, ValueError, MemoryError) as error:
                news, blocks = {"run": index, "trouble": str(error)}, []
            self._told.add(index)
            self._tell(news, blocks)
            self._go_on(time.monotonic() - began)

    def _go_on(self, seconds):
        """Go on with the other runs if that is soon done, else say how long it would take."""
        left = [k for k in range(len(self._courses.subjects)) if k not in self._told]
        if self._wanted or not left:
            return
        if seconds * len(left) < PATIENCE:
            self._add(left)
        else:
            self._tell({"left": len(left), "seconds": seconds * len(left)}, [])
