"""`nbica run FOLDER`: a group of fMRIPrep's runs, fitted into a BIDS derivative of its own."""

import os
from pathlib import Path
from typing import NamedTuple

import nbica

# Entities that name the files of a group, in the order that BIDS gives them.
_ENTITIES = ("ses", "task", "acq", "ce", "rec", "dir", "run", "part", "space", "cohort", "res")
_COLUMNS = {
    "path": "The preprocessed run",
    "n_timepoints": {"Description": "Frames that were used", "Units": "frames"},
    "n_components": "Components that were kept of the run",
    "cached": "Whether its reduction came from the cache",
    "seconds": {"Description": "Time that the run took", "Units": "s"},
    "skipped": "Whether the run was left out, as it could not be read",
    "warnings": "What was noticed about the run",
}


# Which runs of a folder are meant: options of the command, and parameters of `find_bids`.
_CHOICES = ("task", "space", "res", "subjects", "sessions")


class Group(NamedTuple):
    """Runs that were found, and how the files of their fit are called.

    Attributes
    ----------
    data : Bunch
        As :func:`nbica.datasets.find_bids` returns it; its confounds are tables on disk.
    source : Path
        The folder in which they were found.
    start : str
        What begins the names of a fit's files, such as "task-rest_space-MNI152NLin2009cAsym".
    """

    data: object
    source: Path
    start: str

    def name(self, ending):
        """The name of a file of the fit."""
        return f"{self.start}_desc-CanICA_{ending}"


def add(parser):
    """Declare the options that say which runs of a folder are meant."""
    about = "for a folder of fMRIPrep's, or a BIDS data set that has it under derivatives"
    add = parser.add_argument_group("runs of a BIDS folder", about).add_argument
    add("--task", metavar="LABEL", help="needed where there are several")
    add("--space", metavar="LABEL", help="such as MNI152NLin2009cAsym; where there are several")
    add("--res", metavar="LABEL", help="resolution, where there are several")
    add("--subjects", nargs="+", metavar="LABEL", help="default: all")
    add("--sessions", nargs="+", metavar="LABEL", help="default: all")
    add("--strategy", nargs="+", metavar="NAME",
        help="confounds: motion24 (default), none, simple, scrubbing, compcor, or parts and "
             "columns such as motion wm_csf")  # fmt: skip


def is_asked_for(options):
    """Whether a folder was given instead of images."""
    return len(options.imgs) == 1 and Path(options.imgs[0]).expanduser().is_dir()


def default_output(source):
    """Where results go: beside the pipeline whose runs were read, in a folder of our own."""
    source = source.expanduser().absolute()
    if (source / "derivatives").is_dir():
        return source / "derivatives" / "nbica"
    return source.parent / "nbica"


def find(options):
    """Find the runs that are meant, with their confounds.

    Returns
    -------
    Group
    """
    from nbica.datasets import find_bids

    source = Path(options.imgs[0]).expanduser()
    if str(getattr(options, "space", "")).removeprefix("space-").startswith("fsaverage"):
        msg = (
            "The command takes volumes and, by --space fsLR, CIFTI. Pairs of GIFTI are fitted in "
            "Python: CanICA().fit(nbica.datasets.find_bids(folder, space='fsaverage5'))."
        )
        raise ValueError(msg)
    strategy = getattr(options, "strategy", ["motion24"])
    confounds = None if strategy == ["none"] else strategy[0] if len(strategy) == 1 else strategy
    wanted = {name: getattr(options, name, None) for name in _CHOICES}
    data = find_bids(source, confounds=confounds, **wanted)
    return Group(data, source, _start(data.func))


def write_confounds(group, output):
    """Write what is removed from each run as a table; returns their paths, or None."""
    from nbica.datasets.files import write_table

    if group.data.confounds is None:
        return None
    paths = []
    for run, table in zip(group.data.func, group.data.confounds, strict=True):
        paths.append(output / _confounds_name(run))
        write_table(paths[-1], table)
    return [str(path) for path in paths]


def masks_of(group):
    """The masks of all runs; None where one lacks it, and the fit finds a mask of its own."""
    return group.data.mask_imgs if all(group.data.mask_imgs) else None


def check_images(options):
    """Raise ValueError for options that say something of a folder, where images were given."""
    for name in (*_CHOICES, "strategy"):
        if hasattr(options, name):
            msg = f"--{name} chooses runs of a BIDS folder: give its path instead of images."
            raise ValueError(msg)


def describe(output, description):
    """Say whose a derivative is, in a folder that does not say so yet; hide what is not BIDS."""
    from nbica.datasets.files import write_json
    from nbica.runtime.atomic import write_text

    if not (output / "dataset_description.json").exists():
        write_json(output / "dataset_description.json", description)
    if not (output / ".bidsignore").exists():
        write_text(output / ".bidsignore", "cache/\n*_record.json\n*_report.html\n")


def description_of(group, output):
    """What dataset_description.json says of a derivative."""
    return {
        "Name": f"Group ICA of {group.source.absolute().name}",
        "BIDSVersion": "1.10.0",
        "DatasetType": "derivative",
        "GeneratedBy": [{"Name": "nbica", "Version": nbica.__version__}],
        "DatasetLinks": {"preprocessed": Path(os.path.relpath(group.source, output)).as_posix()},
    }


def side_files(group, ica):
    """What BIDS wants beside maps, mask and table, as JSON's values by the names of the files."""
    sources = [f"bids:preprocessed:{_within(path, group.source)}" for path in group.data.func]
    masks = [f"bids:preprocessed:{_within(path, group.source)}" for path in masks_of(group) or ()]
    about = f"{ica.n_components_} independent components of {len(sources)} runs, one a volume"
    return {
        group.name("components.json"): {"Description": about, "Sources": sources},
        group.name("mask.json"): {
            "Description": "Voxels of the fit: where there are sources, those in all of them",
            "Type": "Brain",
            "Sources": masks,
        },
        group.name("runs.json"): {
            name: {"Description": about} if isinstance(about, str) else about
            for name, about in _COLUMNS.items()
            if name in ica.runs_
        },
    }


def _start(paths):
    """Entities that all runs share, as the beginning of a name."""
    from nbica.datasets.local.bids_names import entities

    names = [entities(path) for path in paths]
    shared = set.intersection(*(set(one.items()) for one in names))
    return "_".join(
        f"{name}-{names[0][name]}" for name in _ENTITIES if (name, names[0].get(name)) in shared
    )


def _confounds_name(run):
    """Where the removed confounds of a run are kept, such as sub-01/func/…_timeseries.tsv."""
    from nbica.datasets.local.bids_names import entities

    names = {k: v for k, v in entities(run).items() if k not in ("space", "res", "desc", "suffix")}
    name = "_".join(f"{entity}-{label}" for entity, label in names.items())
    folders = [f"{entity}-{names[entity]}" for entity in ("sub", "ses") if entity in names]
    return Path(*folders, "func", f"{name}_desc-removed_timeseries.tsv")


def _within(path, source):
    return Path(os.path.relpath(path, source.absolute())).as_posix()
