"""The group subspace, one run at a time, against the exact SVD of all runs stacked."""

import time

import numpy as np
from scipy import linalg

from benchmarks.results import Row, megabytes

SIZES = {
    "full": {"n_runs": 100, "n_voxels": 47_000},
    "quick": {"n_runs": 40, "n_voxels": 20_000},
    "tiny": {"n_runs": 12, "n_voxels": 2_000},
}
N_COMPONENTS = 20
N_SITES = 5
N_KEPT = 5 * N_COMPONENTS  # what GroupSubspace keeps by default
N_OF_SITE = 6


def run(bench, n_runs, n_voxels):
    row = Row(f"group subspace of {n_runs} runs, 20 × {n_voxels} each, {N_SITES} sites")
    size = {"n_runs": n_runs, "n_voxels": n_voxels}
    found = bench.measure("benchmarks.subspace:compare", "online, exact, scikit-learn", **size)
    for order, cosine in found.value["cosines"].items():
        row.at_least(f"least cosine to the exact, {order}", cosine, 0.999, "{:.5f}")
    theirs = found.value["incremental_pca"]
    row.tell(
        "least cosine of IncrementalPCA, worst order", f"{min(theirs['cosines'].values()):.4f}"
    )
    seconds = found.value["seconds"]
    row.tell("faster than IncrementalPCA", f"{theirs['seconds'] / seconds:.1f} ×")
    row.tell("seconds for all runs", f"{seconds:.2f}")
    row.tell("what stacking would hold", megabytes(n_runs * N_COMPONENTS * n_voxels * 4))
    row.numbers |= found.value
    row.notes.append(
        f"Each run: the {N_COMPONENTS} strongest directions of {N_COMPONENTS} that all share and "
        f"{N_OF_SITE} of its site, with noise, each of its own strength in each run. Random order, "
        "one site after the other, and that from its end. IncrementalPCA is given as many rows to "
        f"keep, {N_KEPT}, and as many runs at once; it also subtracts the mean of the rows."
    )
    return row


# ---- in the process that is measured --------------------------------------------------------


def compare(n_runs, n_voxels):
    """Smallest cosines to the exact subspace and seconds, nbica's and scikit-learn's."""
    reductions = reductions_of_sites(n_runs, n_voxels)
    exact = _exact(reductions.reshape(-1, n_voxels))
    orders = {
        "random order": np.random.default_rng(1).permutation(n_runs),
        "sorted by site": np.arange(n_runs),
        "the reverse": np.arange(n_runs)[::-1],
    }
    ours = {name: _online(reductions[order]) for name, order in orders.items()}
    theirs = {name: _incremental_pca(reductions[order]) for name, order in orders.items()}
    return _compared(exact, ours) | {"incremental_pca": _compared(exact, theirs)}


def _compared(exact, found):
    return {
        "cosines": {order: _least_cosine(exact, rows) for order, (rows, _) in found.items()},
        "seconds": float(np.median([seconds for _, seconds in found.values()])),
    }


def reductions_of_sites(n_runs, n_voxels):
    """Orthonormal rows of all runs, sorted by site, (n_runs, 20, n_voxels)."""
    rng = np.random.default_rng(0)
    shared = rng.standard_normal((N_COMPONENTS, n_voxels), np.float32)
    own = rng.standard_normal((N_SITES, N_OF_SITE, n_voxels), np.float32)
    reductions = np.empty((n_runs, N_COMPONENTS, n_voxels), np.float32)
    for run in range(n_runs):
        reductions[run] = _reduction(rng, np.vstack([shared, own[run * N_SITES // n_runs]]))
    return reductions


def _reduction(rng, directions):
    strengths = np.exp(rng.normal(0, 0.5, size=(len(directions), 1))).astype(np.float32)
    rows = strengths * directions + rng.standard_normal(directions.shape, np.float32)
    s2, U = linalg.eigh((rows @ rows.T).astype(np.float64))
    leading = slice(None, -N_COMPONENTS - 1, -1)
    return (U[:, leading] / np.sqrt(s2[leading])).T.astype(np.float32) @ rows


def _exact(stack):
    """Leading right singular vectors of a stack of rows, in float64 by its Gram matrix."""
    blocks = [stack[:, start : start + 4096] for start in range(0, stack.shape[1], 4096)]
    s2, U = linalg.eigh(sum(block @ block.T for block in map(np.float64, blocks)))
    leading = slice(None, -N_COMPONENTS - 1, -1)
    turn = (U[:, leading] / np.sqrt(s2[leading])).T
    return np.hstack([turn @ block for block in map(np.float64, blocks)])


def _online(reductions):
    from nbica.decomposition.subspace import GroupSubspace

    return _fed(GroupSubspace(N_COMPONENTS, N_KEPT), reductions)


def _incremental_pca(reductions):
    from sklearn.decomposition import IncrementalPCA

    stack = reductions.reshape(-1, reductions.shape[-1])
    batches = [stack[start : start + N_KEPT] for start in range(0, len(stack), N_KEPT)]
    return _fed(IncrementalPCA(N_KEPT), batches)


def _fed(learner, batches):
    """What was learnt from all runs, and in how many seconds."""
    start = time.perf_counter()
    for rows in batches:
        learner.partial_fit(rows)
    return learner.components_[:N_COMPONENTS], time.perf_counter() - start


def _least_cosine(exact, found):
    """Of the largest angle between the two subspaces."""
    Q, _ = linalg.qr(found.astype(np.float64).T, mode="economic")
    return float(linalg.svdvals(exact @ Q).min())
