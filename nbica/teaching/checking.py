"""`nbica.check`: tell a learner whether an answer is right, and give a hint where it is not."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape

import joblib

from nbica.teaching import answers, judging, questions

# What a saved notebook holds for :func:`nbica.teaching.class_report` to read.
MIMETYPE = "application/vnd.nbica.check+json"
_COLORS = {judging.PASSED: "#2e7d32", judging.TRIED: "#b26a00", judging.UNANSWERED: "#757575"}

_wrong = {}  # name of a question -> what was said to each wrong answer in this session


@dataclass(frozen=True)
class Checked:
    """What `check` returns: true if the answer is right; its text is what is said to the learner.

    Attributes
    ----------
    question : str
    state : {"passed", "tried", "not answered"}
    says : str
    n_wrong : int
        Different wrong answers in this session.
    """

    question: str
    state: str
    says: str = field(compare=False)
    n_wrong: int = field(compare=False)

    def __bool__(self):
        return self.state == judging.PASSED

    def __repr__(self):
        return f"{self.question}: {self.says}"

    def _repr_mimebundle_(self, include=None, exclude=None):
        color = _COLORS[self.state]
        told = {"question": self.question, "state": self.state, "n_wrong": self.n_wrong}
        return {
            "text/plain": repr(self),
            "text/html": f'<div style="border-left: 4px solid {color}; padding-left: 0.6em">'
            f"<b>{escape(self.question)}</b>: {escape(self.says)}</div>",
            MIMETYPE: told,
        }


def check(question: str, answer: object = ...) -> Checked:
    """Check an answer to a question of the notebooks; works without a network.

    Costs a millisecond. A wrong answer gets a hint, never the answer: what kind of mistake it is,
    where that shows (a wrong shape, a flipped sign, another unit, a near miss), else the first hint
    of the question, the next for another wrong answer. Hints begin anew with the kernel.

    Parameters
    ----------
    question : str
        Lesson and number, such as "3.1"; of a how-to, such as "smoothing.1". In any case.
    answer : number, text, list, ndarray, pandas object or nibabel image
        `...` or None: not answered yet.

    Returns
    -------
    Checked
        True where the answer is right; shows itself as the last line of a cell.

    Raises
    ------
    ValueError
        For a question that there is not; the message lists those that there are.

    See Also
    --------
    nbica.teaching.class_report : what a class has answered.

    Examples
    --------
    >>> import nbica
    >>> nbica.check("1.1", ...)
    1.1: not answered yet. Put your answer in the place of the three dots and run the cell.
    """
    asked = questions.find(question)
    said = _wrong.setdefault(asked.name, {})
    seen = _fingerprint(answer)
    verdict = said.get(seen) or judging.judge(asked, answer, list(said.values()))
    if verdict.state == judging.TRIED and verdict.is_judged:
        said[seen] = verdict
    return Checked(asked.name, verdict.state, verdict.says, len(said))


def _fingerprint(answer):
    """What two equal answers have in common; an answer of no known form is like any other."""
    if (names := answers.as_names(answer)) is not None:
        return joblib.hash(sorted(names))
    return joblib.hash(answers.as_values(answer))
