"""`nbica run`: a fit from files to files."""

import argparse
import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import NamedTuple

from nbica.cli import bids


class Files(NamedTuple):
    """Names of what a fit leaves.

    The record is the last to get its place: where it is, the others are of its fit.
    """

    maps: str = "maps.nii.gz"
    mask: str = "mask.nii.gz"
    runs: str = "runs.csv"
    report: str = "report.html"
    record: str = "record.json"

    def of_cifti(self):
        """The same for a fit of CIFTI runs."""
        maps, mask = (name.replace(".nii.gz", ".dscalar.nii") for name in self[:2])
        return self._replace(maps=maps, mask=mask)

    def all_kinds(self):
        """Every name that a fit may leave, the record the last."""
        return (*self.of_cifti()[:2], *self)


FILES = Files()
# What the command takes where neither an option nor a record says otherwise.
_DEFAULTS = {"random_state": 0}


def add(commands):
    """Declare the command."""
    about = (
        "find the components of 4D or CIFTI images; write maps, report, table of runs and record"
    )
    fit = commands.add_parser(
        "run", help=about, description=about, argument_default=argparse.SUPPRESS
    )
    fit.add_argument("imgs", nargs="*", metavar="IMG", default=[],
                     help="4D images, patterns in quotes, or a BIDS folder")  # fmt: skip
    fit.add_argument("-o", "--output", type=folder, metavar="FOLDER", default=None,
                     help="for maps, mask, report.html, runs.csv, record.json (of a BIDS folder: "
                          "a derivative; default: nbica beside the pipeline's)")  # fmt: skip
    fit.add_argument("--bg", default="auto", metavar="IMG",
                     help="anatomy behind the report's maps, or 'none' (default: auto: MNI152 "
                          "where the maps are in its space, else the mean of a run)")  # fmt: skip
    fit.add_argument("--overwrite", action="store_true", default=False,
                     help="replace what an earlier fit left in FOLDER")  # fmt: skip
    fit.add_argument("--again", type=Path, metavar="RECORD", default=None,
                     help="repeat the fit of a record.json; options change it")  # fmt: skip
    add_parameters(fit)
    bids.add(fit)
    fit.set_defaults(run=run)


def folder(text):
    """A folder as it is typed; also `--output=~/out`, which a shell leaves as it is."""
    if not text:
        msg = "a folder was expected, not an empty text"
        raise argparse.ArgumentTypeError(msg)
    return Path(text).expanduser()


def add_parameters(parser):
    """Declare the parameters of a fit, which `run` and `plan` share."""
    add = parser.add_argument
    add("-c", "--confounds", nargs="+", metavar="TABLE", help="one table per image, in order")
    add("-m", "--mask", metavar="IMG", help="default: computed from the images")
    add("-n", "--n-components", type=_number_or_auto, metavar="N",
        help="a number or 'auto' (default: 20)")  # fmt: skip
    add("--smoothing-fwhm", type=float, metavar="MM", help="default: 6; 0 is none")
    add("--t-r", type=float, metavar="S", help="seconds between frames, for a band-pass")
    add("--low-pass", type=float, metavar="HZ")
    add("--high-pass", type=float, metavar="HZ")
    add("--threshold", type=_threshold, help="'auto', 'none' or a ratio (default: auto)")
    add("--seed", type=int, dest="random_state", help="of the ICA (default: 0)")
    add("-j", "--n-jobs", type=int, metavar="N", help="processes (default: 1)")
    add("--ram", metavar="BYTES", help="budget such as 1.5GB (default: what is free)")
    add("--memory", metavar="FOLDER", help="cache (default: OUTPUT/cache)")
    add("--cache-limit", metavar="BYTES", help="such as 5GB (default: half of the free disk)")
    add("--skip-errors", action="store_const", const="skip", dest="on_error",
        help="leave out runs that cannot be read")  # fmt: skip


def _number_or_auto(text):
    return text if text == "auto" else _parsed(int, text, "a whole number or 'auto'")


def _threshold(text):
    if text in ("auto", "none"):
        return None if text == "none" else text
    return _parsed(float, text, "a number, 'auto' or 'none'")


def _parsed(kind, text, expected):
    try:
        return kind(text)
    except ValueError as error:
        msg = f"found {text!r}, expected {expected}"
        raise argparse.ArgumentTypeError(msg) from error


def parameters_of(options):
    """The parameters of the estimator that were asked for."""
    from nbica import CanICA

    return {name: value for name, value in vars(options).items() if name in CanICA().get_params()}


