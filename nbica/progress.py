"""Progress and stopping: the core emits events and looks at one flag, renderers listen.

    with monitor("CanICA", "8 runs", verbose=1) as report:
        for reduced in report.track(reductions, total=8, stage="reduce runs"):
            report.count("cached" if reduced.was_cached else "computed")
            subspace.partial_fit(reduced)
        report.stage("ICA", total=n_init)
        for seed in seeds:
            report.check()          # raises RunCancelled once report.stop.set() was called
            run_ica(seed)
            report.advance(note=f"restart {seed}")
    report.counts                   # Counter({'computed': 5, 'cached': 3})

What is seen, with verbose > 0 and `NBICA_PROGRESS` auto (or unset): a widget in a notebook, one
line on stderr in a terminal, else nothing. `NBICA_PROGRESS=widget` or `text` shows it at verbose=0
too, `off` never. In every case each stage leaves one line in the log "nbica" at level INFO.

A kernel gets exactly one display, whose text/plain is a constant such as
`<progress: CanICA, 8 runs>`; all that follows are traits of that widget. This is what lets a
notebook with a progress bar be compared strictly by nbval.
"""

import logging
import os
import sys
import threading
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass

from nbica.exceptions import RunCancelled

MODES = ("auto", "widget", "text", "off")

# Ten updates per second are smooth to the eye and cheap over a slow link.
_INTERVAL = 0.1

_log = logging.getLogger("nbica")


@dataclass(frozen=True)
class Event:
    """Where a run stands.

    Attributes
    ----------
    run, stage, note : str
        What runs, which of its stages, and a word about the last item.
    done : int
        Finished items of this stage.
    total : int or None
        Items of this stage; None if not known.
    state : {"running", "done", "stopped", "failed"}
        Everything but "running" is the last event of the run.
    """

    run: str
    stage: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    state: str = "running"

    def __str__(self):
        amount = f"{self.done} of {self.total}" if self.total else f"{self.done}" * bool(self.done)
        state = "" if self.state == "running" else self.state
        return ", ".join(filter(None, [self.stage, amount, self.note, state]))


class Progress:
    """What the core talks to: it counts, tells the listeners, and knows whether to stop.

    Parameters
    ----------
    run : str
        Name of what runs.
    listeners : sequence of callable
        Each is called with every Event, in the thread that runs.
    stop : threading.Event, optional
        Set it, from any thread, to stop the run at its next check.

    Attributes
    ----------
    counts : Counter
        What `count` was told, over all stages.
    """

    def __init__(self, run, listeners=(), stop=None):
        self.stop = threading.Event() if stop is None else stop
        self.counts = Counter()
        self._listeners = list(listeners)
        self._counts_before = Counter()
        self._event = Event(run)

    def stage(self, name, total=None):
        """Begin a stage; the one before is over."""
        self.check()
        self._log_stage()
        self._counts_before = self.counts.copy()
        self._emit(Event(self._event.run, name, total=total))

    def advance(self, n_items=1, note=None):
        """Say that items are finished."""
        done = self._event.done + n_items
        self._change(done=done, note=self._event.note if note is None else note)

    def note(self, text):
        """Say a word about the current item."""
        self._change(note=text)

    def count(self, kind):
        """Count the current item as one of a kind ("cached", "computed"); shown as the note."""
        self.counts[kind] += 1
        in_stage = self.counts - self._counts_before
        self.note(", ".join(f"{number} {kind}" for kind, number in sorted(in_stage.items())))

    def track(self, iterable, total=None, stage=None):
        """Yield the items of an iterable as a stage; each is finished when the next is asked for.

        Looks at the stop flag between items, after the finished one was counted.
        """
        if total is None and hasattr(iterable, "__len__"):
            total = len(iterable)
        self.stage(stage or self._event.stage, total)
        for item in iterable:
            yield item
            self.advance()
            self.check()

    def check(self):
        """Raise RunCancelled if the run is to stop."""
        if self.stop.is_set():
            msg = (
                f"{self._event.run} was stopped at: {self._event}. What is finished is kept in the "
                "cache, if memory= names one; run again to continue from there"
            )
            raise RunCancelled(msg)

    def finish(self, state):
        """Emit the last event."""
        self._log_stage()
        self._change(state=state)

    def _change(self, **fields):
        self._emit(Event(**{**vars(self._event), **fields}))

    def _emit(self, event):
        self._event = event
        for listener in self._listeners:
            listener(event)

    def _log_stage(self):
        if self._event.stage:
            _log.info("%s: %s", self._event.run, self._event)


