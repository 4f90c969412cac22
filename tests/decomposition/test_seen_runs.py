"""A fit can go back to its runs: for time courses, one run at a time."""

import gc
import pickle
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica.decomposition import seen_runs
from nbica.decomposition.seen_runs import SeenCourses, SeenRun
from nbica.exceptions import DataError
from nbica.image.run import load_run


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=4, n_timepoints=40)


@pytest.fixture(scope="module")
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def test_courses_are_those_of_transform(cohort, fitted):
    """With the confounds and frames of the fit, bit for bit; the header's TR beside them."""
    kept = [np.arange(3, 38), None, None, None]
    scrubbed = estimator().fit(cohort.func, confounds=cohort.confounds, sample_mask=kept)

    for one, frames in ((fitted, None), (scrubbed, kept)):
        wanted = one.transform(cohort.func, cohort.confounds, frames)
        found = SeenCourses(one)
        assert found.t_r == [2.0] * 4
        assert [path.endswith(f"sub-0{i}_bold.nii{'.gz' * (i % 2)}")
                for i, path in enumerate(found.names)] == [True] * 4  # fmt: skip
        for index in range(4):
            assert np.array_equal(found.get(index), wanted[index])


def test_a_run_is_gone_through_once(cohort, fitted, tmp_path, monkeypatch):
    """Later looks, of another desk too, find what was computed; with a memory a new fit as well."""
    walked, project = [], seen_runs.project_run
    monkeypatch.setattr(
        seen_runs, "project_run", lambda run, *rest: walked.append(run.name) or project(run, *rest)
    )
    for _ in range(2):
        again = estimator(memory=tmp_path / "cache").fit(cohort.func, confounds=cohort.confounds)
        for _ in range(2):
            SeenCourses(again).get(1)

    assert walked == [str(cohort.func[1])]
    assert SeenCourses(again).known(1) is not None
    assert SeenCourses(again).known(0) is None


def test_skipped_runs_are_left_out(cohort, tmp_path):
    """The runs that went into the fit keep their own confounds."""
    bad = tmp_path / "bad.nii.gz"
    bad.write_bytes(b"no image")
    imgs, tables = [cohort.func[0], bad, *cohort.func[1:]], list(cohort.confounds)
    one = estimator(on_error="skip")
    with pytest.warns(match="bad"):
        one.fit(imgs, confounds=[tables[0], None, *tables[1:]])

    found = SeenCourses(one)

    assert found.names == [str(path) for path in cohort.func]
    wanted = one.transform(cohort.func[1], [tables[1]])[0]
    assert np.array_equal(found.get(1), wanted)


def test_runs_that_are_gone_are_named(cohort, tmp_path):
    """A deleted file, a generator, an image that nobody holds."""
    copies = [tmp_path / Path(path).name for path in cohort.func]
    for path, copy in zip(cohort.func, copies, strict=True):
        copy.write_bytes(Path(path).read_bytes())
    one = estimator().fit(copies)
    copies[2].unlink()
    with pytest.raises(DataError, match=r"sub-02_bold\.nii is gone"):
        SeenCourses(one).get(2)

    one.fit(iter(cohort.func))
    assert "generator" in SeenCourses(one).trouble
    with pytest.raises(DataError, match="came from a generator"):
        SeenCourses(one).get(0)


def test_no_image_is_kept_alive_for_this(cohort):
    """An image in memory is found as long as somebody holds it, and not after."""
    data = np.asarray(nib.load(cohort.func[0]).dataobj).copy()
    run = load_run(nib.Nifti1Image(data, np.eye(4)), "image 1 (in memory)")
    seen = SeenRun.of(run, None)
    assert seen.again().frames.array is run.frames.array

    del run, data
    gc.collect()
    with pytest.raises(DataError, match=r"image 1 .* in memory only"):
        seen.again()


def test_a_pickle_finds_files_again(fitted, cohort):
    """What was learnt, with the way to its files; arrays stay where they are."""
    restored = pickle.loads(pickle.dumps(fitted))
    restored._courses_.clear()

    wanted = fitted.transform(cohort.func[3], cohort.confounds[3:])[0]
    assert np.array_equal(SeenCourses(restored).get(3), wanted)


def test_runs_of_another_kind_are_said_to_be_gone():
    """A fit of what are no images goes on; only there is no way back to them."""
    seen = SeenRun.of(SimpleNamespace(name="left cortex"), None)

    assert seen.t_r is None
    with pytest.raises(DataError, match="left cortex is gone"):
        seen.again()
