"""A worker that is killed, a run that takes all memory, a backend that cannot stream."""

import os

import numpy as np
import pytest
from deadly import READER, DeadlyArray, GreedyArray, with_data_of
from joblib import parallel_config
from planted import estimator, write_cohort

from nbica.exceptions import DataWarning, IgnoredWarning, WorkerKilled
from nbica.masking import compute_epi_mask

pytestmark = pytest.mark.slow
needs_kill = pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
NO_MASK = {"mask": None, "mask_strategy": "background", "mask_args": {"opening": False}}


@pytest.fixture
def func(tmp_path, monkeypatch):
    monkeypatch.setenv(READER, str(os.getpid()))
    return write_cohort(tmp_path, n_runs=4).func


@needs_kill
@pytest.mark.parametrize("options", [{}, NO_MASK], ids=["runs", "mask"])
def test_a_killed_worker(func, tmp_path, options):
    """The error names the run, what is kept, and what to do about it."""
    imgs = [*func[:2], with_data_of(DeadlyArray, func[2]), func[3]]

    with pytest.raises(WorkerKilled, match=r"image 3 \(in memory\)") as caught:
        estimator(n_jobs=2, memory=tmp_path / "cache", **options).fit(imgs)

    words = ["n_jobs", "ram", "cached; run again to continue", "on_error='skip'"]
    assert [word for word in words if word not in str(caught.value)] == []


@needs_kill
@pytest.mark.parametrize("options", [{}, NO_MASK], ids=["runs", "mask"])
def test_a_run_that_kills_its_worker_is_left_out(func, options):
    """With on_error="skip" the other runs are fitted, and the table says why one is not."""
    imgs = [*func[:2], with_data_of(DeadlyArray, func[2]), func[3]]

    with pytest.warns(DataWarning, match="killed"):
        ica = estimator(n_jobs=2, on_error="skip", **options).fit(imgs)

    expected = estimator(**options).fit([*func[:2], func[3]])
    assert list(ica.runs_["path"][ica.runs_["skipped"]]) == ["image 3 (in memory)"]
    np.testing.assert_array_equal(ica.components_, expected.components_)


@needs_kill
def test_a_worker_killed_in_transform(func):
    """Whatever else goes over runs says the same."""
    ica = estimator(n_jobs=2).fit(func)

    with pytest.raises(WorkerKilled, match="n_jobs"):
        ica.transform([func[0], with_data_of(DeadlyArray, func[1])])


@pytest.mark.parametrize("options", [{}, NO_MASK], ids=["runs", "mask"])
def test_a_run_that_takes_all_memory(func, options):
    """It is named with what to do; with on_error="skip" it is left out."""
    imgs = [*func[:2], with_data_of(GreedyArray, func[2]), func[3]]
    with pytest.raises(MemoryError, match=r"image 3 .*93\.1 GiB.*n_jobs or ram"):
        estimator(**options).fit(imgs)

    with pytest.warns(DataWarning, match="memory ran out"):
        ica = estimator(on_error="skip", **options).fit(imgs)

    expected = estimator(**options).fit([*func[:2], func[3]])
    np.testing.assert_array_equal(ica.components_, expected.components_)


def test_a_backend_that_cannot_stream(func):
    """The backend "multiprocessing" is replaced by loky, and that is said: the same maps."""
    expected = estimator().fit(func)

    with parallel_config("multiprocessing"):
        with pytest.warns(IgnoredWarning, match="'multiprocessing' cannot .*'loky'"):
            ica = estimator(n_jobs=2).fit(func)
        with pytest.warns(IgnoredWarning, match="loky"):
            compute_epi_mask(func, opening=False, n_jobs=2)
        alone = estimator(n_jobs=1).fit(func)

    np.testing.assert_array_equal(ica.components_, expected.components_)
    np.testing.assert_array_equal(alone.components_, expected.components_)
