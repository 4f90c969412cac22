"""A fit in the background: start it, watch it, stop it, take its result.

fit = nbica.start(CanICA(memory="cache"), imgs)
fit.progress            # Event(run='CanICA', stage='reduce runs', done=3, total=8, ...)
fit.stop()              # within two seconds; what is done is in the cache
ica = fit.result()      # waits; the fitted estimator, or what went wrong
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from typing import TYPE_CHECKING
from weakref import WeakSet

from joblib import parallel_config
from joblib.parallel import get_active_backend

from nbica.runtime.progress import Event, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sklearn.base import BaseEstimator

    from nbica.hints import RunConfounds, Runs


def start(
    estimator: BaseEstimator, imgs: Runs, confounds: RunConfounds = None, *,
    listeners: Sequence[Callable] = (),
) -> RunningFit:  # fmt: skip
    """Fit an estimator in a thread of its own and return at once.

    Costs what `estimator.fit` costs; the kernel stays free for other cells.

    Parameters
    ----------
    estimator : CanICA, DictLearning
        Fitted in place: do not use it before the fit has ended.
    imgs, confounds : as :meth:`CanICA.fit` takes them
    listeners : sequence of callable
        Each is called with every `progress.Event`, in the thread of the fit.

    Returns
    -------
    RunningFit

    See Also
    --------
    nbica.FitPanel : the same with buttons and pictures.

    Examples
    --------
    >>> from nbica import CanICA, datasets, start
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> running = start(CanICA(cohort.mask_img, n_components=5, random_state=0), cohort)
    >>> ica = running.result(timeout=60)
    >>> ica.components_img_.shape, running.is_running
    ((13, 16, 14, 5), False)
    """
    return RunningFit(estimator, imgs, confounds, listeners)


_fits = WeakSet()


def running_fits():
    """Handles of the fits that are running in the background of this process, in no order."""
    return [fit for fit in list(_fits) if fit.is_running]


class RunningFit:
    """Handle of a fit in the background; made by :func:`start`.

    See Also
    --------
    start : makes one.

    Examples
    --------
    >>> from nbica import CanICA, datasets, start
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> running = start(CanICA(cohort.mask_img, n_components=5, random_state=0), cohort)
    >>> ica = running.result(timeout=60)
    >>> running.stop()
    >>> running.progress.state, running.is_running
    ('done', False)
    """

    def __init__(
        self, estimator: BaseEstimator, imgs: Runs, confounds: RunConfounds,
        listeners: Iterable[Callable],
    ) -> None:  # fmt: skip
        self._estimator = estimator
        self._name = type(estimator).__name__
        self._event = Event(self._name)
        self._stop = threading.Event()
        self._error = None
        listeners = (self._listen, *listeners)
        backend, _ = get_active_backend()
        # A daemon: an interpreter that ends does not wait for it, and joblib ends its workers.
        self._thread = threading.Thread(
            target=copy_context().run,
            args=(self._fit, imgs, confounds, listeners, backend),
            name=f"nbica {self._name}",
            daemon=True,
        )
        self._thread.start()
        _fits.add(self)

    def _fit(self, imgs, confounds, listeners, backend):
        try:
            # joblib keeps its configuration by thread: a cluster chosen outside holds here too.
            with parallel_config(backend=backend), watched(listeners, self._stop):
                self._estimator.fit(imgs, confounds=confounds)
        except BaseException as error:  # handed over by result()
            self._error = error

    def _listen(self, event):
        self._event = event

    @property
    def progress(self) -> Event:
        """The latest `progress.Event`."""
        return self._event

    @property
    def is_running(self) -> bool:
        """Whether the fit has yet to end, in whatever way."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Ask the fit to stop; it does within two seconds, and `result` then raises RunCancelled.

        A fit that has ended is not changed.
        """
        self._stop.set()

    def result(self, timeout: float | None = None) -> BaseEstimator:
        """Wait for the end and return the fitted estimator.

        Parameters
        ----------
        timeout : float, optional
            Seconds to wait at most.

        Raises
        ------
        TimeoutError
            If the fit takes longer; it goes on.
        RunCancelled
            If it was stopped.
        Exception
            Whatever else ended it.
        """
        self._thread.join(timeout)
        if self.is_running:
            msg = f"{self._name} is still at: {self._event}. Wait longer, or call stop()."
            raise TimeoutError(msg)
        if self._error is not None:
            raise self._error
        return self._estimator

    def __repr__(self):
        state = "running" if self.is_running else "failed" if self._error else "done"
        return f"<{self._name} in the background: {state}>"
