"""The widgets in a real JupyterLab: open, run, click, keys, theme; the fit panel's buttons."""

import json

import pytest
from lab import new_page, run_all, wait_for
from planted import write_cohort

from benchmarks.browser.lab import (
    Traffic,
    is_state,
    jupyterlab,
    n_buffers,
    open_notebook,
    write_notebook,
)

CELLS = [
    """
import json
from pathlib import Path
import nibabel as nib
import numpy as np
from nbica import CanICA, FitPanel, view_img

rng = np.random.default_rng(0)
maps = nib.Nifti1Image(rng.standard_normal((20, 24, 18, 3)).astype("f4"), np.diag([4.0, 4, 4, 1]))
viewer = view_img(maps, threshold=2.0, follow_peaks=False)
viewer.observe(lambda _: Path("state.json").write_text(json.dumps(viewer.state)))
viewer
""",
    """
cohort = json.loads(Path("cohort.json").read_text())
def wait_for_stop(state):  # at the first run, which comes from the cache when the fit goes on
    if state.n_runs == 1 and not state.from_cache:
        panel.handle._stop.wait()

ica = CanICA(mask="mask.nii.gz", n_components=5, smoothing_fwhm=None, threshold=None, n_init=2,
             random_state=0, memory="cache", callback=wait_for_stop)
panel = FitPanel(ica, cohort, every=1)
panel
""",
]


KERNEL = "jupyterapp.shell.currentWidget.sessionContext.session.kernel.status"
LINKED = [
    """
import time
import nibabel as nib
import numpy as np
from ipywidgets import jslink
from nbica import view_img

rng = np.random.default_rng(0)
maps = nib.Nifti1Image(rng.standard_normal((20, 24, 18, 3)).astype("f4"), np.diag([4.0, 4, 4, 1]))
first, second = view_img(maps, threshold=2.0), view_img(maps, threshold=2.0)
links = [jslink((first, name), (second, name)) for name in ("cut_coords", "component")]
first
""",
    "second",
    "time.sleep(300)",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab whose folder holds one notebook."""
    folder = tmp_path_factory.mktemp("lab")
    cohort = write_cohort(folder, n_runs=6, n_timepoints=40)
    cohort.mask_img.to_filename(folder / "mask.nii.gz")
    (folder / "cohort.json").write_text(json.dumps(cohort.func))
    write_notebook(folder / "viewers.ipynb", CELLS)
    write_notebook(folder / "linked.ipynb", LINKED)
    with jupyterlab(folder) as address:
        yield address, folder


def _state(folder):
    try:
        return json.loads((folder / "state.json").read_text())
    except (OSError, ValueError):  # not there yet, or half written
        return {}


def test_viewer_and_fit_panel_in_jupyterlab(chromium, lab):
    """What is clicked and typed arrives in Python; Lab's own keys stay off; a fit resumes."""
    address, folder = lab
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})
    troubles = []
    page = new_page(context, troubles)
    traffic = Traffic(page)
    open_notebook(page, address, "viewers.ipynb")
    run_all(page)
    page.wait_for_selector(".nbv-pane canvas")
    page.wait_for_function("document.querySelector('.nbv-pane canvas').width > 50")

    _click_and_type(page, folder)
    _drag_and_count(page, traffic, folder)
    _change_theme(page)
    _start_stop_resume(page)

    assert [
        text for text in troubles if "nbica" in text or "nbv" in text or "anywidget" in text
    ] == []
    context.close()


def _click_and_type(page, folder):
    axial = page.locator('.nbv-pane[data-plane="axial"]').first
    n_cells = page.locator(".jp-Cell").count()
    axial.click(position={"x": 40, "y": 60})
    clicked = wait_for(lambda: _state(folder).get("cut_coords"), 20)
    for key in ("ArrowRight", "r", "c", "x", "v", "]", "]"):
        page.keyboard.press(key)
    typed = wait_for(lambda: (s := _state(folder)).get("component") == 2 and s, 20)
    _type_a_place(page, folder)

    assert typed["radiological"] is True
    assert typed["crosshair"] is False
    assert typed["view"] == "lightbox"
    assert typed["cut_coords"][0] == pytest.approx(clicked[0] + 4)
    # Lab would have copied, cut and pasted cells.
    assert page.locator(".jp-Cell").count() == n_cells


