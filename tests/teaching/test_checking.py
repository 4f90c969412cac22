"""`nbica.check`: what is said to right, wrong, near and strange answers."""

import json
import re

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

import nbica
from nbica.teaching import checking, questions, seal, seal_affine, seal_names
from nbica.teaching.judging import judge
from nbica.teaching.sealing import MAX_SINGLE, agrees, features

HINTS = ["the first hint", "the second hint", "the third hint"]
AFFINE = np.diag([2.0, 2.0, 2.0, 1.0])


def question(kind, answer, step=1, mistake=None, **more):
    """A question of which the test knows the answer."""
    sealed = seal_names("t", answer) if kind == "names" else seal("t", np.asarray(answer), step)
    mistakes = []
    if mistake is not None:
        wrong = seal_names("t", mistake) if kind == "names" else seal("t", mistake, step)
        mistakes = [questions.Mistake(wrong, "a known mistake")]
    return questions.Question(
        name="t", notebook="00", title="A test", kind=kind, sealed=sealed, why="It matters.",
        hints=HINTS, mistakes=mistakes, step=step, **more,
    )  # fmt: skip


MINUTES = question("number", 5.6, 0.02, np.array(168.0), unit="minutes")
COUNT = question("count", 11, 1, np.array(20.0))
TABLE = question("array", np.arange(6.0).reshape(2, 3), 0.01, shape=(2, 3))
NAMES = question("names", ["default mode", "left fronto-parietal"], mistake=["auditory", "hand"])
LARGE = np.random.default_rng(1).normal(size=(9, 10, 11))
IMAGE = question(
    "image", LARGE, 0.001, shape=LARGE.shape, affine=seal_affine("t", AFFINE), mistake=LARGE > 0
)


@pytest.fixture(autouse=True)
def fresh_session(monkeypatch):
    """No answer was given before."""
    monkeypatch.setattr(checking, "_wrong", {})


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (MINUTES, 5.6),
        (MINUTES, 5.61),
        (MINUTES, np.float32(5.6)),
        (MINUTES, np.array([5.6])),
        (MINUTES, pd.Series([5.6])),
        (COUNT, 11),
        (COUNT, 11.0),
        (COUNT, np.int64(11)),
        (TABLE, [[0, 1, 2], [3, 4, 5]]),
        (TABLE, pd.DataFrame(np.arange(6).reshape(2, 3))),
        (NAMES, ["default mode", "left fronto-parietal"]),
        (NAMES, ("Left fronto–parietal", "DEFAULT  mode ")),
        (NAMES, {"left_fronto_parietal", "default-mode"}),
        (NAMES, np.array(["default mode", "left fronto-parietal"])),
        (NAMES, pd.Index(["left fronto-parietal", "default mode"])),
        (IMAGE, nib.Nifti1Image(LARGE, AFFINE)),
        (IMAGE, nib.Nifti1Image(LARGE.astype("float32"), AFFINE)),
    ],
)
def test_right_in_any_form(asked, answer):
    """A right answer passes as a number, list, array, table, set or image; and is told why."""
    verdict = judge(asked, answer)

    assert verdict.state == "passed"
    assert verdict.says == "right. It matters."


