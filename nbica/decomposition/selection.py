"""How many components a group shares: canonical correlations against a null; arrays only.

The canonical correlations of the group stage fall from 1 (in every run) to about 1/n_runs (in
one). Where chance begins depends on how many dimensions the runs have and on how smooth they are:
a few smooth maps resemble each other by accident. The null is therefore made of the runs
themselves. While they stream by, the mean power spectrum of their principal components is
gathered, and how much of them is in each voxel; afterwards, random smooth maps with that spectrum,
that amplitude from place to place and random phases stand for the runs and are merged in the same
way. What the real runs share above the largest correlation of those is counted.

Networks are smooth as well, and inflate a null that is made with them in it. The null is therefore
made anew without the power of the dimensions that stood out, up to three times in all. And they
leave holes: where a network varies, brought to a variance of 1, there is little noise. What is left
of the runs has less room than the mask, so that chance gives more; hence the amplitudes.

Merging runs as weighted projections is the group model of CanICA [1]_, which calibrated itself on
bootstrapped noise; randomised phases as a null are those of Theiler et al. [2]_.

References
----------
.. [1] G. Varoquaux et al., "A group model for stable multi-subject ICA on fMRI datasets",
   NeuroImage 51 (2010), 288-299.
.. [2] J. Theiler et al., "Testing for nonlinearity in time series: the method of surrogate data",
   Physica D 58 (1992), 77-94.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft, ndimage

from nbica.decomposition.subspace import GroupSubspace, leading_components
from nbica.decomposition.weighting import rows_per_run
from nbica.image.spatial import bounding_box
from nbica.runtime.progress import checkpoint

# Principal components that each run contributes, and so the most that can be chosen.
MOST_COMPONENTS = 64
# More runs of the null would lower the bar a little; fewer make it too high, never too low.
MOST_NULL_RUNS = 16
# The null's largest correlation varies by 1 or 2 %, and its spectrum, seen through a window of the
# mask's size, is a little too flat: up to 8 % are missing in noise of 1.5 voxels FWHM.
MARGIN = 1.1
ROUNDS = 3
_AT_ONCE = 8


@dataclass(frozen=True, eq=False)
class ComponentSpectrum:
    """Canonical correlations of a group, and what chance gives.

    Attributes
    ----------
    correlations : ndarray of shape (n_dimensions,)
        Canonical correlations of the runs, decreasing.
    null : ndarray of shape (n_null_dimensions,)
        Those of random maps as smooth as the runs' own, without what stood out.
    n_runs : int

    See Also
    --------
    choose : makes one.
    nbica.plotting.plot_component_spectrum : draws it.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.decomposition.selection import ComponentSpectrum
    >>> spectrum = ComponentSpectrum(np.array([0.9, 0.8, 0.3]), np.array([0.35, 0.3]), n_runs=10)
    >>> round(spectrum.bar, 3), spectrum.n_components, spectrum.is_capped
    (0.385, 2, False)
    """

    correlations: np.ndarray
    null: np.ndarray
    n_runs: int

    @property
    def bar(self) -> float:
        """What a correlation must exceed to count: 1.1 times the largest of the null."""
        return MARGIN * float(self.null[0])

    @property
    def n_components(self) -> int:
        """How many exceed it."""
        return int((self.correlations > self.bar).sum())

    @property
    def is_capped(self) -> bool:
        """Whether all exceed it: there may be more than could be seen."""
        return self.n_components == len(self.correlations)

    def __repr__(self):
        return (
            f"<{self.n_components} of {len(self.correlations)} canonical correlations over "
            f"{self.n_runs} runs exceed {self.bar:.3f}>"
        )


def components_per_run(n_components, weighting):
    """How many principal components each run contributes, also where `n_components` is "auto"."""
    if n_components == "auto":
        return MOST_COMPONENTS
    return rows_per_run(n_components, weighting)


def choose(subspace: GroupSubspace, null: Null) -> ComponentSpectrum:
    """Count the dimensions that a group shares beyond chance.

    Costs, for each of up to 16 null runs in up to three rounds, 64 Fourier transforms of the mask's
    bounding box and one merge: some 0.3 s with 47 000 voxels. Memory is that of another
    GroupSubspace.

    Parameters
    ----------
    subspace : subspace.GroupSubspace
        Fitted to centred, orthonormal rows.
    null : Null
        Has seen the same rows.

    Returns
    -------
    ComponentSpectrum

    See Also
    --------
    nbica.CanICA : calls it with `n_components="auto"`.

    Notes
    -----
    A count is knife-edged where a correlation stands at the bar. Both are known to 1e-6, and the
    64 correlations of a group are some hundredths apart there, so that no tie is looked for.

    5, 10, 20 and 40 planted networks, each of which stands out of its run's noise, are counted
    exactly in white noise (10 seeds each; 40 in 6 of 6 seeds since amplitudes count). 40 in noise
    of 1.5 voxels FWHM are counted exactly, and 20 in noise of 2 voxels within one, in 6 of 6 seeds
    each; 40 in 12 runs with more unequal strengths within one in 6 of 6. (Seeds and two of the
    settings were not those that the null was made with; without the amplitudes it counted up to
    five too many there.) It falls short where a network is too weak for the principal components of
    most runs, and where networks are close to `MOST_COMPONENTS`. What is shared need not be a
    network: vessels and movement count, and where the voxels are so coarse that nearly every
    dimension is shared (10 mm) the count grows with `MOST_COMPONENTS`.

    Examples
    --------
    Three maps that six runs share, each among seven of its own:

    >>> import numpy as np
    >>> from nbica.decomposition import GroupSubspace
    >>> from nbica.decomposition.selection import Null, choose, orthonormal
    >>> rng = np.random.default_rng(0)
    >>> shared = rng.normal(size=(3, 12**3))
    >>> subspace, null = GroupSubspace(10, 40), Null(np.ones((12, 12, 12), bool))
    >>> for _ in range(6):
    ...     rows = orthonormal(np.vstack([shared, rng.normal(size=(7, 12**3))]))
    ...     subspace, null = subspace.partial_fit(rows), null.partial_fit(rows)
    >>> choose(subspace, null).n_components
    3
    """
    # Rows are orthonormal, so that squared singular values over the runs are correlations.
    correlations = subspace.singular_values_**2 / subspace.n_runs_
    n_out = 0
    for _ in range(ROUNDS):
        # Chance, as it would be without the dimensions that have stood out so far.
        without = null.correlations(subspace.components_[:n_out], correlations[:n_out])
        found = ComponentSpectrum(correlations, without, subspace.n_runs_)
        # No more stand out than before, or all do: the count is final.
        if found.n_components <= n_out or found.is_capped:
            break
        n_out = found.n_components
    return found


class Null:
    """Random runs that are as smooth as those seen, and share nothing else.

    Memory is a few arrays of the size of the mask's bounding box; a run costs one Fourier transform
    of it per row.

    Parameters
    ----------
    mask : ndarray of bool, shape (nx, ny, nz)
    """

    def __init__(self, mask):
        self._inside = mask[bounding_box(mask)]
        self._shape = [fft.next_fast_len(n, real=True) for n in self._inside.shape]
        self._window = _window(self._inside)
        self._power, self._local, self._n_runs, self._n_rows = 0.0, 0.0, 0, 0

    def partial_fit(self, rows):
        """Add the power spectrum of the centred, orthonormal rows of one run."""
        self._power = self._power + self._spectrum(rows, np.ones(len(rows)))
        self._local = self._local + np.einsum("cv,cv->v", rows, rows, dtype=np.float64)
        self._n_runs += 1
        self._n_rows += len(rows)
        return self

    def correlations(self, components=(), shares=()):
        """Canonical correlations of the null, with the power of some components left out.

        Parameters
        ----------
        components : ndarray of shape (n, n_voxels)
            Leading rows of the group subspace.
        shares : ndarray of shape (n,)
            Their canonical correlations: the part of each in a mean run.
        """
        # The mean of the runs' projections is Σ λ u uᵀ over the group's dimensions u. Without some
        # of them this is left of each wave's share, as a part of what is left of the wave.
        power = self._power / self._n_runs - self._spectrum(components, shares)
        power /= (1.0 - self._spectrum(components, np.ones(len(components)))).clip(0.1)
        n_rows = max(1, round(self._n_rows / self._n_runs - np.sum(shares)))
        n_runs = min(self._n_runs, MOST_NULL_RUNS)
        amplitude = self._amplitude(components, shares)
        rng = np.random.default_rng(0)  # not the user's seed: the same runs share the same
        subspace = GroupSubspace(n_rows, 2 * n_rows)
        for _ in range(n_runs):
            checkpoint()
            subspace.partial_fit(orthonormal(self._random_maps(power, n_rows, rng) * amplitude))
        return subspace.singular_values_**2 / n_runs

    def _amplitude(self, components, shares):
        """Amplitude of a mean run without some components, in each voxel; about 1."""
        share = self._local / self._n_runs
        share = share - sum(
            c * u.astype(float) ** 2 for c, u in zip(shares, components, strict=True)
        )
        return np.sqrt((share / share.mean()).clip(0.1)).astype(np.float32)

    def _spectrum(self, rows, weights):
        """Expected share of each plane wave in the span of some rows: 0 to 1, up to the window."""
        power = np.zeros((*self._shape[:2], self._shape[2] // 2 + 1))
        for start in range(0, len(rows), _AT_ONCE):
            part = slice(start, start + _AT_ONCE)
            maps = np.zeros((len(rows[part]), *self._inside.shape), np.float32)
            maps[:, self._inside] = rows[part] * self._window[self._inside]
            waves = fft.rfftn(maps, self._shape, axes=(1, 2, 3), norm="ortho")
            power += np.einsum("cxyz,c->xyz", waves.real**2 + waves.imag**2, weights[part])
        return power * np.prod(self._shape) / (self._window**2).sum()

    def _random_maps(self, power, n_maps, rng):
        """Gaussian maps whose span holds each wave with the given share, on average."""
        # A wave of variance c is in the span of n random maps with a share p = c / (c + const).
        p = power.clip(0.0, 0.98)
        scale = np.sqrt(p / (1.0 - p)).astype(np.float32)
        maps = np.empty((n_maps, np.count_nonzero(self._inside)), np.float32)
        crop = (slice(None), *(slice(n) for n in self._inside.shape))
        for start in range(0, n_maps, _AT_ONCE):
            part = maps[start : start + _AT_ONCE]
            real, imaginary = rng.standard_normal((2, len(part), *scale.shape), dtype=np.float32)
            waves = (real + 1j * imaginary) * scale
            part[:] = fft.irfftn(waves, self._shape, axes=(1, 2, 3))[crop][:, self._inside]
        return maps


def orthonormal(rows):
    """Centred, orthonormal rows with the span of some rows, less the map that is constant."""
    return leading_components(rows - rows.mean(axis=1, keepdims=True), len(rows))[1]


def _window(inside):
    """A smooth rise from the edge of the mask to half its depth, so that the edge has no waves."""
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1, 1:-1]
    rise = np.clip(2.0 * depth / depth.max(), 0.0, 1.0)
    return (np.sin(np.pi / 2.0 * rise) ** 2).astype(np.float32)
