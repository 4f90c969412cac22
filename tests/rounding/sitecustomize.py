"""Plays another processor: what comes out of a floating-point stage is rounded otherwise.

Python reads this as it starts, with this folder on PYTHONPATH; where NBICA_ROUNDING_SEED is set,
in the kernels of notebooks and in worker processes too, the functions below are wrapped as their
modules are imported. nbica itself knows nothing of it.

A processor rounds the same sum in the same way each time it is asked, whatever was asked before
and in which process. So does this one: the noise of a number is a hash of the number and of the
seed. Numbers that are equal stay equal, 0 stays 0, and -x is the opposite of x.
"""

import functools
import inspect
import os
import sys
from importlib.machinery import PathFinder, SourceFileLoader

# What sums of float32 and of float64 may differ by, as a part of them: some ten units in the last
# place of float32, some hundred of float64.
SINGLE, DOUBLE = 1e-6, 1e-13
# FastICA over the voxels climbs by sums of float32 that it takes to be known to 1e-7.
CLIMB = 1e-7


def changed(values, seed, size=None):
    """A copy of an array, rounded otherwise; by default as its type is."""
    import numpy as np

    values = np.asarray(values)
    if values.dtype not in (np.float32, np.float64) or not values.size:
        return values
    out = np.array(values, order="C")
    size = size or (SINGLE if out.dtype == np.float32 else DOUBLE)
    flat = out.reshape(-1)
    for start in range(0, len(flat), 1 << 16):  # no room for a second copy of a run
        part = flat[start : start + (1 << 16)]
        part[:] = part * (1.0 + size * _noise(np.abs(part), seed))
    return out


def _noise(values, seed):
    """Numbers between -1 and 1 that look random: of splitmix64, from the bits of some values."""
    import numpy as np

    bits = values.view(np.uint32 if values.itemsize == 4 else np.uint64).astype(np.uint64)
    h = bits + np.uint64((seed + 1) * 0x9E3779B97F4A7C15 % 2**64)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (h ^ (h >> np.uint64(31))) / 2.0**63 - 1.0


# ---- how a stage hands over what it made --------------------------------------------------------


def result(size=None):
    """What it returns: an array, or a tuple, a list or a dict with arrays in it."""

    def change(found, arguments, seed):
        return _within(found, seed, size)

    return change


def _within(found, seed, size):
    import numpy as np

    if isinstance(found, np.ndarray | np.floating):
        # A number alone stays a number.
        return changed(found, seed, size)[()] if np.ndim(found) == 0 else changed(found, seed, size)
    if isinstance(found, dict):
        return {name: _within(value, seed, size) for name, value in found.items()}
    if type(found) in (tuple, list):
        return type(found)(_within(value, seed, size) for value in found)
    return found


def interpolated():
    """What it returns, unless it took the nearest values as they are."""

    def change(found, arguments, seed):
        return found if arguments.get("order") == 0 else changed(found, seed)

    return change


def overwritten(argument, size=None):
    """One of its arguments, by its name, which it overwrites."""

    def change(found, arguments, seed):
        for row in arguments[argument]:
            row[...] = changed(row, seed, size)
        return found

    return change


def field(name):
    """One field of the dataclass that it returns."""

    def change(found, arguments, seed):
        from dataclasses import replace

        return replace(found, **{name: changed(getattr(found, name), seed)})

    return change


def all_of(*changes):
    """Several of these."""

    def change(found, arguments, seed):
        for one in changes:
            found = one(found, arguments, seed)
        return found

    return change


STAGES = {
    # Frames, as they come into the matrix.
    "nbica.masking.extract": {"_gather": overwritten("out")},
    "nbica.image.spatial": {"smooth_block": result(), "resample_block": interpolated()},
    "nbica.signal.cleaning": {"_clean_block": overwritten("block")},
    "nbica.signal.least_squares": {"gram_of_blocks": result()},
    "nbica.decomposition.reduction": {"principal_components": result()},
    "nbica.decomposition.subspace": {
        "leading_components": result(),
        "lead_inplace": overwritten("stack"),
    },
    "nbica.decomposition.ica": {
        "whiten": result(),
        "fourth_moments": result(),
        "_over_voxels": result(CLIMB),
        "separate": field("maps"),
    },
    "nbica.matching.pairing": {"correlate": result()},
    "nbica.decomposition.projection": {"along_maps": result(SINGLE), "project_run": result()},
    "nbica.connectivity.subject_maps": {"_regressed": result()},
    "nbica.decomposition.sparse_coding": {"encode": all_of(result(SINGLE), overwritten("C"))},
}


class OtherProcessor(SourceFileLoader):
    """Runs a module, and wraps its stages."""

    def exec_module(self, module):
        """As the import system calls it."""
        super().exec_module(module)
        seed = int(os.environ["NBICA_ROUNDING_SEED"])
        for name, change in STAGES[module.__name__].items():
            setattr(module, name, _wrapped(getattr(module, name), change, seed))


def _wrapped(stage, change, seed):
    signature = inspect.signature(stage)

    @functools.wraps(stage)
    def otherwise(*arguments, **named):
        given = signature.bind(*arguments, **named).arguments
        return change(stage(*arguments, **named), given, seed)

    return otherwise


class Finder:
    """Finds the modules of the stages, and gives them that loader."""

    def find_spec(self, name, path=None, target=None):
        """As the import system calls it."""
        if name not in STAGES:
            return None
        spec = PathFinder.find_spec(name, path)
        spec.loader = OtherProcessor(name, spec.origin)
        return spec


if os.environ.get("NBICA_ROUNDING_SEED"):
    sys.meta_path.insert(0, Finder())
