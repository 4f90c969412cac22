"""Events, the stop flag, and renderers that stay quiet where they should."""

import io
import logging
import re
import sys

import pytest

from nbica.exceptions import RunCancelled
from nbica.runtime import progress, renderers
from nbica.runtime.progress import Event, monitor


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("NBICA_PROGRESS", raising=False)


class Terminal(io.StringIO):
    """A stderr that says it is a terminal."""

    def isatty(self):
        """Say so."""
        return True


class Shown(list):
    """What was displayed, and in `updates` what took its place; the boxes that were made for it."""

    def __init__(self):
        self.updates, self.boxes = [], []

    def display(self, data, raw, display_id):
        """As IPython's."""
        assert raw
        assert display_id
        self.append(data)
        return self

    def update(self, data, raw):
        """As a DisplayHandle's."""
        assert raw
        self.updates.append(data)


def in_kernel(monkeypatch):
    """Pretend to be in a kernel; return what is displayed there."""
    shown = Shown()
    make_box = renderers._box

    def box(*args):
        made = make_box(*args)
        shown.boxes.append(made[-1])
        return made

    monkeypatch.setattr(renderers, "_box", box)
    monkeypatch.setattr(renderers, "_in_kernel", lambda: True)
    monkeypatch.setattr("IPython.display.display", shown.display)
    return shown


def run_two_stages(**options):
    with monitor("CanICA", "3 runs", **options) as report:
        for item in report.track(iter("abc"), total=3, stage="reduce runs"):
            report.count("cached" if item == "b" else "computed")
        report.stage("ICA")
        report.advance(note="converged")
    return report


def test_events_tell_the_whole_story():
    """One event per change, from the first stage to the end, and the counts stay."""
    events = []

    report = run_two_stages(listeners=[events.append])

    assert [str(event) for event in events] == [
        "reduce runs, 0 of 3",
        "reduce runs, 0 of 3, 1 computed",
        "reduce runs, 1 of 3, 1 computed",
        "reduce runs, 1 of 3, 1 cached, 1 computed",
        "reduce runs, 2 of 3, 1 cached, 1 computed",
        "reduce runs, 2 of 3, 1 cached, 2 computed",
        "reduce runs, 3 of 3, 1 cached, 2 computed",
        "ICA",
        "ICA, 1, converged",
        "ICA, 1, converged, done",
    ]
    assert events[-1] == Event("CanICA", "ICA", 1, None, "converged", "done")
    assert report.counts == {"computed": 2, "cached": 1}


def test_track_knows_the_length_of_a_list():
    """Without a total, that of the list is taken."""
    events = []

    with monitor("x", listeners=[events.append]) as report:
        assert list(report.track([1, 2], stage="s")) == [1, 2]

    assert events[-1].total == 2


def test_stop_is_obeyed_between_items_and_finished_work_counts():
    """The flag ends the run at the next check; the error says how far it came."""
    events, seen = [], []

    def run():
        with monitor("CanICA", listeners=[events.append]) as report:
            for item in report.track(range(5), stage="reduce"):
                seen.append(item)
                if item == 1:
                    report.stop.set()

    with pytest.raises(RunCancelled, match="CanICA was stopped at: reduce, 2 of 5"):
        run()

    assert seen == [0, 1]
    assert (events[-1].state, events[-1].done) == ("stopped", 2)


@pytest.mark.parametrize(("error", "state"), [(KeyboardInterrupt, "stopped"), (OSError, "failed")])
def test_an_exception_ends_the_run(error, state):
    """Interrupt and failure are told to the listeners, and go on to the caller."""
    events = []

    with pytest.raises(error), monitor("x", listeners=[events.append]):
        raise error

    assert [event.state for event in events] == [state]


@pytest.mark.parametrize("tell", ["merged", "warned"])
def test_what_is_told_is_told_once_however_long_a_listener_takes(monkeypatch, tell):
    """A listener that makes a picture of a run pulses meanwhile; once, that told the run again."""
    monkeypatch.setattr(progress, "_PULSE", 0.0)
    events = []

    def slow(event):
        events.append(event)
        if len(events) == 1:
            progress.checkpoint()

    with monitor("A fit") as report:
        report._listeners.append(slow)
        getattr(report, tell)("sub-01")

    told = [event for event in events if "sub-01" in (event.merged, event.warning)]
    assert events[0] in told
    assert len(told) == 1
    assert len(events) > 2  # the pulse, and the end