@contextmanager
def monitor(run, detail="", *, verbose=0, listeners=(), stop=None):
    """Give a Progress whose run begins and ends with this block.

    Parameters
    ----------
    run, detail : str
        Name of what runs and its size ("8 runs"); the display's constant text.
    verbose : int
        0 shows nothing unless NBICA_PROGRESS asks for it.
    listeners : sequence of callable
        Called with every Event, beside the renderer.
    stop : threading.Event, optional
        A stop flag that is shared with someone.

    Yields
    ------
    Progress

    Raises
    ------
    ValueError
        If NBICA_PROGRESS is not one of auto, widget, text, off.
    """
    renderers = _renderers(choose(verbose), run, detail)
    report = Progress(run, [*renderers, *listeners], stop)
    try:
        yield report
    except (RunCancelled, KeyboardInterrupt):
        report.finish("stopped")
        raise
    except BaseException:
        report.finish("failed")
        raise
    report.finish("done")


def choose(verbose):
    """Return "widget", "text" or "off" for this verbosity, environment and place."""
    mode = os.environ.get("NBICA_PROGRESS") or "auto"
    if mode not in MODES:
        msg = f"NBICA_PROGRESS={mode!r} is unknown; set it to one of {', '.join(MODES)}"
        raise ValueError(msg)
    if mode == "widget":
        return "widget" if _in_kernel() else "text"
    if mode != "auto":
        return mode
    if not verbose:
        return "off"
    return "widget" if _in_kernel() else "text" if _on_terminal() else "off"


def _in_kernel():
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _on_terminal():
    return sys.stderr is not None and sys.stderr.isatty()


def _renderers(kind, run, detail):
    if kind == "text":
        return [_Line(run)]
    if kind == "widget":
        return [_Widget(run, detail)]
    return []


class _Line:
    """One line on stderr that is written over."""

    def __init__(self, run):
        from tqdm import tqdm

        self._bar = tqdm(desc=run, file=sys.stderr, dynamic_ncols=True, bar_format="{desc}")
        self._stage = ""

    def __call__(self, event):
        if event.stage != self._stage:
            self._begin(event)
        self._bar.set_postfix_str(event.note, refresh=False)
        self._bar.update(event.done - self._bar.n)
        if event.state != "running":
            self._bar.bar_format = "{desc}"
            self._bar.set_description_str(f"{event.run}: {event.state}")
            self._bar.close()

    def _begin(self, event):
        self._stage = event.stage
        self._bar.total = event.total
        self._bar.bar_format = None if event.total else "{desc}{n} [{elapsed}{postfix}]"
        self._bar.set_postfix_str("", refresh=False)
        self._bar.set_description(f"{event.run}: {event.stage}", refresh=False)
        self._bar.reset()


class _Widget:
    """A bar and a sentence; displayed once, then only their traits change."""

    def __init__(self, run, detail):
        from IPython.display import display

        text = ", ".join(filter(None, [run, detail]))
        self.bar, self.label, self.box = _box(f"<progress: {text}>", run)
        self._began = self._shown = time.monotonic()
        self._stage = ""
        display(self.box)

    def __call__(self, event):
        now = time.monotonic()
        begins = event.stage != self._stage
        if begins:
            self._stage, self._began = event.stage, now
        if begins or event.state != "running" or now - self._shown > _INTERVAL:
            self._shown = now
            self._show(event, now - self._began)

    def _show(self, event, seconds):
        ended = event.state != "running"
        self.bar.max = event.total or 1
        self.bar.value = self.bar.max if event.state == "done" else event.done
        self.bar.bar_style = {"running": "", "done": "success", "stopped": "warning"}.get(
            event.state, "danger"
        )
        self.label.value = f"{event}{'' if ended else _remaining(event, seconds)}"


def _remaining(event, seconds):
    if not event.total or not event.done:
        return ""
    left = seconds / event.done * (event.total - event.done)
    return f", about {left:.0f} s left" if left >= 1 else ""


def _box(text, run):
    import ipywidgets

    class Box(ipywidgets.HBox):
        """A box whose repr is the same in every run, for nbval and for readers of saved files."""

        def __repr__(self):
            return text

    bar = ipywidgets.FloatProgress(value=0, max=1, description=run, style={"description_width": ""})
    label = ipywidgets.Label("")
    return bar, label, Box([bar, label])
