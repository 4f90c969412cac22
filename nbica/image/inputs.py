"""What a user passes as runs and confounds, understood once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from nbica.exceptions import DataError
from nbica.image.run import Run, is_iterator, iter_runs, with_sample_mask
from nbica.runtime.parallel import pair
from nbica.signal.confounds import list_confounds

if TYPE_CHECKING:
    from nbica.hints import RunConfounds, Runs, RunSampleMasks


@dataclass(frozen=True, eq=False)
class Inputs:
    """Runs with their confounds.

    Attributes
    ----------
    runs : list of Run; an iterator of them where a generator was passed and one pass is enough
    confounds : list with one entry per run, an iterator, or None
    n_runs : int or None
        None for an iterator.
    first : Run
        The first of the runs, which speaks for all where they are an iterator.
    """

    runs: list | Iterator
    confounds: Iterable | None
    n_runs: int | None
    first: Run

    @property
    def has_confounds(self):
        """Whether the runs come with confounds."""
        return self.confounds is not None

    def pairs(self) -> Iterable:
        """Each run with its confounds, as :func:`nbica.runtime.parallel.each_run` takes them."""
        return pair(self.runs, self.confounds)


def inputs_of(imgs: Runs, confounds: RunConfounds = None, *, one_pass: bool = False) -> Inputs:
    """Runs and confounds of whatever was given; reads headers only.

    Parameters
    ----------
    imgs : path, glob pattern, nibabel image, Bunch with `func`, or an iterable of these
    confounds : list with one entry per run, or None
        None takes the confounds of the Bunch, if `imgs` is one that has them.
    one_pass : bool
        The runs are gone through once only: a generator stays one.

    Returns
    -------
    Inputs

    Raises
    ------
    FileNotFoundError, DataError, TypeError
        For an image that cannot be used, naming it, what was found and what was expected.
    ValueError
        If there are more or fewer confounds than runs.
    """
    confounds = confounds_of(imgs, confounds)
    runs = iter_runs(imgs)
    if one_pass and is_iterator(imgs):
        first = next(runs)
        return Inputs(chain([first], runs), list_confounds(confounds), None, first)
    listed = list(runs)
    check_one_kind(listed)
    return Inputs(listed, list_confounds(confounds, len(listed)), len(listed), listed[0])


def check_one_kind(runs: list[Run]) -> None:
    """Raise DataError, naming one, where volumes lie among runs of grayordinates."""
    odd = next((run for run in runs if run.on_surfaces != runs[0].on_surfaces), None)
    if odd is not None:
        kinds = ("a volume", "made of grayordinates")
        msg = (
            f"{odd.name} is {kinds[odd.on_surfaces]}, and the first run, {runs[0].name}, is "
            f"{kinds[runs[0].on_surfaces]}: pass runs of one kind."
        )
        raise DataError(msg)


def with_frames(
    imgs: Runs, confounds: RunConfounds, sample_mask: RunSampleMasks
) -> tuple[Runs, RunConfounds]:
    """Runs with the frames that count of each, and their confounds.

    The confounds of a Bunch are those of its runs also where the frames come as an argument.

    Parameters
    ----------
    imgs, sample_mask : as :func:`nbica.image.run.with_sample_mask` takes them
    confounds : as :func:`inputs_of` takes them

    Returns
    -------
    imgs, confounds
        As :func:`inputs_of` takes them.
    """
    return with_sample_mask(imgs, sample_mask), confounds_of(imgs, confounds)


def confounds_of(imgs: object, confounds: RunConfounds = None) -> RunConfounds:
    """The confounds that were passed, else those of a Bunch of runs, else None."""
    if confounds is None and hasattr(imgs, "func"):
        return getattr(imgs, "confounds", None)
    return confounds
