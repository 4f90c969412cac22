"""A panel to start, watch, stop and resume a fit; at its end the components, to browse.

A Stop button works on every ipykernel only if the fit runs in a thread of its own and the cell
returns; under a cell that blocks, the interrupt button is what stops a fit everywhere. So the panel
offers both: `panel` with its buttons, and `panel.run()`, which blocks and has no Stop.

The pure functions of `fit_status.py` put into words what is known of a fit.
"""

from __future__ import annotations

import html
import threading
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

import ipywidgets

from nbica.exceptions import RunCancelled
from nbica.image.run import is_iterator
from nbica.image.surface_images import is_surface
from nbica.runtime.background import running_fits, start
from nbica.runtime.checks import check_count
from nbica.runtime.progress import watched
from nbica.viewer import poster
from nbica.viewer.component_browser import ComponentBrowser
from nbica.viewer.fit_status import (
    describe,
    escaped,
    list_as_html,
    maps_as_png,
    other_fits_in_words,
    plan_in_words,
    runs_as_html,
)
from nbica.viewer.scene import anatomy_below

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, Background, RunConfounds, Runs
    from nbica.runtime.background import RunningFit

# Seconds between two updates of the bar, and between two looks at the maps.
_INTERVAL, _PICTURE_INTERVAL = 0.1, 4.0
_BAR = {"running": "info", "done": "success", "stopped": "warning", "failed": "danger"}