@pytest.mark.parametrize(
    ("asked", "answer", "said"),
    [
        (MINUTES, -5.6, "the sign is not"),
        (MINUTES, 336.0, "unit"),
        (MINUTES, 56.0, "power of ten"),
        (MINUTES, 5.68, "Very near"),
        (MINUTES, 168, "a known mistake"),
        (MINUTES, 1000.0, "the first hint"),
        (MINUTES, 1e308, "the first hint"),
        (MINUTES, 0.0, "the first hint"),
        (COUNT, 12, "Very near"),
        (COUNT, 20, "a known mistake"),
        (COUNT, 110, "the first hint"),
        (TABLE, -np.arange(6.0).reshape(2, 3), "the sign is not"),
        (TABLE, [[0, 1, 2], [9, 9, 9]], "3 of 6 numbers"),
        (TABLE, np.full((2, 3), 99), "the first hint"),
        (NAMES, ["default mode", "auditory"], "1 of 2 names"),
        (NAMES, ["hand", "auditory"], "a known mistake"),
        (NAMES, ["visual", "cerebellum"], "the first hint"),
        (IMAGE, nib.Nifti1Image(LARGE, 2 * AFFINE), "affine puts the image elsewhere"),
        (IMAGE, nib.Nifti1Image(-LARGE, AFFINE), "the sign is not"),
        (IMAGE, nib.Nifti1Image((LARGE > 0).astype("uint8"), AFFINE), "a known mistake"),
        (IMAGE, nib.Nifti1Image(LARGE[::-1], AFFINE), "the first hint"),
    ],
)
def test_hint_fits_the_mistake(asked, answer, said):
    """The hint tells the kind of mistake, where that shows, else it is the first of the list."""
    verdict = judge(asked, answer)

    assert verdict.state == "tried"
    assert verdict.is_judged
    assert said in verdict.says


@pytest.mark.parametrize(
    ("asked", "answer", "said"),
    [
        (MINUTES, "5.6", "A number (minutes) is asked for, and this is a text: leave"),
        (MINUTES, "long", "this is a text."),
        (MINUTES, True, "this is True or False"),
        (MINUTES, [5, 6], "this is an array of shape (2,)"),
        (MINUTES, {"a": 1}, "this is a dict"),
        (MINUTES, len, "this is a builtin_function_or_method"),
        (MINUTES, 1 + 2j, "this is a complex"),
        (MINUTES, (i for i in range(3)), "this is a generator"),
        (MINUTES, np.nan, "no finite numbers"),
        (MINUTES, nib.Nifti1Image(LARGE, AFFINE), "this is an image of shape (9, 10, 11)"),
        (COUNT, 11.5, "between two"),
        (TABLE, np.zeros((3, 2)), "this is an array of shape (3, 2). Transpose it."),
        (TABLE, np.zeros((1, 2, 3)), "Leave out the axis of length 1"),
        (TABLE, [[1, 2], [3]], "this is a list"),
        (TABLE, np.full((2, 3), np.inf), "no finite numbers"),
        (TABLE, "abc", "this is a text"),
        (NAMES, "default mode", "A list of 2 names is asked for, and this is 1."),
        (NAMES, ["default mode"] * 2, "A list of 2 names"),
        (NAMES, 3, "this is a number"),
        (NAMES, [1, 2], "this is an array of shape (2,)"),
        (NAMES, np.array(3.0), "this is a number"),
        (IMAGE, LARGE, "An image of shape (9, 10, 11) is asked for, and this is an array"),
        (IMAGE, "map.nii.gz", "this is a text"),
    ],
)
def test_wrong_form_is_said_plainly(asked, answer, said):
    """Another type or shape than asked for is named, with the one that is; no hint is used up."""
    verdict = judge(asked, answer)

    assert verdict.state == "tried"
    assert not verdict.is_judged
    assert said in verdict.says


@pytest.mark.parametrize("answer", [..., None, "", " ... ", "…", [..., ...], []])
def test_blank_is_not_wrong(answer):
    """The three dots that a notebook is saved with are no answer yet."""
    assert judge(MINUTES, answer).state == "not answered"


def test_equal_within_a_step_and_not_beyond_two(rng):
    """What differs by up to a step is equal, what differs by two is not, wherever the bins lie."""
    for value in rng.normal(scale=100, size=200):
        sealed = seal("t", np.array(value), 0.5)
        inside, outside = value + rng.uniform(-0.5, 0.5), value + rng.choice([-1, 1]) * 1.001
        assert agrees("t", sealed, np.array([inside]), 0.5).all()
        assert not agrees("t", sealed, np.array([outside]), 0.5).any()


