"""`nbica run`: a fit from files to files."""

import json
import logging
import sys
from pathlib import Path


def add(commands):
    """Declare the command."""
    about = "find the components of 4D images; write maps, report, table of runs and record"
    fit = commands.add_parser("run", help=about, description=about)
    fit.add_argument("imgs", nargs="*", metavar="IMG", help="4D images, or patterns in quotes")
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER",
                     help="for maps, mask, report.html, runs.csv, record.json")  # fmt: skip
    fit.add_argument("--bg", default="auto", metavar="IMG",
                     help="anatomy behind the report's maps, or 'none' (default: auto: MNI152 "
                          "where the maps are in its space, else the mean of a run)")  # fmt: skip
    fit.add_argument("--again", type=Path, metavar="RECORD",
                     help="repeat the fit of a record.json instead")  # fmt: skip
    add_parameters(fit)
    fit.set_defaults(run=run)


def add_parameters(parser):
    """Declare the parameters of a fit, which `run` and `plan` share."""
    add = parser.add_argument
    add("-c", "--confounds", nargs="+", metavar="TABLE", help="one table per image, in order")
    add("-m", "--mask", metavar="IMG", help="default: computed from the images")
    add("-n", "--n-components", type=_number_or_auto, default=20, metavar="N",
        help="a number or 'auto' (default: 20)")  # fmt: skip
    add("--smoothing-fwhm", type=float, default=6.0, metavar="MM", help="default: 6; 0 is none")
    add("--t-r", type=float, metavar="S", help="seconds between frames, for a band-pass")
    add("--low-pass", type=float, metavar="HZ")
    add("--high-pass", type=float, metavar="HZ")
    add("--threshold", default="auto", help="'auto', 'none' or a ratio (default: auto)")
    add("--seed", type=int, default=0, help="of the ICA (default: 0)")
    add("-j", "--n-jobs", type=int, default=1, metavar="N", help="processes (default: 1)")
    add("--ram", metavar="BYTES", help="budget such as 1.5GB (default: what is free)")
    add("--memory", metavar="FOLDER", help="cache (default: OUTPUT/cache)")
    add("--cache-limit", metavar="BYTES", help="such as 5GB (default: half of the free disk)")
    add("--skip-errors", action="store_true", help="leave out runs that cannot be read")


def _number_or_auto(text):
    return text if text == "auto" else int(text)


def estimator_of(options):
    """The CanICA that the options describe."""
    from nbica import CanICA

    threshold = options.threshold
    if threshold not in ("auto", "none"):
        threshold = float(threshold)
    output = getattr(options, "output", None)
    return CanICA(
        mask=options.mask, n_components=options.n_components,
        smoothing_fwhm=options.smoothing_fwhm, t_r=options.t_r, low_pass=options.low_pass,
        high_pass=options.high_pass, threshold=None if threshold == "none" else threshold,
        random_state=options.seed, n_jobs=options.n_jobs, ram=options.ram, verbose=1,
        memory=options.memory or (output and output / "cache"), cache_limit=options.cache_limit,
        on_error="skip" if options.skip_errors else "raise",
    )  # fmt: skip


def run(options):
    """Fit and write; returns 0."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    background = _background(options.bg)
    if options.again:
        from nbica.decomposition.provenance import repeat

        ica = repeat(json.loads(options.again.read_text()), memory=options.output / "cache")
    elif options.imgs:
        options.output.mkdir(parents=True, exist_ok=True)
        ica = estimator_of(options).fit(options.imgs, confounds=options.confounds)
    else:
        msg = "No images: name files or patterns, or --again a record.json."
        raise ValueError(msg)
    write(ica, options.output, background)
    n_cached, n_runs = int(ica.runs_["cached"].sum()), len(ica.runs_)
    print(f"{ica.n_components_} components of {n_runs} runs ({n_cached} from the cache): ", end="")
    print(options.output)
    return 0


def _background(text):
    """What `--bg` names; a file that is missing is said before the fit, not after it."""
    from nbica.image.files import load_image

    if text not in ("auto", "none"):
        load_image(text)
    return None if text == "none" else text


def write(ica, folder, bg_img="auto"):
    """Write the maps, the mask, the report, the table of runs and the record of a fit."""
    import nibabel as nib

    from nbica import report

    folder.mkdir(parents=True, exist_ok=True)
    nib.save(ica.components_img_, folder / "maps.nii.gz")
    nib.save(ica.mask_img_, folder / "mask.nii.gz")
    ica.runs_.to_csv(folder / "runs.csv", index=False)
    (folder / "record.json").write_text(json.dumps(ica.record_, indent=1) + "\n")
    report(ica, folder / "report.html", bg_img=bg_img)
