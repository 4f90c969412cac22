"""Runs on grayordinates as a user meets them: the guide's script, and the command line."""

import re
from pathlib import Path

import nibabel as nib
from on_surfaces import models, write_runs

from nbica.__main__ import main

GUIDE = Path(__file__).parents[2] / "docs" / "surfaces.md"


def test_the_scripts_of_the_guide_run(tmp_path, monkeypatch):
    """One after the other: from dtseries to networks with names, on files and figures."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NBICA_DATA", str(tmp_path / "data"))
    names = {}
    for script in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(script, names)

    assert len(set(names["names"]) - {"unlabelled"}) >= 8
    assert nib.load("networks.dscalar.nii").shape == names["ica"].components_.shape
    assert Path("networks.png").stat().st_size > 50_000


def test_the_command_line_writes_cifti(tmp_path, capsys):
    """Nbica run gives a dscalar of the maps and of the mask, and repeats it from the record."""
    runs, out = write_runs(tmp_path, n_runs=2), tmp_path / "out"

    assert main(["run", *runs, "-n", "2", "-o", str(out)]) == 0

    maps = nib.load(out / "maps.dscalar.nii")
    assert (
        maps.header.get_axis(1) == models() == nib.load(out / "mask.dscalar.nii").header.get_axis(1)
    )
    assert (out / "report.html").exists()
    assert main(["run", *runs, "-o", str(out)]) == 1
    assert "maps.dscalar.nii" in capsys.readouterr().err
    again = tmp_path / "again"
    assert main(["run", "--again", str(out / "record.json"), "-o", str(again)]) == 0
    assert (again / "maps.dscalar.nii").read_bytes() == (out / "maps.dscalar.nii").read_bytes()
