"""Run a learner's notebook anew, in a kernel and a folder of its own."""

import json
from pathlib import Path
from tempfile import gettempdir

from nbica.runtime.leftovers import own_folder

_MISSING = (
    "Running notebooks anew needs nbclient, nbformat and ipykernel. Install them: "
    "pip install nbclient ipykernel (JupyterLab brings them), or leave --run out."
)


def run(notebook, timeout=300.0):
    """Run all cells, those after a failed one too.

    Runs **the learner's code, with the rights of whoever calls this**. Costs what the notebook
    costs; its files go to a folder that is thrown away.

    Parameters
    ----------
    notebook : dict
        As a file holds it; not changed.
    timeout : float
        Seconds that a cell may take.

    Returns
    -------
    notebook : dict
        With new outputs and no others.
    troubles : list of str
        What failed, and where.

    Raises
    ------
    ImportError
        If what runs notebooks is not installed.
    ValueError
        If the notebook has a form that cannot be run.
    """
    try:
        import nbclient
        import nbformat
    except ImportError as error:
        raise ImportError(_MISSING) from error
    try:
        # Reading joins the lines that a file holds a source in.
        fresh = nbformat.reads(json.dumps(notebook), as_version=4)
        nbformat.validate(fresh)
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError) as error:
        msg = f"not run, its form is wrong: {_first_line(error)}"
        raise ValueError(msg) from error
    _clear(fresh)
    with own_folder(Path(gettempdir())) as folder:
        client = nbclient.NotebookClient(
            fresh, timeout=timeout, kernel_name="python3", allow_errors=True,
            resources={"metadata": {"path": folder}},
        )  # fmt: skip
        try:
            client.execute()
        except nbclient.exceptions.CellTimeoutError:
            return fresh, [f"stopped: a cell ran for more than {timeout:g} s"]
        except nbclient.exceptions.DeadKernelError:
            return fresh, ["stopped: the kernel died (out of memory?)"]
        except RuntimeError as error:  # a kernel that does not start
            return fresh, [f"stopped: {_first_line(error)}"]
    return fresh, list(_errors(fresh))


def _first_line(text):
    return next(iter(str(text).splitlines()), "")


def _clear(notebook):
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"], cell["execution_count"] = [], None


def _errors(notebook):
    """The failed cells that did not announce it with a tag."""
    for number, cell in enumerate(notebook["cells"], start=1):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                reason = _first_line(f"{output['ename']}: {output['evalue']}")
                yield f"cell {number} failed: {reason[:120]}"