def _type_a_place(page, folder):
    """Enter in a field and Escape in a panel are the viewer's, not Lab's."""
    field = page.locator(".nbv-mm input").first
    field.fill("18")
    field.press("Enter")
    wait_for(lambda: _state(folder).get("cut_coords", [0])[0] == 18, 20)
    page.get_by_role("button", name="Keys (?)").first.click()
    page.keyboard.press("Escape")
    assert page.locator(".nbv-help").first.is_hidden()
    assert page.evaluate("document.activeElement.closest('.nbv') !== null")


def _drag_and_count(page, traffic, folder):
    """The volumes crossed once, in one buffer; a drag sends places and nothing else."""
    sent, received = traffic.since()
    assert max(map(n_buffers, received)) == 1
    assert sum(map(n_buffers, sent)) == 0
    page.keyboard.press("v")
    page.keyboard.press("v")
    page.wait_for_selector(".nbv-ortho")
    box = page.locator('.nbv-pane[data-plane="axial"]').first.bounding_box()
    traffic.settle(page)
    mark, n_moves = traffic.mark(), 60

    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 80, box["y"] + 80, steps=n_moves)
    page.mouse.up()
    page.keyboard.press("p")
    wait_for(lambda: _state(folder).get("presenter"), 20)
    page.keyboard.press("p")
    traffic.settle(page)

    sent, received = traffic.since(mark)
    assert sum(map(n_buffers, [*sent, *received])) == 0
    told = [frame for frame in sent if is_state(frame)]
    # On a slow machine each move is told; on a fast one a tenth of them.
    assert 0 < len(told) <= n_moves + 3
    assert max(map(len, told)) < 2000


def _change_theme(page):
    root = page.locator(".nbv").first
    for theme, dark in (("JupyterLab Dark", True), ("JupyterLab Light", False)):
        page.evaluate(f"jupyterapp.commands.execute('apputils:change-theme', {{theme: '{theme}'}})")
        page.wait_for_function(
            f"document.querySelector('.nbv').classList.contains('nbv-dark') === {str(dark).lower()}"
        )
        assert root.is_visible()


def _start_stop_resume(page):
    def press(name):
        page.locator(".widget-button", has_text=name).click()

    press("Start")
    page.locator("[aria-label^='Runs:']").wait_for()
    press("Stop")
    page.get_by_text("Stopped after").wait_for()
    n_kept = int(page.locator("[aria-label^='Runs:']").get_attribute("aria-label").split()[1])
    press("Resume")
    page.get_by_text("Done: 5 components of 6 runs.").wait_for()
    page.wait_for_selector(".nbv-desk .nbv-tile canvas")

    assert n_kept == 1
    label = page.locator("[aria-label^='Runs:']").get_attribute("aria-label")
    assert label.endswith(f"{n_kept} cached")


def test_viewers_are_linked_while_the_kernel_is_busy(chromium, lab):
    """With jslink one viewer follows the other at once, both ways, whatever the kernel does."""
    context = chromium.new_context(viewport={"width": 1300, "height": 1800})
    troubles = []
    page = new_page(context, troubles)
    open_notebook(page, lab[0], "linked.ipynb")
    run_all(page)
    page.wait_for_function("document.querySelectorAll('.nbv .nbv-ortho').length === 2")
    page.wait_for_function(f"{KERNEL} === 'busy'")

    for number in (0, 1):
        before = _told_by_viewers(page)
        axial = page.locator(".nbv").nth(number).locator('.nbv-pane[data-plane="axial"]')
        axial.click(position={"x": 60 + 40 * number, "y": 80})
        page.keyboard.press("]")
        after = wait_for(lambda was=before: _both_new(page, was), 20)
        assert after[0][-1] == ("IC 1", "IC 2")[number]

    assert page.evaluate(KERNEL) == "busy"
    assert troubles == []
    page.evaluate("jupyterapp.commands.execute('notebook:interrupt-kernel')")
    context.close()


def _told_by_viewers(page):
    """Place and map that each viewer shows."""
    return [
        [field.input_value() for field in viewer.locator(".nbv-mm input").all()]
        + [viewer.locator("h3").inner_text()]
        for viewer in page.locator(".nbv").all()
    ]


def _both_new(page, before):
    """What both viewers show, once it is the same and another map at another place than before."""
    one, other = _told_by_viewers(page)
    is_new = one[0] != before[0][0] and one[-1] != before[0][-1]
    return [one, other] if one == other and is_new else None
