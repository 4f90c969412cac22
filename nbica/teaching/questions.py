"""The questions of the notebooks, as data: `questions.json`."""

import difflib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).with_name("questions.json")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that has its own hint."""

    sealed: list
    hint: str


@dataclass(frozen=True)
class Question:
    """One question: what its answer looks like, its digests, and what is said to an answer.

    Attributes
    ----------
    name : str
        Lesson and number, such as "3.1"; of a how-to, such as "smoothing.1".
    notebook : str
        File name, without its suffix.
    title : str
        In a few words.
    kind : {"number", "count", "array", "image", "names", "choice"}
    sealed : list of str
        Digests of the answer, see :mod:`nbica.teaching.sealing`.
    why : str
        One sentence to the right answer: what it is good for.
    hints : list of str
        Ordered, for one wrong answer after the other.
    mistakes : list of Mistake
        Wrong answers that tell what went wrong.
    step : float
        What counts as equal; 1 for a count.
    shape : tuple of int
        Shape of an array or image, () for a number.
    unit : str
        Unit of a number, empty where there is none to mistake.
    affine : list of str
        Digests of an image's affine.
    options : tuple of str
        What a choice has, such as ("a", "b", "c").
    n_names : int
    """

    name: str
    notebook: str
    title: str
    kind: str
    sealed: list
    why: str
    hints: list
    mistakes: list
    step: float = 1
    shape: tuple = ()
    unit: str = ""
    affine: list = ()
    options: tuple = ()

    @property
    def n_names(self):
        """How many names are asked for."""
        return len(self.sealed)


@cache
def load(path=_FILE):
    """All questions, by name, in the order of the file."""
    entries = json.loads(Path(path).read_text(encoding="utf-8"))
    return {name: _question(name, dict(entry)) for name, entry in entries.items()}


def _question(name, entry):
    entry["mistakes"] = [Mistake(**mistake) for mistake in entry.get("mistakes", [])]
    entry["shape"] = tuple(entry.get("shape", ()))
    entry["options"] = tuple(entry.get("options", ()))
    return Question(name=name, **entry)


def find(name):
    """The question of a name, in any case; a ValueError that lists all where there is none."""
    questions = load()
    asked = name.strip().casefold() if isinstance(name, str) else str(name)
    if isinstance(name, str) and asked in questions:
        return questions[asked]
    near = difflib.get_close_matches(asked, questions, n=1)
    guess = f" Did you mean {near[0]!r}?" if near else ""
    found = repr(name) if isinstance(name, str) else f"of type {type(name).__name__}"
    msg = f"There is no question {found}.{guess} The notebooks ask: {_listed(questions)}."
    raise ValueError(msg)


def _listed(questions):
    by_notebook = {}
    for question in questions.values():
        by_notebook.setdefault(question.notebook, []).append(question.name)
    listed = sorted(by_notebook.items())
    return "; ".join(f"{', '.join(names)} in {where}" for where, names in listed)
