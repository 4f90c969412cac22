"""A panel to start, watch, stop and resume a fit; at its end the components, to browse.

A Stop button works on every ipykernel only if the fit runs in a thread of its own and the cell
returns; under a cell that blocks, the interrupt button is what stops a fit everywhere. So the panel
offers both: `panel` with its buttons, and `panel.run()`, which blocks and has no Stop.

What is known of a fit is told by three pure functions (plan, progress, runs) as text that is
escaped before it becomes HTML.
"""

import html
import threading
import time
import warnings
from contextvars import copy_context

import ipywidgets
import numpy as np

from nbica.budget import human
from nbica.exceptions import RunCancelled
from nbica.maps import display_threshold
from nbica.masking import unmask
from nbica.progress import watched
from nbica.running import start
from nbica.viewer import poster
from nbica.viewer.components import ComponentBrowser
from nbica.viewer.render import Layer, Look
from nbica.viewer.scene import load_scene

# Seconds between two updates of the bar, and between two looks at the maps.
_INTERVAL, _PICTURE_INTERVAL = 0.1, 4.0
_BAR = {"running": "info", "done": "success", "stopped": "warning", "failed": "danger"}
_TINTS = {"computed": "#4c8fe0", "cached": "#3aa66a", "to come": "#8a939e", "failed": "#d64545"}


class FitPanel(ipywidgets.VBox):
    """Plan, start, watch, stop and resume a fit; then browse what it found.

    Costs reading the images' headers; the fit, once started, what `estimator.fit` costs, and the
    pictures of the maps on the way some 0.3 s each, at most every four seconds.

    Parameters
    ----------
    estimator : CanICA or DictLearning
        Fitted in place. Without its `memory`, a stopped fit begins anew.
    imgs, confounds : as the estimator's `fit` takes them
        A list, glob or Bunch; a generator could be gone through only once.
    bg_img : image or path, 3D, optional
        Anatomy below the maps.
    every : int
        Runs between two pictures of the maps.

    Attributes
    ----------
    state : {"ready", "running", "done", "stopped", "failed"}
    handle : running.RunningFit or None
        Of the latest fit in the background.
    browser : ComponentBrowser or None
        Of the fitted components.
    error : Exception or None
        What ended the latest fit.
    messages : list of str
        Warnings of the latest fit.
    """

    def __init__(self, estimator, imgs, confounds=None, *, bg_img=None, every=2):
        self.estimator, self.bg_img = estimator, bg_img
        self._imgs, self._confounds, self._every = imgs, confounds, max(1, int(every))
        self._name = type(estimator).__name__
        self.state, self.handle, self.browser, self.error = "ready", None, None, None
        self.plan, trouble = _plan_of(estimator, imgs)
        self._reset()
        self._make_parts()
        super().__init__(self._parts, layout={"max_width": "1080px"})
        self._show_plan(trouble)

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

    def start(self):
        """Start or resume the fit in the background and return its handle at once.

        Returns
        -------
        running.RunningFit
            While a fit is running, that one.
        """
        if self.state == "running":
            return self.handle
        self._begin(can_stop=True)
        self.handle = start(self.estimator, self._imgs, self._confounds, listeners=[self._hear])
        # In a context of this cell: without one, ipykernel 7.0 sends nothing.
        context, ending = copy_context(), (self._wait_for, self.handle)
        threading.Thread(target=context.run, args=ending, daemon=True).start()
        return self.handle

    def stop(self):
        """Ask the fit to stop, within two seconds; what is done is in the estimator's cache."""
        if self.state == "running" and self.handle is not None:
            self._status.value = _escaped("Stopping …")
            self.handle.stop()

    def run(self):
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
        self._begin(can_stop=False)
        try:
            with watched([self._hear], threading.Event()):
                self.estimator.fit(self._imgs, confounds=self._confounds)
        except BaseException as error:
            self._end(error)
            raise
        self._end(None)
        return self.estimator

    def wait(self, timeout=None):
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
        self.error, self.browser, self.messages = None, None, []
        self._runs, self._stage = [], ""
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
        self._status.value = _escaped("Starting …")
        self._their_callback, self.estimator.callback = self.estimator.callback, self._see
        self._their_show, warnings.showwarning = warnings.showwarning, self._note_warning

    def _wait_for(self, handle):
        try:
            handle.result()
        except BaseException as error:
            self._end(error)
        else:
            self._end(None)

    def _end(self, error):
        try:
            self._show_end(error)
        finally:
            self._ended.set()  # who waits goes on, even where the end cannot be shown

    def _show_end(self, error):
        self.estimator.callback = self._their_callback
        if warnings.showwarning == self._note_warning:
            warnings.showwarning = self._their_show
        stopped = isinstance(error, RunCancelled | KeyboardInterrupt)
        self.error = error
        self.state = "stopped" if stopped else "failed" if error is not None else "done"
        self._start.disabled, self._stop.disabled = False, True
        self._start.description = {"stopped": "Resume", "done": "Fit again"}.get(
            self.state, "Start"
        )
        self._bar.bar_style = _BAR[self.state]
        self._status.value = _escaped(self._last_words(), strong=True)
        if self.state == "done":
            self._show_result()

    def _last_words(self):
        if self.state == "done":
            return f"Done: {self.estimator.n_components_} components of {len(self._runs)} runs."
        if self.state == "failed":
            return f"Failed: {self.error}"
        kept = (
            "what is done is in the cache, Resume goes on from there"
            if self.estimator.memory is not None
            else "without memory=... nothing was kept, and Resume begins anew"
        )
        return f"Stopped after {len(self._runs)} runs: {kept}."

    def _show_result(self):
        self._bar.value = 1
        self.browser = ComponentBrowser(self.estimator, self.bg_img)
        self._picture.layout.display = "none"
        self._result.children = (self.browser,)

    # ---- what a fit tells -----------------------------------------------------------------------

    def _hear(self, event):
        """A progress event, in the thread of the fit."""
        now = time.monotonic()
        if event.stage != self._stage:
            self._stage, self._began, self._shown = event.stage, now, 0.0
        if event.state != "running" or now - self._shown < _INTERVAL:
            return
        self._shown = now
        self._bar.value = event.done / event.total if event.total else 0
        budget = None if self.plan is None else self.plan.ram
        self._status.value = _escaped(describe(event, now - self._began, budget))

    def _see(self, state):
        """The estimator's callback: another run was merged."""
        if self._their_callback is not None:
            self._their_callback(state)
        self._runs.append((state.name, "cached" if state.from_cache else "computed"))
        self._runs_box.value = runs_as_html(self._runs, state.n_total)
        due = len(self._runs) % self._every == 0 or len(self._runs) == state.n_total
        now = time.monotonic()
        if due and (
            self._picture.layout.display == "none" or now - self._pictured > _PICTURE_INTERVAL
        ):
            self._picture.value = _picture_of(state, self.bg_img)
            self._picture.layout.display = ""
            # From the end: a slow picture must not follow on itself.
            self._pictured = time.monotonic()

    def _note_warning(self, message, category, filename, lineno, file=None, line=None):
        self.messages.append(str(message))
        self._warnings_box.value = _list_as_html("Warnings", self.messages)
        self._their_show(message, category, filename, lineno, file, line)

    def _show_plan(self, trouble):
        title = f"<b>{html.escape(self._name)}</b>"
        if self.plan is None:
            self._plan_box.value = f"{title}: {html.escape(trouble)}"
            return
        details = (
            f"<details><summary>details</summary><pre>{html.escape(str(self.plan))}</pre></details>"
        )
        self._plan_box.value = f"{title}: {html.escape(plan_in_words(self.plan))} {details}"

    def __repr__(self):
        return f"<FitPanel: {self._name}>"


