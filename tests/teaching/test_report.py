"""Which learners' notebooks pass: read from fabricated classes, and run anew."""

import json
import os

import pytest

from nbica.__main__ import main
from nbica.teaching import checking, class_report, handins, rerun


def code(source, *outputs):
    """A code cell as a file holds it: the source in lines."""
    return {
        "cell_type": "code", "source": source.splitlines(keepends=True), "metadata": {},
        "execution_count": 1, "outputs": list(outputs),
    }  # fmt: skip


def told(name, state):
    """What `check` leaves in a saved notebook."""
    bundle = checking.Checked(name, state, "said", 0)._repr_mimebundle_()
    return {"output_type": "execute_result", "data": bundle, "metadata": {}, "execution_count": 1}


def asked(name, state=None):
    """An exercise, with its saved output or without any."""
    return code(f'nbica.check("{name}", answer)', *([told(name, state)] if state else []))


def save(path, *cells):
    """A notebook in the form of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    python = {"kernelspec": {"name": "somebody-else", "display_name": "x", "language": "python"}}
    whole = {"cells": list(cells), "metadata": python, "nbformat": 4, "nbformat_minor": 4}
    path.write_text(json.dumps(whole), encoding="utf-8")
    return path


@pytest.fixture
def handed_in(tmp_path):
    """A class of four with a folder each."""
    save(
        tmp_path / "ana" / "01_your_first_networks.ipynb",
        {"cell_type": "markdown", "source": 'call `check("glass_brain.1", 1)`', "metadata": {}},
        asked("1.1", "passed"), asked("1.2", "tried"),
    )  # fmt: skip
    save(tmp_path / "ana" / "deeper" / "02.ipynb", asked("1.2", "passed"), asked("3.1"))
    save(tmp_path / "ana" / ".ipynb_checkpoints" / "02.ipynb", asked("3.1", "passed"))
    save(tmp_path / "ben" / "01.ipynb", asked("1.1", "not answered"), asked("1.2", "tried"))
    (tmp_path / "cem").mkdir()
    (tmp_path / "dea").mkdir()
    (tmp_path / "dea" / "01.ipynb").write_text('{"cells": [', encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no notebook")
    return tmp_path


def test_table_of_a_class(handed_in):
    """Each learner has the best state of each question; copies of Jupyter's own do not count."""
    table = class_report(handed_in).table

    assert list(table.index) == ["ana", "ben", "cem", "dea"]
    assert list(table.columns) == ["1.1", "1.2", "3.1"]
    assert table.loc["ana"].tolist() == ["passed", "passed", "not answered"]
    assert table.loc["ben"].tolist() == ["not answered", "tried", "not answered"]
    assert (table.loc[["cem", "dea"]] == "not answered").all(axis=None)


def test_broken_notebooks_are_named(handed_in):
    """What cannot be read is told with its file, as is a folder without notebooks."""
    report = class_report(handed_in)

    rows = {row.learner: (row.notebook, row.trouble) for row in report.troubles.itertuples()}
    assert rows["cem"] == ("", "no notebook in this folder")
    assert rows["dea"][0].endswith("01.ipynb")
    assert "not all of it" in rows["dea"][1]
    assert set(rows) == {"cem", "dea"}
    assert "cem: no notebook in this folder" in repr(report)
    assert f"{rows['dea'][0]}: no notebook" in repr(report)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\xff\xfe\x00", "no notebook"),
        (b"[" * 100_000, "no notebook"),
        (b"[1, 2]", "no cells"),
        (b'{"cells": 3}', "no cells"),
        (b'{"cells": [3]}', "no cells"),
        (b'{"worksheets": [], "nbformat": 3}', "old notebook format"),
    ],
)
def test_anything_may_be_in_a_file(content, said, tmp_path):
    """A file that is no notebook is a line of the report, and the others are read."""
    save(tmp_path / "ana.ipynb", asked("1.1", "passed"))
    (tmp_path / "ben.ipynb").write_bytes(content)

    report = class_report(tmp_path)

    assert report.table.loc["ana", "1.1"] == "passed"
    assert report.troubles["learner"].tolist() == ["ben"]
    assert said in report.troubles["trouble"][0]


