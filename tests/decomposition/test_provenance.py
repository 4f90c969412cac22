"""Records: what a fit is repeated from, whoever wrote them."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica import NbicaWarning
from nbica.decomposition.provenance import read_record, repeat
from nbica.exceptions import DataError


@pytest.fixture
def cohort(tmp_path):
    cohort = write_cohort(tmp_path, n_runs=2, n_timepoints=40)
    nib.save(cohort.mask_img, tmp_path / "mask.nii")
    return cohort


@pytest.fixture
def record(cohort, tmp_path):
    """A record that went through JSON."""
    ica = estimator(mask=str(tmp_path / "mask.nii"), n_init=1)
    ica.fit(cohort.func, confounds=cohort.confounds)
    return json.loads(json.dumps(ica.record_))


def widen_a_confound(cohort, folder):
    table = Path(cohort.confounds[1])
    table.write_text(table.read_text().replace("e-01", "e+00"))


def shrink_the_mask(cohort, folder):
    mask = np.asarray(cohort.mask_img.dataobj).copy()
    mask[: mask.shape[0] // 2] = 0
    nib.save(nib.Nifti1Image(mask, cohort.mask_img.affine), folder / "mask.nii")


def scale_a_run(cohort, folder):
    img = nib.load(cohort.func[1])
    nib.save(nib.Nifti1Image(2 * np.asarray(img.dataobj), img.affine, img.header), cohort.func[1])


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (widen_a_confound, "sub-01_confounds.tsv"),
        (shrink_the_mask, "mask.nii"),
        (scale_a_run, "sub-01_bold.nii.gz"),
    ],
)
def test_a_file_that_changed_is_told(record, cohort, tmp_path, change, named):
    """An image, a table of confounds, the mask: whatever the fit is made of."""
    change(cohort, tmp_path)

    with pytest.warns(NbicaWarning, match=rf"^1 files are not as the record tells.*{named}"):
        repeat(record)


def test_nothing_is_told_where_nothing_changed(record):
    """Warnings are errors here."""
    assert repeat(record).components_.shape[0] == 5


def test_an_estimator_is_a_word_of_a_table(record, cohort):
    """Whatever else a record names is refused, and not looked up."""
    words = ["os.makedirs", "nbica.datasets.simulate_group", "planted.estimator", "NiftiMasker", ""]
    for word in words:
        with pytest.raises(DataError, match="CanICA and DictLearning can be fitted again"):
            repeat(record | {"estimator": word})

    assert record["estimator"] == "CanICA"


def test_a_parameter_that_is_none_is_refused(record):
    """Nothing that a record gives reaches anything but the estimator's own parameters."""
    given = record | {"parameters": record["parameters"] | {"fit": "os.system"}}

    with pytest.raises(DataError, match="CanICA has no parameter 'fit'"):
        repeat(given)


def test_a_callback_is_no_word_of_a_file(record):
    """What is called comes from who calls, or not at all."""
    given = record | {"parameters": record["parameters"] | {"callback": "os.system"}}

    with pytest.raises(DataError, match="in memory only: callback"):
        repeat(given)


@pytest.mark.parametrize(
    "wrong",
    [
        [], None, 5, {}, {"estimator": "CanICA"},
        {"estimator": "CanICA", "parameters": {}, "inputs": []},
        {"estimator": "CanICA", "parameters": [], "inputs": [{"path": "a"}]},
        {"estimator": "CanICA", "parameters": {}, "inputs": ["a.nii"]},
        {"estimator": "CanICA", "parameters": {}, "inputs": [{"path": 5}]},
        {"estimator": ["CanICA"], "parameters": {}, "inputs": [{"path": "a"}]},
        {"estimator": "CanICA", "parameters": {}, "inputs": [{"path": "a", "confounds": 5}]},
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(wrong):
    """In one sentence, whatever is wrong."""
    with pytest.raises(DataError, match="not the record of a fit"):
        repeat(wrong)


@pytest.mark.parametrize("content", ["", "{", "[" * 100_000, "nan nan"])
def test_a_file_that_is_no_record_is_named(tmp_path, content):
    """Empty, cut, nested without end."""
    (tmp_path / "record.json").write_text(content)

    with pytest.raises(DataError, match=r"record\.json is not the record of a fit"):
        read_record(tmp_path / "record.json")


def test_paths_are_found_from_any_folder(cohort, tmp_path, monkeypatch):
    """Relative paths and ~ of a fit are absolute in its record."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    ica = estimator(mask="mask.nii", memory="~/cache", n_init=1)
    ica.fit([Path(path).name for path in cohort.func], confounds=["~/sub-00_confounds.tsv", None])

    record = ica.record_
    assert record["parameters"]["mask"] == str(tmp_path / "mask.nii")
    assert record["parameters"]["memory"] == str(tmp_path / "cache")
    assert [one["path"] for one in record["inputs"]] == cohort.func
    assert record["inputs"][0]["confounds"] == str(tmp_path / "sub-00_confounds.tsv")


def test_tables_in_memory_are_lost_and_named(cohort):
    """Of one run of several, and in a list of tables of one run."""
    table = np.loadtxt(cohort.confounds[0], skiprows=1)
    for confounds in ([None, np.loadtxt(cohort.confounds[1], skiprows=1)], [[table], None]):
        record = estimator(mask=None, n_init=1).fit(cohort.func, confounds=confounds).record_

        with pytest.raises(DataError, match=r"in memory only: the run .*sub-0"):
            repeat(json.loads(json.dumps(record)))
