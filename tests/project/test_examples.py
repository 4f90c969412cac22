"""Each public function and class has an example in its docstring, and it runs as it is printed."""

import doctest
import inspect

import pytest
from public_names import public_objects

OBJECTS = public_objects()


def docstrings(value):
    """Docstrings of a function, or of a class and of what it defines, by name."""
    yield value.__name__, value.__doc__ or ""
    for name, member in vars(value).items() if inspect.isclass(value) else ():
        if not name.startswith("_") and "nbica" in str(getattr(member, "__module__", "nbica")):
            yield f"{value.__name__}.{name}", inspect.getdoc(member) or ""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch, only_loopback):
    """A folder of one's own to work in, and neither data of nilearn's nor a mirror to be seen."""
    for name in ("NILEARN_DATA", "NILEARN_SHARED_DATA", "NBICA_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def examples(name):
    """The doctests of an object, one for each of its docstrings."""
    parser = doctest.DocTestParser()
    for title, text in docstrings(OBJECTS[name]):
        yield parser.get_doctest(inspect.cleandoc(text), {}, title, None, None)


@pytest.mark.parametrize("name", OBJECTS)
def test_there_is_an_example(name):
    """Its docstring shows a use, and not all of it is skipped."""
    lines = [line for test in examples(name) for line in test.examples]

    assert any(doctest.SKIP not in line.options for line in lines), "its docstring has no example"


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_the_example_runs(name, elsewhere):
    """It needs no more than it says, and prints what it says."""
    report, runner = [], doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for test in examples(name):
        runner.run(test, out=report.append)

    assert runner.summarize(verbose=False).failed == 0, "".join(report)