class FitPanel(ipywidgets.VBox):
    """Plan, start, watch, stop and resume a fit; then browse what it found.

    Costs reading the images' headers; the fit, once started, what `estimator.fit` costs, and the
    pictures of the maps on the way some 0.3 s each, at most every four seconds.

    Parameters
    ----------
    estimator : CanICA or DictLearning
        Fitted in place. Without its `memory`, a stopped fit begins anew.
    imgs, confounds : as the estimator's `fit` takes them
        A generator becomes a list, as a fit may be planned, stopped and begun again.
    bg_img : image or path, 3D; "auto" or None
        Anatomy below the maps; as :func:`nbica.browse` takes it.
    every : int
        Runs between two pictures of the maps.
    labels : path, optional
        A label file, as :func:`nbica.browse` takes it.

    Attributes
    ----------
    state : {"ready", "running", "done", "stopped", "failed"}
    handle : running.RunningFit or None
        Handle of the latest fit in the background.
    browser : ComponentBrowser or None
        Browser of the fitted components.
    error : Exception or None
        What ended the latest fit.
    messages : list of str
        Warnings of the latest fit.

    See Also
    --------
    nbica.start : a fit in the background without a panel.

    Examples
    --------
    >>> from nbica import CanICA, FitPanel, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> estimator = CanICA(cohort.mask_img, n_components=5, random_state=0, memory="cache")
    >>> panel = FitPanel(estimator, cohort)
    >>> panel.state
    'ready'
    >>> _ = panel.start()
    >>> panel.wait(timeout=60)
    >>> panel.state, estimator.components_img_.shape
    ('done', (13, 16, 14, 5))
    """

    handle: Any

    def __init__(
        self, estimator: BaseEstimator, imgs: Runs, confounds: RunConfounds = None, *,
        bg_img: Background = "auto", every: int = 2, labels: AnyPath | None = None,
    ) -> None:  # fmt: skip
        if isinstance(estimator, type) or not hasattr(estimator, "plan"):
            msg = f"estimator is {estimator!r}; expected CanICA() or DictLearning()."
            raise TypeError(msg)
        check_count("every", every)
        self.estimator, self.bg_img, self._labels, self._earlier = estimator, bg_img, labels, None
        imgs, confounds = (list(x) if is_iterator(x) else x for x in (imgs, confounds))
        self._imgs, self._confounds, self._every = imgs, confounds, every
        self._name = type(estimator).__name__
        self.state, self.handle, self.browser, self.error = "ready", None, None, None
        self.plan, self._trouble = _plan_of(estimator, imgs, confounds)
        self._reset()
        self._make_parts()
        super().__init__(self._parts, layout={"max_width": "1080px"})
        self._show_plan()

    def _make_parts(self):
        self._plan_box = ipywidgets.HTML()
        self._start = ipywidgets.Button(description="Start", icon="play", button_style="primary")
        self._stop = ipywidgets.Button(description="Stop", icon="stop", disabled=True)
        self._start.on_click(lambda _: self.start())
        self._stop.on_click(lambda _: self.stop())
        self._bar = ipywidgets.FloatProgress(max=1, layout={"width": "260px"})
        self._status = ipywidgets.HTML()
        self._runs_box = ipywidgets.HTML()
        self._picture = ipywidgets.Image(
            format="png", layout={"display": "none", "max_width": "100%"}
        )
        self._warnings_box = ipywidgets.HTML()
        self._result = ipywidgets.VBox()
        buttons = ipywidgets.HBox(
            [self._start, self._stop, self._bar], layout={"align_items": "center"}
        )
        self._parts = [
            self._plan_box, buttons, self._status, self._runs_box, self._picture,
            self._warnings_box, self._result,
        ]  # fmt: skip

    # ---- what a user calls ----------------------------------------------------------------------

    def start(self) -> RunningFit:
        """Start or resume the fit in the background and return its handle at once.

        Returns
        -------
        running.RunningFit
            While a fit is running, that one.
        """
        if self.state == "running":
            return self.handle
        self._begin(can_stop=True)
        self.handle = start(self.estimator, self._imgs, self._confounds, listeners=[self._on_event])
        # In a context of this cell: without one, ipykernel 7.0 sends nothing.
        context, ending = copy_context(), (self._wait_for, self.handle)
        threading.Thread(target=context.run, args=ending, daemon=True).start()
        return self.handle

    def stop(self) -> None:
        """Ask the fit to stop, within two seconds; what is done is in the estimator's cache."""
        if self.state == "running" and self.handle is not None:
            self._status.value = escaped("Stopping …")
            self.handle.stop()

    def run(self) -> BaseEstimator:
        """Fit in this cell, with the same display but no Stop: the interrupt button stops it.

        Returns
        -------
        estimator
            Fitted.

        Raises
        ------
        KeyboardInterrupt, Exception
            What ended the fit.
        """
        if self.state == "running":
            msg = f"This panel's {self._name} is being fitted already; wait for it, or stop it."
            raise RuntimeError(msg)
        self._begin(can_stop=False)
        try:
            with watched([self._on_event], threading.Event()):
                self.estimator.fit(self._imgs, confounds=self._confounds)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)
        return self.estimator

    def wait(self, timeout: float | None = None) -> None:
        """Wait until the fit has ended and the panel shows how.

        Raises
        ------
        TimeoutError
            If that takes longer than `timeout` seconds.
        """
        if not self._ended.wait(timeout):
            msg = f"{self._name} is still running: {self.handle.progress}"
            raise TimeoutError(msg)

    # ---- a fit, from begin to end ---------------------------------------------------------------

    def _reset(self):
        self._earlier = getattr(self, "browser", None) or self._earlier
        self.error, self.browser, self.messages = None, None, []
        self._runs, self._stage, self._anatomy = [], "", None
        self._began = self._shown = self._pictured = time.monotonic()
        self._ended = threading.Event()

    def _begin(self, can_stop):
        self._reset()
        self.state = "running"
        self._start.disabled, self._stop.disabled = True, not can_stop
        self._bar.value, self._bar.bar_style = 0, "info"
        self._result.children = ()
        self._picture.layout.display = "none"
        self._warnings_box.value = ""
        self._status.value = escaped("Starting …")
        if others := running_fits():
            self._on_warning(other_fits_in_words(others))

    def _wait_for(self, handle):
        try:
            handle.result()
        except BaseException as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, error):
        # The next fit, which has its own, may begin as soon as this end is seen.
        ended = self._ended
        try:
            self._show_end(error)
        finally:
            ended.set()  # who waits goes on, even where the end cannot be shown

    def _show_end(self, error):
        stopped = isinstance(error, RunCancelled | KeyboardInterrupt)
        self.error = error
        try:
            if error is None:
                self._show_result()  # it takes a while, in which the fit is not yet over
        finally:
            self._show_state("stopped" if stopped else "failed" if error is not None else "done")

    def _show_state(self, state):
        self.state = state
        self._start.disabled, self._stop.disabled = False, True
        self._start.description = {"stopped": "Resume", "done": "Fit again"}.get(
            self.state, "Start"
        )
        self._bar.bar_style = _BAR[self.state]
        self._status.value = escaped(self._last_words(), strong=True)

    def _last_words(self):
        if self.state == "done":
            return f"Done: {self.estimator.n_components_} components of {self._n_runs()} runs."
        if self.state == "failed":
            return f"Failed: {self.error}"
        kept = (
            "what is done is in the cache, Resume goes on from there"
            if self.estimator.memory is not None
            else "without memory=... nothing was kept, and Resume begins anew"
        )
        return f"Stopped after {len(self._runs)} runs: {kept}."

    def _n_runs(self):
        return int((~self.estimator.runs_["skipped"]).sum())

    def _show_result(self):
        self._bar.value = 1
        self._show_runs_of_a_cached_group()
        if is_surface(self.estimator.components_img_):  # plot_components draws these
            return
        self.browser = ComponentBrowser(self.estimator, self.bg_img, labels=self._labels)
        self._keep_labels()
        self._picture.layout.display = "none"
        self._result.children = (self.browser,)

    def _keep_labels(self):
        """What was labelled after an earlier fit of this panel goes over to the new components."""
        if self._earlier is None or not self._earlier.marks:
            return
        if lost := self.browser.take_labels_of(self._earlier):
            self._on_warning(
                f"Labels of {len(lost)} components have no place in the new fit, which has nothing "
                f"like them: {', '.join(lost)}."
            )

    def _show_runs_of_a_cached_group(self):
        """A group that came from the cache as a whole was not merged run by run."""
        if not self._runs:
            self._runs = [(row.path, "cached") for row in self.estimator.runs_.itertuples()]
            self._runs_box.value = runs_as_html(self._runs, len(self._runs))

    # ---- what a fit tells -----------------------------------------------------------------------

    def _on_event(self, event):
        """A progress event, in the thread of the fit."""
        if event.warning:
            self._on_warning(event.warning)
        elif event.merged is not None:
            self._on_run_merged(event.merged)
        else:
            self._show_progress(event)

    def _show_progress(self, event):
        """Show an event, unless one was shown just before."""
        now = time.monotonic()
        if event.stage != self._stage:
            self._stage, self._began, self._shown = event.stage, now, 0.0
        if event.state != "running" or now - self._shown < _INTERVAL:
            return
        self._shown = now
        self._bar.value = event.done / event.total if event.total else 0
        budget = None if self.plan is None else self.plan.ram
        self._status.value = escaped(describe(event, now - self._began, budget))

    def _on_run_merged(self, state):
        """Another run was merged; a GroupState says which."""
        self._runs.append((state.name, "cached" if state.from_cache else "computed"))
        self._runs_box.value = runs_as_html(self._runs, state.n_total)
        due = len(self._runs) % self._every == 0 or len(self._runs) == state.n_total
        due = due and not is_surface(state.mask_img)  # of which slices show little
        now = time.monotonic()
        if due and (
            self._picture.layout.display == "none" or now - self._pictured > _PICTURE_INTERVAL
        ):
            self._picture.value = maps_as_png(state, self._anatomy_below(state))
            self._picture.layout.display = ""
            # From the end: a slow picture must not follow on itself.
            self._pictured = time.monotonic()

    def _anatomy_below(self, state):
        """Chosen once in a fit: it may be the mean of a run, which takes a pass over it."""
        if self._anatomy is None:
            self._anatomy = anatomy_below(self.bg_img, state.mask_img, state.name)
        return self._anatomy

    def _on_warning(self, text):
        self.messages.append(text)
        self._warnings_box.value = list_as_html("Warnings", self.messages)

    def _show_plan(self):
        title = f"<b>{html.escape(self._name)}</b>"
        if self.plan is None:
            self._plan_box.value = f"{title}: {html.escape(self._trouble)}"
            return
        details = (
            f"<details><summary>details</summary><pre>{html.escape(str(self.plan))}</pre></details>"
        )
        self._plan_box.value = f"{title}: {html.escape(plan_in_words(self.plan))} {details}"

    def picture(self) -> bytes:
        """The maps, so far or at the end, as a PNG; before there are any, the plan.

        Returns
        -------
        bytes
        """
        if self.browser is not None:
            return poster.png(self.browser.picture(coarse=2))
        if self._picture.value:
            return bytes(self._picture.value)
        words = self._trouble if self.plan is None else plan_in_words(self.plan)
        share = None if self.plan is None else self.plan.peak / self.plan.ram
        return poster.png(poster.card(self._name, words, share))

    def __repr__(self):
        return f"<FitPanel: {self._name}>"

    _ipython_display_ = None  # that of ipywidgets 7 would be asked first, and knows no picture

    def _repr_mimebundle_(self, **kwargs):
        of_widget = getattr(super(), "_repr_mimebundle_", self._bundle_of_ipywidgets_7)
        return of_widget(**kwargs) | {"image/png": self.picture()}

    def _bundle_of_ipywidgets_7(self, **kwargs):
        view = {"version_major": 2, "version_minor": 0, "model_id": self.model_id}
        return {"text/plain": repr(self), "application/vnd.jupyter.widget-view+json": view}


def _plan_of(estimator, imgs, confounds):
    """The plan, or why there is none."""
    try:
        return estimator.plan(imgs, confounds), ""
    except (OSError, ValueError, TypeError, MemoryError) as error:
        return None, f"no plan: {error}"
