"""`count_reads`: which runs are read to their last frame."""

import numpy as np
import pytest

from nbica import count_reads
from nbica.image.frames import iter_blocks
from nbica.image.grid import whole
from nbica.image.run import load_run


@pytest.fixture
def run(tmp_path, rng):
    """A file of six frames."""
    import nibabel as nib

    path = tmp_path / "bold.nii.gz"
    nib.save(nib.Nifti1Image(rng.normal(size=(4, 5, 6, 6)).astype(np.float32), np.eye(4)), path)
    return load_run(path)


def read(run):
    """All its frames, two at a time."""
    return list(iter_blocks(run, run.grid, whole(run.grid), n_frames=2))


def test_a_run_counts_when_its_last_frame_was_read(run):
    """Each whole pass counts once; a look at the first frames does not."""
    with count_reads() as reads:
        next(iter_blocks(run, run.grid, whole(run.grid), n_frames=2))
        assert reads == []
        read(run)
        read(run)

    assert reads == [str(run.name)] * 2


def test_counts_are_apart(run):
    """What is read inside of two counts is in both, and what is read after one is not in it."""
    with count_reads() as outer:
        with count_reads() as inner:
            read(run)
        read(run)
    read(run)

    assert (len(outer), len(inner)) == (2, 1)


def test_a_count_ends_with_an_error(run):
    """An error inside of the block does not leave a count behind."""
    with pytest.raises(ZeroDivisionError), count_reads() as reads:
        1 / 0  # noqa: B018
    read(run)

    assert reads == []