@pytest.mark.parametrize(
    "payload",
    [3, None, [], {}, {"question": 1, "state": "passed"}, {"question": "1.1", "state": "won"},
     {"question": "x" * 999, "state": "passed"}, {"question": "a\nb", "state": "passed"}],
)  # fmt: skip
def test_outputs_of_another_form_are_passed_over(payload, tmp_path):
    """What no check has written counts for nothing."""
    strange = {"output_type": "display_data", "data": {checking.MIMETYPE: payload}}
    save(tmp_path / "ana.ipynb", code('check("1.1")', strange, "text", {"data": "text"}))

    assert class_report(tmp_path).table.loc["ana"].to_dict() == {"1.1": "not answered"}


def test_notebooks_side_by_side_belong_to_the_names_they_bear(tmp_path):
    """Without folders, a file is a learner's; the name of a tutorial in it is left out."""
    save(tmp_path / "ana_01_your_first_networks.ipynb", asked("1.1", "passed"))
    save(tmp_path / "ana - 03_one_person.ipynb", asked("3.1", "tried"))
    save(tmp_path / "ben.ipynb", asked("1.1", "tried"))
    save(tmp_path / "01_your_first_networks.ipynb", asked("1.1", "not answered"))

    table = class_report(tmp_path).table

    assert list(table.index) == ["01_your_first_networks", "ana", "ben"]
    assert table.loc["ana"].tolist() == ["passed", "tried"]


def test_reading_runs_nothing(tmp_path, monkeypatch):
    """Without run=True no code of a learner is run, and each file is read once."""
    opened, read = [], handins.read
    monkeypatch.setattr(handins, "read", lambda path: opened.append(path.name) or read(path))
    monkeypatch.setattr(rerun, "run", lambda *_: pytest.fail("a notebook was run"))
    for number in range(5):
        save(tmp_path / f"l{number}" / f"{number}.ipynb", asked("1.1", "passed"))

    class_report(tmp_path)

    assert opened == [f"{number}.ipynb" for number in range(5)]


