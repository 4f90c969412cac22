"""A fit without a mask reads each run once, and is the fit that reads it twice."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import nibabel as nib
import numpy as np
import planted
import pytest
from nilearn.masking import compute_multi_epi_mask
from planted import estimator, write_cohort

from nbica.decomposition import group_fit
from nbica.exceptions import DataWarning, RunCancelled
from nbica.image import frames
from nbica.runtime import budget, machine

OPTIONS = {"mask": None, "smoothing_fwhm": 5.0, "mask_args": {"opening": 1}}


def write_compressed(folder, n_runs=4):
    """Compressed runs of int16 with some noise around the brain."""
    rng = np.random.default_rng(1)
    cohort = write_cohort(folder, n_runs=n_runs)
    func = []
    for number, path in enumerate(cohort.func):
        img = nib.load(path)
        data = img.get_fdata() + rng.uniform(0, 20, img.shape)
        func.append(str(Path(folder, f"run-{number}.nii.gz")))
        nib.save(nib.Nifti1Image(data.astype(np.int16), img.affine), func[-1])
    return cohort._replace(func=func)


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_compressed(tmp_path_factory.mktemp("cohort"))


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """The folder where frames wait."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("NBICA_SCRATCH", str(folder))
    return folder


@pytest.fixture
def room(monkeypatch):
    """A function that says how many bytes may wait."""

    def room(n_bytes):
        monkeypatch.setattr(machine, "room_to_wait", lambda folder: n_bytes)

    return room


