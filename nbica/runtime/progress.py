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
line on stderr in a terminal, else a line a minute in the log "nbica" at level INFO.
`NBICA_PROGRESS=widget` or `text` shows it at verbose=0 too, `off` never (`renderers.py`). In every
case each stage leaves one line in that log.

Loops that know of no Progress, such as that over the blocks of a file, call `checkpoint()`: it
looks at the flag of the task that is under way around them, and costs next to nothing. What is to
be warned of goes through `warn`, so that whoever watches the task hears of it too.

A kernel gets exactly one display, a widget whose text/plain is a constant such as
`<progress: CanICA, 8 runs>`; all that follows are its traits. At the end that display becomes one
line of text, "CanICA: 20 components of 8 runs in 8.2 s", which a saved notebook shows wherever it
is opened. nbval sees the constant alone; a rule of notebooks/sanitize.cfg makes both the same.
"""

import logging
import threading
import time
import warnings
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace

from nbica.exceptions import RunCancelled
from nbica.runtime import machine
from nbica.runtime.renderers import choose, renderers
from nbica.runtime.text import on_one_line

# Seconds between looks at the memory, and between events while nothing is finished.
_PULSE = 1.0

# Who else listens to tasks that begin in this context, and whose flag stops them.
_watchers = ContextVar("watchers", default=((), None))
# The task that is under way in this context.
_under_way = ContextVar("under_way", default=None)

_log = logging.getLogger("nbica")


@dataclass(frozen=True)
class Event:
    """Where a task, such as a fit or a download, stands.

    Attributes
    ----------
    task, stage, note : str
        What is done, which of its stages, and a word about the last item.
    done : int
        Finished items of this stage.
    total : int or None
        Items of this stage; None if not known.
    state : {"running", "done", "stopped", "failed"}
        Everything but "running" is the last event of the task.
    summary : str
        What came of the task ("20 components of 8 runs"), once that is known.
    memory : int or None
        Bytes of RAM of this process and its children, about a second old; None where unknown.
    warning : str
        In the event that tells of a warning, its text.
    merged : decomposition.group_fit.GroupState or None
        In the event that tells of a run that was merged, where the fit stands.

    See Also
    --------
    nbica.start : takes listeners, which are called with events.

    Examples
    --------
    >>> from nbica import CanICA, datasets, start
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> events = []
    >>> estimator = CanICA(cohort.mask_img, n_components=5, random_state=0)
    >>> ica = start(estimator, cohort, listeners=[events.append]).result(timeout=60)
    >>> events[-1].state, sum(event.merged is not None for event in events)
    ('done', 4)
    """

    task: str
    stage: str = ""
    done: int = 0
    total: int | None = None
    note: str = ""
    state: str = "running"
    summary: str = ""
    memory: int | None = field(default=None, compare=False)
    warning: str = ""
    merged: object = field(default=None, compare=False)

    def __str__(self):
        amount = f"{self.done} of {self.total}" if self.total else f"{self.done}" * bool(self.done)
        state = "" if self.state == "running" else self.state
        return on_one_line(", ".join(filter(None, [self.stage, amount, self.note, state])))


class Progress:
    """What the core talks to: it counts, tells the listeners, and knows whether to stop.

    Parameters
    ----------
    task : str
        Name of what is done.
    listeners : sequence of callable
        Each is called with every Event, in the thread that works.
    stop : threading.Event, optional
        Set it, from any thread, to stop the task at its next check.

    Attributes
    ----------
    counts : Counter
        What was counted, over all stages.
    warnings : list of str
        What was warned of.
    """

    def __init__(self, task, listeners=(), stop=None):
        self.stop = threading.Event() if stop is None else stop
        self.counts = Counter()
        self.warnings = []
        self._listeners = list(listeners)
        self._counts_before = Counter()
        self._event = Event(task)
        self._memory, self._pulsed = None, -_PULSE

    @property
    def event(self):
        """The latest Event."""
        return self._event

    def stage(self, name, total=None):
        """Begin a stage; the one before is over."""
        self.check()
        self._log_stage()
        self._counts_before = self.counts.copy()
        self._emit(Event(self._event.task, name, total=total))

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
        """Raise RunCancelled if the task is to stop."""
        if self.stop.is_set():
            msg = f"{self._event.task} was stopped at: {self._event}"
            raise RunCancelled(msg)

    def pulse(self):
        """Check the flag, and about once a second tell the listeners that the task is alive."""
        self.check()
        if time.monotonic() - self._pulsed > _PULSE:
            self._change()

    def merged(self, state):
        """Tell the listeners that a run was merged."""
        self._tell(merged=state)

    def warned(self, text):
        """Tell the listeners of a warning, and keep it."""
        self.warnings.append(text)
        self._tell(warning=text)

    def conclude(self, summary):
        """Say what came of the task; it is what a finished display says."""
        self._change(summary=summary)

    def finish(self, state):
        """Emit the last event."""
        self._log_stage()
        self._change(state=state)

    def _change(self, **fields):
        self._emit(replace(self._event, **fields))

    def _emit(self, event):
        self._event = replace(event, memory=self._memory_now())
        self._send(self._event)

    def _tell(self, **fields):
        """Emit an event of this moment, which those that follow do not carry on.

        It is never the latest event: a listener may take its time, and pulse meanwhile.
        """
        self._send(replace(self._event, memory=self._memory_now(), **fields))

    def _send(self, event):
        for listener in self._listeners:
            listener(event)

    def _memory_now(self):
        now = time.monotonic()
        if self._listeners and now - self._pulsed > _PULSE:
            self._memory, self._pulsed = machine.resident_of_all(), now
        return self._memory

    def _log_stage(self):
        if self._event.stage:
            _log.info("%s: %s", self._event.task, self._event)


@contextmanager
def monitor(task, detail="", *, verbose=0, listeners=(), stop=None):
    """Give a Progress whose task begins and ends with this block.

    Parameters
    ----------
    task, detail : str
        Name of what is done and its size ("8 runs"); the display's constant text.
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
    others, flag = _watchers.get()
    shown = renderers(choose(verbose), task, detail)
    report = Progress(task, [*shown, *listeners, *others], flag if stop is None else stop)
    token = _under_way.set(report)
    try:
        yield report
    except (RunCancelled, KeyboardInterrupt):
        report.finish("stopped")
        raise
    except BaseException:
        report.finish("failed")
        raise
    finally:
        _under_way.reset(token)
    report.finish("done")


@contextmanager
def watched(listeners, stop):
    """Have every task that begins in this block tell these listeners and obey this flag.

    Parameters
    ----------
    listeners : sequence of callable
    stop : threading.Event
    """
    token = _watchers.set((tuple(listeners), stop))
    try:
        yield
    finally:
        _watchers.reset(token)


def checkpoint():
    """Raise RunCancelled if the task that is under way here, if any, is to stop."""
    report = _under_way.get()
    if report is not None:
        report.pulse()


def warn(message, category, stacklevel=1):
    """Warn as `warnings.warn` does, and tell whoever watches the task that is under way here.

    Parameters
    ----------
    message : str
    category : type
    stacklevel : int
        As `warnings.warn` takes it, from the caller.
    """
    report = _under_way.get()
    if report is not None:
        report.warned(message)
    warnings.warn(message, category, stacklevel=stacklevel + 1)
