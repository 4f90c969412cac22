"""Memory over time, as the talk showed it: stacked against online, nilearn against nbica."""

import numpy as np

from benchmarks import figures
from benchmarks.results import Row, megabytes, sampling

SIZES = {
    "full": {"n_reductions": 400, "n_runs": 40},
    "quick": {"n_reductions": 100, "n_runs": 4},
    "tiny": {"n_reductions": 20, "n_runs": 4},
}
N_ROWS = 20


def run(bench, n_reductions, n_runs):
    row = Row("memory over time")
    group_step = _group_step(bench, n_reductions)
    fits = _fits(bench, n_runs)
    for name, m in (group_step | fits).items():
        row.tell(name, f"{megabytes(m.peak)}, {m.seconds:.1f} s")
        row.numbers[name] = m.as_json()
    panels = [
        figures.memory_panel(f"group step, {n_reductions} runs", _curves(group_step)),
        figures.memory_panel(f"whole fit, {n_runs} runs", _curves(fits)),
    ]
    row.figures.append(figures.lines(bench.figure("memory.png"), panels))
    row.notes += [
        sampling([*group_step.values(), *fits.values()]),
        f"Left: reductions of {N_ROWS} rows made at random one by one, then stacked for one "
        "randomized SVD as nilearn does, or merged as they come.",
    ]
    return row


def _group_step(bench, n_reductions):
    size = {"n_reductions": n_reductions, "n_voxels": bench.adhd.n_voxels}
    return {
        "stacked": bench.measure("benchmarks.memory_curves:stacked", "stacked", **size),
        "online (nbica)": bench.measure("benchmarks.memory_curves:online", "online", **size),
    }


def _fits(bench, n_runs):
    group = bench.adhd_runs(n_runs)
    files = {"runs": group.runs, "mask": group.mask}
    return {
        "nilearn": bench.measure("benchmarks.tasks:nilearn_fit", "nilearn's CanICA", **files),
        "nbica": bench.measure("benchmarks.tasks:nbica_fit", "nbica's CanICA", **files),
    }


def _curves(measurements):
    return {name: m.curve for name, m in measurements.items()}


# ---- in the process that is measured --------------------------------------------------------


def _reductions(n_reductions, n_voxels):
    rng = np.random.default_rng(0)
    for _ in range(n_reductions):
        yield rng.standard_normal((N_ROWS, n_voxels), np.float32)


def stacked(n_reductions, n_voxels):
    """A list of all reductions, copied into one array, for one SVD: nilearn's group step."""
    from sklearn.utils.extmath import randomized_svd

    blocks = list(_reductions(n_reductions, n_voxels))
    stack = np.empty((N_ROWS * n_reductions, n_voxels), np.float32, order="F")
    for number, block in enumerate(blocks):
        stack[number * N_ROWS : (number + 1) * N_ROWS] = block
        blocks[number] = None
    randomized_svd(stack.T, n_components=N_ROWS, transpose=True, random_state=0, n_iter=3)
    return {}


def online(n_reductions, n_voxels):
    """The group step of nbica."""
    from nbica.decomposition.subspace import GroupSubspace

    subspace = GroupSubspace(N_ROWS)
    for rows in _reductions(n_reductions, n_voxels):
        subspace.partial_fit(rows)
    return {"n_runs": subspace.n_runs_}
