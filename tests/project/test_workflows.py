"""What a forge reads cannot be run here: it is parsed, and calls only what can."""

import re
from itertools import product
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TARGETS = set(
    re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
)
OTHERS = [
    ".pre-commit-config.yaml", "CITATION.cff", ".github/dependabot.yml",
    *(path.relative_to(ROOT).as_posix() for path in (ROOT / ".github/ISSUE_TEMPLATE").iterdir()),
]  # fmt: skip


def load(path):
    return yaml.safe_load((ROOT / path).read_text(encoding="utf-8"))


def combinations(job):
    """What the matrix of a job holds: each combination, with what `include` adds to it."""
    matrix = dict(job.get("strategy", {}).get("matrix", {}))
    extra = matrix.pop("include", [])
    for values in product(*matrix.values()):
        one = dict(zip(matrix, values, strict=True))
        for more in extra:
            if all(one.get(name, value) == value for name, value in more.items()):
                one |= more
        yield one


def commands(job):
    """What the steps of a job run, with the values of its matrix put in."""
    for one in combinations(job):
        for step in job["steps"]:
            text = step.get("run", "")
            yield re.sub(r"\$\{\{ matrix\.(\w+) \}\}", lambda f, one=one: one.get(f[1], ""), text)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflows_call_what_is_there(path):
    """Each step runs a target of the Makefile, a script of the project, or a line of the shell."""
    jobs = load(path)["jobs"].values()
    called = {command for job in jobs for command in commands(job) if command}
    targets = {command.split()[1] for command in called if command.startswith("make ")}
    scripts = {command.split()[0] for command in called if command.startswith(".")}

    assert targets
    assert targets <= TARGETS
    assert all((ROOT / script).is_file() for script in scripts)
    assert not any("${{" in command for command in called)


def test_systems_and_ages():
    """Linux, macOS and Windows, each with the oldest and the newest dependencies."""
    job = load(".github/workflows/tests.yml")["jobs"]["tests"]
    found = {(one["os"], one["target"]) for one in combinations(job)}

    assert found == set(product(["ubuntu", "macos", "windows"], ["test", "test-oldest"]))


def test_publishing_needs_no_token():
    """The job that publishes has the right to identify itself, and no other; none has a secret."""
    jobs = load(ROOT / ".github/workflows/release.yml")["jobs"]

    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert not any("secrets." in path.read_text(encoding="utf-8") for path in WORKFLOWS)


@pytest.mark.parametrize("path", OTHERS)
def test_the_rest_is_parsed(path):
    """What a forge reads is YAML that holds something."""
    assert load(path)


@pytest.mark.parametrize("path", ["CONTRIBUTING.md", "README.md", "SECURITY.md"])
def test_pages_name_targets_that_are_there(path):
    """Each `make TARGET` that a page tells to call exists."""
    text = (ROOT / path).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^|`)make ([a-z-]+)", text, re.MULTILINE))

    assert named - {"test-fast"} <= TARGETS


def test_notes_have_a_kind():
    """Each note in changes/ is one that towncrier takes: it says of which kind it is."""
    names = {path.name for path in (ROOT / "changes").iterdir()} - {"README.md"}

    assert names
    assert [n for n in names if not re.fullmatch(r"(\+\w+|\d+)\.(feature|change|fix)\.md", n)] == []