@pytest.mark.slow
def test_run_does_not_believe_what_is_saved(tmp_path):
    """A run judges anew, goes on after a failed cell, and tells what was saved otherwise."""
    answered = "import nbica\nanswer = {}"
    save(tmp_path / "ana.ipynb", code(answered.format("5.6")), asked("1.1"))
    writes = code("import nbica, pathlib\nanswer = 1\npathlib.Path('x').touch()")
    save(tmp_path / "ben.ipynb", writes, code("1 / 0"), asked("1.1", "passed"))

    saved, again = class_report(tmp_path), class_report(tmp_path, run=True)

    assert saved.table["1.1"].tolist() == ["not answered", "passed"]
    assert again.table["1.1"].tolist() == ["passed", "tried"]
    said = again.troubles.groupby("learner")["trouble"].apply("; ".join)
    assert "1.1 is saved as not answered, but is passed when run" in said["ana"]
    assert "cell 2 failed: ZeroDivisionError" in said["ben"]
    assert "1.1 is saved as passed, but is tried when run" in said["ben"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ana.ipynb", "ben.ipynb"]


@pytest.mark.slow
def test_a_cell_without_an_end_is_stopped(tmp_path):
    """A cell may take so long; then its notebook is left, and what follows is not answered."""
    save(tmp_path / "cem.ipynb", code("while True: pass"), asked("1.1", "passed"))

    report = class_report(tmp_path, run=True, timeout=1)

    assert report.table["1.1"].tolist() == ["not answered"]
    assert report.troubles["trouble"].str.contains("a cell ran for more than 1 s").any()


def test_a_form_that_cannot_be_run_is_told(tmp_path):
    """A notebook that can be read but not run is named."""
    save(tmp_path / "ana.ipynb", {"cell_type": "strange", "source": ""}, asked("1.1", "passed"))

    report = class_report(tmp_path, run=True)

    assert "not run, its form is wrong" in report.troubles["trouble"][0]


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_command_prints_and_writes(handed_in, tmp_path, suffix, separator, capsys):
    """The command prints a mark per question, and writes the words."""
    (handed_in / "=cmd").mkdir()
    save(handed_in / "=cmd" / "a.ipynb", asked("1.1", "passed"))
    out_file = tmp_path / f"out.{suffix}"

    assert main(["class-report", str(handed_in), "-o", str(out_file)]) == 0

    printed = capsys.readouterr().out
    assert any(
        line.split() == ["ana", "+", "+", ".", "2", "of", "3"] for line in printed.split("\n")
    )
    assert any(
        line.split() == ["ben", ".", "~", ".", "0", "of", "3"] for line in printed.split("\n")
    )
    assert "5 learners" in printed
    lines = out_file.read_text().splitlines()
    assert lines[0].split(separator) == ["learner", "n_passed", "1.1", "1.2", "3.1", "troubles"]
    assert lines[1].startswith(separator.join(["'=cmd", "1", "passed"]))
    assert lines[2].startswith(separator.join(["ana", "2", "passed", "passed", "not answered"]))


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_command_says_what_lacks(tmp_path, name, capsys):
    """No folder, or none with notebooks, is a line and a status."""
    (tmp_path / "empty").mkdir()

    assert main(["class-report", str(tmp_path / name)]) == 1
    assert "expected one" in capsys.readouterr().err


def test_names_do_not_steer_the_terminal(tmp_path):
    """A folder named with control characters is printed without them."""
    save(tmp_path / "ana\x1b[2J" / "a.ipynb", asked("1.1", "passed"))

    assert "\x1b" not in repr(class_report(tmp_path))


@pytest.mark.parametrize("source", [5, None, {"a": 1}, [3, None, ["x"]], True, 1.5])
def test_a_source_of_another_form_is_passed_over(source, tmp_path):
    """One odd cell hides neither the rest of its notebook nor the other notebooks."""
    odd = code("") | {"source": source}
    save(tmp_path / "ana.ipynb", odd, asked("1.1", "passed"))
    save(tmp_path / "ben.ipynb", asked("1.1", "tried"))

    report = class_report(tmp_path)

    assert report.table["1.1"].tolist() == ["passed", "tried"]
    assert report.troubles.empty


def plant_link_to_system(path):
    path.symlink_to("/etc/passwd")


def plant_link_to_another(path):
    path.symlink_to(path.parent.parent / "ana" / "a.ipynb")


def plant_broken_link(path):
    path.symlink_to("nowhere")


def plant_pipe(path):
    os.mkfifo(path)


def plant_folder(path):
    path.mkdir()


def plant_endless_file(path):
    with path.open("wb") as stream:
        stream.truncate(10**12)  # a hole: it takes no room


@pytest.mark.parametrize(
    "plant",
    [
        plant_link_to_system, plant_link_to_another, plant_broken_link, plant_pipe, plant_folder,
        plant_endless_file,
    ],
)  # fmt: skip
def test_what_is_no_file_of_its_own_is_not_read(plant, tmp_path):
    """Links to the work of others or to the system, pipes that never end: named, not opened."""
    save(tmp_path / "ana" / "a.ipynb", asked("1.1", "passed"))
    (tmp_path / "ben").mkdir()
    plant(tmp_path / "ben" / "b.ipynb")

    report = class_report(tmp_path)

    assert report.table["1.1"].tolist() == ["passed", "not answered"]
    assert report.troubles["trouble"].tolist()[0].endswith("not read")
    assert report.troubles["learner"].tolist() == ["ben"]


def test_copies_belong_to_their_learner(tmp_path):
    """What a browser or JupyterLab adds to a name makes no new learner; (1) alone is none."""
    names = [
        "ana.ipynb", "ana (1).ipynb", "ana-Copy1.ipynb", "01_your_first_networks (1).ipynb",
        "ben_01_your_first_networks.ipynb", "ben_01_your_first_networks (2).ipynb",
        "group (1).ipynb",
        "group (2).ipynb",
    ]  # fmt: skip
    for number, name in enumerate(names):
        save(tmp_path / name, code(f"a = {number}"), asked("1.1", "tried"))

    learners = list(class_report(tmp_path).table.index)

    assert learners == ["01_your_first_networks", "ana", "ben", "group (1)", "group (2)"]


def test_a_name_is_one_however_it_is_encoded(tmp_path):
    """An é from macOS is that from elsewhere."""
    save(tmp_path / "e\u0301va_01_your_first_networks.ipynb", asked("1.1", "passed"))
    save(tmp_path / "\u00e9va_03_one_person.ipynb", asked("3.1", "tried"))

    assert list(class_report(tmp_path).table.index) == ["\u00e9va"]


def test_identical_notebooks_are_told(tmp_path):
    """Both learners are named; a tutorial that nobody touched is everybody's, and no copy."""
    solved = [code("answer = 0.5234"), asked("1.1", "passed")]
    for learner in ("ana", "ben"):
        save(tmp_path / learner / "01.ipynb", *solved)
    save(tmp_path / "cem" / "01.ipynb", code("answer = .5234"), asked("1.1", "passed"))
    for learner in ("dea", "eva"):
        save(tmp_path / learner / "01.ipynb", code("answer = ..."), asked("1.1", "not answered"))

    told = class_report(tmp_path).troubles

    assert told["learner"].tolist() == ["ana", "ben"]
    assert told["trouble"].tolist() == [
        "the same, cell by cell, as that of ben", "the same, cell by cell, as that of ana",
    ]  # fmt: skip


def test_a_notebook_of_many_questions_does_not_flood_the_table(tmp_path):
    """Questions that no tutorial asks are columns only while they are few."""
    save(tmp_path / "ana.ipynb", *[asked(f"x{k}", "passed") for k in range(500)])
    save(tmp_path / "ben.ipynb", asked("1.1", "passed"), asked("own", "tried"))

    report = class_report(tmp_path)

    assert list(report.table.columns) == ["1.1", "own"]
    assert "checks 500 names that are no questions" in report.troubles["trouble"][0]


@pytest.mark.parametrize("name", ["learner", "passed", "n_passed", "troubles"])
def test_a_question_is_no_column_of_the_report(name, tmp_path):
    """Who checks a name of the table's own columns is told, and the others are listed."""
    save(tmp_path / "ana.ipynb", asked(name, "passed"), asked("1.1", "tried"))

    report = class_report(tmp_path)
    report.to_csv(tmp_path / "table.csv")

    assert "1 of 1" not in repr(report)
    assert report.table.to_dict("list") == {"1.1": ["tried"]}
    assert "no questions" in report.troubles["trouble"][0]


def test_no_cell_of_the_written_table_is_a_formula(tmp_path):
    """Names, and troubles that begin with a name; the table is whole or not there."""
    for name in ("=1+1", "+x", "-y", "@z", "\ttab"):
        (tmp_path / name).mkdir()
    save(tmp_path / "=1+1" / "=a.ipynb")
    (tmp_path / "=1+1" / "=b.ipynb").write_text("")

    class_report(tmp_path).to_csv(tmp_path / "table.csv")

    lines = (tmp_path / "table.csv").read_text().splitlines()
    cells = [cell.strip('"') for line in lines for cell in line.split(",")]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t")]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".nbica")]
