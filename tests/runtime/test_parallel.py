"""The loop over processes: what it overrides of joblib is still there, and still called."""

from joblib import Parallel, delayed

from nbica.runtime import parallel
from nbica.runtime.parallel import StoppableParallel


def test_joblib_has_what_is_overridden():
    """A release of joblib that drops one of its private methods shows here, not as a slow Stop."""
    own = {name for name, value in vars(StoppableParallel).items() if callable(value)}

    assert own == {"_wait_retrieval", "_warn_exit_early"}
    assert [name for name in sorted(own) if not callable(getattr(Parallel, name, None))] == []


def test_stop_flag_is_looked_at_while_waiting(monkeypatch):
    """While joblib waits for results it asks `_wait_retrieval`, and so the stop flag is seen."""
    looks = []
    monkeypatch.setattr(parallel, "checkpoint", lambda: looks.append(1))
    numbers = (delayed(abs)(-number) for number in range(4))
    results = StoppableParallel(n_jobs=2, backend="threading", return_as="generator")(numbers)

    assert list(results) == [0, 1, 2, 3]
    assert looks