@pytest.mark.parametrize("size", [1, MAX_SINGLE, MAX_SINGLE + 1, 1000])
def test_features_are_linear_and_keep_the_size_of_noise(size, rng):
    """Features of a sum are the sum of the features; noise of size 1 adds about 1 to each."""
    a, b = rng.normal(size=(2, size))

    np.testing.assert_allclose(features(a - 3 * b), features(a) - 3 * features(b), atol=1e-9)
    # A mean over 16 squares of a standard Gaussian: standard deviation .35. One number is one draw.
    assert size == 1 or 0.2 < (features(a) ** 2).mean() < 2.5


def test_hints_come_in_order_and_a_repeated_answer_uses_none(monkeypatch):
    """Other wrong answers get the next hint, the same one the same, and the last stays."""
    monkeypatch.setattr(questions, "load", lambda: {"t": MINUTES})

    said = [repr(nbica.check("t", answer)) for answer in (1000, 1000, 2000, 1000, 3000, 4000)]

    order = [0, 0, 1, 0, 2, 2]
    assert said == [f"t: not yet. {HINTS[n]}" for n in order]
    assert nbica.check("t", 5000).n_wrong == 5


def test_a_hint_that_did_not_help_is_not_all_there_is(monkeypatch):
    """After two other wrong answers, the kind of mistake is told together with the next hint."""
    monkeypatch.setattr(questions, "load", lambda: {"t": MINUTES})

    said = [repr(nbica.check("t", answer)) for answer in (-5.6, 168, 5.68, 5.66)]

    assert [any(hint in one for hint in HINTS) for one in said] == [False, False, True, True]
    assert HINTS[0] in said[2]
    assert HINTS[1] in said[3]


def test_wrong_form_and_blank_use_no_hint(monkeypatch):
    """A learner who first gives a text, or nothing, still gets the first hint first."""
    monkeypatch.setattr(questions, "load", lambda: {"t": MINUTES})
    for answer in (..., "5", [1, 2]):
        nbica.check("t", answer)

    assert HINTS[0] in repr(nbica.check("t", 1000))


def test_result_is_true_or_false_and_shows_itself(monkeypatch):
    """The result counts as true where right; its bundle is the same every time, and JSON."""
    monkeypatch.setattr(questions, "load", lambda: {"t": MINUTES})
    right, wrong, blank = (nbica.check("t", answer) for answer in (5.6, 1000, ...))

    assert right
    assert not wrong
    assert not blank
    assert (right, wrong) == (nbica.check("t", 5.6), nbica.check("t", 1000))
    bundle = wrong._repr_mimebundle_()
    assert bundle == nbica.check("t", 1000)._repr_mimebundle_()
    assert bundle["text/plain"] == repr(wrong) == "t: not yet. the first hint"
    assert json.loads(json.dumps(bundle))[checking.MIMETYPE]["state"] == "tried"


def test_unknown_question_lists_those_that_there_are():
    """A question that there is not is refused; the message has all names and a near one."""
    with pytest.raises(ValueError, match=r"no question '3.11'.*Did you mean '3.1'") as refused:
        nbica.check("3.11", 1)

    assert all(name in str(refused.value) for name in questions.load())
    with pytest.raises(ValueError, match="no question of type ndarray"):
        nbica.check(np.zeros(3), "1.1")


def test_digests_of_two_questions_differ():
    """Who knows the digest of 12 in one question has not got it in another."""
    assert seal("1.1", np.array(12), 1) != seal("1.2", np.array(12), 1)
    assert seal_names("1.1", ["auditory"]) != seal_names("1.2", ["auditory"])


def test_file_of_questions_is_in_order():
    """Names count up, each has three hints and a reason in a sentence, and nothing is left over."""
    for name, asked in questions.load().items():
        texts = [asked.why, *asked.hints, *(mistake.hint for mistake in asked.mistakes)]
        assert re.fullmatch(r"([1-9]\d?|[a-z_]+)\.[1-9]", name)
        assert len(asked.hints) == (2 if asked.kind == "choice" else 3)
        assert all(text.endswith((".", "?")) for text in texts), name
        assert asked.kind in ("number", "count", "array", "image", "names", "choice")
        assert bool(asked.affine) == (asked.kind == "image")
        assert all(len(mistake.sealed) > 0 for mistake in asked.mistakes)
