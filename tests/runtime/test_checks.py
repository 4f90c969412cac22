"""Parameters: what counts as a flag or a number, and what a value means however it is spelled."""

from fractions import Fraction

import numpy as np
import pytest
from planted import estimator, write_cohort

from nbica import NiftiMasker
from nbica.exceptions import DataWarning, IgnoredWarning
from nbica.runtime.checks import as_flag, check_fraction, check_options
from nbica.signal import clean


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=3)


@pytest.mark.parametrize("value", [True, 1, 1.0, np.True_, np.int8(1), np.float32(1)])
def test_what_is_true(value):
    """Python's, numpy's and numbers' ways to say so."""
    assert as_flag("x", value) is True
    assert as_flag("x", type(value)(0)) is False


@pytest.mark.parametrize("value", ["False", "True", "", None, 2, -1, np.nan, [], [True], 1j])
def test_what_is_no_flag(value):
    """A text counts as true in Python, whatever it says; nothing else is guessed either."""
    with pytest.raises(ValueError, match=r"x is .*; expected True or False"):
        as_flag("x", value)


def test_a_flag_means_the_same_in_every_spelling(rng, cohort):
    """standardize=1 standardizes, in arrays, maskers and fits; so do detrend and the others."""
    signals = rng.normal(100, 5, (30, 4))
    masker = NiftiMasker(cohort.mask_img, standardize=True).fit()
    fitted = estimator(standardize=True).fit(cohort.func)
    for yes in (1, 1.0, np.True_):
        np.testing.assert_array_equal(clean(signals, standardize=yes), clean(signals))
        np.testing.assert_array_equal(clean(signals, detrend=yes), clean(signals))
        same = NiftiMasker(cohort.mask_img, standardize=yes).fit()
        np.testing.assert_array_equal(
            same.transform(cohort.func[0]), masker.transform(cohort.func[0])
        )
        again = estimator(standardize=yes, detrend=yes, do_cca=yes, consensus=type(yes)(0))
        np.testing.assert_array_equal(again.fit(cohort.func).components_, fitted.components_)
    for no in (0, 0.0, np.False_, None):
        np.testing.assert_array_equal(
            clean(signals, standardize=no), clean(signals, standardize=False)
        )


@pytest.mark.parametrize("value", [0, 1, -1e-5, np.inf, np.nan, True, "1e-5", None, 1j])
def test_what_is_no_tolerance(value):
    """A number between 0 and 1."""
    with pytest.raises(ValueError, match=r"tol is .*; expected a small number above 0"):
        check_fraction("tol", value, "1e-5")
    check_fraction("tol", np.float32(1e-5), "1e-5")
    check_fraction("tol", Fraction(1, 1000), "1e-5")


def test_options_are_those_of_the_function():
    """The message names what was given and what there is."""
    check_options("mask_args", None, clean)
    check_options("mask_args", {"detrend": True}, clean)
    with pytest.raises(ValueError, match="mask_args has detrnd; clean takes signals, runs,"):
        check_options("mask_args", {"detrnd": True}, clean)


def test_a_ratio_of_all_values_keeps_all_and_says_so(cohort):
    """As many times the voxels as there are maps: no threshold, which nilearn says too."""
    everything = estimator(threshold=None).fit(cohort.func)

    with pytest.warns(IgnoredWarning, match="threshold=5 keeps all values of 5 maps"):
        found = estimator(threshold=5).fit(cohort.func)

    np.testing.assert_array_equal(found.components_, everything.components_)


def test_maps_of_which_nothing_is_left_are_said(cohort):
    """A p of 1e-300 keeps nothing: empty maps do not come in silence."""
    with pytest.warns(DataWarning, match=r"threshold=.'p', 1e-300. leaves nothing of 5 of 5 maps"):
        found = estimator(threshold=("p", 1e-300)).fit(cohort.func)

    assert not found.components_.any()
