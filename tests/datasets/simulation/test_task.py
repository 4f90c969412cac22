"""The simulated task: Haxby's form and design, the patterns that were planted, the same bytes."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from nbica.datasets import simulate_task
from nbica.datasets.simulation.task import CATEGORIES, responses
from nbica.masking import apply_mask


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """Two runs; nobody writes to them."""
    return simulate_task(n_runs=2, data_dir=tmp_path_factory.mktemp("data"))


def labels_of(task):
    table = pd.read_csv(task.session_target[0], sep=" ")
    return table["labels"].to_numpy(), table["chunks"].to_numpy()


def test_has_the_form_of_haxbys(task):
    """One 4D file of runs of 121 frames, a label and a run for each frame, masks on its grid."""
    img = nib.load(task.func[0])
    labels, _ = labels_of(task)

    assert img.shape[3] == len(labels) == 2 * 121
    assert img.header.get_zooms()[3] == task.t_r == 2.5
    for path in (task.mask, task.mask_vt[0], task.anat[0]):
        assert nib.load(path).shape == img.shape[:3]
        np.testing.assert_array_equal(nib.load(path).affine, img.affine)
    assert task.patterns_img.shape == (*img.shape[:3], 8)
    ventral, brain = (nib.load(p).get_fdata() > 0 for p in (task.mask_vt[0], task.mask))
    assert 100 < ventral.sum() < brain.sum() / 5
    assert not (ventral & ~brain).any()


def test_every_run_has_every_kind_once(task):
    """Nine frames of each kind in one block of each run, in an order that changes, rest around."""
    labels, chunks = labels_of(task)
    orders = []
    for chunk in (0, 1):
        run = labels[chunks == chunk]
        starts = np.flatnonzero(run[1:] != run[:-1]) + 1
        orders.append([kind for kind in run[starts] if kind != "rest"])
        assert sorted(orders[-1]) == sorted(CATEGORIES)
        assert all((run == kind).sum() == 9 for kind in CATEGORIES)
        assert run[0] == run[-1] == "rest"
    assert orders[0] != orders[1]


def test_what_is_evoked_is_the_planted_pattern(tmp_path):
    """Without noise, what goes with the response to a kind is its pattern, in percent."""
    task = simulate_task(n_runs=2, noise=0, data_dir=tmp_path)
    labels, _ = labels_of(task)
    signals = apply_mask(task.func[0], task.mask)
    truth = apply_mask(task.patterns_img, task.mask)

    design = np.column_stack([np.ones(len(labels)), responses(labels)])
    evoked = np.linalg.lstsq(design, signals.astype(float))[0][1:] / 10  # 10 units are a percent
    np.testing.assert_allclose(evoked, truth, atol=0.05)  # images are kept in quarters of a unit


def test_the_same_parameters_give_the_same_bytes(task, tmp_path):
    """A second call reads what is there; another folder gets the same; another seed does not."""
    again = simulate_task(n_runs=2, data_dir=tmp_path)
    assert Path(again.func[0]).read_bytes() == Path(task.func[0]).read_bytes()
    written = Path(again.func[0]).stat().st_mtime_ns

    simulate_task(n_runs=2, data_dir=tmp_path)

    assert Path(again.func[0]).stat().st_mtime_ns == written
    other = simulate_task(n_runs=2, data_dir=tmp_path, random_state=1)
    assert Path(other.func[0]).read_bytes() != Path(task.func[0]).read_bytes()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_runs": 0}, "n_runs is 0"),
        ({"noise": -1}, "noise is -1"),
        ({"random_state": "a"}, "random_state is 'a'"),
        ({"random_state": -1}, "random_state is -1"),
    ],
    ids=str,
)
def test_bad_parameters_are_named(tmp_path, options, message):
    """What cannot be is refused before anything is written."""
    with pytest.raises(ValueError, match=message):
        simulate_task(data_dir=tmp_path, **options)
    assert list(tmp_path.iterdir()) == []
