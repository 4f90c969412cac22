"""DictLearning from files to maps: planted networks, nilearn side by side, every way in."""

import pickle
import warnings

import nibabel as nib
import nilearn.decomposition
import numpy as np
import pytest
from planted import brain_mask, mask_image, write_cohort
from sklearn.base import clone

from nbica import DictLearning
from nbica.exceptions import DataError, DataWarning, IgnoredWarning, NotConvergedWarning
from nbica.matching import match


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return write_cohort(tmp_path_factory.mktemp("cohort"))


def settings(**options):
    defaults = {
        "mask": mask_image(), "n_components": 5, "smoothing_fwhm": None, "random_state": 0,
    }  # fmt: skip
    return defaults | options


def estimator(**options):
    return DictLearning(**settings(**options))


@pytest.fixture(scope="module")
def fitted(cohort):
    return estimator().fit(cohort.func, confounds=cohort.confounds)


def test_finds_planted_networks_as_well_as_nilearn(cohort, fitted):
    """All networks come back, sparse, no worse than by nilearn with the same parameters."""
    theirs = nilearn.decomposition.DictLearning(**settings())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs.fit(cohort.func, confounds=[np.loadtxt(c, skiprows=1) for c in cohort.confounds])

    found, other = match(fitted.components_, cohort.maps), match(theirs.components_, cohort.maps)

    assert found.mean > other.mean - 0.01
    assert np.abs(found.correlations).min() > 0.7
    assert (found.signs == 1).all()
    assert (fitted.components_ == 0).mean() > 0.5
    np.testing.assert_allclose(np.linalg.norm(fitted.components_, axis=1), 1, atol=1e-5)


def test_what_it_learnt(fitted):
    """Attributes have their shapes; variances decrease; the objective does too."""
    assert fitted.components_.shape == fitted.components_init_.shape == (5, brain_mask().sum())
    assert fitted.components_.dtype == np.float32
    assert fitted.components_img_.shape == (*brain_mask().shape, 5)
    assert (np.diff(fitted.objective_) <= 1e-6 * fitted.objective_[0]).all()
    assert fitted.n_iter_ == len(fitted.objective_)
    assert len(fitted.runs_) == 6
    assert fitted.variance_.min() > 0
    assert list(fitted.seconds_) == ["mask", "merge", "reduce runs", "ICA", "dictionary"]


def test_larger_alpha_is_sparser(cohort):
    """The price of a value decides how many there are."""
    sparsity = [
        (estimator(alpha=a).fit(cohort.func, confounds=cohort.confounds).components_ == 0).mean()
        for a in (1, 10)
    ]
    assert sparsity[0] < sparsity[1]


@pytest.mark.slow
def test_processes_cache_and_scratch_change_nothing(cohort, fitted, tmp_path):
    """Two processes with a cache give the same maps to the last bit, and so does a second fit."""
    two = estimator(n_jobs=2, memory=tmp_path).fit(cohort.func, confounds=cohort.confounds)

    assert np.array_equal(two.components_, fitted.components_)
    again = estimator(memory=tmp_path).fit(iter(cohort.func), confounds=iter(cohort.confounds))
    assert np.array_equal(again.components_, fitted.components_)
    assert again.runs_["cached"].all()


def test_shares_its_cache_with_canica(cohort, tmp_path, n_reads):
    """After a CanICA with the same preparation, a DictLearning reads no image."""
    from planted import estimator as canica

    canica(memory=tmp_path).fit(cohort.func, confounds=cohort.confounds)
    n_reads.clear()

    estimator(memory=tmp_path).fit(cohort.func, confounds=cohort.confounds)

    assert n_reads == []


def test_another_alpha_merges_nothing(cohort, tmp_path, monkeypatch):
    """What is made of all runs is cached too: another alpha, seed or tol takes it from there."""
    estimator(memory=tmp_path).fit(cohort.func)
    monkeypatch.setattr("nbica.decomposition.subspace.GroupSubspace.partial_fit", None)

    again = estimator(memory=tmp_path, alpha=5, random_state=3, tol=1e-4).fit(cohort.func)

    monkeypatch.undo()
    fresh = estimator(alpha=5, random_state=3, tol=1e-4).fit(cohort.func)
    assert np.array_equal(again.components_, fresh.components_)
    assert again.runs_["cached"].all()
    started = estimator(memory=tmp_path, dict_init=again.components_img_).fit(cohort.func)
    assert started.components_.shape == again.components_.shape


def test_says_which_parameters_have_no_say(cohort, fitted):
    """What steers nilearn's online solver is answered by one warning; "lars" is the same lasso."""
    with pytest.warns(IgnoredWarning, match="n_epochs=2, reduction_ratio=0.5 changes nothing") as w:
        ours = estimator(n_epochs=2, reduction_ratio=0.5, method="lars").fit(
            cohort.func, confounds=cohort.confounds
        )

    assert [warning.filename for warning in w] == [__file__]
    assert np.array_equal(ours.components_, fitted.components_)


def test_another_seed_gives_the_same_maps(cohort, fitted):
    """The seed only starts the ICA: maps from another one match at |r| > .99."""
    other = estimator(random_state=7).fit(cohort.func, confounds=cohort.confounds)

    assert np.abs(match(other.components_, fitted.components_).correlations).min() > 0.99


