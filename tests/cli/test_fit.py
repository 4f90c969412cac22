"""`nbica run`: what it writes, what it replaces, and what a kill leaves."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from planted import write_cohort

from nbica import CanICA
from nbica.__main__ import main
from nbica.cli.fit import FILES, write
from nbica.runtime.atomic import file_set

OPTIONS = ["-n", "3", "--smoothing-fwhm", "0", "--threshold", "none"]


@pytest.fixture
def cohort(tmp_path):
    return write_cohort(tmp_path, n_runs=2, n_timepoints=40)


@pytest.fixture
def fitted(cohort, tmp_path):
    """The folder of a fit."""
    out = tmp_path / "out"
    assert main(["run", *cohort.func, "-o", str(out), *OPTIONS]) == 0
    return out


def contents(out):
    return {name: (out / name).read_bytes() for name in FILES if (out / name).exists()}


def is_whole(out):
    """Whether all files are there, and of one fit: the record says which."""
    record = json.loads((out / "record.json").read_text())
    digests = {
        name: f"sha256:{hashlib.sha256((out / name).read_bytes()).hexdigest()}"
        for name in FILES[:-1]
    }
    return record["outputs"] == digests


def test_the_record_knows_the_files_of_its_fit(fitted):
    """So that anybody can tell whether they belong together."""
    assert is_whole(fitted)
    assert {path.name for path in fitted.iterdir()} == {*FILES, "cache"}


def test_an_earlier_fit_is_not_replaced_without_a_word(fitted, cohort, capsys):
    """A second run into the same folder is refused at once, unless --overwrite asks for it."""
    before = contents(fitted)

    assert main(["run", *cohort.func[:1], "-o", str(fitted), *OPTIONS]) == 1
    said = capsys.readouterr().err
    assert "holds an earlier fit (maps.nii.gz" in said
    assert "--overwrite" in said
    assert contents(fitted) == before
    assert main(["run", *cohort.func[:1], "-o", str(fitted), *OPTIONS, "--overwrite"]) == 0
    assert is_whole(fitted)
    assert len(json.loads((fitted / "record.json").read_text())["inputs"]) == 1


@pytest.mark.parametrize("planted", FILES)
def test_a_link_in_the_folder_is_not_followed(cohort, tmp_path, planted):
    """A planted link counts as a file that is there, and is replaced, not followed."""
    out, precious = tmp_path / "out", tmp_path / "precious"
    out.mkdir()
    precious.write_text("keep")
    (out / planted).symlink_to(precious)

    assert main(["run", *cohort.func[:1], "-o", str(out), *OPTIONS]) == 1
    assert main(["run", *cohort.func[:1], "-o", str(out), *OPTIONS, "--overwrite"]) == 0
    assert precious.read_text() == "keep"
    assert not (out / planted).is_symlink()


def test_options_beside_a_record_count(fitted, tmp_path):
    """--again repeats the fit with what is asked for otherwise."""
    again = ["run", "--again", str(fitted / "record.json")]
    same, other = tmp_path / "same", tmp_path / "other"

    assert main([*again, "-o", str(same)]) == 0
    assert main([*again, "-o", str(other), "-n", "2", "--seed", "5", "--skip-errors"]) == 0

    first = nib.load(fitted / "maps.nii.gz").get_fdata()
    np.testing.assert_array_equal(nib.load(same / "maps.nii.gz").get_fdata(), first)
    assert nib.load(other / "maps.nii.gz").shape[3] == 2
    given = json.loads((other / "record.json").read_text())["parameters"]
    assert (given["n_components"], given["random_state"], given["on_error"]) == (2, 5, "skip")
    assert given["smoothing_fwhm"] == 0  # as in the record


@pytest.mark.parametrize("beside", [["-c", "table.tsv"], ["run.nii"]])
def test_images_and_confounds_are_the_records(fitted, tmp_path, beside, capsys):
    """Beside --again they would be ignored: an error instead."""
    again = ["run", "--again", str(fitted / "record.json"), "-o", str(tmp_path / "b")]

    assert main([*again, *beside]) == 1
    assert "leave out those named beside it" in capsys.readouterr().err


def test_a_record_runs_no_code(fitted, tmp_path, capsys):
    """A record that names a function of the standard library makes nothing happen."""
    record = json.loads((fitted / "record.json").read_text())
    record |= {"estimator": "os.makedirs", "parameters": {"name": str(tmp_path / "made")}}
    (tmp_path / "evil.json").write_text(json.dumps(record))

    assert main(["run", "--again", str(tmp_path / "evil.json"), "-o", str(tmp_path / "b")]) == 1
    assert "CanICA and DictLearning" in capsys.readouterr().err
    assert not (tmp_path / "made").exists()


@pytest.mark.slow
def test_modules_beside_the_data_are_not_imported(tmp_path):
    """`python -m nbica` in a folder of others runs none of its files."""
    for name in ("argparse", "warnings", "difflib", "numpy", "nibabel", "joblib", "sklearn"):
        (tmp_path / f"{name}.py").write_text("open('imported', 'w')")
    (tmp_path / "run.nii").write_bytes(b"no image")

    command = [sys.executable, "-m", "nbica", "plan", "run.nii"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert "run.nii cannot be read" in done.stderr
    assert not (tmp_path / "imported").exists()


def test_names_of_files_do_not_reach_a_terminal_or_a_spreadsheet(cohort, tmp_path, capsys):
    """Escape sequences are shown, not obeyed; a name that is a formula is a text."""
    folder, out = tmp_path / "=cmd\x1b]0;title\x07", tmp_path / "out"
    folder.mkdir()
    name = folder / os.fsdecode(b"sub-\x1b[2J\xff.nii")
    name.write_bytes(Path(cohort.func[0]).read_bytes())

    assert main(["run", str(name), "-o", str(out), *OPTIONS]) == 0
    assert main(["cache", "info", str(out / "cache")]) == 0
    assert main(["run", str(name) + "\x1b[2J", "-o", str(tmp_path / "b"), *OPTIONS]) == 1
    said = "".join(capsys.readouterr())
    assert "?[2J" in said
    assert not set(said) & {"\x1b", "\x07", "\udcff"}
    assert is_whole(out)
    assert "sub-" in (out / "report.html").read_text("utf-8")


def test_runs_are_no_formulas(cohort, tmp_path, monkeypatch):
    """Relative names may begin with = + - @."""
    monkeypatch.chdir(tmp_path)
    for name, run in zip(("=1+1.nii", "@sum.nii.gz"), cohort.func[:2], strict=True):
        Path(name).write_bytes(Path(run).read_bytes())

    assert main(["run", "=1+1.nii", "@sum.nii.gz", "-o", "out", *OPTIONS]) == 0

    assert pd.read_csv("out/runs.csv")["path"].tolist() == ["'=1+1.nii", "'@sum.nii.gz"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", ""], "not an empty text"),
        (["-o", "out", "-n", "1e3"], "found '1e3', expected a whole number or 'auto'"),
        (["-o", "out", "--threshold", "50%"], "found '50%', expected a number, 'auto' or 'none'"),
    ],
)
def test_options_that_cannot_be_read_are_refused(options, said, capsys):
    """In words, before anything is read."""
    with pytest.raises(SystemExit):
        main(["run", "a.nii", *options])
    assert said in capsys.readouterr().err


def test_a_place_that_cannot_be_written_is_refused_at_once(cohort, tmp_path, capsys):
    """Not after hours of work: a file where the folder is to be, a folder where a file is to be."""
    (tmp_path / "file").write_text("")
    (tmp_path / "out" / "maps.nii.gz").mkdir(parents=True)

    for place, said in [("file", "is not a folder"), ("out", "is a folder; expected a file")]:
        command = ["run", *cohort.func, "-o", str(tmp_path / place), *OPTIONS, "--overwrite"]
        assert main(command) == 1
        assert said in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["maps.nii.gz"]


def killed_before(function, n_renames):
    """Call a function in a process that is killed before its so-many-th renaming of a file."""
    count = iter(range(1, 1000))

    def die(event, _):
        if event == "os.rename" and next(count) == n_renames:
            os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        sys.addaudithook(die)
        function()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.slow
def test_a_kill_leaves_all_files_old_or_all_new(fitted, cohort):
    """Killed before any of its renamings: each file is whole, and `nbica run` completes the set."""
    old = contents(fitted)
    ica = CanICA(mask=cohort.mask_img, n_components=2, n_init=1).fit(cohort.func[:1])
    write(ica, fitted)
    new = contents(fitted)
    outcomes, are_new = [], []
    for n_renames in range(1, 30):
        for name, content in old.items():
            (fitted / name).write_bytes(content)

        outcomes.append(killed_before(lambda: write(ica, fitted), n_renames))

        now = contents(fitted)
        assert all(now[name] in (old[name], new[name]) for name in FILES)
        assert is_whole(fitted) == (now in (old, new))
        assert main(["run", *cohort.func, "-o", str(fitted), *OPTIONS]) == 1  # no --overwrite
        assert contents(fitted) in (old, new)
        are_new.append(contents(fitted) == new)
        if outcomes[-1] == 0:
            break
    assert set(outcomes[:-1]) == {-signal.SIGKILL}
    assert are_new == sorted(are_new)
    assert are_new.count(False) > 1
    assert are_new.count(True) == 1 + len(FILES)
    assert {path.name for path in fitted.iterdir()} == {*FILES, "cache"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_record_whose_files_a_kill_kept_apart_is_completed_first(fitted, cohort, tmp_path):
    """--again reads the record of the new set."""
    ica = CanICA(n_components=2, smoothing_fwhm=None, threshold=None, n_init=1).fit(cohort.func[:1])
    n_renames = 1
    while not (fitted / ".nbica-ready").exists():
        assert killed_before(lambda: write(ica, fitted), n_renames) == -signal.SIGKILL
        n_renames += 1

    again = ["run", "--again", str(fitted / "record.json"), "-o", str(tmp_path / "again")]

    assert main(again) == 0
    assert is_whole(fitted)
    assert json.loads((fitted / "record.json").read_text())["parameters"]["n_components"] == 2


def test_two_sets_at_once(tmp_path):
    """What another process has ready gets its places before one's own, and the last one wins."""
    names = ["a", "b"]
    with file_set(tmp_path, names) as mine:
        (mine / "a").write_text("mine")
        (mine / "b").write_text("mine")
        (tmp_path / ".nbica-ready").mkdir()
        (tmp_path / ".nbica-ready" / "b").write_text("theirs")

    assert [(tmp_path / name).read_text() for name in names] == ["mine", "mine"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
