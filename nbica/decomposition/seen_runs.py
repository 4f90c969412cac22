"""The runs that a fit saw, to go back to them for time courses; none is kept in memory for that.

A file is found again by its path, an image in memory as long as somebody else holds it.
"""

import weakref
from dataclasses import dataclass, replace
from pathlib import Path

import joblib

from nbica.decomposition.projection import project_run
from nbica.exceptions import DataError
from nbica.image.run import ArrayFrames, Run, VolumeFrames
from nbica.image.stored import FileFrames
from nbica.runtime.cache import Stage
from nbica.runtime.store import open_store

COURSES = Stage("courses", version=1)
FROM_GENERATOR = "the runs came from a generator, which cannot be gone through again"


@dataclass(frozen=True, eq=False)
class SeenRun:
    """A run that a fit saw, with its confounds.

    `frames` are those of a file, or a function that gives them, or None if they are gone.
    """

    name: str
    run: Run
    frames: object
    confounds: object

    @classmethod
    def of(cls, run, confounds):
        """What is kept of a run: nothing that is large."""
        if not isinstance(run, Run):  # of another kind, which nobody knows here
            return cls(run.name, None, _nothing, None)
        if isinstance(run.frames, FileFrames):
            return cls(run.name, run, run.frames, confounds)
        return cls(run.name, replace(run, frames=None), _weakly(run.frames), confounds)

    @property
    def t_r(self):
        """Seconds between frames, where the header says it."""
        return None if self.run is None else self.run.t_r

    def again(self):
        """The run as it was.

        Raises
        ------
        DataError
            If its file or its image is gone.
        """
        if isinstance(self.frames, FileFrames):
            if not Path(self.frames.path).is_file():
                msg = f"the file {self.name} is gone"
                raise DataError(msg)
            return self.run
        frames = self.frames()
        if frames is None:
            msg = f"{self.name} is gone: it was in memory only, and nobody holds it any more"
            raise DataError(msg)
        return replace(self.run, frames=frames)

    def __getstate__(self):
        """A pickle holds what lies in files; an array stays where it is."""
        is_file = isinstance(self.frames, FileFrames)
        return vars(self) | {"frames": self.frames if is_file else _nothing}


def _nothing():
    return None


def _weakly(frames):
    """A function that gives frames in memory as long as their images live."""
    if isinstance(frames, VolumeFrames):
        parts = [image if _is_path(image) else weakref.ref(image) for image in frames.images]
        return lambda: _volumes(parts)
    if not isinstance(frames, ArrayFrames):
        return _nothing
    array, slope, inter = weakref.ref(frames.array), frames.slope, frames.inter
    return lambda: None if array() is None else ArrayFrames(array(), slope, inter)


def _is_path(image):
    return isinstance(image, str | Path)


def _volumes(parts):
    images = tuple(part if _is_path(part) else part() for part in parts)
    return None if any(image is None for image in images) else VolumeFrames(images)


class SeenCourses:
    """Time courses of a fit's components in the runs that it saw, one run at a time.

    Costs one pass over a run when it is first asked for; kept for as long as the fit is, and in
    the estimator's `memory` if it has one. What the fit was is held on to: a later fit of the same
    estimator changes nothing here.

    Parameters
    ----------
    estimator : fitted CanICA or DictLearning

    Attributes
    ----------
    names : list of str
        Runs that went into the fit, by path.
    t_r : list of float or None
        Seconds between the frames of each.
    trouble : str
        Why no run can be found again; mostly nothing.
    """

    def __init__(self, estimator):
        self._maps, self._memory = estimator.components_, estimator.memory
        self._preparation = estimator.masker_.preparation_
        self._scratch = estimator.plan_.scratch_path
        rows = estimator.runs_
        self.names = [str(path) for path in rows["path"][~rows["skipped"].to_numpy(bool)]]
        seen = getattr(estimator, "_seen_", None)
        self._seen = None if seen is None else _in_order(seen, self.names)
        self.trouble = FROM_GENERATOR if self._seen is None else ""
        self._known = estimator.__dict__.setdefault("_courses_", {})
        self.t_r = [estimator.t_r or (one.t_r if one else None) for one in self._seen or []]

    def known(self, index):
        """The time courses of a run if they were computed before, else None."""
        return self._known.get(index)

    def get(self, index):
        """The time courses of a run.

        Returns
        -------
        ndarray of float32, shape (n_kept, n_components)

        Raises
        ------
        DataError, OSError
            If the run is gone, or cannot be read any more.
        """
        if index not in self._known:
            self._known[index] = self._computed(index)
        return self._known[index]

    def _computed(self, index):
        if self._seen is None or self._seen[index] is None:
            raise DataError(self.trouble or f"{self.names[index]} is not known any more")
        seen = self._seen[index]
        run = seen.again()
        store = open_store(self._memory)
        found = COURSES.get_or_compute_once(
            store, lambda: self._key(run, seen.confounds), lambda: self._project(run, seen)
        )
        return found.values["courses"]

    def _key(self, run, confounds):
        from nbica.decomposition.reduction import identify

        identity = identify(run, self._preparation, len(self._maps), confounds)
        return COURSES.key(identity.key, joblib.hash(self._maps))

    def _project(self, run, seen):
        courses, _ = project_run(run, self._preparation, self._maps, seen.confounds, self._scratch)
        return {"courses": courses}


def _in_order(seen, names):
    """What was seen of each of these runs, which come in the same order; None where nothing."""
    rest, found = iter(seen), []
    for name in names:
        found.append(next((one for one in rest if one.name == name), None))
    return found
