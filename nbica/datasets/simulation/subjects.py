"""One simulated subject: what sets him or her apart, and the files that are written of it."""

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nbica.datasets import files
from nbica.datasets.simulation import anatomy, fmriprep, networks, scanner
from nbica.image.writing import NiftiStream, nifti_header, write_image

SPACE = "space-MNI152NLin2009cAsym"
_SLOPE = 0.25  # scanner units per count: far below the noise, and it compresses well
_FRAMES_PER_BLOCK = 8
GROUPS = {"control": 0.6, "patient": -0.1}  # correlation of networks.GROUP_PAIR


class Plan(NamedTuple):
    """All that determines the files of a subject, and hence the folder's name."""

    n_timepoints: int
    t_r: float
    affine: tuple
    shape: tuple
    noise: float
    random_state: int


class Subject(NamedTuple):
    """Where the files of a subject are."""

    folder: Path
    index: int

    @property
    def name(self):
        """BIDS name."""
        return f"sub-{self.index + 1:02d}"

    @property
    def manifest(self):
        """Written last: with it, the subject is complete."""
        return self.folder / self.name / "manifest.json"

    def path(self, suffix, *, space=False):
        """A file of the subject's run."""
        space = f"{SPACE}_" if space else ""
        return self.folder / self.name / "func" / f"{self.name}_task-rest_{space}{suffix}"

    @property
    def bold(self):
        """The run."""
        return self.path("desc-preproc_bold.nii.gz", space=True)

    @property
    def confounds(self):
        """The table with all of fMRIPrep's columns."""
        return self.path("desc-confounds_timeseries.tsv")

    @property
    def reduced_confounds(self):
        """The table with the 24 motion columns."""
        return self.path("desc-reducedConfounds_timeseries.tsv")

    @property
    def timecourses(self):
        """The true time courses of the networks."""
        return self.path("desc-networks_timeseries.tsv")


class Scene:
    """Tissues, mask and mean image on the grid of the runs."""

    def __init__(self, plan):
        self.plan = plan
        self.affine = np.array(plan.affine)
        self.fractions = anatomy.tissue_fractions(self.affine, plan.shape)
        self.mask = anatomy.brain_mask(self.fractions)
        if not self.mask.any():
            msg = (
                f"The grid of shape {plan.shape} with affine {plan.affine} misses the brain, which "
                "lies around the origin of MNI space; check the affine's last column (mm)."
            )
            raise ValueError(msg)
        # Nothing varies outside of the mask: what is left of the brain there stays as dark as skin,
        # so that no mask that is computed from the runs takes it in.
        image = scanner.epi_contrast(self.fractions, self.affine)
        self.image = np.where(self.mask, image, np.minimum(image, scanner.SCALP_SIGNAL))

    @cached_property
    def grey(self):
        """Grey matter inside the mask, where networks live."""
        return self.fractions["grey"] * self.mask


class Drawn(NamedTuple):
    """What sets a subject apart."""

    sources: scanner.Sources
    courses: np.ndarray
    motion: np.ndarray
    noise: scanner.NoiseStream


def write_subject(subject, scene):
    """Write all files of a subject, the manifest last."""
    from threadpoolctl import threadpool_limits

    # One BLAS thread, alone or beside others: how a product is split changes its last bits.
    with threadpool_limits(1):
        drawn = _draw_subject(subject.index, scene)
        statistics = write_run(subject.bold, drawn, scene)
        confounds, sidecar = fmriprep.confounds_table(drawn.motion, statistics, scene.plan.t_r)
    mask = subject.path("desc-brain_mask.nii.gz", space=True)
    bold_sidecar = subject.path("desc-preproc_bold.json", space=True)
    confounds_sidecar = subject.confounds.with_suffix(".json")
    write_image(mask, scene.mask.astype(np.uint8), scene.affine)
    files.write_table(subject.confounds, confounds)
    files.write_table(subject.reduced_confounds, fmriprep.motion_only(confounds))
    files.write_json(confounds_sidecar, sidecar)
    files.write_json(bold_sidecar, {"RepetitionTime": scene.plan.t_r, "TaskName": "rest"})
    write_courses(subject.timecourses, drawn.courses)
    written = [subject.bold, mask, bold_sidecar, subject.confounds, confounds_sidecar]
    written += [subject.reduced_confounds, subject.timecourses]
    files.write_manifest(subject.manifest, written)


