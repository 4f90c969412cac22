"""ICASSO's picture: every component of every start, clusters and their stability."""

import numpy as np
import pytest
from planted import estimator, write_cohort
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from nbica import plotting
from nbica.signal.icasso import plane_of


@pytest.fixture(scope="module")
def ica(tmp_path_factory):
    cohort = write_cohort(tmp_path_factory.mktemp("cohort"), n_runs=3)
    return estimator(n_init=4).fit(cohort.func, confounds=cohort.confounds)


def test_every_start_is_shown_and_every_component_named(ica):
    """A dot per component and start; bars are the estimator's stability, under its numbers."""
    figure = plotting.plot_icasso(ica, title="starts")

    plane, bars = figure.axes
    assert sum(len(line.get_xdata()) for line in plane.lines) == 4 * 5
    numbers = [int(text.get_text()) for text in bars.get_xticklabels()]
    assert sorted(numbers) == list(range(5))
    heights = [bar.get_height() for bar in bars.patches]
    np.testing.assert_allclose(heights, ica.stability_[numbers])
    assert heights == sorted(heights, reverse=True)
    assert sorted(int(text.get_text()) for text in plane.texts) == list(range(5))


def test_plane_keeps_clusters_apart(rng):
    """Starts that agree to a degree lie in one place each; different components do not."""
    turns = [np.linalg.qr(np.eye(4) + 0.03 * rng.standard_normal((4, 4)))[0] for _ in range(5)]

    places = plane_of(np.array(turns)).reshape(5, 4, 2)

    centers = places.mean(axis=0)
    spread = np.linalg.norm(places - centers, axis=2).max()
    apart = np.linalg.norm(centers[:, None] - centers, axis=2) + 9 * np.eye(4)
    assert spread < 0.1 < 0.5 < apart.min()


def test_what_has_no_clusters(ica):
    """No fit, and a single start, are said."""
    with pytest.raises(NotFittedError):
        plotting.plot_icasso(clone(ica))
    one = clone(ica)
    one.rotations_ = ica.rotations_[:1]
    with pytest.raises(ValueError, match="n_init above 1"):
        plotting.plot_icasso(one)
