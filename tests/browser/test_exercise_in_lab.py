"""An exercise as a learner does it in JupyterLab: blank, wrong, right, saved and handed in."""

import shutil

import nbformat
from lab import new_page, wait_for
from test_questions import FOLDER, exercises

from benchmarks.browser.lab import jupyterlab, open_notebook
from nbica.teaching import class_report

SET = """(source) => {
    const notebook = jupyterapp.shell.currentWidget.content;
    notebook.activeCellIndex = 1;
    notebook.activeCell.model.sharedModel.setSource(source);
    jupyterapp.commands.execute('notebook:run-cell');
}"""


def test_blank_wrong_right_saved(chromium, tmp_path):
    """What is said is shown, the solution unfolds by a click, the report reads what was saved."""
    path = FOLDER / "01_your_first_networks.ipynb"
    whole = nbformat.read(path, as_version=4)
    position, _ = exercises(path)["1.1"]
    whole.cells = whole.cells[position - 1 : position + 2]
    (tmp_path / "class" / "ana").mkdir(parents=True)
    nbformat.write(whole, tmp_path / "1.1.ipynb")
    troubles = []
    with jupyterlab(tmp_path, OMP_NUM_THREADS="1") as address:
        context = chromium.new_context()
        page = new_page(context, troubles)
        page.set_default_timeout(120_000)  # a kernel starts slowly on a busy machine
        open_notebook(page, address, "1.1.ipynb")
        code = page.locator("details code").first
        assert not code.is_visible()
        page.locator("summary", has_text="Solution of 1.1").first.click()
        code.wait_for(state="visible")

        for answer, said in (("...", "not answered"), ("336", "unit"), ("5.6", "right. How long")):
            page.evaluate(SET, f'import nbica\nnbica.check("1.1", {answer})')
            page.locator(".jp-OutputArea-output", has_text=said).first.wait_for()
        page.evaluate("() => { jupyterapp.commands.execute('docmanager:save'); }")
        wait_for(lambda: "1.1: right" in (tmp_path / "1.1.ipynb").read_text(encoding="utf-8"), 20)
        context.close()

    shutil.copy(tmp_path / "1.1.ipynb", tmp_path / "class" / "ana")
    assert class_report(tmp_path / "class").table.loc["ana"].to_dict() == {"1.1": "passed"}
    assert troubles == []
