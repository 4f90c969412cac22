"""Runs without some of their components: exact, in place and unit of the original, whole or not."""

import nibabel as nib
import numpy as np
import pytest
from planted import brain_mask, estimator, write_cohort

from nbica.connectivity import remove_components
from nbica.connectivity.denoise import complement
from nbica.image.writing import NiftiStream
from nbica.matching import match
from nbica.signal import clean

# Of a float32 file with values about 1000: rounding, summed over 60 frames.
ROUNDED = 1e-5


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=3)


@pytest.fixture(scope="module")
def ica(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def voxels_by_time(path):
    return nib.load(path).get_fdata().reshape(-1, nib.load(path).shape[3])


def courses_of(ica, cohort):
    courses = ica.transform(cohort.func[:1], cohort.confounds[:1])[0].astype(float)
    return (courses - courses.mean(axis=0)) / courses.std(axis=0)


@pytest.mark.parametrize("aggressive", [True, False])
def test_is_the_complement_by_least_squares(ica, cohort, tmp_path, aggressive):
    """The result is numpy's: the part along the chosen time courses is gone, the rest is as is."""
    out = remove_components(
        ica, cohort.func[0], [0, 3], tmp_path / "clean.nii.gz", cohort.confounds[0], aggressive
    )

    before, after = voxels_by_time(cohort.func[0]), voxels_by_time(out)
    courses = courses_of(ica, cohort)
    design = courses[:, [0, 3]] if aggressive else courses
    intercept = np.column_stack([np.ones(len(courses)), design])
    slopes = np.linalg.lstsq(intercept, before.T)[0][1:]
    removed = design[:, [0, 1]] @ slopes[:2] if aggressive else courses[:, [0, 3]] @ slopes[[0, 3]]
    np.testing.assert_allclose(after, before - removed.T, atol=ROUNDED * np.abs(before).max())


def test_nothing_is_left_of_the_chosen(ica, cohort, tmp_path):
    """No voxel correlates with the chosen time courses any more; means are kept, twice is once."""
    out = remove_components(
        ica, cohort.func[0], [1], tmp_path / "clean.nii.gz", cohort.confounds[0]
    )

    before, after = voxels_by_time(cohort.func[0]), voxels_by_time(out)
    course = courses_of(ica, cohort)[:, 1]
    left = np.abs((after - after.mean(axis=1, keepdims=True)) @ course)
    there = np.abs((before - before.mean(axis=1, keepdims=True)) @ course)
    assert left.max() < ROUNDED * there.max() * len(course)
    np.testing.assert_allclose(after.mean(axis=1), before.mean(axis=1), rtol=ROUNDED)
    removed, weights = complement(courses_of(ica, cohort), [1])
    once = before.T - removed @ (weights @ before.T)
    np.testing.assert_allclose(once - removed @ (weights @ once), once, atol=1e-9)


def test_the_planted_network_is_gone_and_the_others_stay(ica, cohort, tmp_path):
    """Seen with the true maps, the chosen network has lost its variance, the others theirs not."""
    chosen = match(ica.components_, cohort.maps).indices[2]
    out = remove_components(
        ica, cohort.func[0], [chosen], tmp_path / "clean.nii.gz", cohort.confounds[0]
    )

    inverse, deviations = np.linalg.pinv(cohort.maps), []
    for path in (cohort.func[0], out):
        signals = nib.load(path).get_fdata()[brain_mask()].T
        signals = clean(signals, detrend=True, standardize=False, confounds=cohort.confounds[0])
        deviations.append((signals @ inverse).std(axis=0))
    kept = deviations[1] / deviations[0]
    assert kept[2] < 0.5
    assert np.delete(kept, 2).min() > 0.9


def test_the_image_keeps_its_place(ica, cohort, tmp_path):
    """Shape, affine, its code and the repetition time are those of the run."""
    out = nib.load(
        remove_components(
            ica, cohort.func[1], 0, str(tmp_path / "clean.nii.gz"), cohort.confounds[1]
        )
    )

    run = nib.load(cohort.func[1])
    assert out.shape == run.shape
    np.testing.assert_array_equal(out.affine, run.affine)
    assert out.header["sform_code"] == run.header["sform_code"]
    assert out.header.get_zooms() == run.header.get_zooms()
    assert out.header.get_xyzt_units() == ("mm", "sec")


@pytest.mark.parametrize(
    ("components", "name", "error", "message"),
    [
        ([5], "a.nii.gz", ValueError, "0 to 4"),
        ([-1], "a.nii.gz", ValueError, "0 to 4"),
        ([], "a.nii.gz", ValueError, "one or more"),
        ([0.5], "a.nii.gz", ValueError, "rows"),
        ([True], "a.nii.gz", ValueError, "rows"),
        ([0], "a.nii", ValueError, r"\.nii\.gz"),
        ([0], "missing/a.nii.gz", FileNotFoundError, "Make it first"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(ica, cohort, tmp_path, components, name, error, message):
    """Components that do not exist and names that cannot be are refused, before any work."""
    with pytest.raises(error, match=message):
        remove_components(ica, cohort.func[0], components, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(ica, cohort, tmp_path, monkeypatch):
    """Where writing fails half way, neither a half file nor a temporary one stays behind."""
    out = tmp_path / "clean.nii.gz"
    out.write_bytes(b"what was there")
    write = NiftiStream.write
    n_written = []

    def full(stream, piece):
        n_written.append(1)
        if len(n_written) > 1:
            raise OSError(28, "No space left on device")
        write(stream, piece)

    monkeypatch.setattr(NiftiStream, "write", full)
    monkeypatch.setattr("nbica.image.frames.BLOCK_BYTES", 2e5)

    with pytest.raises(OSError, match="No space"):
        remove_components(ica, cohort.func[0], [0], out, cohort.confounds[0])
    assert [path.name for path in tmp_path.iterdir()] == ["clean.nii.gz"]
    assert out.read_bytes() == b"what was there"