def run(options):
    """Fit and write; returns 0."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    background = _background(options.bg)
    if bids.is_asked_for(options):
        return _run_group(options, background)
    if options.output is None:
        msg = "Where to? Name a folder for the results with -o."
        raise ValueError(msg)
    bids.check_images(options)
    _make_room(options, options.output, FILES)
    parameters = {"memory": options.output / "cache", "verbose": 1} | parameters_of(options)
    ica = _again(options, parameters) if options.again else _fit(options, parameters)
    write(ica, options.output, bg_img=background)
    _conclude(ica, options.output)
    return 0


def _run_group(options, background):
    """The same for the runs of a BIDS folder, under the names of a BIDS derivative."""
    if options.again or hasattr(options, "confounds"):
        msg = "A BIDS folder brings confounds: choose them by --strategy; --again takes no folder."
        raise ValueError(msg)
    output = options.output or bids.default_output(Path(options.imgs[0]))
    group = bids.find(options)
    print(group.data.description, file=sys.stderr)
    endings = ("components.nii.gz", "mask.nii.gz", "runs.tsv", "report.html", "record.json")
    files = Files(*map(group.name, endings))
    _make_room(options, output, files)
    bids.describe(output, bids.description_of(group, output))
    parameters = {"memory": output / "cache", "verbose": 1, "mask": bids.masks_of(group)}
    options.imgs, options.confounds = group.data.func, bids.write_confounds(group, output)
    ica = _fit(options, parameters | parameters_of(options))
    write(ica, output, files, beside=bids.side_files(group, ica), bg_img=background)
    _conclude(ica, output)
    return 0


def _make_room(options, output, files):
    """See that nothing of an earlier fit is in the way."""
    _finish_killed(options, output, files.all_kinds())
    _check_output(output, files.all_kinds(), overwrite=options.overwrite)
    if not options.again and options.imgs:
        output.mkdir(parents=True, exist_ok=True)


def _conclude(ica, output):
    n_cached, n_runs = int(ica.runs_["cached"].sum()), len(ica.runs_)
    print(f"{ica.n_components_} components of {n_runs} runs ({n_cached} from the cache): ", end="")
    print(output)


def _background(text):
    """What `--bg` names; a file that is missing is said before the fit, not after it."""
    from nbica.image.files import load_image

    if text not in ("auto", "none"):
        load_image(text)
    return None if text == "none" else text


def _finish_killed(options, output, files):
    """Complete the files of a run that was killed when all were written: here, and of a record."""
    from nbica.runtime.atomic import finish_set

    finish_set(output, files)
    if options.again:
        finish_set(options.again.expanduser().parent, FILES.all_kinds())


def _check_output(output, files, *, overwrite):
    if output.exists() and not output.is_dir():
        msg = f"{output} is not a folder. Choose another one with -o."
        raise NotADirectoryError(msg)
    if folders := [name for name in files if (output / name).is_dir()]:
        msg = f"{output / folders[0]} is a folder; expected a file. Choose another one with -o."
        raise IsADirectoryError(msg)
    there = [name for name in files if (output / name).exists() or (output / name).is_symlink()]
    if there and not overwrite:
        msg = (
            f"{output} holds an earlier fit ({', '.join(there)}). Choose another folder with -o, "
            "or replace these files with --overwrite."
        )
        raise FileExistsError(msg)


def _fit(options, parameters):
    from nbica import CanICA

    if not options.imgs:
        msg = "No images: name files or patterns, or --again a record.json."
        raise ValueError(msg)
    confounds = getattr(options, "confounds", None)
    return CanICA(**(_DEFAULTS | parameters)).fit(options.imgs, confounds=confounds)


def _again(options, parameters):
    from nbica.decomposition.provenance import read_record, repeat

    if options.imgs or hasattr(options, "confounds"):
        msg = "--again takes images and confounds from the record: leave out those named beside it."
        raise ValueError(msg)
    return repeat(read_record(options.again), **parameters)


def write(ica, output, files=FILES, *, beside=None, bg_img="auto"):
    """Write the maps, the mask, the report, the table of runs and the record of a fit.

    All of them are new, or all as they were before: what a kill interrupts, the next `nbica run`
    completes. The record holds the hash of each other file, so that anybody can tell whether they
    are of its fit.

    Parameters
    ----------
    ica : fitted estimator
    output : Path
    files : Files
    beside : dict of str to JSON's values, optional
        More files of the set, by name.
    bg_img : as :func:`nbica.report` takes it
    """
    from nibabel import Cifti2Image

    from nbica import report
    from nbica.datasets.files import write_json
    from nbica.runtime.atomic import file_set, write_text

    beside = beside or {}
    files = files.of_cifti() if isinstance(ica.components_img_, Cifti2Image) else files
    names = [*beside, *files]
    with file_set(output, names) as new:
        _save(ica.components_img_, new / files.maps)
        _save(ica.mask_img_, new / files.mask)
        write_text(new / files.runs, _table(ica.runs_, files.runs))
        report(ica, new / files.report, bg_img=bg_img)
        for name, content in beside.items():
            write_json(new / name, content)
        record = ica.record_ | {"outputs": {name: _hash(new / name) for name in names[:-1]}}
        write_text(new / files.record, json.dumps(record, indent=1) + "\n")


def _table(runs, name):
    """The table of runs as text, as the suffix of its file wants it."""
    from nbica.runtime.text import for_spreadsheets

    tabs = {"sep": "\t", "na_rep": "n/a"} if name.endswith(".tsv") else {}
    return for_spreadsheets(runs).to_csv(index=False, **tabs)


def _save(img, path):
    if not hasattr(img, "affine"):
        path.write_bytes(img.to_bytes())
        return
    # A copy: an image that was saved keeps the name of its file, here a temporary one.
    type(img)(img.dataobj, img.affine, img.header).to_filename(path)


def _hash(path):
    with path.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"
