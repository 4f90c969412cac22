"""Copies of frames: the same numbers by fewer readings, and no copy where it would be wrong."""

import resource

import nibabel as nib
import numpy as np
import pytest

from nbica.exceptions import DataError
from nbica.image import copies, frames
from nbica.image.frames import iter_blocks, mean_volume
from nbica.image.grid import whole
from nbica.image.run import load_run
from nbica.image.spatial import Box

INNER = Box(slice(6, 11), slice(7, 12), slice(5, 9))


@pytest.fixture
def opened(monkeypatch):
    """Suffixes of the files whose frames were read."""
    found = []
    open_stream = frames.open_stream

    def counted(path):
        found.append(path[-3:])
        return open_stream(path)

    monkeypatch.setattr(frames, "open_stream", counted)
    return found


def brain(rng, dtype=np.int16, background=5):
    """A bright block in a darker volume."""
    data = rng.normal(background, 1, (18, 20, 16, 9))
    data[5:13, 6:14, 4:11] += 1000
    return data.astype(dtype)


def copied(path, folder, room=10**9, smoothing_fwhm=None):
    (run,) = copies.with_copies([load_run(path)], folder, room, smoothing_fwhm)
    return run


def values(run, box):
    return np.concatenate([block.values for block in iter_blocks(run, run.grid, box)])


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, ">i2", np.int32, np.float32, np.float64])
def test_a_copy_holds_the_same_numbers(rng, save_image, tmp_path, opened, dtype):
    """After the mean the frames of a box come from the copy, not from the file."""
    path = save_image(brain(rng, dtype) if dtype is not np.uint8 else brain(rng) // 8)
    run = copied(path, tmp_path)
    expected, mean = values(load_run(path), INNER), mean_volume(load_run(path))
    del opened[:]

    np.testing.assert_array_equal(mean_volume(run), mean)
    np.testing.assert_array_equal(values(run, INNER), expected)

    assert opened.count(".gz") == 1
    assert len(opened) == 2


def test_scaled_numbers_are_scaled_once(rng, save_image, tmp_path):
    """A copy holds numbers as they are stored; slope and intercept come after."""
    img = nib.Nifti1Image(brain(rng), np.eye(4))
    img.header.set_slope_inter(0.37, -4.0)
    nib.save(img, tmp_path / "bold.nii.gz")
    kept = copied(tmp_path / "bold.nii.gz", tmp_path)

    mean_volume(kept)

    expected = nib.load(tmp_path / "bold.nii.gz").get_fdata()[6:11, 7:12, 5:9].T
    assert copies.from_copy(kept, INNER)[0].frames.slope != 1.0
    np.testing.assert_allclose(values(kept, INNER), expected, rtol=1e-6)


def test_what_a_copy_lacks_is_read_from_the_file(rng, save_image, tmp_path, opened):
    """A box that is wider than the copy, such as the whole frame, opens the file again."""
    path = save_image(brain(rng))
    run = copied(path, tmp_path)
    mean_volume(run)

    np.testing.assert_array_equal(
        values(run, whole(run.grid)), values(load_run(path), whole(run.grid))
    )

    assert opened == [".gz"] * 3


def test_a_copy_is_as_wide_as_it_is_smoothed(rng, save_image, tmp_path):
    """Around the brain there is what smoothing takes, and not the whole frame."""
    path = save_image(brain(rng, background=20))
    wide = copied(path, tmp_path, smoothing_fwhm=3.0)
    mean_volume(wide)
    run, box = copies.from_copy(wide, Box(slice(5, 13), slice(6, 14), slice(4, 11)))
    before = [side.start for side in box]

    assert all(n >= reach for n, reach in zip(before, wide.copy.reach, strict=True))
    assert np.prod(run.grid.shape) < np.prod(wide.grid.shape)


def test_a_file_that_was_replaced_has_no_copy(rng, save_image, tmp_path, opened):
    """What was copied of another file is not taken for this one's."""
    path = save_image(brain(rng))
    run = copied(path, tmp_path)
    mean_volume(run)
    path.unlink()
    save_image(brain(rng) + 1)
    del opened[:]

    found = values(run, INNER)

    assert opened == [".gz"]
    np.testing.assert_array_equal(found, values(load_run(path), INNER))


def test_a_damaged_file_leaves_no_copy(rng, save_image, tmp_path):
    """The checksum, at the end of a gzip file, says whether what was copied is right."""
    path = save_image(brain(rng))
    content = bytearray(path.read_bytes())
    content[-6] ^= 1
    path.write_bytes(content)

    with pytest.raises(DataError, match=path.name):
        mean_volume(copied(path, tmp_path))

    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("folder", ["full", "gone"])
def test_no_room_makes_no_copy_and_no_error(rng, save_image, tmp_path, folder):
    """A full disk, or a folder that went away: the file is read twice."""
    path = save_image(brain(rng))
    run = copied(path, tmp_path if folder == "full" else tmp_path / "gone")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        mean = mean_volume(run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    np.testing.assert_array_equal(mean, mean_volume(load_run(path)))
    assert list(tmp_path.iterdir()) == [path]
    assert copies.with_copies_made([run])[0].copy is None


def test_no_more_copies_than_there_is_room_for(rng, save_image, tmp_path):
    """Plain files need no copy; of the compressed the first ones have one."""
    data = brain(rng)
    paths = [save_image(data, name) for name in ("a.nii", "b.nii.gz", "c.nii.gz", "d.nii.gz")]
    runs = copies.with_copies([load_run(path) for path in paths], tmp_path, 2 * data.nbytes)

    assert [run.copy is not None for run in runs] == [False, True, True, False]


def test_a_copy_goes_when_it_was_used(rng, save_image, tmp_path):
    """Room is given back."""
    run = copied(save_image(brain(rng)), tmp_path / "copies")
    (tmp_path / "copies").mkdir()
    mean_volume(run)
    assert len(list((tmp_path / "copies").iterdir())) == 1

    copies.remove_copy(run)

    assert not list((tmp_path / "copies").iterdir())
