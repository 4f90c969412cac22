"""Learners' notebooks in a folder, and what they hold of the checks: read, not run."""

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass, field
from pathlib import Path

from nbica.runtime.checks import as_path
from nbica.teaching import questions
from nbica.teaching.checking import MIMETYPE
from nbica.teaching.judging import STATES, UNANSWERED

_CALL = re.compile(r"""\bcheck\(\s*["']([\w.]{1,20})["']""")

# What browsers, JupyterLab and systems add to the name of a copy.
_COPY = re.compile(r"( ?\(\d+\)|-Copy\d+| - Copy| copy)( \d+)?$")
_LARGEST = 200_000_000  # bytes


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
    digest : str
        The same where all cells are, outputs included.
    """

    learner: str
    path: Path
    states: dict = field(default_factory=dict)
    troubles: list = field(default_factory=list)
    digest: str = ""


def find(folder):
    """Notebooks and whose they are.

    Parameters
    ----------
    folder : path
        A folder per learner, with notebooks anywhere in it; or notebooks, a learner's name each,
        with or without the name of a tutorial: `ana.ipynb`, `ana_01_your_first_networks.ipynb`.

    Returns
    -------
    list of (learner, list of Path)
        Sorted; a learner's folder without notebooks has none.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    """
    folder = as_path("folder", folder)
    if not folder.is_dir():
        msg = (
            f"{folder} is not a folder; expected one with learners' notebooks, or a folder for "
            "each."
        )
        raise NotADirectoryError(msg)
    found = {}
    paths = [path for path in sorted(folder.iterdir()) if not path.name.startswith(".")]
    files = [path for path in paths if path.suffix == ".ipynb" and not path.is_dir()]
    names = {_plain(path.stem) for path in files}
    for path in paths:
        if path.is_dir():
            found.setdefault(_plain(path.name), []).extend(_notebooks(path))
        elif path in files:
            found.setdefault(_learner(_plain(path.stem), names), []).append(path)
    return sorted(found.items())


def _notebooks(folder):
    """All notebooks below a folder, without the copies that Jupyter keeps."""
    paths = folder.rglob("*.ipynb")
    return sorted(
        p for p in paths if not any(q.startswith(".") for q in p.relative_to(folder).parts)
    )


def _plain(name):
    """A name in one spelling: macOS writes an é as two characters."""
    return unicodedata.normalize("NFC", name)


def _learner(stem, stems):
    """A file's name without that of a tutorial, and without the mark of a copy.

    A number that tells learners apart, "group (2)", stays: it marks a copy where the file without
    it is there too, or where nothing else is left of the name.
    """
    unmarked = _COPY.sub("", stem)
    if unmarked in stems:
        stem = unmarked
    for tutorial in {question.notebook for question in questions.load().values()}:
        rest = stem.replace(tutorial, "").strip(" _-.")
        if tutorial in stem and any(map(str.isalnum, _COPY.sub("", rest))):
            return rest
        if tutorial in stem:
            return tutorial
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
    text = _bytes(Path(path))
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


def _bytes(path):
    # A link may lead to another learner's work, or to a file of this machine that is nobody's
    # business; a pipe would never end.
    if path.is_symlink() or not path.is_file():
        msg = "no file of its own but a link, a pipe or a device: not read"
        raise ValueError(msg)
    if path.stat().st_size > _LARGEST:
        msg = f"larger than {_LARGEST // 10**6} MB: not read"
        raise ValueError(msg)
    return path.read_bytes()


def digest(notebook):
    """A short text that is the same where all cells are, outputs included."""
    return hashlib.sha256(json.dumps(notebook["cells"], sort_keys=True).encode()).hexdigest()


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
        if isinstance(name, str) and re.fullmatch(r"[\w.]{1,20}", name) and state in STATES:
            yield name, state


def _text(source):
    """Source of a cell: a text, or a list of lines."""
    if isinstance(source, list):
        return "".join(line for line in source if isinstance(line, str))
    return source if isinstance(source, str) else ""
