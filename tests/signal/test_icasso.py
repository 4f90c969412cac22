"""ICASSO's clusters of what the starts of an ICA found."""

import numpy as np
import pytest

from nbica.signal.icasso import cluster


def test_stability_of_a_single_start():
    """A single start is like itself."""
    _, iq, axes = cluster(np.eye(3)[np.newaxis])

    np.testing.assert_array_equal(iq, 1)
    np.testing.assert_allclose(np.abs(axes @ axes.T), np.eye(3), atol=1e-12)


def test_clusters_are_icassos(rng):
    """Shuffled, flipped, noisy restarts fall into one cluster each; Iq is mean in less mean out."""
    rotations = []
    for _ in range(6):
        order, signs = rng.permutation(4), rng.choice([-1, 1], 4)
        rotation = np.diag(signs) @ np.eye(4)[order] + 0.05 * rng.standard_normal((4, 4))
        rotations.append(rotation / np.linalg.norm(rotation, axis=1, keepdims=True))

    labels, iq, axes = cluster(np.array(rotations))

    assert all(sorted(row) == [0, 1, 2, 3] for row in labels)
    assert iq.min() > 0.85
    of = labels.ravel()
    r = np.abs(np.vstack(rotations) @ np.vstack(rotations).T)
    for label in range(4):
        inside, outside = r[of == label][:, of == label], r[of == label][:, of != label]
        assert iq[label] == pytest.approx(inside.mean() - outside.mean())
        source = np.abs(axes[label]).argmax()
        assert np.abs(axes[label][source]) > 0.99