@pytest.fixture
def two_passes(cohort, tmp_path):
    """The fit that reads each run twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(machine, "room_to_wait", lambda folder: 0)
        return estimator(**OPTIONS).fit(cohort.func, confounds=cohort.confounds)


@pytest.fixture
def n_opened(monkeypatch):
    """Names of the compressed files whose frames were read."""
    found = []
    open_stream = frames.open_stream

    def counted(path):
        if path.endswith(".gz"):
            found.append(Path(path).name)
        return open_stream(path)

    monkeypatch.setattr(frames, "open_stream", counted)
    return found


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("n_bytes", [1_500_000, 10**9], ids=["some", "all"])
@pytest.mark.parametrize("cached", [False, True], ids=["", "cache"])
def test_one_pass_changes_no_bit(
    cohort, two_passes, scratch, room, tmp_path, n_jobs, n_bytes, cached
):
    """With room for all runs or for some, by one process or two, cached or not: the same maps."""
    room(n_bytes)
    memory = tmp_path / "cache" if cached else None

    ica = estimator(n_jobs=n_jobs, memory=memory, **OPTIONS).fit(
        cohort.func, confounds=cohort.confounds
    )

    np.testing.assert_array_equal(ica.mask_img_.get_fdata(), two_passes.mask_img_.get_fdata())
    np.testing.assert_array_equal(ica.components_, two_passes.components_)
    assert not list(scratch.iterdir())


def test_the_mask_is_nilearns(cohort, scratch):
    """Voxel for voxel."""
    ica = estimator(**OPTIONS).fit(cohort.func)

    expected = compute_multi_epi_mask(cohort.func, opening=1)
    np.testing.assert_array_equal(ica.mask_img_.get_fdata(), expected.get_fdata())


def test_each_run_is_decompressed_once(cohort, scratch, room, n_opened):
    """And twice where there is no room for it to wait."""
    one = [Path(path).name for path in cohort.func]
    estimator(**OPTIONS).fit(cohort.func)
    assert n_opened == one
    del n_opened[:]

    room(
        2 * (nib.load(cohort.func[0]).get_fdata().size + nib.load(cohort.func[1]).get_fdata().size)
    )
    estimator(**OPTIONS).fit(cohort.func)

    assert n_opened == one + one[2:]


def test_a_plan_says_what_waits(cohort, scratch, room):
    """Frames of the runs that fit, of no other; none where the runs are on a cluster."""
    sizes = [2 * int(np.prod(nib.load(path).shape)) for path in cohort.func]
    room(10**9)
    assert estimator(**OPTIONS).plan(cohort.func).copies == sum(sizes)
    room(sum(sizes) - 1)
    plan = estimator(**OPTIONS).plan(cohort.func)
    assert plan.copies == sum(sizes[:3])
    assert "mask" in str(plan)
    work = plan.workload
    assert budget.make_plan(work, 2, 10**10, 0, "/", slot=10**10, room=10**10).copies == 0
    assert estimator(mask=planted.mask_image()).plan(cohort.func).copies == 0
    of_template = estimator(mask=None, mask_strategy="whole-brain-template").plan(cohort.func)
    assert of_template.copies == 0
    assert "mask" not in of_template.seconds


def test_a_second_fit_reads_nothing(cohort, scratch, tmp_path, n_opened):
    """Keys are those of the files, not of their copies."""
    memory = tmp_path / "cache"
    first = estimator(memory=memory, **OPTIONS).fit(cohort.func)
    del n_opened[:]

    second = estimator(memory=memory, **OPTIONS).fit(cohort.func)

    assert n_opened == []
    assert list(second.runs_["cached"]) == [True] * 4
    np.testing.assert_array_equal(second.components_, first.components_)


def test_a_damaged_run_is_left_out(tmp_path, scratch):
    """Its checksum tells, and the others are what they are without it."""
    cohort = write_compressed(tmp_path, n_runs=3)
    content = bytearray(Path(cohort.func[1]).read_bytes())
    content[-6] ^= 1
    Path(cohort.func[1]).write_bytes(content)

    with pytest.warns(DataWarning, match="skipped"):
        ica = estimator(on_error="skip", **OPTIONS).fit(cohort.func)

    expected = estimator(**OPTIONS).fit([cohort.func[0], cohort.func[2]])
    np.testing.assert_array_equal(ica.components_, expected.components_)
    assert not list(scratch.iterdir())


def test_a_fit_that_is_stopped_leaves_no_frames(cohort, scratch):
    """Stopped at the first run, while the others wait."""
    seen = []

    def stop(state):
        seen.extend(scratch.rglob("0*"))
        raise RunCancelled

    with pytest.raises(RunCancelled):
        estimator(callback=stop, **OPTIONS).fit(cohort.func)

    assert len(seen) == 3
    assert not list(scratch.iterdir())


def test_a_killed_fit_is_swept_by_the_next(cohort, scratch):
    """Nobody else would remove what it left."""
    code = f"""
    import os, signal, sys
    sys.path.insert(0, {str(Path(planted.__file__).parent)!r})
    from planted import estimator

    def kill(state):
        os.kill(os.getpid(), signal.SIGKILL)

    options = {OPTIONS!r}
    estimator(callback=kill, **options).fit({cohort.func!r})
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert list(scratch.iterdir())

    estimator(**OPTIONS).fit(cohort.func)

    assert not list(scratch.iterdir())


def test_a_file_that_is_replaced_between_the_passes(tmp_path, scratch, monkeypatch):
    """It is read again: under its key the cache keeps what it holds now."""
    cohort = write_compressed(tmp_path, n_runs=2)
    made = group_fit.with_copies_made
    other = nib.load(cohort.func[0]).get_fdata()[..., ::-1].astype(np.int16)

    def replaced(runs):
        nib.save(nib.Nifti1Image(other, planted.AFFINE), cohort.func[0])
        return made(runs)

    monkeypatch.setattr(group_fit, "with_copies_made", replaced)
    options = OPTIONS | {"memory": tmp_path / "cache"}
    during = estimator(**options).fit(cohort.func)
    monkeypatch.undo()

    after = estimator(mask=during.mask_img_, smoothing_fwhm=5.0).fit(cohort.func)
    np.testing.assert_array_equal(during.components_, after.components_)
