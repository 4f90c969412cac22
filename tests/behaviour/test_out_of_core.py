"""More data than memory: any budget gives the same maps; files are read once, by small blocks."""

import os
import subprocess
import sys
import textwrap
import tracemalloc
from dataclasses import replace
from functools import partial

import nibabel as nib
import numpy as np
import planted
import pytest
from planted import AFFINE, mask_image, write_cohort

from nbica.decomposition.reduction import reduce_run
from nbica.decomposition.subspace import GroupSubspace
from nbica.image import frames
from nbica.image.run import load_run
from nbica.masking import load_mask
from nbica.masking.preparation import Preparation
from nbica.runtime import budget, machine
from nbica.runtime.units import parse_ram
from nbica.signal import Cleaning

# Maps of norm 1 that differ by the rounding of float32 sums.
FLOAT32 = 1e-5

estimator = partial(planted.estimator, smoothing_fwhm=5)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    """Four runs, plain and compressed; nobody writes to it."""
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=4)


@pytest.fixture(scope="module")
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


@pytest.fixture
def on_disk(monkeypatch, tmp_path):
    """Plans put the matrices into scratch files, whatever there is; the folder they go to."""
    make_plan = budget.make_plan

    def planned(*args, **kwargs):
        return replace(make_plan(*args, **kwargs), in_ram=False)

    monkeypatch.setattr(budget, "make_plan", planned)
    monkeypatch.setenv("NBICA_SCRATCH", str(tmp_path))
    return tmp_path


@pytest.fixture
def n_reads(monkeypatch):
    """Names of the runs whose frames were read, in order."""
    names = []
    iter_raw = frames._iter_raw

    def counted(run, n_frames):
        names.append(run.name)
        return iter_raw(run, n_frames)

    monkeypatch.setattr(frames, "_iter_raw", counted)
    return names


# ---- the same maps -------------------------------------------------------------------------------


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scratch_files_change_no_bit(cohort, fitted, on_disk, n_jobs):
    """With the matrices in files, by one process or two, the maps are the same to the bit."""
    ica = estimator(n_jobs=n_jobs).fit(cohort.func, confounds=cohort.confounds)

    assert ica.plan_.scratch_path == str(on_disk)
    assert np.array_equal(ica.components_, fitted.components_)
    assert np.array_equal(ica.variance_, fitted.variance_)
    assert list(ica.runs_["warnings"]) == list(fitted.runs_["warnings"])
    assert not list(on_disk.iterdir())


@pytest.mark.parametrize("ram", ["2GB", "30GB"])
def test_budget_changes_no_bit(cohort, fitted, ram):
    """A budget decides how, not what."""
    ica = estimator(ram=ram, n_jobs=2).fit(cohort.func, confounds=cohort.confounds)

    assert np.array_equal(ica.components_, fitted.components_)
    assert ica.plan_.peak <= ica.plan_.ram == parse_ram(ram)


