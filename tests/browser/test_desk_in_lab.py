"""The IC desk in a real JupyterLab: it finds its own time courses, and labels are on the disk."""

import json

import pytest
from lab import new_page, run_all
from planted import write_cohort

from benchmarks.browser.lab import jupyterlab, open_notebook, write_notebook
from nbica.viewer import labelfile

CELLS = [
    """
import json
from pathlib import Path
from nbica import CanICA, browse

cohort = json.loads(Path("cohort.json").read_text())
ica = CanICA(mask="mask.nii.gz", n_components=5, smoothing_fwhm=None, threshold=None, n_init=2,
             random_state=0).fit(cohort)
Path(cohort[3]).unlink()
browse(ica, labels="labels.txt")
""",
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab whose folder holds one notebook, and the folder."""
    folder = tmp_path_factory.mktemp("lab")
    cohort = write_cohort(folder, n_runs=4, n_timepoints=40)
    cohort.mask_img.to_filename(folder / "mask.nii.gz")
    (folder / "cohort.json").write_text(json.dumps(cohort.func))
    write_notebook(folder / "desk.ipynb", CELLS)
    with jupyterlab(folder) as address:
        yield address, folder


def test_a_fit_is_looked_at_and_labelled(chromium, lab):
    """Time courses come by themselves, gone runs are told, a label is saved by one key."""
    address, folder = lab
    context = chromium.new_context(viewport={"width": 1400, "height": 900})
    troubles = []
    page = new_page(context, troubles)
    open_notebook(page, address, "desk.ipynb")
    run_all(page)
    signals = page.locator(".nbv-signals")
    signals.scroll_into_view_if_needed(timeout=120_000)
    signals.get_by_text("dashed: mean of 3 runs").wait_for(timeout=60_000)
    assert signals.locator("svg").count() == 2

    signals.locator("select").select_option(index=3)
    signals.get_by_text("sub-03_bold.nii.gz is gone").wait_for()
    assert signals.locator("svg").count() == 0

    page.locator(".nbv-sheet").focus()
    page.keyboard.press("5")
    page.get_by_text("saved to labels.txt").wait_for()
    assert labelfile.read(folder / "labels.txt", 5).labels[0] == ["Cardiac"]

    # A kernel that is gone keeps nothing: what was said before does not hold any more.
    page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.shutdown()")
    page.locator(".nbv-sheet").focus()
    page.keyboard.press("4")
    page.get_by_text("NOT saved: Python does not answer").wait_for()
    assert [text for text in troubles if "nbv" in text or "anywidget" in text] == []
    context.close()
