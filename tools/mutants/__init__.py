"""Single lines of nbica, broken on purpose: does a notebook notice?

    make net        (python -m tools.mutants [NAME ...])

runs the notebook that should, for each, and prints a table.

Nothing in the tree changes: `sitecustomize.py`, beside this file, breaks the line as Python
imports its module, in the notebook's kernel and in its workers.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Mutant:
    """A line that is broken.

    Attributes
    ----------
    name : str
        What no longer holds, in words.
    module : str
    line, instead : str
        Text that the module has once, and what stands there in its place.
    noticed_by : str
        Number of a lesson or name of a how-to that should notice; or a file of tests, where no
        notebook needs to.
    """

    name: str
    module: str
    line: str
    instead: str
    noticed_by: str


MUTANTS = [
    # signal and space
    Mutant("no detrending", "nbica.signal.time_operator",
           "if cleaning.detrend:", "if False:", "03"),
    Mutant("no standardizing", "nbica.signal.cleaning",
           'if standardize == "zscore_sample":', "if False:", "03"),
    Mutant("confounds ignored", "nbica.signal.time_operator",
           "if confounds is not None:\n        basis", "if False:\n        basis", "01"),
    Mutant("variance with another ddof", "nbica.signal.cleaning",
           "/ (len(block) - 1))", "/ len(block))", "03"),
    Mutant("no smoothing", "nbica.image.spatial",
           "return widths * SIGMA_PER_FWHM / voxel_size", "return widths * 0.0", "01"),
    Mutant("FWHM taken for sigma", "nbica.image.spatial",
           "1.0 / np.sqrt(8.0 * np.log(2.0))", "1.0", "01"),
    Mutant("voxel size ignored in smoothing", "nbica.image.spatial",
           "** 2).sum(axis=0))\n    return widths", "** 0).sum(axis=0))\n    return widths", "01"),
    Mutant("mask one voxel aside", "nbica.masking.mask",
           "return (z * n_y + y) * n_x + x", "return (z * n_y + y) * n_x + x + 1",
           "masking/test_extract.py"),
    Mutant("mask's x and y swapped", "nbica.masking.mask",
           "return (z * n_y + y) * n_x + x", "return (z * n_y + x) * n_x + y", "01"),
    Mutant("repetition time ignored in the filter", "nbica.signal.time_operator",
           "fs=1 / cleaning.t_r", "fs=1.0", "signal/test_cleaning.py"),
    Mutant("header's scale ignored", "nbica.image.frames",
           "if frames.slope != 1.0:", "if False:", "image/test_frames.py"),
    # group
    Mutant("components of a run not whitened", "nbica.decomposition.reduction",
           "np.ascontiguousarray((U / s).T", "np.ascontiguousarray(U.T", "04"),
    Mutant("weakest components of a run kept", "nbica.decomposition.subspace",
           "np.clip(s2[::-1], 0.0, None), U[:, ::-1]", "np.clip(s2, 0.0, None), U", "04"),
    Mutant("only the last run counts", "nbica.decomposition.subspace",
           "self._n_filled += len(rows)", "self._n_filled = len(rows)", "04"),
    Mutant("merge keeps no more than it must", "nbica.decomposition.subspace",
           "self.n_kept or 5 * self.n_components", "self.n_components", "howto_many_subjects"),
    Mutant("merge forgets weights", "nbica.decomposition.subspace",
           "_, U, _ = left_factors(lambda: blocks_of(stack), len(stack), n_rows)",
           "s, U, _ = left_factors(lambda: blocks_of(stack), len(stack), n_rows); U = U / s",
           "howto_many_subjects"),
    Mutant("correlations not squared", "nbica.decomposition.canica",
           '["singular_values"][:n_components] ** 2', '["singular_values"][:n_components]', "04"),
    Mutant("no CCA", "nbica.decomposition.weighting",
           'elif weighting == "equal":', 'elif weighting != "equal":', "04"),
    # ICA and maps
    Mutant("ICA stops after a step", "nbica.decomposition.ica",
           "while change >= tol and n_iter < max_iter:", "while n_iter < 1:", "01"),
    Mutant("ICA does not decorrelate", "nbica.decomposition.ica",
           "    return U @ Vt\n", "    return W\n", "01"),
    # The summit is the same for maps with long tails, such as networks: no notebook can see it.
    Mutant("ICA's gradient without its Gaussian part", "nbica.decomposition.ica",
           "G = update(W) - 3.0 * W", "G = update(W)", "decomposition/test_ica.py"),
    Mutant("the chosen start does not settle", "nbica.decomposition.ica",
           "restarts[best] = settle(", "settle(", "decomposition/test_ica.py"),
    Mutant("worst start kept", "nbica.decomposition.ica",
           "contrasts >= contrasts.max() * (1.0 - SAME_SUMMIT)", "contrasts == contrasts.min()",
           "07"),
    Mutant("stability of everything is 1", "nbica.signal.icasso",
           "np.clip(iq, 0.0, 1.0)", "np.ones(len(iq))", "07"),
    Mutant("signs of the maps flipped", "nbica.decomposition.maps",
           "np.where(third < -least, -1, 1)", "np.where(third < -least, 1, -1)", "01"),
    Mutant("maps in reverse order", "nbica.decomposition.canica",
           "order = in_order(share)\n", "order = in_order(share)[::-1]\n", "01"),
    Mutant("threshold twice as strict", "nbica.decomposition.maps",
           "100.0 - 100.0 * threshold", "100.0 - 50.0 * threshold", "howto_dictionary_learning"),
    Mutant("p of one side for two", "nbica.decomposition.maps",
           "-ndtri(p / 2.0)", "-ndtri(p)", "07"),
    Mutant("a lower bar for components", "nbica.decomposition.selection",
           "MARGIN = 1.1", "MARGIN = 0.5", "07"),
    # after the fit
    Mutant("pairs matched without their signs", "nbica.matching.pairing",
           "linear_sum_assignment(np.abs(r)", "linear_sum_assignment(-np.abs(r)", "01"),
    Mutant("halves of a split share runs", "nbica.matching.reproducibility",
           "np.sort(order[n_runs // 2 :])", "np.sort(order[: n_runs // 2])", "07"),
    Mutant("dual regression on courses as they are", "nbica.connectivity.subject_maps",
           "np.linalg.pinv(standardized(courses))", "np.linalg.pinv(courses)",
           "connectivity/test_subject_maps.py"),
    # Notebooks take time courses by maps without a threshold, which do not overlap.
    Mutant("time courses without overlaps", "nbica.signal.least_squares",
           "linalg.pinvh(overlaps[np.ix_(present, present)], rtol=1e-12)", "np.eye(len(present))",
           "decomposition/test_projection.py"),
    Mutant("correlations not scaled", "nbica.connectivity.matrices",
           "covariance * scale[..., np.newaxis] * scale[..., np.newaxis, :]", "covariance.copy()",
           "09"),
    Mutant("p not corrected", "nbica.connectivity.groups",
           "np.abs(enhanced(t)).max(axis=1)", "np.abs(enhanced(t))[:, 0]", "09"),
    Mutant("groups the other way round", "nbica.connectivity.groups",
           "groups == names[0]", "groups == names[1]", "09"),
    Mutant("shuffled labels are the true ones", "nbica.connectivity.diagnosis",
           "rng.permutation(y[first])", "y[first]", "10"),
    Mutant("dictionary without a price", "nbica.decomposition.sparse_coding",
           "np.clip(pull, -alpha, alpha)", "0.0", "howto_dictionary_learning"),
    Mutant("dictionary is never improved", "nbica.decomposition.sparse_coding",
           "        D = improve(D, A, B)\n", "", "howto_dictionary_learning"),
    # cache
    Mutant("cache forgets how runs are cleaned", "nbica.decomposition.reduction",
           "table, preparation.key(), n_stored)", "table, n_stored)", "howto_caching"),
    Mutant("cache forgets what a run holds", "nbica.decomposition.reduction",
           "    fingerprint = fingerprint_of(run)\n", '    fingerprint = "a run"\n',
           "howto_caching"),
    # pictures
    Mutant("left is right in slices", "nbica.image.slicing",
           "table(grid, horizontal, lines[horizontal])",
           "table(grid, horizontal, lines[horizontal][::-1])", "05"),
    Mutant("slices 4 mm aside", "nbica.image.slicing",
           "table(grid, axis, np.array([mm]))", "table(grid, axis, np.array([mm + 4]))", "05"),
    Mutant("glass brain sees no negative values", "nbica.image.slicing",
           "np.abs(world).argmax(axis=axis)", "world.argmax(axis=axis)", "howto_glass_brain"),
]  # fmt: skip
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


def net_of(mutant):
    """Path of what should notice a mutant."""
    if mutant.noticed_by.endswith(".py"):
        return ROOT / "tests" / mutant.noticed_by
    [path] = (ROOT / "notebooks").glob(f"{mutant.noticed_by}*.ipynb")
    return path


@contextmanager
def workplace():
    """A folder that is gone in the end, inside of the project, so that its conftest.py counts."""
    around = ROOT / ".pytest_cache"
    around.mkdir(exist_ok=True)
    with TemporaryDirectory(dir=around, prefix="net-") as folder:
        yield Path(folder)


def linked_cohorts(folder):
    """A data folder with the simulated cohorts that are there, as links.

    A mutant is to see sound data; what it computes itself must not get into the common folder.
    """
    common = Path(os.environ.get("NBICA_DATA", ROOT / ".pytest_cache" / "nbica_data"))
    return shutil.copytree(common, folder, copy_function=os.link)


def run_strictly(path, data, *options, mutant=None):
    """Run a notebook or tests as `make test` does, in a process of its own.

    Parameters
    ----------
    path : path
        Inside of the project.
    data : path
        Folder of simulated cohorts; for a mutant from :func:`linked_cohorts`.
    *options : str
        For pytest.
    mutant : Mutant, optional

    Returns
    -------
    passed, failed : list of str
        Such as "Cell 3".
    output : str
    """
    paths = [ROOT, Path(__file__).parent] if mutant else [ROOT]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "NBICA_DATA": str(data),
        "NBICA_MUTANT": json.dumps(asdict(mutant)) if mutant else "",
    }
    environment.pop("PYTEST_ADDOPTS", None)
    command = [
        sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-v",
        *options, path,
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    output = done.stdout + done.stderr
    if done.returncode not in (0, 1):
        msg = f"pytest ended with {done.returncode}:\n{output[-3000:]}"
        raise RuntimeError(msg)
    return *(re.findall(rf"::([^:\n]+) {word}", output) for word in ("PASSED", "FAILED")), output
