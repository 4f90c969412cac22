"""Tutorials as a learner has them: opened in JupyterLab, run, clicked, stopped, resumed."""

import ast
import shutil
from pathlib import Path

import pytest
from jupyterlab import __version__ as jupyterlab_version
from lab import new_page, run_all, wait_for
from packaging.version import Version

from benchmarks.browser.lab import jupyterlab, open_notebook

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
FIRST, VIEWERS = "01_your_first_networks.ipynb", "howto_viewers.ipynb"
# Seconds for a notebook on a machine that has other things to do.
PATIENCE = 240
STATUS = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"


@pytest.fixture(scope="module")
def tutorials(tmp_path_factory):
    """Address of a JupyterLab with two tutorials, and its folder."""
    folder = tmp_path_factory.mktemp("tutorials")
    for name in (FIRST, VIEWERS):
        shutil.copy(NOTEBOOKS / name, folder / name)
    if Version(jupyterlab_version) < Version("4.5"):
        draw_all_cells(folder / "config")
    with jupyterlab(folder, OMP_NUM_THREADS="1") as address:
        yield address, folder


def draw_all_cells(settings):
    """Have a Lab draw cells that are out of sight: before 4.5 it lost some, with errors of its own.

    A cell that was scrolled away from while it ran did not come back, or came back empty.
    """
    file = settings / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    file.parent.mkdir(parents=True)
    file.write_text('{"windowingMode": "none"}')


@pytest.fixture
def open_tutorial(chromium, tutorials):
    """A function: name of a tutorial to its page; at the end, no error was in the console."""
    troubles = []
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})

    def open_tutorial(name):
        page = new_page(context, troubles)
        open_notebook(page, tutorials[0], name)
        return page

    yield open_tutorial
    context.close()
    assert troubles == []


def cells(page):
    """The notebook's cells as they would be saved now."""
    return page.evaluate("jupyterapp.shell.currentWidget.content.model.sharedModel.toJSON().cells")


def show(page, text):
    """Make the cell with some text the active one and bring it into view."""
    index = next(i for i, cell in enumerate(cells(page)) if text in "".join(cell["source"]))
    page.evaluate(
        """(index) => {
            const notebook = jupyterapp.shell.currentWidget.content;
            notebook.activeCellIndex = index;
            return notebook.scrollToItem(index, "center");
        }""",
        index,
    )


def wait_until_run(page, wanted):
    """Wait until so many code cells have run; fail at the first that failed."""

    def has_run():
        code = [cell for cell in cells(page) if cell["cell_type"] == "code"]
        outputs = [output for cell in code for output in cell["outputs"]]
        assert not [output["evalue"] for output in outputs if output["output_type"] == "error"]
        return sum(cell["execution_count"] is not None for cell in code) >= wanted

    wait_for(has_run, PATIENCE)
    page.wait_for_function(f"{STATUS} === 'idle'")


def begin(page, command):
    """Give one of the notebook's commands, and go on without waiting for what it runs."""
    page.evaluate(f"() => {{ jupyterapp.commands.execute('notebook:{command}'); }}")


def ask(page, expression):
    """Value of an expression in the notebook's kernel, without a cell."""
    text = page.evaluate(
        """async (expression) => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const request = {code: "", user_expressions: {value: expression}, silent: true};
            const reply = await kernel.requestExecute(request).done;
            return reply.content.user_expressions.value.data["text/plain"];
        }""",
        expression,
    )
    return ast.literal_eval(text)


def execute(page, code):
    """Run code in the notebook's kernel, without a cell, and wait for it."""
    page.evaluate(
        """async (code) => {
            const kernel = jupyterapp.shell.currentWidget.sessionContext.session.kernel;
            const reply = await kernel.requestExecute({code, silent: true}).done;
            if (reply.content.status !== "ok") throw new Error(reply.content.evalue);
        }""",
        code,
    )


def test_first_notebook_runs_in_jupyterlab(open_tutorial):
    """All cells of the first notebook run; while the fit does, its progress moves on."""
    page = open_tutorial(FIRST)
    begin(page, "clear-all-cell-outputs")
    n_code = sum(cell["cell_type"] == "code" for cell in cells(page))
    show(page, "ica.fit(")
    run_all(page)
    words = page.locator(".widget-hbox > .widget-label")
    words.wait_for(state="attached", timeout=60_000)  # older Labs scroll away from it
    first = wait_for(words.text_content, 60)
    wait_for(lambda: words.text_content() != first, 60)
    wait_until_run(page, n_code)

    show(page, "ica.fit(")
    page.get_by_text("CanICA: 20 components of 8 runs in").first.wait_for(state="attached")
    assert page.get_by_text("Error displaying widget").count() == 0


