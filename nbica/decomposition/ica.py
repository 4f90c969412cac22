"""Independent components of orthogonal maps: FastICA with the cubic contrast; arrays only.

The fixed point of FastICA [1]_ with g(u) = u³ needs of the data nothing but their fourth moments:
E[x (w·x)³] = Σ E[x x_i x_j x_k] w_i w_j w_k. For few components those fit in a small symmetric
matrix, which is made in one pass over the voxels; after that an iteration, and so a restart, costs
nothing that grows with the voxels. For many components the expectation is taken over the voxels at
every iteration. Both give the same iterates to rounding.

All restarts live in the same k-dimensional whitened space. They are therefore compared through
their k x k rotations, at no cost in voxels.

References
----------
.. [1] A. Hyvärinen, "Fast and robust fixed-point algorithms for independent component analysis",
   IEEE Transactions on Neural Networks 10 (1999), eq. 20; symmetric decorrelation: eq. 45.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import linalg

from nbica.decomposition.infomax import Unmixing, infomax
from nbica.exceptions import NotConvergedWarning
from nbica.runtime.checks import as_flag, as_numbers, check_count, check_fraction, check_one_of
from nbica.runtime.progress import checkpoint, warn
from nbica.runtime.scratch import voxel_blocks
from nbica.signal.icasso import cluster
from nbica.signal.least_squares import gram
from nbica.signal.ties import first_of_largest

if TYPE_CHECKING:
    from pandas import DataFrame

    from nbica.hints import Seed

# Where the moments pay. At 47 000 voxels on one core they are made in 0.06, 0.25, 0.6 and 1.4 s for
# 20, 32, 40 and 50 components, which is the time of 50, 110, 190 and 270 iterations over the
# voxels; ten restarts of real data take a few hundred. Those over the voxels multiply in float32,
# and are off by 1e-7 of the update.
MOMENTS_UP_TO = 40
VOXEL_BLOCK = 4096
# A contrast that fell by less has not fallen: products over voxels in float32 are not known any
# better. Moments, once made, are: the climb in them is one of float64.
ROUNDING = 1e-7
ROUNDING_OF_MOMENTS = 1e-14
ALGORITHMS = ("fastica", "infomax")
# To where the chosen start goes on. A start that has converged by `tol` is still a tenth of a
# standard deviation off where a map is nearly Gaussian, each start by another tenth; some 30
# iterations later a thousandth of a percent. So neither the seed nor the processor's rounding, both
# of which decide between starts that have found the same, is seen in the maps.
SETTLED = 1e-13
# Contrasts that differ by less, relative to the highest, are of one summit.
SAME_SUMMIT = 1e-4


@dataclass(frozen=True, eq=False)
class Restart:
    """One run of the fixed-point iteration from one random start.

    Attributes
    ----------
    rotation : ndarray of shape (n, n)
        Rows are the unmixing vectors in whitened space, orthonormal.
    seed : int
    n_iter : int
    converged : bool
    change : float
        1 - |cosine| between the last two iterates, at its worst over components.
    contrast : float
        Sum over components of the |excess kurtosis| of their maps: what the iteration climbs.
    """

    rotation: np.ndarray
    seed: int
    n_iter: int
    converged: bool
    change: float
    contrast: float


@dataclass(frozen=True, eq=False)
class Decomposition:
    """Independent components and how they were found.

    Attributes
    ----------
    maps : ndarray of float32, shape (n, n_voxels)
        Rows of mean 0 and norm 1; mutually orthogonal, but for those of Infomax.
    stability : ndarray of shape (n,)
        ICASSO's index Iq of the cluster that each map comes from: 1 where every start led to it.
    restarts : list of Restart
        All of them, in the order of their seeds.
    best : int
        Which of them :func:`choose_start` took; its maps they are, but for a consensus.
    polish : Unmixing or None
        Where Infomax went from there, if it did.

    See Also
    --------
    fast_ica : makes one.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.decomposition import fast_ica
    >>> rng = np.random.default_rng(0)
    >>> found = fast_ica(rng.laplace(size=(3, 2000)), n_init=5, random_state=0)
    >>> found.maps.shape, len(found.restarts)
    ((3, 2000), 5)
    >>> found.table().columns.tolist()
    ['seed', 'n_iter', 'converged', 'change', 'contrast', 'chosen']
    >>> bool(found.stability.min() > 0.9)
    True
    """

    maps: np.ndarray
    stability: np.ndarray
    restarts: list
    best: int
    polish: Unmixing | None = None

    @property
    def rotations(self) -> np.ndarray:
        """Those of all restarts, of shape (n_restarts, n, n)."""
        return np.array([restart.rotation for restart in self.restarts])

    def table(self) -> DataFrame:
        """One row per restart, as a DataFrame."""
        import pandas as pd

        columns = ["seed", "n_iter", "converged", "change", "contrast"]
        rows = [[getattr(restart, name) for name in columns] for restart in self.restarts]
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(chosen=table.index == self.best)


def fast_ica(
    components: np.ndarray, n_init: int = 10, random_state: Seed = None, max_iter: int = 200,
    tol: float = 1e-5, consensus: bool = False,
    algorithm: Literal["fastica", "infomax"] = "fastica",
) -> Decomposition:  # fmt: skip
    """Rotate orthogonal maps into maps that are as independent as can be.

    For up to 40 components: one pass of k⁴/4 multiplications per voxel, in float64, and memory for
    the maps, their whitened copy and one block; restarts are almost free. Above: 2 k²
    multiplications per voxel, iteration and restart.

    The restart with the highest contrast is kept: the one that came highest on what
    all of them climb; of those as high the first, see :func:`choose_start`. (nilearn keeps the one
    whose least sparse map is sparsest.) On 20 real runs and 20 components, maps from two seeds then
    agree at a mean |r| of .999 and more, against .76 between two seeds of nilearn 0.14.1
    (`benchmarks/`).

    Parameters
    ----------
    components : ndarray of shape (k, n_voxels)
        Any basis of the subspace; it is centred and whitened here.
    n_init : int
        Random starts.
    random_state : int, RandomState, Generator or None
    max_iter : int
        Iterations of each start. The one that is chosen may take as many again, to settle to the
        last digits if it has converged.
    tol : float
        A start has converged when no component turns by more, in 1 - |cosine|. On 20 real runs and
        30 components, maps from two seeds agree at a mean |r| of .993 with 1e-4, which is nilearn's
        and stops on plateaus, and of .9998 with 1e-5, for a third more iterations.
    consensus : bool
        Instead of the maps of the best restart those on the axes of the clusters that all restarts
        form, made orthogonal. On 20 real runs, two seeds of 10 restarts agree at a mean |r| of .986
        (best: .973), .9998 (1.0000), .983 (.973) and .978 (.967) for 10, 20, 30 and 50 components;
        with 30 restarts the best agrees as well (20) or better (10, 30, 50).
    algorithm : {"fastica", "infomax"}
        Whether Infomax goes on from there, see :func:`infomax.infomax`; it draws no random number,
        and its maps may be correlated.

    Returns
    -------
    Decomposition
        With fewer than k maps where the centred components span fewer dimensions.

    Warns
    -----
    NotConvergedWarning
        If the chosen restart did not converge; the message counts those that did.

    Raises
    ------
    ValueError
        If the components are not finite or all constant.

    See Also
    --------
    GroupSubspace : the maps to rotate.
    threshold_maps : keeps the strong values.

    Notes
    -----
    The model is components = mixing @ maps. Whitening is done here, with a k x k matrix from an
    eigendecomposition: scikit-learn's turns exactly orthonormal input into NaN where the first
    entry of a singular vector is exactly 0.

    Examples
    --------
    Three sparse sources come back from their mixtures:

    >>> import numpy as np
    >>> from nbica import matching
    >>> from nbica.decomposition import fast_ica
    >>> rng = np.random.default_rng(0)
    >>> sources = rng.laplace(size=(3, 2000))
    >>> found = fast_ica(rng.normal(size=(3, 3)) @ sources, random_state=0)
    >>> matching.match(found.maps, sources).mean > 0.98
    True
    """
    check_count("n_init", n_init)
    check_count("max_iter", max_iter)
    check_fraction("tol", tol, 1e-5)
    check_random_state(random_state)
    check_one_of("algorithm", algorithm, ALGORITHMS)
    consensus = as_flag("consensus", consensus)
    found = separate(components, n_init, random_state, max_iter, tol, consensus, algorithm)
    _warn_unless_converged(found, max_iter, tol)
    return found


def separate(
    components, n_init, random_state, max_iter=200, tol=1e-5, consensus=False, algorithm="fastica"
):
    """What :func:`fast_ica` does, without a word on starts that did not converge."""
    components = _checked_components(components)
    white = whiten(components)
    if not len(white):
        msg = f"All {len(components)} components are constant: there is nothing to separate."
        raise ValueError(msg)
    update = cubic_update(white)
    seeds = np.random.RandomState(_seed(random_state)).randint(2**31 - 1, size=n_init)
    restarts = [climb(update, len(white), int(seed), max_iter, tol) for seed in seeds]
    best = choose_start(restarts)
    restarts[best] = settle(update, restarts[best], max_iter)
    rotation, stability = _agree(restarts, best, consensus)
    polish = infomax(white, rotation, max_iter) if algorithm == "infomax" else None
    unmixing = rotation if polish is None else _of_unit_rows(polish.W)
    maps = unmixing.astype(np.float32) @ white
    maps /= np.sqrt(np.float32(white.shape[1]))
    return Decomposition(maps, stability, restarts, best, polish)


def _of_unit_rows(W):
    # Of white maps, those have the variance 1 as well.
    return W / np.linalg.norm(W, axis=1, keepdims=True)


def starts_of(n_init, n_components):
    """How many random starts: as many as asked for; of "auto" 30, or 10 above 40 components.

    A start of k components costs some hundred iterations of k⁵/4 multiplications by the moments,
    however many voxels there are: 30 starts took 0.07, 0.3, 1.0 and 3.3 s of one core for 10, 20,
    30 and 40 components of 20 real runs, 10 starts a third. All of 4 seeds then found the same maps
    (matched |r| 1.0000); with 10 starts one map in 10 components was another one (mean .973, worst
    .63), since one start in seven comes to the top.
    """
    if n_init != "auto":
        return n_init
    return 30 if n_components <= MOMENTS_UP_TO else 10


def choose_start(restarts):
    """Which restart came highest: of those within 1e-4 of the highest, the first that converged.

    Starts that found the same maps stop where they turn by less than `tol`, up to 2e-5 below the
    summit (20 real runs, 10 to 50 components), and which of them is highest differs between
    processors; the next summit was 6e-4 lower and more. The one that is chosen climbs on to the
    summit in any case.
    """
    contrasts = np.array([restart.contrast for restart in restarts])
    is_tied = contrasts >= contrasts.max() * (1.0 - SAME_SUMMIT)
    converged = np.array([restart.converged for restart in restarts])
    return first_of_largest(2 * is_tied + (is_tied & converged))


def _agree(restarts, best, consensus):
    """One rotation out of all restarts, and how stable each of its rows is."""
    labels, iq, axes = cluster(np.array([restart.rotation for restart in restarts]))
    # Clusters that fall together or lie in one plane name no basis: then the best start does.
    is_basis = len(axes) == labels.shape[1] and linalg.svdvals(axes)[-1] > 0.1
    if consensus and is_basis:
        return decorrelate(axes), iq
    return restarts[best].rotation, iq[labels[best]]


def _checked_components(components):
    components = as_numbers("components", components, "(n_components, n_voxels)")
    if not components.size or not np.isfinite(components).all():
        msg = (
            f"components have shape {np.shape(components)}; expected finite numbers of shape "
            "(n_components, n_voxels). Remove NaN and Inf first."
        )
        raise ValueError(msg)
    return components


def whiten(components):
    """Centred, uncorrelated rows of variance 1 with the same span (float32), whatever its basis.

    Among all such rows those are taken that lie nearest to fixed random maps. (The eigenvectors of
    a covariance that is nearly the identity, which is that of orthonormal rows, are decided by the
    processor's rounding: the same seed would be another start on another one.) Directions that are
    only rounding are dropped.

    Costs three times k² multiplications per voxel, in float64, and 2 k random numbers.
    """
    # To a maximum of 1, so that squares neither overflow nor vanish.
    largest = max(np.max(components, initial=0.0), -np.min(components, initial=0.0))
    X = (components / (largest or 1.0)).astype(np.float32)
    X -= X.mean(axis=1, dtype=np.float64, keepdims=True).astype(np.float32)
    d, E = linalg.eigh(gram(X) / X.shape[1])
    kept = d > 1e-10 * max(d.max(initial=0.0), np.finfo(float).tiny)
    K = (E[:, kept] / np.sqrt(d[kept])).T
    Q = decorrelate(K @ _along_random_maps(X)[:, : len(K)]).T
    return (Q @ K).astype(np.float32) @ X


def _along_random_maps(X):
    """Products of rows with as many fixed random maps, the same in every session.

    Costs k² + 2 k multiplications per voxel, and a block of 4096 voxels.
    """
    # Numbers between -1 and 1 that RandomState draws without a logarithm are the same to the last
    # bit on every processor and with every numpy.
    draw, products = np.random.RandomState(0).random_sample, np.zeros((len(X), len(X)))
    for voxels in voxel_blocks(X.shape[1]):
        block = X[:, voxels].astype(np.float64)
        products += block @ (2.0 * draw((block.shape[1], len(X))) - 1.0)
    return products


def cubic_update(white):
    """The function W ↦ E[(W x)³ xᵀ] of whitened maps, by the cheaper of two ways."""
    if len(white) <= MOMENTS_UP_TO:
        return _from_moments(fourth_moments(white))
    return lambda W: _over_voxels(W, white)


def fourth_moments(white):
    """E[x_i x_j x_k x_l] as a matrix over pairs (i ≤ j) and (k ≤ l).

    Costs k⁴/4 multiplications per voxel (a symmetric product) and k²/2 x 1024 x 12 B. Sums of
    float32 values are made in float64: those of float32 would be another 1e-7 apart on each
    processor.
    """
    n_pairs = len(white) * (len(white) + 1) // 2
    M = np.zeros((n_pairs, n_pairs))
    for start in range(0, white.shape[1], VOXEL_BLOCK):
        checkpoint()
        block = white[:, start : start + VOXEL_BLOCK].astype(np.float64)
        pairs = np.vstack([row * block[number:] for number, row in enumerate(block)])
        M += pairs @ pairs.T
    return M / white.shape[1]


def _from_moments(M):
    """A function of W that gives E[x (w x)³] from the fourth moments of x."""
    k = int(np.sqrt(2 * len(M)))
    i, j = np.triu_indices(k)
    twice = np.where(i == j, 1.0, 2.0)

    def update(W):
        # Q_c = Σ w_i w_j E[x x^T x_i x_j] for each component c; then Q_c w_c.
        Q = np.empty((len(W), k, k))
        Q[:, i, j] = Q[:, j, i] = (W[:, i] * W[:, j] * twice) @ M
        return np.einsum("cij,cj->ci", Q, W)

    return update


def _over_voxels(W, white):
    checkpoint()
    total = np.zeros((len(W), len(white)))
    W = W.astype(np.float32)
    for start in range(0, white.shape[1], VOXEL_BLOCK):
        block = white[:, start : start + VOXEL_BLOCK]
        y = W @ block
        total += (y * y * y) @ block.T
    return total / white.shape[1]


def climb(update, k, seed, max_iter, tol):
    """Climb the sum of |excess kurtosis| over orthogonal W, from a random start.

    A step is FastICA's fixed point, W ← decorrelated(G) with G the signed gradient; on real data,
    where some components are nearly Gaussian, that may circle forever. A step that would go down
    is therefore taken back and shortened, W ← decorrelated(G + shift W), with a shift that grows
    until the step goes up: the stationary points are the same, and every start converges.

    Parameters
    ----------
    update : function of W
        From :func:`cubic_update`.
    k, seed, max_iter : int
    tol : float

    Returns
    -------
    Restart
    """
    W = decorrelate(np.random.RandomState(seed).normal(size=(k, k)))
    W, n_iter, change, contrast = _ascend(update, W, max_iter, tol)
    return Restart(W, seed, n_iter, change < tol, change, contrast)


def settle(update, restart, max_iter):
    """Climb on from where a start has converged until the last digits are still.

    Costs some tens of iterations of that one start.
    """
    if not restart.converged:
        return restart
    has_moments = len(restart.rotation) <= MOMENTS_UP_TO
    rounding = ROUNDING_OF_MOMENTS if has_moments else ROUNDING
    W, n_iter, change, contrast = _ascend(update, restart.rotation, max_iter, SETTLED, rounding)
    n_iter += restart.n_iter
    return replace(restart, rotation=W, n_iter=n_iter, change=change, contrast=contrast)


def _ascend(update, W, max_iter, tol, rounding=ROUNDING):
    """Where the climb from W ends, after how many steps, by how much it still turns, how high."""
    k = len(W)
    G, contrast = _signed_gradient(update, W)
    shift, change, n_iter = 0.0, np.inf, 0
    while change >= tol and n_iter < max_iter:
        n_iter += 1
        # A step of the fixed point, shortened by the shift, onto the orthogonal matrices.
        W_next = decorrelate(G + shift * W)
        G_next, contrast_next = _signed_gradient(update, W_next)
        # It went down: take the step back and try a shorter one.
        if contrast_next < contrast * (1.0 - rounding):
            shift = max(2.0 * shift, contrast / k / 4.0)
            continue
        # It went up: measure how far the rows turned, and let steps grow again.
        cosines = np.einsum("ij,ij->i", W_next, W)
        change = float(np.abs(np.abs(cosines) - 1.0).max(initial=0.0))
        W, G, contrast, shift = W_next, G_next, contrast_next, shift / 2.0
    return W, n_iter, change, contrast


def _signed_gradient(update, W):
    """Gradient of the sum of |kurtosis| (over 4), and that sum."""
    G = update(W) - 3.0 * W
    kurtosis = np.einsum("ij,ij->i", G, W)
    return np.where(kurtosis < 0, -1.0, 1.0)[:, np.newaxis] * G, float(np.abs(kurtosis).sum())


def decorrelate(W):
    """The orthogonal matrix nearest to W: (W Wᵀ)^(-1/2) W."""
    U, _, Vt = linalg.svd(W)
    return U @ Vt


def check_random_state(random_state):
    """Raise ValueError if it is no seed and no generator of random numbers."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        return
    try:
        np.random.RandomState(random_state)
    except (TypeError, ValueError) as error:
        msg = (
            f"random_state is {random_state!r}; expected None, a whole number from 0 to 2**32 - 1, "
            "a RandomState or a Generator."
        )
        raise ValueError(msg) from error


def _seed(random_state):
    """Seed for RandomState, from what scikit-learn's users pass as `random_state`."""
    if isinstance(random_state, np.random.RandomState | np.random.Generator):
        draw = getattr(random_state, "integers", None) or random_state.randint
        return int(draw(2**31 - 1))
    return random_state


def _warn_unless_converged(found, max_iter, tol):
    restarts, chosen = found.restarts, found.restarts[found.best]
    if chosen.converged:
        if found.polish is not None and not found.polish.converged:
            msg = (
                f"Infomax stopped at max_iter={max_iter} before it settled: its gradient is still "
                f"{found.polish.change:.1e}. Raise max_iter, or choose another n_components."
            )
            warn(msg, NotConvergedWarning, stacklevel=3)
        return
    n_converged = sum(restart.converged for restart in restarts)
    msg = (
        f"ICA stopped at max_iter={max_iter} before it settled: the chosen start still turns by "
        f"{chosen.change:.1e} (tol={tol:g}); {n_converged} of {len(restarts)} starts "
        "converged. Raise max_iter, or choose another n_components."
    )
    warn(msg, NotConvergedWarning, stacklevel=3)
