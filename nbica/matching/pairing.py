"""Pair maps with reference maps, one to one; arrays only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linear_sum_assignment

from nbica.runtime.checks import as_numbers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

# Of a correlation, when maps are paired: two copies of a map are equally like a third.
DIGITS = 6


@dataclass(frozen=True)
class Match:
    """Which map goes with which reference.

    Attributes
    ----------
    indices : ndarray of shape (n_references,), int
        Row of the map paired with each reference; -1 where there were too few maps.
    correlations : ndarray of shape (n_references,)
        Signed Pearson r of each pair; 0 where there is no map.

    See Also
    --------
    match : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import matching
    >>> rng = np.random.default_rng(0)
    >>> references = rng.normal(size=(2, 500))
    >>> maps = np.vstack([rng.normal(size=500), -references[1], references[0]])
    >>> found = matching.match(maps, references)
    >>> found.signs.tolist(), round(found.mean, 3)
    ([1, -1], 1.0)
    >>> found.labels(["visual", "motor"], n_maps=3, unmatched="?")
    ['?', 'motor', 'visual']
    """

    indices: np.ndarray
    correlations: np.ndarray

    @property
    def signs(self) -> np.ndarray:
        """What to multiply the paired maps by to point like their references: 1 or -1.

        1 for a correlation of 0, to six digits.
        """
        return np.where(self.correlations.round(DIGITS) < 0, -1, 1)

    @property
    def mean(self) -> float:
        """Mean |r| over all references; one without a map counts as 0."""
        return float(np.abs(self.correlations).mean())

    def labels(self, names: Sequence[str], n_maps: int, unmatched: str = "") -> list[str]:
        """Name the maps: the reference's name for each paired map, else `unmatched`.

        Parameters
        ----------
        names : sequence of str
            One per reference.
        n_maps : int
            Number of maps that were matched.
        unmatched : str
            Name of the maps that got no reference.
        """
        if len(names) != len(self.indices):
            msg = f"{len(names)} names for {len(self.indices)} references; give one each"
            raise ValueError(msg)
        labels = [unmatched] * n_maps
        for index, name in zip(self.indices, names, strict=True):
            if index >= 0:
                labels[index] = name
        return labels


def match(maps: np.ndarray, references: np.ndarray) -> Match:
    """Pair each reference with the map most like it, up to sign, no map twice.

    Memory: one float64 copy of both arrays. Time: n_maps x n_references x n_voxels operations.

    Parameters
    ----------
    maps : ndarray of shape (n_maps, n_voxels)
        Component maps.
    references : ndarray of shape (n_references, n_voxels)
        The maps to be found, on the same voxels. There may be more or fewer than maps.

    Returns
    -------
    Match
        The assignment with the largest sum of |r|, each to six digits (Hungarian algorithm [1]_),
        by reference. A map that is constant or holds a NaN or Inf correlates 0 with all.

    See Also
    --------
    correlate : all correlations.
    label : names of known networks, for images.

    References
    ----------
    .. [1] Kuhn (1955), Naval Research Logistics Quarterly 2, doi:10.1002/nav.3800020109.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import matching
    >>> rng = np.random.default_rng(0)
    >>> references = rng.normal(size=(3, 500))
    >>> found = matching.match(-references[[2, 0, 1]], references)
    >>> found.indices.tolist(), found.correlations.round(3).tolist()
    ([1, 2, 0], [-1.0, -1.0, -1.0])
    """
    r = correlate(maps, references)
    rows, columns = linear_sum_assignment(np.abs(r).round(DIGITS), maximize=True)
    indices = np.full(r.shape[1], -1)
    indices[columns] = rows
    correlations = np.zeros(r.shape[1])
    correlations[columns] = r[rows, columns]
    return Match(indices, correlations)


def correlate(maps: ArrayLike, references: ArrayLike) -> np.ndarray:
    """Return Pearson's r between all rows, of shape (n_maps, n_references); 0 where undefined.

    See Also
    --------
    match : pairs of maps, one to one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica import matching
    >>> maps = np.array([[0.0, 1, 2, 3], [1, 0, 1, 0]])
    >>> matching.correlate(maps, [[3.0, 2, 1, 0]]).round(3).tolist()
    [[-1.0], [0.447]]
    """
    maps = as_numbers("maps", maps, "(n_maps, n_voxels)")
    references = as_numbers("references", references, "(n_references, n_voxels)")
    _check_same_voxels(maps, references)
    return np.clip(_unit_rows(maps) @ _unit_rows(references).T, -1, 1)


def _unit_rows(maps):
    """Rows of mean 0 and norm 1; 0 where a map is constant or not finite."""
    maps = np.array(maps, dtype=np.float64)
    maps[~np.isfinite(maps).all(axis=1)] = 0
    largest = np.abs(maps).max(axis=1, initial=0, keepdims=True)
    maps /= np.where(largest == 0, 1, largest)
    maps -= maps.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(maps, axis=1, keepdims=True)
    # After the scaling to a maximum of 1, a norm like this is the rounding of a constant map.
    is_constant = norms <= 1e-12 * np.sqrt(maps.shape[1])
    return np.where(is_constant, 0, maps / np.where(is_constant, 1, norms))


def _check_same_voxels(maps, references):
    if maps.shape[1] != references.shape[1]:
        msg = (
            f"The maps have {maps.shape[1]} voxels but the references have {references.shape[1]}. "
            "Mask both with the same mask image."
        )
        raise ValueError(msg)
