"""`nbica demo`: simulate a group, find its networks, draw them."""

import time
from pathlib import Path


def add(commands):
    """Declare the command."""
    about = "simulate a group of subjects, find its networks, and draw them"
    demo = commands.add_parser("demo", help=about, description=about)
    demo.add_argument("-o", "--output", type=Path, default=Path("demo"), metavar="FOLDER",
                      help="where the picture and the cache go (default: demo)")  # fmt: skip
    demo.add_argument("-n", "--n-subjects", type=int, default=8, help="default: 8")
    demo.add_argument("-j", "--n-jobs", type=int, default=2, help="processes (default: 2)")
    demo.set_defaults(run=run)


def run(options):
    """Simulate, fit, compare with the truth, draw; returns 0."""
    from nbica import CanICA, datasets

    start = time.perf_counter()
    print(
        f"{options.n_subjects} simulated subjects with known networks (the first time: 10 to 20 s)"
    )
    cohort = datasets.simulate_group(options.n_subjects, n_jobs=options.n_jobs)
    options.output.mkdir(parents=True, exist_ok=True)
    print(f"Data: {cohort.data_dir}")
    ica = CanICA(
        mask=cohort.mask_img, n_components=20, smoothing_fwhm=6, random_state=0, verbose=1,
        memory=options.output / "cache", n_jobs=options.n_jobs,
    )  # fmt: skip
    print("Fitting CanICA: 20 components, smoothing 6 mm, confounds and trends removed")
    ica.fit(cohort.func, confounds=cohort.confounds)
    n_cached = int(ica.runs_.cached.sum())
    print(f"Runs: {len(ica.runs_) - n_cached} computed, {n_cached} from the cache")
    found = _match_networks(ica, cohort)
    _print_table(found, ica, cohort.labels)
    picture = _draw(found, ica, cohort, options.output / "networks.png")
    print(f"Picture: {picture} ({time.perf_counter() - start:.0f} s in all)")
    return 0


def _match_networks(ica, cohort):
    from nbica.masking.extract import apply_mask
    from nbica.matching import match

    truth = apply_mask(cohort.maps_img, cohort.mask_img)
    return match(ica.components_, truth)


def _print_table(found, ica, labels):
    print(f"\n{'network':<28}{'component':>9}{'r':>8}{'stability':>11}")
    for label, index, r in zip(labels, found.indices, found.correlations, strict=True):
        print(f"{label:<28}{index:>9}{abs(r):>8.2f}{ica.stability_[index]:>11.2f}")
    n_good = int((abs(found.correlations) >= 0.6).sum())
    print(f"{n_good} of {len(labels)} networks found at r >= 0.6; mean r {found.mean:.2f}\n")


def _draw(found, ica, cohort, path):
    from nbica.masking.extract import unmask
    from nbica.plotting import plot_components

    images = unmask(ica.components_[found.indices], ica.mask_img_)
    titles = [
        f"{label}  r = {abs(r):.2f}"
        for label, r in zip(cohort.labels, found.correlations, strict=True)
    ]
    plot_components(images, titles=titles, output_file=path)
    return path