def write_courses(path, courses):
    """Write the true time courses of the networks as a table."""
    import pandas as pd

    names = [name.replace(" ", "_") for name in networks.labels()]
    files.write_table(path, pd.DataFrame(courses, columns=names))


def _draw_subject(index, scene):
    """Draw what sets a subject apart: time courses, own maps, motion, disturbances, noise."""
    plan, affine, mask = scene.plan, scene.affine, scene.mask
    rng = generator(plan.random_state, index, stream=1)
    courses = scanner.haemodynamic_courses(
        rng, plan.n_timepoints, plan.t_r, correlation_of(rng, group_of(index))
    )
    maps = _subject_maps(rng, scene)
    signal = scanner.GREY_SIGNAL * scanner.NETWORK_PERCENT / 100
    motion = scanner.draw_motion(rng, plan.n_timepoints, plan.t_r) * min(plan.noise, 1.0)
    disturbances = (
        scanner.motion_sources(motion, scene.image, affine, mask),
        scanner.drift_sources(rng, plan.n_timepoints, scene.image, affine, mask, plan.random_state),
        scanner.physiology_sources(
            rng, plan.n_timepoints, plan.t_r, scene.fractions, scene.image, affine, mask
        ),
        scanner.vessel_sources(rng, plan.n_timepoints, plan.t_r, scene.fractions, affine, mask),
    )
    scaled = [scanner.Sources(s.courses, plan.noise * s.patterns) for s in disturbances]
    sources = scanner.join(scanner.Sources(courses, signal * maps), *scaled)
    noise = scanner.NoiseStream(
        generator(plan.random_state, index, stream=2), affine, mask, plan.noise
    )
    return Drawn(sources, courses, motion, noise)


def _subject_maps(rng, scene):
    """The networks as this subject has them, an array of shape (n_networks, n_voxels)."""
    shifts = []
    for network in networks.NETWORKS:
        whole = rng.normal(0, 1.5, 3)
        shifts.append(whole + rng.normal(0, 1.5, (len(network.peaks), 3)))
    n_networks = len(networks.NETWORKS)
    sizes = np.exp(rng.normal(0, 0.08, n_networks))
    strengths = np.exp(rng.normal(0, 0.15, (n_networks, 1)))
    maps = networks.network_maps(scene.affine, scene.grey, shifts=shifts, sizes=sizes)
    return strengths * maps[:, scene.mask]


def correlation_of(rng, group):
    """Correlation of the networks: independent but for one pair, which depends on the group."""
    correlation = np.eye(len(networks.NETWORKS))
    i, j = (networks.labels().index(name) for name in networks.GROUP_PAIR)
    correlation[i, j] = correlation[j, i] = np.clip(GROUPS[group] + rng.normal(0, 0.08), -0.9, 0.9)
    return correlation


def write_run(path, drawn, scene):
    """Stream a run to disk, a block of frames at a time; return its statistics."""
    plan, mask = scene.plan, scene.mask
    header = nifti_header(
        (*plan.shape, plan.n_timepoints), scene.affine, np.int16, t_r=plan.t_r, slope=_SLOPE
    )
    # What fMRIPrep would have measured is gathered while the run is written.
    statistics = fmriprep.RunStatistics(scene.fractions, mask)
    # NIfTI has x fastest: the mask's voxels, in C order, by their place in the file.
    places = np.ravel_multi_index(np.nonzero(mask), plan.shape, order="F")
    still = _counts(scene.image.ravel(order="F"))
    mean = scene.image[mask]
    with NiftiStream(path, header) as stream:
        for start in range(0, plan.n_timepoints, _FRAMES_PER_BLOCK):
            # Signal, noise and mean of some frames; outside of the mask the still image.
            courses = drawn.sources.courses[start : start + _FRAMES_PER_BLOCK]
            frames = courses @ drawn.sources.patterns
            frames += drawn.noise.draw(len(courses))
            frames += mean
            statistics.add(frames)
            block = np.repeat(still[np.newaxis], len(frames), axis=0)
            block[:, places] = _counts(frames)
            stream.write(block)
    return statistics


def _counts(signal):
    limits = np.iinfo("<i2")
    return np.clip(np.rint(signal / _SLOPE), 0, limits.max).astype("<i2")


def generator(random_state, index, stream):
    """Random numbers of one subject: independent of how many subjects there are."""
    return np.random.default_rng(np.random.SeedSequence(random_state, spawn_key=(index, stream)))


def group_of(index):
    """Group of a subject: they take turns."""
    return tuple(GROUPS)[index % len(GROUPS)]
