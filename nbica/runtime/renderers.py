"""How progress is shown: a widget in a notebook, one line in a terminal, lines in a log.

A renderer is called with every event of a task (see `progress.py`) and computes nothing that the
task waits for.
"""

import logging
import os
import sys
import time

from nbica.runtime.text import on_one_line
from nbica.runtime.units import duration, human

MODES = ("auto", "widget", "text", "off")

# Ten updates per second are smooth to the eye and cheap over a slow link.
_INTERVAL = 0.1
# A log is read afterwards: a line a minute tells how it went.
_LOG_INTERVAL = 60.0

_log = logging.getLogger("nbica")


def choose(verbose):
    """Return "widget", "text", "log" or "off" for this verbosity, environment and place."""
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
    return "widget" if _in_kernel() else "text" if _on_terminal() else "log"


def _in_kernel():
    ipython = sys.modules.get("IPython")
    return getattr(ipython and ipython.get_ipython(), "kernel", None) is not None


def _on_terminal():
    return sys.stderr is not None and sys.stderr.isatty()


def renderers(kind, task, detail):
    """What shows a task, for what :func:`choose` said."""
    if kind == "text":
        return [_Line(task)]
    if kind == "widget":
        return [_Widget(task, detail)]
    return [_Log()] if kind == "log" else []


class Pace:
    """How fast the items of a stage are done, and what that leaves."""

    def __init__(self):
        self._stage, self._began = None, 0.0

    def begins(self, event):
        """Whether the event is the first of its stage; the clock starts then."""
        if event.stage == self._stage:
            return False
        self._stage, self._began = event.stage, time.monotonic()
        return True

    def __call__(self, event):
        """A few words, such as "1.4 s each, about 20 s left, 310 MB"; empty where nothing is known.

        For the stage that :meth:`begins` saw last.
        """
        words = []
        each = (time.monotonic() - self._began) / event.done if event.done else 0
        if each >= 0.1:
            words.append(f"{each:.1f} s each")
        left = each * ((event.total or event.done) - event.done)
        if left >= 1:
            words.append(f"about {duration(left)} left")
        if event.memory:
            words.append(human(event.memory))
        return ", ".join(words)


def last_words(event, seconds):
    """What came of a task, in one line.

    Parameters
    ----------
    event : progress.Event
        The last of the task.
    seconds : float
        How long it took.

    Returns
    -------
    str
    """
    if event.state != "done":
        return f"{event.task}: {event}"
    took = f"{seconds:.1f} s" if seconds < 10 else duration(seconds)
    return f"{event.task}: {event.summary or 'done'} in {took}"


class _Log:
    """A line in the log now and then; each stage leaves one at its end in any case."""

    def __init__(self):
        self._pace, self._logged = Pace(), time.monotonic()

    def __call__(self, event):
        now = time.monotonic()
        if self._pace.begins(event):
            self._logged = now
        if now - self._logged > _LOG_INTERVAL and event.state == "running":
            self._logged = now
            _log.info("%s: %s; %s", event.task, event, self._pace(event))


class _Line:
    """One line on stderr that is written over."""

    def __init__(self, task):
        from tqdm import tqdm

        self._began = time.monotonic()
        self._bar = tqdm(desc=task, file=sys.stderr, dynamic_ncols=True, bar_format="{desc}")
        self._stage = ""

    def __call__(self, event):
        if event.stage != self._stage:
            self._begin(event)
        memory = human(event.memory) if event.memory else ""
        self._bar.set_postfix_str(
            ", ".join(filter(None, [on_one_line(event.note), memory])), refresh=False
        )
        self._bar.update(event.done - self._bar.n)
        if event.state != "running":
            self._bar.bar_format = "{desc}"
            words = last_words(event, time.monotonic() - self._began)
            self._bar.set_description_str(words)
            self._bar.close()

    def _begin(self, event):
        self._stage = event.stage
        self._bar.total = event.total
        self._bar.bar_format = None if event.total else "{desc}{n} [{elapsed}{postfix}]"
        self._bar.set_postfix_str("", refresh=False)
        self._bar.set_description(f"{event.task}: {event.stage}", refresh=False)
        self._bar.reset()


class _Widget:
    """A bar and a sentence; displayed once, then their traits change, and a line takes their place.

    The line stays in the notebook: a bar would need the kernel that made it.
    """

    def __init__(self, task, detail):
        from IPython.display import display

        text = ", ".join(filter(None, [task, detail]))
        self.bar, self.label, self.box = _box(f"<progress: {text}>", task)
        self._pace, self._began = Pace(), time.monotonic()
        self._shown = self._began
        # By hand: a widget of ipywidgets 7 displays itself, under no name to replace it by.
        view = {"version_major": 2, "version_minor": 0, "model_id": self.box.model_id}
        data = {"text/plain": repr(self.box), "application/vnd.jupyter.widget-view+json": view}
        self._display = display(data, raw=True, display_id=True)

    def __call__(self, event):
        now = time.monotonic()
        begins = self._pace.begins(event)
        if begins or event.state != "running" or now - self._shown > _INTERVAL:
            self._shown = now
            self._show(event)
        if event.state != "running":
            line = last_words(event, now - self._began)
            self._display.update({"text/plain": line}, raw=True)

    def _show(self, event):
        ended = event.state != "running"
        self.bar.max = event.total or 1
        self.bar.value = self.bar.max if event.state == "done" else event.done
        self.bar.bar_style = {"running": "", "done": "success", "stopped": "warning"}.get(
            event.state, "danger"
        )
        pace = "" if ended else self._pace(event)
        self.label.value = ", ".join(filter(None, [str(event), pace]))


def _box(text, task):
    """A progress bar, whose text stays the same, and its parts."""
    import ipywidgets

    class Box(ipywidgets.HBox):
        """A box whose repr is the same in every run, for nbval and for readers of saved files."""

        def __repr__(self):
            return text

    bar = ipywidgets.FloatProgress(
        value=0, max=1, description=task, style={"description_width": ""}
    )
    label = ipywidgets.Label("")
    return bar, label, Box([bar, label])
