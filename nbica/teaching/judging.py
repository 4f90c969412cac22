"""What is said to an answer: decided here, from the question and the answer alone."""

from dataclasses import dataclass

import numpy as np

from nbica.runtime.text import reads_as_number
from nbica.teaching import answers
from nbica.teaching.sealing import agrees, features, plain, seal_names

PASSED, TRIED, UNANSWERED = "passed", "tried", "not answered"
STATES = (UNANSWERED, TRIED, PASSED)  # from nothing to done

# Powers of ten, and seconds in a minute: what a wrong unit multiplies by.
_UNITS = [10.0, 100.0, 1e3, 1e6, 1e9, 60.0]
_UNITS += [1 / factor for factor in _UNITS]
_NEAR = 5  # steps
_WORDS = ("names", "choice")


@dataclass(frozen=True)
class Verdict:
    """What is thought of an answer.

    Attributes
    ----------
    state : {"passed", "tried", "not answered"}
    says : str
        To the learner.
    is_judged : bool
        Whether its values were looked at: not of a blank, or of another kind than asked for.
    n_hints : int
        How many of the question's own hints it holds.
    """

    state: str
    says: str
    is_judged: bool = True
    n_hints: int = 0


def judge(question, answer, earlier=()):
    """What is said to an answer.

    Costs up to a few hundred digests, a millisecond; for an image 16 passes over it.

    Parameters
    ----------
    question : Question
    answer : object
    earlier : sequence of Verdict
        On other wrong answers to this question: the more, the further the hints go.

    Returns
    -------
    Verdict
    """
    if answers.is_blank(answer):
        says = "not answered yet. Put your answer in the place of the three dots and run the cell."
        return Verdict(UNANSWERED, says, is_judged=False)
    if complaint := _form(question, answer):
        return Verdict(TRIED, f"not yet. {complaint}", is_judged=False)
    if _agree(question, question.sealed, answer) and _is_in_place(question, answer):
        return Verdict(PASSED, f"right. {question.why}")
    return _with_hint(question, _special(question, answer), earlier)


def _with_hint(question, special, earlier):
    """The hint of this mistake; the next of the question's own where there is none.

    After two other wrong answers it is both.
    """
    if special and len(earlier) < 2:
        return Verdict(TRIED, f"not yet. {special}")
    n_given = sum(verdict.n_hints for verdict in earlier)
    general = question.hints[min(n_given, len(question.hints) - 1)]
    return Verdict(TRIED, " ".join(filter(None, ("not yet.", special, general))), n_hints=1)


def _special(question, answer):
    for mistake in question.mistakes:
        if _agree(question, mistake.sealed, answer):
            return mistake.hint
    return (_names_hint if question.kind in _WORDS else _values_hint)(question, answer)


def _agree(question, sealed, answer):
    """Whether an answer is what was sealed, wherever an image may be."""
    if question.kind in _WORDS:
        return seal_names(question.name, answers.as_names(answer)) == list(sealed)
    return _agrees(question, sealed, features(answers.as_values(answer))).all()


def _is_in_place(question, answer):
    """Whether an image has the affine that was asked for; true for all else."""
    if not question.affine:
        return True
    affine = answers.affine_of(answer).ravel()
    return agrees(f"{question.name}/affine", question.affine, affine, 0.001).all()


# Form: type and shape ------------------------------------------------------------------------


def _form(question, answer):
    """What is wrong with the form of an answer; empty if nothing is."""
    if question.kind in _WORDS:
        return _form_of_names(question, answer)
    values, found = answers.as_values(answer), answers.described(answer)
    wanted = _wanted(question)
    if isinstance(answer, str) and reads_as_number(answer) and question.kind in ("number", "count"):
        return f"{wanted} is asked for, and this is a text: leave the quotation marks out."
    if values is None or (answers.affine_of(answer) is None) == (question.kind == "image"):
        return f"{wanted} is asked for, and this is {found}."
    if not question.shape and values.size == 1:
        values = values.reshape(())
    if values.shape != question.shape:
        return f"{wanted} is asked for, and this is {found}.{_way_out(values, question.shape)}"
    if not np.isfinite(values).all():
        return "It holds values that are no finite numbers (NaN or infinity)."
    if question.kind == "count" and values % 1:
        return f"{wanted} is asked for, and this is between two."
    return ""


def _way_out(values, shape):
    """What makes the wanted shape of this one, where that is simple."""
    if values.T.shape == shape:
        return " Transpose it."
    return (
        " Leave out the axis of length 1: `.squeeze()`." if values.squeeze().shape == shape else ""
    )


def _wanted(question):
    if question.kind in ("number", "count"):
        kind = "A whole number" if question.kind == "count" else "A number"
        return f"{kind} ({question.unit})" if question.unit else kind
    kind = "An image" if question.kind == "image" else "An array"
    return f"{kind} of shape {question.shape}"


def _form_of_names(question, answer):
    names = answers.as_names(answer)
    wanted = "One name" if question.n_names == 1 else f"A list of {question.n_names} names"
    if question.kind == "choice":
        wanted = f"One of {', '.join(map(repr, question.options))}"
    if names is None:
        return f"{wanted} is asked for, and this is {answers.described(answer)}."
    if len({plain(name) for name in names}) != question.n_names:
        return f"{wanted} is asked for, and this is {len(names)}."
    if question.kind == "choice" and not {plain(n) for n in names} <= set(question.options):
        return f"{wanted} is asked for, and this is {names[0]!r}."
    return ""


# Values and names: what kind of mistake it is -------------------------------------------------


def _values_hint(question, answer):
    """What kind of mistake it is, of those that any number, array or image can have."""
    found = features(answers.as_values(answer))
    is_right = _agrees(question, question.sealed, found)
    if is_right.all():
        return "The values are right, but the affine puts the image elsewhere in space."
    if _agrees(question, question.sealed, -found).all():
        return "The size is right, the sign is not."
    if question.unit and any(_agrees(question, question.sealed, found * f).all() for f in _UNITS):
        return f"Is that the unit that is asked for ({question.unit}), and is no power of ten lost?"
    reach = 1 if question.kind == "count" else _NEAR
    if _agrees(question, question.sealed, found, reach).all():
        return "Very near. Is it rounded too early, or off by one somewhere?"
    if question.kind == "array" and found.size == np.prod(question.shape) and is_right.any():
        return f"Right so far: {is_right.sum()} of {found.size} numbers."
    return ""


def _agrees(question, sealed, found, reach=None):
    if reach is None:
        reach = 0 if question.kind == "count" else 1
    return agrees(question.name, sealed, found, question.step, reach)


def _names_hint(question, answer):
    right = set(question.sealed) & set(seal_names(question.name, answers.as_names(answer)))
    return f"Right so far: {len(right)} of {question.n_names} names." if right else ""