def test_viewers_and_fit_in_jupyterlab(open_tutorial, tutorials):
    """The viewer answers while the kernel is busy; a fit starts, stops, resumes and ends."""
    page = open_tutorial(VIEWERS)
    begin(page, "clear-all-cell-outputs")
    code = [cell for cell in cells(page) if cell["cell_type"] == "code"]
    n_above = next(i for i, cell in enumerate(code) if "panel.start()" in "".join(cell["source"]))
    show(page, "handle = panel.start()")
    begin(page, "run-all-above")
    wait_until_run(page, n_above)

    show(page, "view_img(cohort.maps_img")
    _labels_stand_beside_their_values(page)
    _viewer_answers_alone(page, tutorials[1] / "go")
    show(page, "panel = FitPanel")
    _start_stop_resume(page)
    show(page, "handle = panel.start()")
    begin(page, "run-all-below")
    wait_until_run(page, len(code))
    show(page, "desk = browse")
    page.wait_for_selector(".nbv-desk .nbv-tile canvas")


def _labels_stand_beside_their_values(page):
    """JupyterLab's own style for lists once laid one over the other."""
    page.wait_for_selector(".nbv-read dt")
    ends = page.locator(".nbv-read dl > div:visible").evaluate_all(
        """(rows) => rows.map((row) => {
            const text = document.createRange();
            text.selectNodeContents(row.querySelector("dt"));
            const value = row.querySelector("dd").getBoundingClientRect();
            return [text.getBoundingClientRect().right, value.left];
        })"""
    )
    assert ends
    assert all(label < value for label, value in ends)


def _viewer_answers_alone(page, signal):
    """A click, a key and a slider change what is seen before the kernel hears of them."""
    wait = f"from pathlib import Path; import time\nwhile not Path({str(signal)!r}).exists(): "
    page.evaluate(
        """(code) => { const session = jupyterapp.shell.currentWidget.sessionContext.session;
            session.kernel.requestExecute({code}); }""",
        wait + "time.sleep(0.05)",
    )
    page.wait_for_function(f"{STATUS} === 'busy'")
    viewer = page.locator(".nbv").first
    picture = viewer.locator('.nbv-pane[data-plane="sagittal"]')
    axial = viewer.locator('.nbv-pane[data-plane="axial"]')
    axial.scroll_into_view_if_needed()
    acts = {
        "page": lambda: (viewer.locator(".nbv-pane").first.focus(), page.keyboard.press("]")),
        "click": lambda: axial.click(position={"x": 60, "y": 90}),
        "key": lambda: page.keyboard.press("ArrowRight"),
        "slider": lambda: viewer.get_by_label("Threshold", exact=True).fill("0.5"),
    }
    for name, act in acts.items():
        before = _seen(viewer, picture)
        act()
        wait_for(lambda: _seen(viewer, picture) != before, 20)  # noqa: B023
        assert page.evaluate(STATUS) == "busy", name
    signal.touch()

    wait_for(lambda: ask(page, "viewer.threshold") == 0.5, 20)
    assert ask(page, "viewer.cut_coords[0]") < 0  # left of the middle, where the click was


def _seen(viewer, pane):
    return viewer.inner_text(), pane.get_attribute("aria-label")


# The first run waits until the fit is told to stop; when it goes on, that run is from the cache.
HOLD = """
def _wait_for_stop(state):
    if state.n_runs == 1 and not state.from_cache:
        panel.handle._stop.wait()
panel.estimator.callback = _wait_for_stop
"""


def _start_stop_resume(page):
    def press(name):
        page.locator(".widget-button", has_text=name).click()

    execute(page, HOLD)
    press("Start")
    runs = page.locator("[aria-label^='Runs:']")
    runs.wait_for()
    press("Stop")
    page.get_by_text("Stopped after").wait_for(timeout=60_000)
    n_kept = int(runs.get_attribute("aria-label").split()[1])
    press("Resume")
    page.get_by_text("Done: 20 components of 4 runs.").wait_for(timeout=PATIENCE * 1000)

    assert n_kept == 1
    assert runs.get_attribute("aria-label").endswith(f"{n_kept} cached")