def plan_in_words(plan):
    """One sentence: runs, RAM, disk and minutes.

    Parameters
    ----------
    plan : budget.Plan

    Returns
    -------
    str
    """
    minutes = sum(plan.seconds.values()) / 60
    took = "less than a minute" if minutes < 1 else f"about {minutes:.0f} minutes"
    disk = plan.scratch + plan.cached
    return (
        f"{plan.workload.n_runs or 'any number of'} runs. It will take {took}, "
        f"{human(plan.peak)} of RAM (the budget is {human(plan.ram)}) and up to {human(disk)} "
        "of disk."
    )


def describe(event, seconds, budget):
    """Where a fit stands, in words.

    Parameters
    ----------
    event : progress.Event
    seconds : float
        Since this stage began.
    budget : int or None
        Bytes of RAM.

    Returns
    -------
    str
    """
    words = [str(event) or "starting"]
    if event.total and event.done:
        left = seconds / event.done * (event.total - event.done)
        if left >= 1:
            words.append(
                f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"
            )
    if event.memory is not None:
        of = f" of {human(budget)}" if budget else ""
        words.append(f"{human(event.memory)}{of} of RAM")
    return " · ".join(words)


def runs_as_html(runs, n_total):
    """A square for each run, and how many were computed or came from the cache.

    Parameters
    ----------
    runs : list of (name, kind)
    n_total : int or None

    Returns
    -------
    str
    """
    rest = [("", "to come")] * max(0, (n_total or 0) - len(runs))
    squares = "".join(
        f'<span title="{html.escape(f"{name} {kind}".strip(), quote=True)}" style="display:'
        f"inline-block;width:11px;height:11px;margin:1px;border-radius:2px;"
        f'background:{_TINTS[kind]}{";opacity:.35" if kind == "to come" else ""}"></span>'
        for name, kind in [*runs, *rest]
    )
    kinds = [kind for _, kind in runs]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in ("computed", "cached") if kind in kinds
    )
    return f'<div aria-label="Runs: {counts}">{squares} <span>{counts}</span></div>'


def _plan_of(estimator, imgs):
    """The plan, or why there is none."""
    try:
        return estimator.plan(imgs), ""
    except (OSError, ValueError, TypeError) as error:
        return None, f"no plan: {error}"


def _picture_of(state, bg_img):
    """The maps so far as the bytes of a PNG."""
    maps = state.maps()
    largest = float(np.abs(maps).max()) or 1.0
    scene, _ = load_scene(unmask(maps, state.mask_img), bg_img, quantum=largest / 127)
    sizes = np.abs(maps)
    threshold = display_threshold(sizes, int(np.prod(state.mask_img.shape)))
    vmax = max(float(np.median(sizes.max(axis=1))), 1.01 * threshold)
    window = tuple(scene.background.window) if scene.background else (0.0, 1.0)
    looks = [
        Look(((scene.maps, Layer(k, threshold, vmax)),), window, outlines=False)
        for k in range(len(maps))
    ]
    places = [scene.maps.peak_of(k) for k in range(len(maps))]
    names = [f"IC {k}" for k in range(len(maps))]
    return poster.png(poster.contact_sheet(scene, looks, places, names, n_columns=7, coarse=2))


def _escaped(text, strong=False):
    tag = "b" if strong else "span"
    return f'<div role="status"><{tag}>{html.escape(text)}</{tag}></div>'


def _list_as_html(title, lines):
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return (
        f"<details open><summary>{len(lines)} {title.lower()}</summary><ul>{items}</ul></details>"
    )
