"""Beyond one machine: the same fit on a dask cluster, within each worker's memory."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
from joblib import parallel_config
from planted import estimator, write_cohort

from nbica.decomposition.subspace import GroupSubspace
from nbica.runtime import machine

distributed = pytest.importorskip("distributed", reason="needs the extra: pip install nbica[dask]")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Six runs of 60 to 65 frames; nobody writes to it."""
    return write_cohort(tmp_path_factory.mktemp("cohort"))


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes of one thread, and a client."""
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None,
            memory_limit="1GB",
        ) as cluster,
        distributed.Client(cluster) as client,
    ):  # fmt: skip
        yield client


@pytest.fixture(scope="module")
def fitted(cohort):
    """What one process finds."""
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def test_same_maps_on_a_cluster(cohort, fitted, cluster):
    """Two workers that read their own files give the maps of one process, to the bit."""
    with parallel_config("dask"):
        ica = estimator().fit(cohort.func, confounds=cohort.confounds)

    assert ica.plan_.on_cluster
    assert ica.plan_.n_workers == 2
    assert np.array_equal(ica.components_, fitted.components_)


def test_cache_is_shared(cohort, fitted, cluster, tmp_path, monkeypatch):
    """Workers fill the cache that is asked for, by a relative path too, and are spared by it."""
    monkeypatch.chdir(tmp_path)
    with parallel_config("dask"):
        first = estimator(memory="cache").fit(cohort.func, confounds=cohort.confounds)
        second = estimator(memory="cache").fit(cohort.func, confounds=cohort.confounds)

    assert not first.runs_["cached"].any()
    assert second.runs_["cached"].all()
    assert np.array_equal(second.components_, fitted.components_)


def test_relative_paths(cohort, fitted, cluster, monkeypatch):
    """Images and confounds may be named from where the user is; workers are somewhere else."""
    monkeypatch.chdir(Path(cohort.func[0]).parent)
    func = [Path(path).name for path in cohort.func]
    confounds = [path.name for path in cohort.confounds]
    with parallel_config("dask"):
        ica = estimator().fit(func, confounds=confounds)

    assert np.array_equal(ica.components_, fitted.components_)


def test_transform_and_score_on_a_cluster(cohort, fitted, cluster):
    """Time courses and score are those of one process."""
    with parallel_config("dask"):
        courses, score = fitted.transform(cohort.func), fitted.score(cohort.func)

    assert all(map(np.array_equal, courses, fitted.transform(cohort.func)))
    assert score == fitted.score(cohort.func)


def test_workers_stay_within_their_memory(cohort, cluster):
    """The plan asks the workers what they may take; a budget too small for a run says so."""
    with parallel_config("dask"):
        n_slots, n_bytes = machine.cluster()
        assert machine.cluster(ram=400_000_000)[1] < n_bytes
        with pytest.raises(MemoryError, match="worker of the cluster"):
            estimator(ram="30MB").plan(cohort.func)
    assert n_slots == 2
    assert 1e8 < n_bytes < 0.7e9
    assert machine.cluster() is None


@pytest.mark.filterwarnings("ignore:.*the same run as that in row")
def test_killed_worker_loses_nothing(cohort, fitted, cluster):
    """A worker that dies in the middle is replaced, and its runs are reduced again."""
    pids = list(cluster.run(os.getpid).values())
    merge, seen = GroupSubspace.partial_fit, []

    def kill_once(self, rows):
        if not seen:
            os.kill(pids[0], signal.SIGKILL)
        seen.append(len(rows))
        return merge(self, rows)

    with pytest.MonkeyPatch.context() as patch, parallel_config("dask"):
        patch.setattr(GroupSubspace, "partial_fit", kill_once)
        ica = estimator().fit(cohort.func * 6, confounds=cohort.confounds * 6)

    cluster.wait_for_workers(2)  # as the next test finds them
    alone = estimator().fit(cohort.func * 6, confounds=cohort.confounds * 6)
    assert len(seen) == 36
    assert np.array_equal(ica.components_, alone.components_)