def test_silent_by_default(capfd):
    """With verbose=0 nothing is written; neither is it without a terminal or a kernel."""
    run_two_stages()
    run_two_stages(verbose=1)

    assert capfd.readouterr() == ("", "")


def test_one_log_line_per_stage(caplog):
    """Logs get each stage once, when it is over."""
    caplog.set_level(logging.INFO, logger="nbica")

    run_two_stages()

    assert caplog.messages == [
        "CanICA: reduce runs, 3 of 3, 1 cached, 2 computed",
        "CanICA: ICA, 1, converged",
    ]


def test_terminal_gets_one_line_on_stderr(monkeypatch, capsys):
    """A terminal sees a single line, written over with carriage returns; stdout stays empty."""
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)

    run_two_stages(verbose=1)

    assert terminal.getvalue().rstrip("\n").count("\n") == 0
    assert "CanICA: reduce runs" in terminal.getvalue()
    assert "CanICA: done" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_kernel_gets_one_display_with_a_stable_text(monkeypatch, capfd):
    """Exactly one display; its text is the same before, during and after the run."""
    shown = in_kernel(monkeypatch)

    run_two_stages(verbose=1)

    ((data,), (box,)) = shown, shown.boxes
    assert data["text/plain"] == repr(box) == "<progress: CanICA, 3 runs>"
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == box.model_id
    bar, label = box.children
    assert (bar.value, bar.max, bar.bar_style) == (1, 1, "success")
    assert label.value == "ICA, 1, converged, done"
    assert capfd.readouterr() == ("", "")


def test_a_finished_display_is_one_line_of_text(monkeypatch):
    """At the end the bar becomes a line, with what came of the run and how long it took."""
    shown = in_kernel(monkeypatch)

    with monitor("CanICA", "8 runs", verbose=1) as report:
        for _ in report.track("ab", stage="s"):
            assert shown.updates == []
        report.conclude("20 components of 8 runs")

    (data,) = shown.updates
    assert list(data) == ["text/plain"]
    assert re.fullmatch(r"CanICA: 20 components of 8 runs in \d\.\d s", data["text/plain"])


def test_widget_shows_where_a_run_was_stopped(monkeypatch):
    """A stopped run keeps its bar where it was."""
    shown = in_kernel(monkeypatch)

    def run():
        with monitor("x", verbose=1) as report:
            for _ in report.track(range(4), stage="s"):
                report.stop.set()

    with pytest.raises(RunCancelled):
        run()

    bar, label = shown.boxes[0].children
    assert (bar.value, bar.max, bar.bar_style) == (1, 4, "warning")
    assert label.value == "s, 1 of 4, stopped"
    assert shown.updates == [{"text/plain": "x: s, 1 of 4, stopped"}]


@pytest.mark.parametrize(
    ("setting", "kernel", "verbose", "expected"),
    [
        ("", True, 0, "off"),
        ("auto", True, 1, "widget"),
        ("auto", False, 1, "log"),
        ("widget", True, 0, "widget"),
        ("widget", False, 0, "text"),
        ("text", True, 0, "text"),
        ("off", True, 10, "off"),
    ],
)
def test_environment_chooses(monkeypatch, setting, kernel, verbose, expected):
    """NBICA_PROGRESS wins over verbose; auto looks at the place."""
    monkeypatch.setenv("NBICA_PROGRESS", setting)
    monkeypatch.setattr(renderers, "_in_kernel", lambda: kernel)

    assert renderers.choose(verbose) == expected


def test_unknown_setting_names_the_allowed_ones(monkeypatch):
    """A typo in the environment is an error at once, whatever verbose is."""
    monkeypatch.setenv("NBICA_PROGRESS", "rich")

    with (
        pytest.raises(ValueError, match="'rich' is unknown; set it to one of auto, widget, text"),
        monitor("x"),
    ):
        pass
