"""A simulated visual task, in the form of Haxby's: pictures of eight kinds, and their patterns.

In order: `_stimuli` is the order of blocks, `_patterns` what each kind evokes where, and
`subjects.write_run` streams it to disk through the scanner of the resting-state cohort.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from nbica.datasets import files
from nbica.datasets.simulation import anatomy, scanner
from nbica.datasets.simulation.subjects import Drawn, Plan, Scene, generator, write_run
from nbica.image.writing import write_image
from nbica.runtime.checks import check_count, is_number

if TYPE_CHECKING:
    from sklearn.utils import Bunch

    from nbica.hints import AnyPath

_VERSION = 4  # bump when the same parameters give other files
CATEGORIES = ("face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix")
T_R = 2.5

# Frames, as in Haxby's runs: nine of pictures, five of rest, and rest at both ends.
_ON, _OFF, _BEFORE, _RUN = 9, 5, 6, 121

# A slab through the ventral temporal lobes: voxels of 4 mm, z from -28 to 8 mm.
_AFFINE = nib.affines.from_matvec(np.diag([4.0, 4.0, 4.0]), [-80, -112, -28])
_SHAPE = (41, 49, 10)

# Ellipsoids in MNI mm: centre, half axes. The places are the usual ones of the fusiform and
# parahippocampal gyri and of early visual cortex, rounded; they are no measurement.
_VENTRAL = (((-34, -52, -14), (16, 24, 12)), ((34, -52, -14), (16, 24, 12)))
_VISUAL = (((0, -88, 0), (24, 16, 14)),)
_PREFERRED = {
    "face": (((-40, -52, -18), (7, 8, 7)), ((40, -52, -18), (7, 8, 7))),
    "house": (((-25, -44, -10), (7, 8, 7)), ((25, -44, -10), (7, 8, 7))),
}

# In percent of the grey-matter signal: any picture in visual cortex; the fine pattern of a kind,
# and of what people make, which four kinds share; a face or a house where it is preferred.
_ANY, _FINE, _MADE, _PREFERENCE = 2.0, 1.0, 0.5, 3.0
_MANMADE = ("bottle", "scissors", "shoe", "chair")

_DESCRIPTION = """\
Simulated task, made by nbica: no person was scanned and no picture was shown.

