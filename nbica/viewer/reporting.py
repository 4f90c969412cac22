"""One self-contained file about a fit: its maps to click through, and what speaks for them."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import nibabel as nib
import numpy as np

from nbica import __version__
from nbica.image.inputs import confounds_of
from nbica.image.surface_images import is_surface
from nbica.matching.labels import flag_noise
from nbica.matching.quality import as_fitted, quality_table, were_used
from nbica.plotting import power_spectrum
from nbica.plotting.spectra import BAND, share_in_band
from nbica.runtime.atomic import to_write
from nbica.runtime.checks import check_fitted, one_each
from nbica.viewer.page import write_page
from nbica.viewer.report_pictures import pictures_of
from nbica.viewer.state import check_t_r

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbica.decomposition.canica import CanICA
    from nbica.decomposition.dict_learning import DictLearning
    from nbica.hints import AnyPath, Background, MeshLike, RunConfounds, Runs
    from nbica.matching.reproducibility import SplitHalf

_TEMPLATE = "reporting.html"


@dataclass(frozen=True)
class Component:
    """What the report says of one component."""

    number: int
    name: str
    picture: str | None  # a data URL
    peak: str  # where it is
    stability: float | None
    reproducibility: float | None
    suggestion: str  # signs of noise
    spectrum: str | None  # points of a polyline in a box of 100 x 30
    slow: float | None  # share of the power that is in the slow band


class Activity(NamedTuple):
    """What the components do over time."""

    time_courses: list  # one array (n_timepoints, n_components) per run
    t_r: float
    frequencies: np.ndarray
    power: np.ndarray


def report(
    ica: CanICA | DictLearning, output_file: AnyPath, *, bg_img: Background = "auto",
    names: Sequence[str] | None = None, imgs: Runs | None = None, confounds: RunConfounds = None,
    t_r: float | None = None, split_half: SplitHalf | None = None, title: str | None = None,
    surf_mesh: MeshLike = None,
) -> Path:  # fmt: skip
    """Write what a fit found, and the evidence for it, to one file that needs nothing else.

    Memory: the maps and the background as float32. Time: about half a second per component; with
    `imgs` besides two passes over the runs, one of them in memory at a time.

    The file shows the components (in slices to click through, with stability and spectra), how
    much the runs share (canonical correlations), the agreement of halves of the group, the
    quality of the runs, parameters and record. It makes no request, and can be printed.

    Parameters
    ----------
    ica : fitted CanICA or DictLearning
    output_file : path
        Below 5 MB for 20 components at 3 mm.
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space; as :func:`nbica.browse` takes it.
    names : sequence of str, optional
        One per component, such as the labels of networks.
    imgs, confounds : as in `fit`, optional
        The runs of the fit, known by their names, or a Bunch that has both. With them come spectra
        and explained variance, with tables of motion parameters the motion of each run.
    t_r : float, optional
        Seconds between frames, for the spectra; by default what the first image says.
    split_half : reproducibility.SplitHalf, optional
        What `matching.split_half` found.
    title : str, optional
    surf_mesh : (left, right), dict, PolyMesh or SurfaceImage, optional
        Surfaces to draw components of CIFTI or GIFTI runs on; by default those of the fit.

    Returns
    -------
    Path

    Raises
    ------
    NotFittedError
        If there is nothing to report yet.
    FileNotFoundError
        If the folder does not exist.
    ValueError
        If there are not as many names, images or tables as there should be, or the images are not
        those of the fit.

    See Also
    --------
    nbica.browse : the same in a notebook.

    Examples
    --------
    >>> from nbica import CanICA, datasets, report
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> path = report(ica, "canica.html", imgs=cohort, bg_img=cohort.anat_img)
    >>> path.name, path.stat().st_size < 5_000_000
    ('canica.html', True)
    """
    check_fitted("ica", ica)
    if split_half is not None and not hasattr(split_half, "reproducibility"):
        msg = f"split_half is {split_half!r}; expected what nbica.matching.split_half returns."
        raise TypeError(msg)
    if not isinstance(title, str | None):
        msg = f"title is {title!r}; expected a text."
        raise TypeError(msg)
    output_file = to_write(output_file)  # said before minutes of work
    t_r = check_t_r(t_r)
    runs, confounds = as_fitted(ica, imgs, confounds_of(imgs, confounds))
    maps = ica.components_
    names = _names(names, len(maps))
    pictures = pictures_of(ica, bg_img, surf_mesh)
    activity = None if runs is None else _activity(ica, runs, confounds, t_r)
    learnt = vars(ica)
    page = _render(
        title=title or f"{type(ica).__name__}: {len(maps)} components of {len(ica.runs_)} runs",
        version=__version__,
        figures=_key_figures(ica, learnt, split_half),
        viewer=pictures.viewer([f"{number} · {name}" for number, name in enumerate(names)]),
        caption=pictures.caption,
        components=list(_components(ica, pictures, names, activity, split_half)),
        band=BAND,
        nyquist=None if activity is None else float(activity.frequencies[-1]),
        shared=_shared(ica, learnt),
        split_half=split_half,
        quality=quality_table(ica, runs, confounds),
        has_images=runs is not None,
        parameters=_rows(ica.get_params()),
        record=_record(learnt.get("record_", {})),
        record_json=json.dumps(learnt.get("record_", {}), indent=1, default=str),
        starts=learnt.get("convergence_"),
    )
    return write_page(output_file, page)


# ---- what is said -------------------------------------------------------------------------------


def _names(names, n_components):
    if names is None:
        return [f"IC {index}" for index in range(n_components)]
    return [str(name) for name in one_each("names", names, n_components)]


def _activity(ica, runs, confounds, t_r):
    """Time courses and their spectra; None where no one knows the t_r."""
    t_r = t_r or runs[0].t_r
    if not t_r:
        return None
    used = were_used(ica)
    courses = ica.transform(list(compress(runs, used)), list(compress(confounds, used)))
    return Activity(courses, t_r, *power_spectrum(courses, t_r))


def _key_figures(ica, learnt, split_half):
    """Numbers to begin with, as (number, what it is)."""
    places = "grayordinates" if is_surface(ica.components_img_) else "voxels"
    figures = [
        (f"{ica.n_components_}", "components"),
        (f"{len(ica.runs_)}", "runs"),
        (f"{int(ica.runs_['n_timepoints'].sum()):,}".replace(",", " "), "frames"),
        (f"{ica.components_.shape[1]:,}".replace(",", " "), places),
    ]
    if "stability_" in learnt:
        figures.append((f"{np.mean(ica.stability_):.2f}", "mean stability"))
    if split_half is not None:
        figures.append((f"{split_half.t.mean():.2f}", "agreement of halves (t)"))
    elif "convergence_" in learnt:
        converged = ica.convergence_["converged"]
        figures.append((f"{converged.sum()} of {len(converged)}", "starts converged"))
    return figures


def _components(ica, pictures, names, activity, split_half):
    """What the report says of each component, one after the other."""
    n = len(names)
    stability = _or_none(vars(ica).get("stability_"), n)
    reproducibility = _or_none(split_half and split_half.per_component, n)
    slow = _or_none(activity and share_in_band(*activity[2:]), n)
    spectra = _or_none(activity and _polylines(*activity[2:]), n)
    suggestions = _suggestions(ica, activity)
    for number, ((picture, peak), name) in enumerate(zip(pictures, names, strict=True)):
        yield Component(
            number, name, picture, peak, stability[number], reproducibility[number],
            suggestions[number], spectra[number], slow[number],
        )  # fmt: skip


def _or_none(values, n_components):
    """A value for each component, None where it is not known."""
    return [None] * n_components if values is None else list(values)


def _suggestions(ica, activity):
    """Signs of noise, by component."""
    courses = {} if activity is None else activity._asdict()
    courses = {name: courses[name] for name in ("time_courses", "t_r") if courses}
    return list(flag_noise(ica.components_img_, ica.mask_img_, **courses)["suggestion"])


def _shared(ica, learnt):
    """Canonical correlations, which of them are components, and what chance gives where known."""
    spectrum = learnt.get("component_spectrum_")
    if spectrum is not None:
        null = [float(value) for value in spectrum.null] + [None] * len(spectrum.correlations)
        values = [float(value) for value in spectrum.correlations]
        shown = min(len(values), max(30, 2 * ica.n_components_))
        return list(zip(values[:shown], null[:shown], strict=True))
    values = learnt.get("canonical_correlations_")
    return [] if values is None else [(float(value), None) for value in values]


def _polylines(frequencies, power):
    """Spectra as points of SVG polylines, in a box of 100 x 30, up being 0."""
    across = 100 * frequencies / frequencies[-1]
    for spectrum in power:
        heights = 30 - 29 * spectrum / (spectrum.max() or 1)
        yield " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(across, heights, strict=True))


def _record(record):
    """What is not shown elsewhere, and is short."""
    shown = ("parameters", "runs", "inputs")
    return _rows({name: value for name, value in record.items() if name not in shown})


def _rows(values):
    """Anything by name as (name, text) pairs, nested names joined by a dot."""
    rows = []
    for name, value in values.items():
        if isinstance(value, dict):
            rows += [(f"{name}.{inner}", text) for inner, text in _rows(value)]
        else:
            rows.append((str(name), in_words(value)))
    return rows


def in_words(value):
    """A parameter or a result, short enough to read."""
    if isinstance(value, nib.filebasedimages.FileBasedImage):
        return value.get_filename() or f"image of {' × '.join(map(str, value.shape))} voxels"
    if isinstance(value, float | np.floating):
        return f"{value:.4g}"
    if isinstance(value, np.ndarray) and value.size <= 40:
        return np.array2string(value, precision=3, separator=", ")
    if isinstance(value, os.PathLike):
        return str(value)
    text = repr(value) if not isinstance(value, str) else value
    return text if len(text) <= 400 else f"{text[:400]} …"


# ---- how it is written --------------------------------------------------------------------------


def _render(**what):
    """Fill the template, every value escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder = FileSystemLoader(Path(__file__).parent)
    # Every value is escaped: labels and file names come from anywhere.
    environment = Environment(
        loader=folder, autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["percent"] = lambda share: f"{100 * share:.0f} %"
    return environment.get_template(_TEMPLATE).render(**what)
