"""nilearn's surfaces as the oracle: signals of its masker, and maps of its CanICA."""

import numpy as np
import pytest
from nilearn.decomposition import CanICA as TheirCanICA
from nilearn.maskers import MultiSurfaceMasker, SurfaceMasker
from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage
from on_surfaces import planted, series

from nbica import CanICA, NiftiMasker
from nbica.datasets.simulation.hemispheres import icosphere
from nbica.matching import match

N = 642


@pytest.fixture(scope="module")
def mesh():
    one = InMemoryMesh(*icosphere(3))
    return PolyMesh(left=one, right=one)


@pytest.fixture(scope="module")
def runs(mesh):
    maps = planted(2 * N)
    arrays = [series(maps, seed, n_timepoints=80) for seed in range(3)]
    return [SurfaceImage(mesh, {"left": a[:, :N].T, "right": a[:, N:].T}) for a in arrays]


@pytest.fixture(scope="module")
def mask(mesh):
    keep = np.arange(N) % 4 > 0
    return SurfaceImage(mesh, {"left": keep, "right": ~keep})


@pytest.mark.parametrize(
    "cleaning",
    [{}, {"standardize": "zscore_sample", "detrend": True},
     {"low_pass": 0.1, "high_pass": 0.01, "t_r": 2.0}],
)  # fmt: skip
def test_signals_are_those_of_their_masker(runs, mask, cleaning):
    """Columns, cleaning and confounds are nilearn's."""
    confounds = np.random.default_rng(1).normal(size=(80, 2))
    theirs = SurfaceMasker(mask_img=mask, **({"standardize": None} | cleaning)).fit()
    ours = NiftiMasker(mask, **cleaning)

    expected = theirs.transform(runs[0], confounds=confounds)

    found = ours.fit_transform(runs[0], confounds=confounds)
    np.testing.assert_allclose(found, expected, atol=2e-3 * max(1, np.abs(expected).std()))


def test_their_masker_is_a_mask(runs, mask):
    """A decomposition takes its mask, fitted or not."""
    fast = {"n_components": 4, "n_init": 2, "random_state": 0}
    ours = CanICA(mask, **fast).fit(runs)

    for masker in (SurfaceMasker(mask, standardize=True, detrend=True),
                   SurfaceMasker(mask, standardize=True, detrend=True).fit()):  # fmt: skip
        of_masker = CanICA(masker, **fast).fit(runs)

        np.testing.assert_array_equal(of_masker.components_, ours.components_)


def test_what_comes_out_goes_into_their_masker(runs):
    """Components are a SurfaceImage on the mesh of the runs."""
    ica = CanICA(n_components=4, n_init=2, random_state=0).fit(runs)

    theirs = SurfaceMasker(standardize=None).fit(ica.components_img_)

    np.testing.assert_allclose(theirs.transform(ica.components_img_), ica.components_, atol=1e-6)


def test_maps_are_those_of_their_canica(runs):
    """Both find the planted maps, and the same ones."""
    ours = CanICA(n_components=4, do_cca=True, random_state=0, threshold=None).fit(runs)
    masker = MultiSurfaceMasker(NiftiMasker().fit(runs[0]).mask_img_, standardize="zscore_sample")
    theirs = TheirCanICA(n_components=4, random_state=0, threshold=None, mask=masker).fit(runs)

    expected = np.hstack([theirs.components_img_.data.parts[side].T for side in ("left", "right")])

    assert np.abs(match(expected, ours.components_).correlations).min() > 0.95
