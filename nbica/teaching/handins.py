"""Learners' notebooks in a folder, and what they hold of the checks: read, not run."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from nbica.teaching import questions
from nbica.teaching.checking import MIMETYPE
from nbica.teaching.judging import STATES, UNANSWERED

_CALL = re.compile(r"""\bcheck\(\s*["'](\w{1,20})["']""")


@dataclass
class HandIn:
    """What one notebook says of its questions.

    Attributes
    ----------
    learner : str
    path : Path
    states : dict of str to str
        Question to "passed", "tried" or "not answered".
    troubles : list of str
        Why it could not be read, or run; empty where all went well.
    """

    learner: str
    path: Path
    states: dict = field(default_factory=dict)
    troubles: list = field(default_factory=list)


def find(folder):
    """Notebooks and whose they are.

    Parameters
    ----------
    folder : path
        A folder per learner, with notebooks anywhere in it; or notebooks, a learner's name each,
        with or without the name of a tutorial: `ana.ipynb`, `ana_01_first_look.ipynb`.

    Returns
    -------
    list of (learner, list of Path)
        Sorted; a learner's folder without notebooks has none.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        msg = f"{folder} is no folder; expected one with learners' notebooks, or a folder for each."
        raise NotADirectoryError(msg)
    found = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir():
            found.setdefault(path.name, []).extend(_notebooks(path))
        elif path.suffix == ".ipynb":
            found.setdefault(_learner(path.stem), []).append(path)
    return sorted(found.items())


def _notebooks(folder):
    """All notebooks below a folder, without the copies that Jupyter keeps."""
    paths = folder.rglob("*.ipynb")
    return sorted(
        p for p in paths if not any(q.startswith(".") for q in p.relative_to(folder).parts)
    )


def _learner(stem):
    """A file's name without that of a tutorial."""
    for tutorial in {question.notebook for question in questions.load().values()}:
        rest = stem.replace(tutorial, "").strip(" _-.")
        if tutorial in stem and rest:
            return rest
    return stem


def read(path):
    """A notebook as its file holds it.

    Returns
    -------
    dict

    Raises
    ------
    ValueError
        If it is no notebook, with the reason.
    OSError
        If it cannot be read.
    """
    text = Path(path).read_bytes()
    if not text.strip():
        msg = "the file is empty"
        raise ValueError(msg)
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        msg = f"no notebook, or not all of it ({str(error).splitlines()[0]})"
        raise ValueError(msg) from error
    if isinstance(notebook, dict) and "worksheets" in notebook:
        msg = "an old notebook format (3): open and save it in JupyterLab"
        raise ValueError(msg)
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        msg = "no notebook: it has no cells"
        raise ValueError(msg)
    return notebook


def states(notebook):
    """What a notebook's cells and saved outputs say of each question that it checks.

    Parameters
    ----------
    notebook : dict

    Returns
    -------
    dict of str to str
        The best state, where a question is checked more than once.
    """
    found = {}
    for cell in notebook["cells"]:
        if cell.get("cell_type") != "code":
            continue
        called = [(name, UNANSWERED) for name in _CALL.findall(_text(cell.get("source")))]
        for name, state in [*called, *_told(cell)]:
            found[name] = max(found.get(name, UNANSWERED), state, key=STATES.index)
    return found


def _told(cell):
    """Questions and states in the outputs of a cell; what is none is passed over."""
    outputs = cell.get("outputs")
    for output in outputs if isinstance(outputs, list) else []:
        data = output.get("data") if isinstance(output, dict) else None
        told = data.get(MIMETYPE) if isinstance(data, dict) else None
        if not isinstance(told, dict):
            continue
        name, state = told.get("question"), told.get("state")
        if isinstance(name, str) and re.fullmatch(r"\w{1,20}", name) and state in STATES:
            yield name, state


def _text(source):
    """Source of a cell: a text, or a list of lines."""
    return source if isinstance(source, str) else "".join(map(str, source or []))
