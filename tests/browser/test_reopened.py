"""A saved notebook in a JupyterLab where nothing has run: pictures, or viewers that are alive."""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from lab import new_page
from nbclient import NotebookClient
from planted import write_cohort

from benchmarks.browser.lab import jupyterlab
from nbica.viewer import page as viewer_page

CELLS = [
    """
import json
import nibabel as nib
import numpy as np
from nbica import CanICA, FitPanel, browse, view_img

cohort = json.load(open("cohort.json"))
ica = CanICA(mask="mask.nii.gz", n_components=5, smoothing_fwhm=None, threshold=None, n_init=2,
             random_state=0, verbose=1)
ica.fit(cohort);
""",
    "view_img(ica.components_img_)",
    "browse(ica)",
    "FitPanel(ica, cohort)",
]
OUTPUTS = ".jp-OutputArea-output:visible"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A notebook that was run, with a folder of its own."""
    folder = tmp_path_factory.mktemp("saved")
    cohort = write_cohort(folder, n_runs=3, n_timepoints=40)
    cohort.mask_img.to_filename(folder / "mask.nii.gz")
    (folder / "cohort.json").write_text(str(list(map(str, cohort.func))).replace("'", '"'))
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in CELLS]
    )
    resources = {"metadata": {"path": folder}}
    client = NotebookClient(
        notebook, timeout=300, kernel_name="python3", store_widget_state=False, resources=resources
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NBICA_EMBED", "1")
        client.execute()
    nbformat.write(notebook, folder / "saved.ipynb")
    return notebook, folder


@pytest.fixture(scope="module", params=["trusted", "untrusted"])
def reopened(request, saved, tmp_path_factory):
    """Whether it is trusted, and the address of a JupyterLab without a kernel that holds it."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copy(saved[1] / "saved.ipynb", folder)
    config = folder / "config"
    config.mkdir()
    (config / "jupyter_server_config.py").write_text(
        "c.KernelSpecManager.allowed_kernelspecs = {'none'}"
    )
    if request.param == "trusted":
        own = {"JUPYTER_CONFIG_DIR": str(config), "JUPYTER_DATA_DIR": str(config)}
        command = [sys.executable, "-m", "jupyter", "trust", str(folder / "saved.ipynb")]
        subprocess.run(command, env=os.environ | own, check=True, capture_output=True)
    with jupyterlab(folder, JUPYTER_PATH=str(viewer_page.FOLDER / "jupyter")) as address:
        yield request.param == "trusted", address


def test_what_is_saved(saved):
    """Viewers leave a page, a picture and a sentence; the finished progress bar leaves a line."""
    notebook, _ = saved
    data = [cell.outputs[0].data for cell in notebook.cells]

    assert list(data[0]) == ["text/plain"]
    assert data[0]["text/plain"].startswith("CanICA: 5 components of 3 runs in ")
    assert all("image/png" in one for one in data[1:])
    assert ["text/html" in one for one in data] == [False, True, True, False]


def test_a_reopened_notebook_in_jupyterlab(chromium, reopened):
    """Without a kernel nothing says "Error": trusted viewers are alive, others are pictures."""
    trusted, address = reopened
    context = chromium.new_context(viewport={"width": 1300, "height": 1000})
    page = new_page(context, [])
    page.goto(f"{address}/lab/tree/saved.ipynb?reset")
    page.locator(".jp-Dialog button.jp-mod-accept").click()

    page.get_by_text("CanICA: 5 components of 3 runs in").wait_for()
    page.wait_for_function("document.querySelectorAll('.jp-OutputArea-output img').length >= 3")
    shown = page.locator(OUTPUTS)
    assert shown.count() == len(CELLS)
    assert not [text for text in shown.all_inner_texts() if "widget" in text]
    images = page.locator(f"{OUTPUTS} img")
    assert all(images.evaluate_all("(all) => all.map((image) => image.naturalWidth > 60)"))
    frames = page.locator("iframe[title='Brain viewer']")
    assert frames.count() == (2 if trusted else 0)
    for number in range(frames.count()):
        canvas = frames.nth(number).content_frame.locator(".nbv-pane canvas").first
        canvas.wait_for()
        assert canvas.evaluate("(el) => el.width") > 10
    context.close()


def test_a_notebook_of_nbconvert(chromium, saved, tmp_path):
    """In nbconvert's page the viewers are alive without a network, and without saved widgets."""
    html_exporter = pytest.importorskip("nbconvert").HTMLExporter()
    text, _ = html_exporter.from_notebook_node(saved[0])
    (tmp_path / "saved.html").write_text(text, encoding="utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()

    page.goto((tmp_path / "saved.html").as_uri(), wait_until="domcontentloaded")
    frames = page.locator("iframe[title='Brain viewer']")

    assert frames.count() == 2
    frames.first.content_frame.locator(".nbv-pane canvas").first.wait_for()
    context.close()