def test_score_and_transform_from_scratch_files(cohort, fitted, on_disk):
    """Time courses and explained variance are those of the plan in RAM, to the bit."""
    assert not fitted.plan(cohort.func).in_ram
    from_disk = fitted.transform(cohort.func), fitted.score(cohort.func, per_component=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(budget.Plan, "scratch_path", None)
        in_ram = fitted.transform(cohort.func), fitted.score(cohort.func, per_component=True)

    assert all(map(np.array_equal, from_disk[0], in_ram[0]))
    assert np.array_equal(from_disk[1], in_ram[1])


def test_plain_compressed_and_in_memory_change_no_bit(cohort, tmp_path):
    """The same numbers as .nii, .nii.gz and in memory give the same maps."""
    imgs = [nib.load(path) for path in cohort.func]
    fits = [
        estimator().fit([nib.Nifti1Image(img.get_fdata(dtype="f"), img.affine) for img in imgs])
    ]
    for suffix in (".nii", ".nii.gz"):
        paths = [tmp_path / f"{number}{suffix}" for number in range(len(imgs))]
        for img, path in zip(imgs, paths, strict=True):
            nib.save(img, path)
        fits.append(estimator().fit(paths))

    assert all(np.array_equal(fit.components_, fits[0].components_) for fit in fits)


@pytest.mark.parametrize("n_bytes", [1, 1e5, 1e9])
def test_block_of_frames_changes_rounding_only(cohort, fitted, monkeypatch, n_bytes):
    """Frame by frame or all at once: maps of norm 1 are equal to 1e-5."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", n_bytes)

    ica = estimator().fit(cohort.func, confounds=cohort.confounds)

    np.testing.assert_allclose(ica.components_, fitted.components_, atol=FLOAT32)


# ---- counts --------------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", ["1", "2"])
def test_reading_ahead_changes_no_bit(cohort, fitted, monkeypatch, threads):
    """A thread that reads ahead, where there is a core for it, gives the same maps."""
    monkeypatch.setattr(machine, "threads_allowed", lambda: int(threads))

    ica = estimator().fit(cohort.func, confounds=cohort.confounds)

    assert np.array_equal(ica.components_, fitted.components_)


def test_files_are_read_once(cohort, n_reads, on_disk):
    """With a mask, a fit from scratch files reads each file once."""
    estimator().fit(cohort.func, confounds=cohort.confounds)

    assert n_reads == cohort.func


@pytest.mark.filterwarnings("ignore:.*the same run as that in row")
def test_generator_is_consumed_as_it_goes(cohort, monkeypatch):
    """With a mask and a budget, runs are taken from a generator while others are reduced."""
    taken, seen = [], []
    merge = GroupSubspace.partial_fit

    def runs():
        for path in cohort.func * 5:
            taken.append(path)
            yield path

    def merged(self, rows):
        seen.append(len(taken))
        return merge(self, rows)

    monkeypatch.setattr(GroupSubspace, "partial_fit", merged)
    ica = estimator(ram="3GB").fit(runs())

    assert len(ica.runs_) == 20
    assert seen[0] <= 3  # one reduced, one asked for the plan, one ahead
    assert ica.plan_.workload.n_runs is None
    assert str(ica.plan_).startswith("Any number of runs")


def test_generator_gets_all_workers(cohort):
    """That nobody knows how many runs will come does not leave processes idle."""
    ica = estimator(n_jobs=2).fit(iter(cohort.func))

    assert ica.plan_.n_workers == 2


# ---- bytes ---------------------------------------------------------------------------------------


def write_long_run(path, shape, n_timepoints, rng):
    """A plain float32 run of noise, written frame by frame."""
    img = nib.Nifti1Image(np.zeros((*shape, 1), np.float32), AFFINE)
    img.header.set_data_shape((*shape, n_timepoints))
    with path.open("wb") as file:
        img.header.write_to(file)
        file.write(bytes(int(img.header["vox_offset"]) - file.tell()))
        for _ in range(n_timepoints):
            file.write(1000 + rng.standard_normal(shape, dtype=np.float32))
    return path


@pytest.mark.exact("counts bytes")
def test_reduction_from_a_scratch_file_allocates_little(tmp_path, rng):
    """Of a matrix of 38 MB less than two thirds is ever allocated; without the file, all of it."""
    shape, n_timepoints = (32, 40, 30), 250
    run = load_run(write_long_run(tmp_path / "long.nii", shape, n_timepoints, rng))
    mask = load_mask(mask_image(np.ones(shape, bool)))
    matrix = 4 * n_timepoints * mask.n_voxels
    results = []

    def peak(folder):
        tracemalloc.start()
        preparation = Preparation(mask, None, Cleaning())
        results.append(reduce_run(run, preparation, 5, scratch_folder=folder).reduction)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return high

    in_file, in_ram = peak(tmp_path), peak(None)

    assert matrix < in_ram < 1.6 * matrix
    # Blocks of the matrix, one of them in float64 for the Gram matrix, and what is kept of a run.
    assert in_file < 0.65 * matrix
    assert np.array_equal(results[0].components, results[1].components)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux")
def test_fit_in_a_process_that_could_not_hold_the_matrix(tmp_path, rng):
    """A run whose matrix is more than a process may allocate is fitted from a scratch file."""
    shape, n_timepoints = (42, 40, 36), 700  # 60 000 voxels: 169 MB
    path = write_long_run(tmp_path / "long.nii", shape, n_timepoints, rng)
    nib.save(mask_image(np.ones(shape, bool), AFFINE), tmp_path / "mask.nii")
    code = f"""
        import resource
        import numpy as np
        import pandas
        from nbica import CanICA
        from nbica.runtime import machine
        ica = CanICA(mask={str(tmp_path / "mask.nii")!r}, n_components=3, smoothing_fwhm=None,
                     n_init=1, tol=0.9, threshold=None)
        plan = ica.plan({str(path)!r})
        limit = machine._own_pages()[0] + 150_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        try:
            np.ones(({n_timepoints}, {np.prod(shape)}), np.float32)
        except MemoryError:
            ica.fit({str(path)!r})
            print(ica.plan_.in_ram, ica.components_.shape)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True, text=True, check=False,
        env={"OPENBLAS_NUM_THREADS": "1", "NBICA_SCRATCH": str(tmp_path), **_environment()},
    )  # fmt: skip

    assert done.stdout.split("\n")[0] == f"False (3, {np.prod(shape)})", done.stderr[-2000:]


def _environment():
    return {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "HOME") if name in os.environ}


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scratch_beside_a_new_cache(cohort, fitted, on_disk, monkeypatch, n_jobs):
    """The first fit with a cache whose folder is not there yet may need scratch files."""
    monkeypatch.delenv("NBICA_SCRATCH")
    memory = on_disk / "not" / "there" / "yet"

    ica = estimator(memory=memory, n_jobs=n_jobs).fit(cohort.func, confounds=cohort.confounds)

    assert ica.plan_.scratch_path == str(memory)
    assert [path.name for path in memory.iterdir()] == ["nbica"]
    np.testing.assert_allclose(ica.components_, fitted.components_, atol=FLOAT32)
