"""Decoding: a masker, any scikit-learn estimator, and weights back in the brain."""

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectPercentile, f_classif
from sklearn.model_selection import LeaveOneGroupOut, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from nbica import NiftiMasker
from nbica.datasets import simulate_task
from nbica.masking import apply_mask


def scores(X, labels, runs, kinds=None, percent=100):
    """Accuracy in each run that was left out."""
    kept = labels != "rest" if kinds is None else np.isin(labels, kinds)
    classifier = make_pipeline(
        SelectPercentile(f_classif, percentile=percent), SVC(kernel="linear")
    )
    cv = {"groups": runs[kept], "cv": LeaveOneGroupOut()}
    return cross_val_score(classifier, X[kept], labels[kept], **cv)


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    return simulate_task(n_runs=4, data_dir=tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def table(task):
    return pd.read_csv(task.session_target[0], sep=" ")


def masker_of(table, **options):
    runs = table["chunks"].to_numpy()
    return NiftiMasker(runs=runs, detrend=True, standardize="zscore_sample", t_r=2.5, **options)


def test_kinds_of_pictures_are_told_apart(task, table):
    """From ventral temporal cortex, eight kinds and two are decoded in runs that were left out."""
    labels, runs = table["labels"].to_numpy(), table["chunks"].to_numpy()
    X = masker_of(table, mask_img=task.mask_vt[0]).fit_transform(task.func[0])
    lagged = np.roll(labels, 2)  # the response is five seconds late; every run ends in rest

    assert scores(X, lagged, runs).mean() > 0.7
    assert scores(X, lagged, runs, ["face", "house"]).mean() > 0.9
    shuffled = np.random.default_rng(0).permutation(labels)
    assert scores(X, shuffled, runs).mean() < 0.25


@pytest.mark.exact("weights that were in an image, to the last digits")
def test_weights_back_in_the_brain_are_where_the_pattern_is(task, table):
    """Weights of face against house, in the image's space, go with the planted difference."""
    labels = np.roll(table["labels"].to_numpy(), 2)
    masker = masker_of(table, mask_img=task.mask_vt[0])
    X = masker.fit_transform(task.func[0])
    kept = np.isin(labels, ["face", "house"])
    classifier = SVC(kernel="linear").fit(X[kept], labels[kept] == "face")

    weights_img = masker.inverse_transform(classifier.coef_)

    assert weights_img.shape == (*nib.load(task.func[0]).shape[:3], 1)
    np.testing.assert_array_equal(weights_img.affine, nib.load(task.func[0]).affine)
    weights = apply_mask(weights_img, task.mask_vt[0])[0]
    np.testing.assert_allclose(weights, classifier.coef_[0], rtol=1e-6)
    patterns = apply_mask(task.patterns_img, task.mask_vt[0])
    difference = patterns[task.categories.index("face")] - patterns[task.categories.index("house")]
    assert np.corrcoef(weights, difference)[0, 1] > 0.5


@pytest.mark.real
def test_haxbys_pictures_are_told_apart(real_data):
    """One native slice of Haxby's first subject: .65 of eight kinds and .98 of face and house."""
    folder = real_data / "decoding" / "haxby_slice"
    labels, runs = np.loadtxt(folder / "attributes_literal.txt", dtype=str).T
    # A single slice is gone after one erosion; its mean image tells brain from air well enough.
    masker = NiftiMasker(
        mask_strategy="epi", mask_args={"opening": 0}, runs=runs, detrend=True,
        standardize="zscore_sample", t_r=2.5,
    )  # fmt: skip
    X = masker.fit_transform(folder / "bold.nii.gz")

    assert masker.n_elements_ == 530
    assert scores(X, labels, runs, percent=20).mean() > 0.65  # .677 on one machine
    assert scores(X, labels, runs, ["face", "house"], percent=20).mean() > 0.975  # .981 there
    kept = np.isin(labels, ["face", "house"])
    classifier = SVC(kernel="linear").fit(X[kept], labels[kept])
    weights_img = masker.inverse_transform(classifier.coef_[0])
    assert weights_img.shape == (40, 20, 1)
    np.testing.assert_array_equal(weights_img.affine, nib.load(folder / "bold.nii.gz").affine)
