"""The ICA alone: nbica's against scikit-learn's, as nilearn calls it; and whether it ever fails."""

import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import data, tasks
from benchmarks.results import Row

SIZES = {
    "full": {"shape": "hcp", "n_init": 10, "n_fuzzed": 1000},
    "quick": {"shape": "adhd", "n_init": 3, "n_fuzzed": 200},
    "tiny": {"shape": "tiny", "n_init": 2, "n_fuzzed": 50},
}
KINDS = ("orthonormal", "fortran", "tiny", "deficient", "gaussian")


def run(bench, shape, n_init, n_fuzzed):
    n_voxels = data.SHAPES[shape].n_voxels
    row = Row(f"ICA stage, 20 × {n_voxels}, n_init={n_init}")
    with tempfile.TemporaryDirectory() as folder:
        found, maps = {}, {}
        for who in ("nbica", "sklearn"):
            path = str(Path(folder) / f"{who}.npy")
            kwargs = {"shape": shape, "n_init": n_init, "maps_to": path}
            found[who] = bench.measure(f"benchmarks.ica_stage:{who}_ica", f"{who}, ICA", **kwargs)
            maps[who] = np.load(path)
    cpu = {who: m.value["cpu_seconds"] for who, m in found.items()}
    row.at_least("less CPU than scikit-learn", cpu["sklearn"] / cpu["nbica"], 10, "{:.1f} ×")
    r = tasks.matched(maps["nbica"], maps["sklearn"])
    row.at_least("least matched |r| with its maps", r["min_r"], 0.999, "{:.4f}")
    _tell_infomax(bench, row, shape, n_init)
    for who, seconds in cpu.items():
        planted = tasks.matched(maps[who], planted_maps(shape))["mean_r"]
        row.tell(f"{who}: CPU seconds; mean |r| with the planted", f"{seconds:.1f}; {planted:.4f}")
    _check_fuzz(bench, row, n_fuzzed)
    row.numbers |= {who: m.as_json() for who, m in found.items()} | {"r": r}
    row.notes.append(
        "CPU of the stage only, all threads. scikit-learn as nilearn 0.14 calls it: fastica of the "
        "float64 transpose, whiten='arbitrary-variance', fun='cube', and of the restarts the one "
        "whose least sparse map is sparsest."
    )
    return row


def _tell_infomax(bench, row, shape, n_init):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "infomax.npy")
        kwargs = {"shape": shape, "n_init": n_init, "maps_to": path, "algorithm": "infomax"}
        found = bench.measure("benchmarks.ica_stage:nbica_ica", "nbica, ICA and Infomax", **kwargs)
        planted = tasks.matched(np.load(path), planted_maps(shape))["mean_r"]
    told = f"{found.value['cpu_seconds']:.1f}; {planted:.4f}"
    row.tell("nbica and Infomax: CPU seconds; mean |r| with the planted", told)


def _check_fuzz(bench, row, n_fuzzed):
    for who in ("nbica", "sklearn"):
        label = f"{who}, {n_fuzzed} strange inputs"
        found = bench.measure("benchmarks.ica_stage:fuzz", label, who=who, n_inputs=n_fuzzed)
        row.numbers[f"fuzz {who}"] = found.value
        if who == "nbica":
            row.at_most(
                f"failures on {n_fuzzed} strange inputs", found.value["failures"], 0, "{:d}"
            )
        else:
            row.tell("scikit-learn's failures on them", f"{found.value['failures']}")


# ---- in the process that is measured --------------------------------------------------------


def planted_maps(shape):
    """What is to be found: the networks of a shape, on smooth ground."""
    return data.Scene(data.SHAPES[shape]).maps


def planted_subspace(shape):
    """An orthonormal basis of the planted networks with noise on them, mixed at random."""
    rng = np.random.default_rng(0)
    maps = planted_maps(shape)
    noisy = maps + 0.02 * rng.standard_normal(maps.shape, np.float32)
    Q, _ = np.linalg.qr(noisy.T @ rng.standard_normal((len(maps), len(maps))))
    return np.ascontiguousarray(Q.T, np.float32)


def nbica_ica(shape, n_init, maps_to, algorithm="fastica"):
    from nbica.decomposition.ica import fast_ica

    subspace = planted_subspace(shape)
    start = time.process_time()
    maps = fast_ica(subspace, n_init, random_state=0, algorithm=algorithm).maps
    return _finish(start, maps, maps_to)


def sklearn_ica(shape, n_init, maps_to):
    from sklearn.decomposition import fastica

    subspace = planted_subspace(shape)
    start = time.process_time()
    seeds = np.random.RandomState(0).randint(np.iinfo(np.int32).max, size=n_init)
    restarts = [_sklearn_maps(fastica, subspace, seed) for seed in seeds]
    maps = min(restarts, key=lambda maps: np.abs(maps).sum(axis=1).max())
    return _finish(start, maps, maps_to)


def _sklearn_maps(fastica, subspace, seed):
    options = {"whiten": "arbitrary-variance", "fun": "cube", "random_state": seed}
    return fastica(subspace.T.astype(np.float64), **options)[2].T


def _finish(start, maps, maps_to):
    cpu_seconds = time.process_time() - start
    np.save(maps_to, maps)
    return {"cpu_seconds": cpu_seconds}


def fuzz(who, n_inputs):
    """Count the inputs that end in an error or in maps that are not finite, by kind of input."""
    from sklearn.decomposition import fastica

    from nbica.decomposition.ica import fast_ica

    solve = {
        "nbica": lambda X, seed: fast_ica(X, 2, random_state=seed).maps,
        "sklearn": lambda X, seed: _sklearn_maps(fastica, X, seed),
    }[who]
    failures = dict.fromkeys(KINDS, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(n_inputs):
            kind = KINDS[seed % len(KINDS)]
            failures[kind] += not _is_solved(solve, strange_input(kind, seed), seed)
    return {"failures": sum(failures.values()), "by_kind": failures}


def _is_solved(solve, X, seed):
    try:
        maps = solve(X, seed)
    except (ValueError, ArithmeticError, np.linalg.LinAlgError):
        return False
    return bool(len(maps) and np.isfinite(maps).all())


def strange_input(kind, seed):
    """Components that solvers have stumbled over, float32 (k, n_voxels)."""
    rng = np.random.default_rng(seed)
    k, n_voxels = rng.integers(2, 12), rng.integers(60, 2000)
    X = rng.laplace(size=(k, n_voxels)) ** 3
    if kind == "orthonormal":
        # Exactly: unit vectors of voxels of one's own, so that products of rows are exact zeros.
        X = np.repeat(np.eye(k), 5, axis=1) * np.tile(rng.choice([-1, 1], 5), k) / np.sqrt(5)
        X = np.hstack([X, np.zeros((k, n_voxels))])
    elif kind == "fortran":
        X = np.asfortranarray(X)
    elif kind == "tiny":
        X = X * 10.0 ** rng.integers(-30, -10)
    elif kind == "deficient":
        X[-1] = X[0] - X[1] if k > 2 else X[0]
    elif kind == "gaussian":
        X = rng.normal(size=(k, n_voxels))
    return X.astype(np.float32, order="K")
