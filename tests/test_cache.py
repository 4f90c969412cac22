"""Named steps whose results are kept."""

import numpy as np
import pytest
from joblib import Memory

from nbica.cache import open_memory, recall

calls = []


def double(key, version, values):
    """A step: importable, and called only where the cache has no result."""
    calls.append((key, version))
    return 2 * values


@pytest.fixture(autouse=True)
def _no_calls():
    calls.clear()


VALUES = np.arange(3.0)


def test_a_result_is_computed_once_for_each_key_and_version(tmp_path):
    """The key and the version of the step decide, and whether it was there is said."""
    memory = open_memory(tmp_path)

    found = [
        recall(memory, double, version, key, values=VALUES)[1]
        for key, version in [("a", 1), ("a", 1), ("b", 1), ("a", 2), ("b", 1)]
    ]

    assert found == [False, True, False, False, True]
    assert calls == [("a", 1), ("b", 1), ("a", 2)]


def test_what_a_step_works_on_is_not_hashed(tmp_path):
    """Only the key decides: something that cannot even be hashed gives the kept result."""
    memory = open_memory(tmp_path)
    result, _ = recall(memory, double, 1, "a", values=VALUES)

    kept, from_cache = recall(memory, double, 1, "a", values=lambda: None)

    assert from_cache
    np.testing.assert_array_equal(kept, result)


def test_arrays_from_the_cache_are_mapped(tmp_path):
    """A kept array is not read before it is used."""
    memory = open_memory(tmp_path)
    recall(memory, double, 1, "a", values=VALUES)

    assert isinstance(recall(memory, double, 1, "a", values=VALUES)[0], np.memmap)


def test_without_a_memory_nothing_is_kept(tmp_path, monkeypatch):
    """None computes each time and writes nothing."""
    monkeypatch.chdir(tmp_path)
    memory = open_memory(None)

    found = [recall(memory, double, 1, None, values=VALUES)[1] for _ in range(2)]

    assert found == [False, False]
    assert len(calls) == 2
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("as_user_gives_it", [str, lambda path: path, Memory])
def test_memory_comes_in_many_forms(tmp_path, as_user_gives_it):
    """A path as text or as Path, and joblib's own, which is used as it is."""
    given = as_user_gives_it(tmp_path / "cache")

    memory = open_memory(given)

    assert recall(memory, double, 1, "a", values=VALUES)[1] is False
    assert recall(open_memory(given), double, 1, "a", values=VALUES)[1] is True
    assert memory is given or not isinstance(given, Memory)


def test_home_is_expanded(tmp_path, monkeypatch):
    """A tilde stands for the home folder, not for a folder of that name."""
    monkeypatch.setenv("HOME", str(tmp_path))

    recall(open_memory("~/cache"), double, 1, "a", values=VALUES)

    assert (tmp_path / "cache").is_dir()


@pytest.mark.parametrize("memory", [3, True, ["cache"], {}])
def test_what_is_no_memory_is_refused(memory):
    """The message says what may be given."""
    with pytest.raises(TypeError, match=r"expected a folder, a joblib\.Memory or None"):
        open_memory(memory)


def test_a_damaged_result_is_computed_again(tmp_path):
    """A half-written file is no result."""
    memory = open_memory(tmp_path)
    recall(memory, double, 1, "a", values=VALUES)
    (output,) = tmp_path.rglob("output.pkl")
    output.write_bytes(output.read_bytes()[:10])

    result, _ = recall(memory, double, 1, "a", values=VALUES)

    assert len(calls) == 2
    np.testing.assert_array_equal(result, 2 * VALUES)
