"""What the data functions return shows itself in a few lines."""

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.utils import Bunch

from nbica.datasets import find_bids, simulate_group
from nbica.datasets.dataset import Dataset


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulate_group(2, 20, voxel_size=12.0, data_dir=tmp_path_factory.mktemp("data"))


def test_a_cohort_is_a_page_and_no_wall(cohort):
    """Each key has its line, and no line is longer than a page is wide."""
    lines = repr(cohort).splitlines()

    assert [line.split()[0] for line in lines] == list(cohort)
    assert max(map(len, lines)) <= 88
    assert lines[0].split(maxsplit=1)[1].startswith("2 files: sub-01_task-rest")


def test_what_is_found_on_disk_too(cohort):
    """Tables are named by their rows and columns, what is missing as none."""
    text = repr(find_bids(cohort.data_dir, confounds=["motion6"]))

    assert "2 times table of 20 rows: trans_x, trans_y" in text
    assert "sample_mask  2 times none" in text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([], "none"),
        (None, "none"),
        (["a", "b"], "2: a, b"),
        (["x.nii"], "1 file: x.nii"),
        (["x.nii", "y.nii"], "2 files: x.nii, …"),
        ([None, np.zeros(3)], "1 times ndarray of 3"),
        ("first line\nsecond", "first line"),
        (pd.DataFrame({"a": [1, 2]}), "table of 2 rows: a"),
        (2.5, "2.5"),
    ],
)
def test_a_value_is_said_in_words(value, said):
    """Whatever a key holds has its words."""
    assert repr(Dataset(key=value)) == f"key  {said}"


def test_it_is_a_bunch(cohort):
    """Keys are attributes, and copies and pickles are whole."""
    assert isinstance(cohort, Bunch)
    assert cohort.func is cohort["func"]
    assert repr(pickle.loads(pickle.dumps(copy.copy(Dataset(a=1))))) == "a  1"
    assert repr(Dataset()) == ""
