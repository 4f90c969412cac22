"""Files that are whole or not there, and what killed processes leave."""

import os
import subprocess
import sys

import pytest

from nbica.runtime.atomic import atomic, write_text
from nbica.runtime.leftovers import own_folder, own_name, own_path, sweep


@pytest.fixture
def of_the_dead():
    """A function: an ending to a name that a process made which is gone."""

    def name(ending=""):
        code = "from nbica.runtime.leftovers import own_name; print(own_name())"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        )
        return f".nbica-{done.stdout.strip()}{ending}"

    return name


def test_what_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    """An error on the way, an interrupt too, changes nothing."""
    path = tmp_path / "a.nii.gz"
    path.write_text("old")

    def write_half():
        with atomic(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_temporary_name_keeps_what_formats_are_chosen_by(tmp_path):
    """Nibabel and matplotlib look at the suffix; long names stay below what a disk allows."""
    for name, ending in [("a.nii.gz", ".nii.gz"), ("b.svg", ".svg"), ("x" * 240 + ".png", ".png")]:
        with atomic(tmp_path / name) as temporary:
            temporary.write_text("x")

        assert temporary.name.endswith(ending)
        assert (tmp_path / name).read_text() == "x"


def test_a_link_is_replaced_and_not_followed(tmp_path):
    """Whoever planted a link in a shared folder has nothing written to where it leads."""
    precious = tmp_path / "precious"
    precious.write_text("keep")
    (tmp_path / "report.html").symlink_to(precious)

    write_text(tmp_path / "report.html", "new")

    assert precious.read_text() == "keep"
    assert (tmp_path / "report.html").read_text() == "new"
    assert not (tmp_path / "report.html").is_symlink()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_stays_a_pipe(tmp_path):
    """/dev/stdout, /dev/null and their like are written to, not replaced by a file."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    write_text(pipe, "told")

    assert os.read(reader, 100) == b"told"
    assert pipe.is_fifo()


def test_a_name_that_is_not_utf_8_can_be_written(tmp_path):
    """Names of files may hold any bytes; a table or a report of them is written all the same."""
    write_text(tmp_path / "runs.csv", os.fsdecode(b"sub-\xff.nii"))

    assert (tmp_path / "runs.csv").read_text("utf-8") == "sub-\\udcff.nii"


def test_what_the_killed_left_goes_with_the_next_file(tmp_path, of_the_dead):
    """Files and folders of processes that are gone; what lives or is not ours stays."""
    (tmp_path / of_the_dead(".nii.gz")).write_text("half")
    (tmp_path / of_the_dead()).mkdir()
    theirs = [f".nbica-{own_name()}.png", ".nbica-something", ".nbica", "@eaDir", "run-1-0a.txt"]
    for name in theirs:
        (tmp_path / name).write_text("stays")

    write_text(tmp_path / "a.txt", "new")

    assert {path.name for path in tmp_path.iterdir()} == {*theirs, "a.txt"}


def test_a_planted_link_is_swept_without_what_it_leads_to(tmp_path, of_the_dead):
    """A link with the name of a leftover goes; the folder behind it stays."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("keep")
    (tmp_path / of_the_dead()).symlink_to(tmp_path / "precious")

    sweep(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert (tmp_path / "precious" / "file").read_text() == "keep"


def test_scratch_of_a_killed_process_is_swept(tmp_path):
    """A folder to work in outlives a kill until the next one is asked for."""
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from nbica.runtime.leftovers import own_folder\n"
        "with own_folder(Path(sys.argv[1])) as folder:\n"
        "    Path(folder, 'reduction.npy').write_bytes(bytes(1000))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert len(list(tmp_path.iterdir())) == 1

    with own_folder(tmp_path) as folder:
        assert [str(path) for path in tmp_path.iterdir()] == [folder]

    assert not list(tmp_path.iterdir())


def test_own_paths_are_never_the_same(tmp_path):
    """Nobody can guess one."""
    assert len({own_path(tmp_path) for _ in range(50)}) == 50
