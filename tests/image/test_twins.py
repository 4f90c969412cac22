"""The same run twice is noticed, said, and never on both sides of a split half."""

import gzip
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica import DictLearning
from nbica.exceptions import DataError, DataWarning
from nbica.image.run import iter_runs
from nbica.image.twins import groups_of_twins
from nbica.matching import split_half
from nbica.matching.reproducibility import halves_with_twins, random_halves


@pytest.fixture
def cohort(tmp_path):
    return write_cohort(tmp_path, n_runs=4)


def again(path, how):
    """The run of a compressed file once more."""
    path = Path(path)
    other = path.with_name(f"other_{path.name}")
    if how == "path":
        return str(path)
    if how == "link":
        other.symlink_to(path)
    elif how == "hard link":
        other.hardlink_to(path)
    elif how == "copy":
        shutil.copy(path, other)
    elif how == "saved anew":
        nib.save(nib.load(path), other)
    elif how == "in memory":
        img = nib.load(path)
        return nib.Nifti1Image(img.get_fdata(dtype="f4"), img.affine)
    else:
        other = path.with_name(path.stem if how == "beside" else f"other_{path.stem}")
        other.write_bytes(gzip.decompress(path.read_bytes()))
    return str(other)


WAYS = ["path", "link", "hard link", "copy", "saved anew", "in memory", "beside", "plain"]


@pytest.mark.parametrize("how", WAYS)
def test_a_twin_is_said(cohort, how):
    """In a warning that names it and in the table, whatever makes it one; others are not called."""
    func = [*cohort.func, again(cohort.func[1], how)]

    ica = estimator()
    with pytest.warns(DataWarning, match=r"the same run as that in row 1 of runs_"):
        ica.fit(func)

    assert ["same run" in text for text in ica.runs_["warnings"]] == [False] * 4 + [True]
    assert groups_of_twins(list(iter_runs(func))) == [0, 1, 2, 3, 1]


def test_a_twin_is_said_again_from_the_cache(cohort, tmp_path):
    """Also where no run is read, and by another estimator."""
    func = [*cohort.func, again(cohort.func[1], "plain")]
    for _ in range(2):
        with pytest.warns(DataWarning, match="the same run as that in row 1"):
            ica = estimator(memory=str(tmp_path / "cache")).fit(func)
    assert ica.runs_["cached"].all()
    with pytest.warns(DataWarning, match="the same run as that in row 1"):
        DictLearning(5, mask=cohort.mask_img, smoothing_fwhm=None, alpha=1).fit(func)


def test_a_twin_is_said_of_a_generator_and_of_runs_that_were_added(cohort):
    """A fit that sees one run after the other remembers them."""
    with pytest.warns(DataWarning, match="the same run as that in row 3"):
        estimator().fit(path for path in [*cohort.func, cohort.func[3]])
    ica = estimator().partial_fit(cohort.func[:3])
    with pytest.warns(DataWarning, match="the same run as that in row 2"):
        ica.partial_fit(cohort.func[2:])


def test_a_twin_with_other_confounds_is_said(cohort):
    """Cleaned in another way it is still the same run."""
    func = [*cohort.func, again(cohort.func[1], "copy")]
    confounds = [None] * 4 + [cohort.confounds[1]]

    with pytest.warns(DataWarning, match="the same run as that in row 1"):
        estimator().fit(func, confounds=confounds)


def test_twins_stay_on_one_side(cohort):
    """Halves that shared a run would agree for no other reason."""
    func = [*cohort.func, again(cohort.func[1], "plain"), again(cohort.func[0], "link")]
    ica = estimator(n_components=3)

    with pytest.warns(DataWarning) as said:
        found = split_half(ica, func, n_splits=4)

    assert any("2 of 6 runs are there twice" in str(one.message) for one in said)
    assert found.e.max() < 1
    for halves in halves_with_twins([0, 1, 2, 3, 1, 0], 20):
        assert sorted(np.concatenate(halves)) == list(range(6))
        for half in halves:
            assert (1 in half) == (4 in half)
            assert (0 in half) == (5 in half)


def test_without_twins_halves_are_what_they_were():
    """Two estimators are compared on the same splits, with this version and the last."""
    ours, theirs = halves_with_twins([0, 1, 2, 3, 4], 5, 3), random_halves(5, 5, 3)

    for (one, two), (first, second) in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one, first)
        np.testing.assert_array_equal(two, second)


def test_four_runs_of_which_two_are_one_are_three(cohort):
    """Halves of at least two runs each need four that differ."""
    with pytest.raises(DataError, match="Got 4 runs, 3 of them different"):
        split_half(estimator(), [*cohort.func[:3], cohort.func[0]])


def test_runs_that_begin_alike_are_no_twins(rng, make_image):
    """The first frame makes a suspect, all of them decide."""
    data = rng.standard_normal((5, 5, 5, 9)).astype("f4")
    other = data.copy()
    other[..., -1] += 1
    zeros = np.concatenate([np.zeros((5, 5, 5, 1), "f4"), data], axis=-1)
    runs = list(iter_runs([make_image(one) for one in (data, other, zeros, zeros + 0, data + 1)]))

    assert groups_of_twins(runs) == [0, 1, 2, 2, 4]


def test_unfinished_downloads_are_left_out_of_a_pattern(cohort, tmp_path):
    """`*_bold.nii*` takes also .nii.gz.part, which is no run yet."""
    shutil.copy(cohort.func[1], f"{cohort.func[1]}.part")

    with pytest.warns(DataWarning, match=r"leaves out 1 unfinished downloads.*part"):
        runs = list(iter_runs(str(tmp_path / "*_bold.nii*")))

    assert [run.name for run in runs] == sorted(cohort.func)


def test_another_tr_in_one_fit_is_said(cohort, tmp_path):
    """The run that differs from the most of them is named, in the table too."""
    img = nib.load(cohort.func[0])
    img.header.set_zooms((*img.header.get_zooms()[:3], 1.5))
    nib.save(img, tmp_path / "faster.nii")
    ica = estimator()

    with pytest.warns(DataWarning, match=r"faster\.nii: 1\.5 s between frames, where most.* 2 s"):
        ica.fit([*cohort.func[1:], str(tmp_path / "faster.nii")])

    assert ["between frames" in text for text in ica.runs_["warnings"]] == [False] * 3 + [True]
