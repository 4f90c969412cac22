"""What a user passes as runs and confounds: the same for every function that takes both."""

from types import SimpleNamespace

import numpy as np
import pytest

from nbica.image.inputs import inputs_of

SHAPE = (4, 5, 3, 6)


@pytest.fixture
def paths(rng, save_image):
    return [save_image(rng.random(SHAPE), name=f"run-{i}.nii.gz") for i in range(3)]


@pytest.fixture
def tables(rng):
    return [rng.random((SHAPE[3], 2)) for _ in range(3)]


def test_a_bunch_brings_its_confounds(paths, tables):
    """They count unless others are passed beside it."""
    bunch, others = SimpleNamespace(func=paths, confounds=tables), tables[::-1]

    assert inputs_of(bunch).confounds == tables
    assert inputs_of(bunch, others).confounds == others
    assert not inputs_of(SimpleNamespace(func=paths)).has_confounds


def test_every_way_to_pass_runs_gives_the_same(paths, tables):
    """List, pattern, Bunch and generator: the same runs with the same confounds."""
    ways = [paths, str(paths[0].parent / "run-*.nii.gz"), SimpleNamespace(func=paths), iter(paths)]

    for way in ways:
        found = list(inputs_of(way, tables).pairs())

        assert [run.name for run, _ in found] == [str(path) for path in paths]
        assert [arguments["confounds"] for _, arguments in found] == tables


def test_a_generator_stays_one_for_a_single_pass(paths):
    """Only its first run is looked at before the others are asked for, and none is lost."""
    asked = []
    inputs = inputs_of((asked.append(path) or path for path in paths), one_pass=True)

    assert (inputs.n_runs, len(asked), inputs.first.name) == (None, 1, str(paths[0]))
    assert [run.name for run in inputs.runs] == [str(path) for path in paths]


def test_numbers_that_differ_are_an_error(paths, tables):
    """Three runs and two tables: both numbers are said."""
    with pytest.raises(ValueError, match="Got 3 runs and 2 confounds"):
        inputs_of(paths, tables[:2])


def test_one_run_takes_its_table_alone(paths):
    """A single run needs no list around its table."""
    table = np.ones((SHAPE[3], 2))

    [(_, arguments)] = inputs_of(paths[0], table).pairs()

    assert arguments["confounds"] is table