One subject, {n_runs} runs of 121 frames (2.5 s) one after the other in one file, as in Haxby et
al. (2001), Science 293:2425-2430, whose design this follows: in each run a block of 22.5 s for
every kind of picture ({kinds}), in random order, with rest between.
Signal: any picture excites early visual cortex; in ventral temporal cortex (`mask_vt`) each kind
has a fine pattern of its own, man-made things share part of theirs; faces are preferred in the
fusiform, houses in the parahippocampal gyrus. All are in `patterns_img`, in percent.
Disturbances: drift, smooth autocorrelated noise, thermal noise. No motion.
The real data: nbica.datasets.fetch_haxby().
Parameters: {parameters}
"""


def simulate_task(
    n_runs: int = 6, *, noise: float = 1.0, data_dir: AnyPath | None = None, random_state: int = 0
) -> Bunch:
    """Simulate one subject who looks at pictures, on disk, once.

    The default takes some five seconds, 100 MB of memory and 15 MB of disk; a second call with the
    same parameters takes milliseconds.

    Parameters
    ----------
    n_runs : int
        Runs of 121 frames, each with a block of every kind of picture.
    noise : float
        Factor on all that the pictures do not evoke.
    data_dir : path, optional
        As in :func:`simulate_group`.
    random_state : int
        Seed; the same seed gives the same bytes.

    Returns
    -------
    task : sklearn.utils.Bunch
        With the names of `fetch_haxby`: `func`, `session_target`, `mask_vt` and `anat` (lists with
        a path for the one subject), `mask` (path), `t_r`, `description`; and the truth:
        `patterns_img` (4D image, a volume for each of `categories`, in percent of the signal).

    Raises
    ------
    ValueError
        A parameter is out of range.
    OSError
        The data folder cannot be written to.

    See Also
    --------
    simulate_group : a group at rest.
    fetch_haxby : the data set whose design this follows.

    Examples
    --------
    >>> from nbica import datasets
    >>> task = datasets.simulate_task(n_runs=1)
    >>> task.categories
    ['face', 'house', 'cat', 'bottle', 'scissors', 'shoe', 'chair', 'scrambledpix']
    >>> task.patterns_img.shape, task.t_r
    ((41, 49, 10, 8), 2.5)
    """
    check_count("n_runs", n_runs)
    _check(noise, random_state)
    affine = tuple(map(tuple, _AFFINE.tolist()))
    plan = Plan(_RUN * int(n_runs), T_R, affine, _SHAPE, float(noise), int(random_state))
    digest = hashlib.sha256(json.dumps([_VERSION, *plan]).encode()).hexdigest()[:8]
    root = files.data_folder(data_dir) / "simulated" / f"task_{n_runs}runs_{digest}"
    folder = files.make_folder(root)
    if not files.is_complete(folder / "manifest.json"):
        _write(folder, plan)
    return _bunch(folder, plan)


def _check(noise, random_state):
    if not is_number(noise) or noise < 0:
        msg = f"noise is {noise!r}; expected a factor of 0 or more, 1.0 being realistic."
        raise ValueError(msg)
    is_whole = isinstance(random_state, int | np.integer) and not isinstance(random_state, bool)
    if not is_whole or random_state < 0:
        msg = f"random_state is {random_state!r}; expected a whole number from 0 on."
        raise ValueError(msg)


_NAMES = ("bold.nii.gz", "labels.txt", "mask4_vt.nii.gz", "anat.nii.gz", "mask.nii.gz",
          "patterns.nii.gz")  # fmt: skip


def _bunch(folder, plan):
    from nbica.datasets.dataset import Dataset

    func, target, vt, anat, mask, patterns = (str(folder / name) for name in _NAMES)
    return Dataset(
        func=[func],
        session_target=[target],
        mask_vt=[vt],
        anat=[anat],
        mask=mask,
        patterns_img=nib.load(patterns),
        categories=list(CATEGORIES),
        t_r=T_R,
        description=_DESCRIPTION.format(
            n_runs=plan.n_timepoints // _RUN,
            kinds=", ".join(CATEGORIES),
            parameters=json.dumps(plan._asdict()),
        ),
    )


def _write(folder, plan):
    """Write all files of the task, the manifest last."""
    scene = Scene(plan)
    rng = generator(plan.random_state, 0, stream=3)
    labels = np.concatenate([_stimuli(rng) for _ in range(plan.n_timepoints // _RUN)])
    patterns = _patterns(rng, scene)
    func, target, vt, anat, mask, truth = (folder / name for name in _NAMES)
    write_run(func, _draw(rng, scene, labels, patterns), scene)
    chunks = np.arange(plan.n_timepoints) // _RUN
    lines = [f"{label} {chunk}" for label, chunk in zip(labels, chunks, strict=True)]
    files.write_text(target, "\n".join(["labels chunks", *lines]) + "\n")
    write_image(vt, _inside(_VENTRAL, scene).astype(np.uint8), scene.affine)
    write_image(anat, anatomy.t1_on(scene.affine, plan.shape), scene.affine)
    write_image(mask, scene.mask.astype(np.uint8), scene.affine)
    volumes = np.zeros((*plan.shape, len(CATEGORIES)), np.float32)
    volumes[scene.mask] = patterns.T
    write_image(truth, volumes, scene.affine)
    files.write_manifest(folder / "manifest.json", [folder / name for name in _NAMES])


def _stimuli(rng):
    """Kind of picture, or rest, at each frame of a run."""
    labels = np.full(_RUN, "rest", dtype="<U12")
    for number, kind in enumerate(rng.permutation(CATEGORIES)):
        start = _BEFORE + number * (_ON + _OFF)
        labels[start : start + _ON] = kind
    return labels


def _patterns(rng, scene):
    """What each kind evokes, in percent: shape (n_categories, n_voxels)."""
    field = scanner.SmoothField(scene.affine, scene.mask, spacing=6.0)
    ventral, visual = (_weights(part, scene) for part in (_VENTRAL, _VISUAL))
    made, own = field.draw(rng, 1)[0], field.draw(rng, len(CATEGORIES))
    patterns = _ANY * visual + _FINE * ventral * own
    for pattern, kind in zip(patterns, CATEGORIES, strict=True):
        if kind in _MANMADE:
            pattern += _MADE * ventral * made
        if kind in _PREFERRED:
            pattern += _PREFERENCE * _weights(_PREFERRED[kind], scene)
    return patterns.astype(np.float32)


def _weights(ellipsoids, scene):
    """Grey matter inside some ellipsoids, over the voxels of the mask."""
    return (_inside(ellipsoids, scene) * scene.grey)[scene.mask]


def _inside(ellipsoids, scene):
    ijk = np.indices(scene.mask.shape).reshape(3, -1)
    mm = nib.affines.apply_affine(scene.affine, ijk.T)
    inside = [
        (((mm - centre) / np.array(axes)) ** 2).sum(axis=1) < 1 for centre, axes in ellipsoids
    ]
    return np.any(inside, axis=0).reshape(scene.mask.shape) & scene.mask


def _draw(rng, scene, labels, patterns):
    """What the pictures evoke, with the drift of each run and noise."""
    percent = scanner.GREY_SIGNAL / 100
    sources = [scanner.Sources(responses(labels), percent * patterns)]
    for start in range(0, len(labels), _RUN):
        drift = scanner.drift_sources(
            rng, _RUN, scene.image, scene.affine, scene.mask, scene.plan.random_state
        )
        courses = np.zeros((len(labels), drift.courses.shape[1]))
        courses[start : start + _RUN] = drift.courses
        sources.append(scanner.Sources(courses, scene.plan.noise * drift.patterns))
    stream = generator(scene.plan.random_state, 0, stream=4)
    noise = scanner.NoiseStream(stream, scene.affine, scene.mask, scene.plan.noise)
    return Drawn(scanner.join(*sources), None, None, noise)


def responses(labels):
    """Haemodynamic response to the blocks of each kind, run by run; 1 where it has settled.

    Parameters
    ----------
    labels : ndarray of shape (n_timepoints,), str

    Returns
    -------
    ndarray of shape (n_timepoints, n_categories)
    """
    kernel = scanner.double_gamma(np.arange(T_R / 2, 32, T_R))  # a frame is taken over its length
    kernel /= kernel.sum()
    courses = (labels[:, np.newaxis] == np.array(CATEGORIES)).astype(float)
    for start in range(0, len(labels), _RUN):
        run = courses[start : start + _RUN]
        for column in run.T:
            column[:] = np.convolve(column, kernel)[:_RUN]
    return courses
