"""The command line, as a person meets it."""

import pytest

from nbica import datasets
from nbica.__main__ import main


@pytest.fixture
def small_cohort(monkeypatch, tmp_path):
    """The demo on a cohort that takes a second."""
    simulate = datasets.simulate_group

    def small(n_subjects, n_jobs):
        shape = {"n_timepoints": 60, "voxel_size": 8.0, "data_dir": tmp_path / "data"}
        return simulate(n_subjects, n_jobs=n_jobs, **shape)

    monkeypatch.setattr(datasets, "simulate_group", small)


# So little data leave some of the 20 components undetermined.
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::nbica.exceptions.NotConvergedWarning")
@pytest.mark.usefixtures("small_cohort")
def test_demo_draws_and_remembers(tmp_path, capsys):
    """The demo names every network and writes a picture; the second one reads no run again."""
    arguments = ["demo", "-o", str(tmp_path / "out"), "-n", "4", "-j", "1"]

    first, again = (main(arguments), capsys.readouterr().out), (main(arguments), "")
    again = (again[0], capsys.readouterr().out)

    assert (first[0], again[0]) == (0, 0)
    assert "4 computed, 0 from the cache" in first[1]
    assert "0 computed, 4 from the cache" in again[1]
    assert all(name in first[1] for name in ("default mode", "auditory", "basal ganglia"))
    assert (tmp_path / "out" / "networks.png").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["demo", "-n", "0"], "n_subjects is 0"),
        (["demo", "-o", "/dev/null/nowhere"], "nowhere"),
    ],
)
@pytest.mark.usefixtures("small_cohort")
def test_mistakes_are_one_line(arguments, said, capsys):
    """What cannot be done is said in a line, without a traceback, and the status is 1."""
    status = main(arguments)

    error = capsys.readouterr().err
    assert status == 1
    assert error.startswith("nbica: ")
    assert said in error


def test_help_says_what_there_is(capsys):
    """--help lists the commands."""
    with pytest.raises(SystemExit):
        main(["--help"])

    assert "demo" in capsys.readouterr().out
