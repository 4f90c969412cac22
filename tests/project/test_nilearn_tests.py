"""How far a script ports: a part of nilearn's own installed tests, run on our names."""

import re
from pathlib import Path

import nilearn
import pytest

from tools import nilearn_tests

PAGE = Path(__file__).parents[2] / "docs" / "coming_from_nilearn.md"


@pytest.mark.skipif(
    nilearn.__version__ != "0.14.1", reason=f"counted with 0.14.1, not {nilearn.__version__}"
)
@pytest.mark.slow
def test_a_part_of_nilearns_tests_passes_on_our_names(tmp_path):
    """Of what says something about a script, at least 85 % pass, and enough applies to say so."""
    rows = nilearn_tests.run(nilearn_tests.SMALL_PART, tmp_path / "rows.jsonl")
    count = nilearn_tests.counts(rows, nilearn_tests.fail_anyway(rows, tmp_path / "again.jsonl"))

    assert count["passed"] > 150
    assert nilearn_tests.score(count) >= 0.85, count


KINDS_OF = {
    "private names": (
        "t",
        "AttributeError: 'A' object has no attribute '_cbar'",
        "internals",
    ),
    "another text": ("t", "AssertionError: Regex pattern did not match.", "wording"),
    "rounding": ("t", "Max relative difference among violations: 3.1e-07", "difference"),
    "other values": ("t", "Max relative difference among violations: 0.4", "user"),
    "a missing keyword": ("t", "TypeError: f() got an unexpected keyword argument 'x'", "user"),
    "nothing raised": ("t", "Failed: DID NOT RAISE ValueError", "user"),
}


@pytest.mark.parametrize(("test", "error", "kind"), KINDS_OF.values(), ids=KINDS_OF)
def test_failures_are_told_apart(test, error, kind):
    """What a user would see is told from texts, private names and the last digits of float32."""
    assert nilearn_tests.kind_of(test, error) == kind


def test_the_page_has_the_count():
    """The table on the page is whole, and its score is that of its numbers."""
    section = PAGE.read_text("utf-8").split("\n## How far a script ports\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (\d+) \| (.+) \|$", section, re.MULTILINE)
    count = dict(zip(nilearn_tests.KINDS, (int(number) for number, _ in cells), strict=True))

    assert [meaning for _, meaning in cells] == list(nilearn_tests.KINDS.values())
    assert f"{100 * nilearn_tests.score(count):.0f} %" in section