@pytest.mark.filterwarnings("ignore:.*the same run as that in row")
def test_what_is_held_does_not_grow_with_the_runs(cohort, monkeypatch):
    """Of 4 or 16 times the runs, as many rows are held: six and four for each component."""
    from nbica.decomposition import subspace

    sizes = []
    make_room = subspace.GroupSubspace._make_room

    def watched(self, *shape):
        make_room(self, *shape)
        sizes.append(len(self._stack))

    monkeypatch.setattr(subspace.GroupSubspace, "_make_room", watched)
    with pytest.warns(DataWarning, match="it counts twice"):
        estimator().fit(cohort.func[:1] * 16)

    assert max(sizes) == 6 * 5
    assert set(sizes) == {6 * 5, 4 * 5}


@pytest.mark.exact("maps that were in an image, to the bit")
def test_starts_from_given_maps(cohort, fitted, tmp_path):
    """`dict_init`, an image or a path, replaces the ICA; from the same maps come the same."""
    start = fitted.masker_.inverse_transform(fitted.components_init_)
    nib.save(start, tmp_path / "start.nii.gz")

    for given in (start, str(tmp_path / "start.nii.gz")):
        again = estimator(dict_init=given).fit(cohort.func, confounds=cohort.confounds)
        assert np.array_equal(again.components_, fitted.components_)


def test_follows_scikit_learns_rules(cohort, fitted):
    """It can be cloned and pickled, and does what any decomposition of the journey does."""
    assert clone(fitted).get_params()["alpha"] == 10
    again = pickle.loads(pickle.dumps(fitted))

    courses = again.transform(cohort.func[:2], confounds=cohort.confounds[:2])

    assert [c.shape for c in courses] == [(60, 5), (61, 5)]
    assert 0 < fitted.score(cohort.func[:2], confounds=cohort.confounds[:2]) < 1
    assert fitted.inverse_transform(courses)[1].shape == (*brain_mask().shape, 61)
    assert "6 runs" in str(fitted.plan(cohort.func))


def test_nilearns_parameters_and_defaults():
    """Every parameter of nilearn's is there with its default; ours come after."""
    theirs = nilearn.decomposition.DictLearning().get_params(deep=False)
    ours = DictLearning().get_params(deep=False)

    assert {name: ours[name] for name in theirs} == theirs
    assert set(ours) - set(theirs) == {
        "max_iter", "tol", "ram", "callback", "cache_limit", "on_error", "surf_mesh",
    }  # fmt: skip


def test_callback_sees_maps_so_far(cohort):
    """After each run the callback is told how many there are, and can have the maps."""
    seen = []
    estimator(callback=lambda state: seen.append((state.n_runs, state.maps().shape))).fit(
        cohort.func[:3], confounds=cohort.confounds[:3]
    )

    n_voxels = int(brain_mask().sum())
    assert seen == [(n, (5, n_voxels)) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"alpha": 0}, ValueError, "alpha is 0"),
        ({"alpha": "auto"}, ValueError, "alpha is 'auto'"),
        ({"tol": -1}, ValueError, "tol is -1"),
        ({"max_iter": 0}, ValueError, "max_iter"),
        ({"method": "omp"}, ValueError, "method is 'omp'; expected one of 'cd', 'lars'"),
        ({"n_components": 2.5}, ValueError, "n_components"),
        ({"random_state": "seed"}, ValueError, "random_state"),
        ({"alpha": 1e9}, DataError, "smaller"),
        ({"dict_init": mask_image()}, DataError, "dict_init has 1 maps"),
        ({"dict_init": "nowhere.nii"}, FileNotFoundError, "nowhere"),
        ({"n_components": 60}, DataError, "span 58 maps"),
    ],
)
@pytest.mark.filterwarnings("ignore::nbica.NbicaWarning")
def test_what_cannot_be_is_said(cohort, options, error, message):
    """Parameters and data that cannot be are named, with the way out; nothing is learnt then."""
    ours = estimator(**options)
    with pytest.raises(error, match=message):
        ours.fit(cohort.func[:1])
    assert not [name for name in vars(ours) if name.endswith("_")]


def test_unsettled_and_empty_maps_are_told(cohort):
    """Too few steps, maps that a price emptied, and a stray y are warned of."""
    with pytest.warns(NotConvergedWarning, match="after 1 steps"):
        estimator(max_iter=1, alpha=1).fit(cohort.func[:2])
    with pytest.warns(NotConvergedWarning, match="of 5 maps are empty"):
        estimator().fit(cohort.func[:2])
    with pytest.warns(DataWarning, match="y is not used"):
        estimator().fit(cohort.func, cohort.confounds)


@pytest.mark.real
@pytest.mark.filterwarnings("ignore:.*voxels are constant")
def test_real_runs_give_the_same_maps_from_another_seed(real_data):
    """On real runs two seeds give the same maps, |r| > .999, where nilearn's agree at .8 or so."""
    folder = real_data / "real_rest_10mm"
    runs = sorted(str(path) for path in folder.glob("rtswa*.nii"))
    options = {"mask": str(folder / "mask.nii"), "n_components": 20, "smoothing_fwhm": None}

    ours = [DictLearning(random_state=s, **options).fit(runs).components_ for s in (0, 1)]
    theirs = [
        nilearn.decomposition.DictLearning(random_state=s, **options).fit(runs).components_
        for s in (0, 1)
    ]

    assert match(*ours).mean > 0.999
    assert match(*theirs).mean < 0.95
