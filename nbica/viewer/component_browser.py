"""The IC desk: look through the components of a decomposition, name them, take the labels away."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import traitlets as t

from nbica.image.world_axes import table
from nbica.matching import match
from nbica.runtime.atomic import to_write, write_text
from nbica.runtime.checks import as_list
from nbica.runtime.text import for_spreadsheets
from nbica.signal.ties import in_order
from nbica.viewer import labelfile, page, poster
from nbica.viewer.payload import NO_DATA, Courses
from nbica.viewer.render import Layer, Look
from nbica.viewer.scene import anatomy_of, load_scene
from nbica.viewer.slice_viewer import SliceViewer
from nbica.viewer.state import as_real, check_names, check_t_r, check_traits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import ArrayLike
    from pandas import DataFrame
    from PIL.Image import Image as PILImage
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, Background, ImageLike, Images


def browse(
    components: ImageLike | BaseEstimator, bg_img: Background = "auto", **options: Any
) -> ComponentBrowser:
    """Look through components on a contact sheet, in slices and over time, and label them.

    Costs as :func:`nbica.view_img`.

    Parameters
    ----------
    components : image, path or a fitted CanICA or DictLearning
        One component per volume. An estimator brings its maps and their stability.
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space. "auto": the T1 of MNI152 below components in its space; the
        mean of a run below others, if an estimator knows its runs, and else the brain that they
        cover. None is none.
    names : sequence of str, optional
        One per component; "IC 0", "IC 1"… by default.
    stability : sequence of float, optional
        One per component.
    time_courses : array or list of arrays of shape (n_timepoints, n_components), optional
        One per run; shown with their power spectra.
    t_r : float, optional
        Seconds between time points.
    subjects : sequence of str, optional
        Names of the runs.
    compare : as `components`, optional
        A second decomposition, shown below, each component with the one most like it and their r:
        in the same slices, with threshold and colours alike (scaled where its unit is another, by
        the typical peak).
    labels_img, labels, contours, overlays, quantum, **traits
        As :func:`nbica.view_img`.

    Returns
    -------
    ComponentBrowser

    Raises
    ------
    FileNotFoundError, DataError, TypeError, ValueError
        As :func:`nbica.view_img`.

    See Also
    --------
    nbica.view_img : maps that need no labels.
    nbica.report : the same for others, in one file.

    Notes
    -----
    With the keyboard: ] and [ page through; 1 to 9, 0 and e label and go on to the next without a
    label; u takes back. The classes are those of FSLeyes and FIX [1]_.

    References
    ----------
    .. [1] McCarthy, FSLeyes, doi:10.5281/zenodo.1470761; Griffanti et al. (2017), "Hand
       classification of fMRI ICA noise components", doi:10.1016/j.neuroimage.2016.12.036.

    Examples
    --------
    >>> from nbica import CanICA, browse, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> desk = browse(ica, cohort.anat_img, time_courses=ica.transform(cohort), t_r=cohort.t_r)
    >>> desk.names, desk.labels_[0]
    (['IC 0', 'IC 1', 'IC 2', 'IC 3', 'IC 4'], 'Unknown')
    """
    return ComponentBrowser(components, bg_img, **options)


class ComponentBrowser(SliceViewer):
    """Browser of components, the IC desk; see :func:`browse` for its parameters and cost.

    Attributes
    ----------
    marks : dict of str to str
        Class by component index (as text, since JSON has no other keys).
    subject : int
        The run whose time course is shown.
    component, cut_coords, threshold, …
        As :class:`SliceViewer`.

    See Also
    --------
    browse : makes one.

    Examples
    --------
    >>> from nbica import browse, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> desk = browse(cohort.maps_img, cohort.anat_img, names=cohort.labels)
    >>> desk.marks = {"0": "Signal", "3": "Movement"}
    >>> desk.to_dataframe()["label"].tolist()[:4]
    ['Signal', 'Unknown', 'Unknown', 'Movement']
    >>> desk.save_labels("labels.txt")
    >>> desk.load_labels("labels.txt")
    >>> len(desk.labels_)
    12
    """

    _esm = page.module(*page.DESK_SCRIPTS, render="renderComponents")
    _css = page.read("slices.css", "components.css")
    _height = 820

    marks = t.Dict(value_trait=t.Enum(labelfile.CLASSES), key_trait=t.Unicode()).tag(sync=True)
    subject = t.Int(0, min=0).tag(sync=True)

    def __init__(
        self, components: ImageLike | BaseEstimator, bg_img: Background = "auto", *,
        names: Sequence[str] | None = None, stability: Sequence[float] | None = None,
        time_courses: ArrayLike | None = None, t_r: float | None = None,
        subjects: Sequence[str] | None = None, compare: ImageLike | BaseEstimator | None = None,
        overlays: Images | None = None, labels_img: ImageLike | None = None,
        labels: Sequence[str] | Mapping[int, str] | None = None, contours: Images | None = None,
        quantum: float | None = None, threshold: float | Literal["auto"] = "auto", **traits: Any
    ) -> None:  # fmt: skip
        check_traits(type(self), traits)
        stability = getattr(components, "stability_", None) if stability is None else stability
        if hasattr(components, "mask_img_"):
            bg_img = anatomy_of(components, bg_img)
        scene, notices = load_scene(
            _image_of(components), bg_img, overlays, labels_img, labels, contours, quantum
        )
        n_maps = len(scene.maps.scales)
        courses, about = _courses(time_courses, subjects, n_maps)
        scene = replace(scene, courses=courses)
        header = {
            "notices": notices, "t_r": check_t_r(t_r), "courses": about,
            "facts": _facts(stability, n_maps), "classes": labelfile.CLASSES,
            "kept": labelfile.KEPT, "tints": labelfile.TINTS,
        }  # fmt: skip
        if compare is not None:
            scene, paired = _with_partner(scene, _image_of(compare))
            header |= paired
        self._n_subjects = 0 if about is None else len(about["subjects"])
        self.stability = None if stability is None else as_real(stability, "stability")
        self._set_up(scene, header, names, threshold, {"follow_peaks": True, **traits})

    @t.validate("marks")
    def _check_marks(self, proposal):
        n_maps = len(self.scene.maps.scales)
        components = {str(k) for k in range(n_maps)}
        wrong = [key for key in proposal["value"] if key not in components]
        if wrong:
            msg = f"marks: {', '.join(wrong)} is no component; they are '0' to '{n_maps - 1}'"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("subject")
    def _check_subject(self, proposal):
        if not 0 <= proposal["value"] < max(1, self._n_subjects):
            msg = f"subject is {proposal['value']}; there are {self._n_subjects} runs, from 0 on"
            raise t.TraitError(msg)
        return proposal["value"]

    def to_dataframe(self) -> DataFrame:
        """The labels as a table.

        Returns
        -------
        DataFrame
            One row per component: number (from 1, as in FSL), name, label ("Unknown" where none
            was given), noise (whether it is to be removed), and stability where known. The row's
            index is the component's, from 0.
        """
        n_maps = len(self.scene.maps.scales)
        labels = self.labels_
        frame = pd.DataFrame(
            {
                "number": np.arange(1, n_maps + 1),
                "name": list(self.names),
                "label": labels,
                "noise": [labelfile.is_noise(label) for label in labels],
            },
            index=pd.RangeIndex(n_maps, name="index"),
        )
        return frame if self.stability is None else frame.assign(stability=self.stability)

    @property
    def labels_(self) -> list[str]:
        """One class per component; "Unknown" where none was given."""
        return [self.marks.get(str(k), "Unknown") for k in range(len(self.scene.maps.scales))]

    def save_tsv(self, path: AnyPath) -> None:
        """Save :meth:`to_dataframe` as tab-separated values; none is taken for a formula."""
        text = for_spreadsheets(self.to_dataframe()).to_csv(sep="\t", lineterminator="\n")
        write_text(to_write(path), text)

    def save_labels(self, path: AnyPath, melodic_dir: str = ".") -> None:
        """Save the labels as FIX, FSLeyes and Melview read them; components count from 1.

        Parameters
        ----------
        path : path
        melodic_dir : str
            What the first line says: where the decomposition lies.
        """
        labelfile.write(path, self.labels_, melodic_dir)

    def load_labels(self, path: AnyPath) -> None:
        """Take the labels of a file that FIX, FSLeyes, Melview or :meth:`save_labels` wrote.

        Raises
        ------
        ValueError
            If it is no such file, or of another number of components.
        """
        labels = labelfile.read(path, len(self.scene.maps.scales))
        self.marks = {str(k): label for k, label in enumerate(labels) if label != "Unknown"}

    def picture(self, coarse: int = 1) -> PILImage:
        """The contact sheet, drawn in Python: each component at its peak.

        Parameters
        ----------
        coarse : int
            2 for half the size.

        Returns
        -------
        PIL.Image.Image
        """
        maps = self.scene.maps
        n_maps = len(maps.scales)
        looks = [
            Look(
                ((maps, Layer(k, self.threshold, self.vmax, self.opacity, self.colormap)),),
                tuple(self.window), self.radiological, self.interpolate, outlines=False,
            )
            for k in range(n_maps)
        ]  # fmt: skip
        places = [maps.peak_of(k) for k in range(n_maps)]
        return poster.contact_sheet(self.scene, looks, places, self.names, coarse=coarse)

    def _poster(self):
        return self.picture(coarse=2)

    def _drawn(self, scale, colorbar):
        sheet = self.picture()
        return sheet.resize((round(sheet.width * scale), round(sheet.height * scale)))

    @property
    def sentence(self) -> str:
        """What this is, in words that stay the same."""
        return super().sentence.replace("map", "component", 1)


def _image_of(components):
    return getattr(components, "components_img_", components)


def _facts(stability, n_maps):
    """A line for each component's tile: its number in FSL, its stability, its rank by it."""
    if stability is None:
        return [f"no. {k + 1}" for k in range(n_maps)]
    stability = as_real(stability, "stability")
    if stability.shape != (n_maps,):
        msg = f"stability has shape {stability.shape}; expected one number for each of {n_maps}"
        raise ValueError(msg)
    rank = np.empty(n_maps, int)
    rank[in_order(stability, within=1e-3)] = np.arange(1, n_maps + 1)
    return [
        f"no. {k + 1} · stable {value:.2f} (rank {r})"
        for k, (value, r) in enumerate(zip(stability, rank, strict=True))
    ]


def _courses(time_courses, subjects, n_maps):
    """Time courses of all runs as whole numbers, and what the browser must know of them."""
    if time_courses is None:
        return None, None
    is_one = isinstance(time_courses, np.ndarray)
    runs = [time_courses] if is_one else as_list("time_courses", time_courses)
    if not runs:
        msg = "time_courses is empty; expected an array for each run, or None"
        raise ValueError(msg)
    runs = [as_real(run, "time_courses") for run in runs]
    for number, run in enumerate(runs):
        if run.ndim != 2 or run.shape[1] != n_maps or not len(run) or not np.isfinite(run).all():
            msg = (
                f"time_courses: run {number} has shape {run.shape}; expected finite numbers of "
                f"shape (n_timepoints, {n_maps})"
            )
            raise ValueError(msg)
    if subjects is None:
        subjects = [f"run {k + 1}" for k in range(len(runs))]
    if isinstance(subjects, str) or len(subjects) != len(runs):
        msg = f"subjects: {len(subjects)} names for {len(runs)} time courses; give one each"
        raise ValueError(msg)
    scales = [np.maximum(np.abs(run).max(axis=0), np.finfo(float).tiny) / 32767 for run in runs]
    codes = [
        np.rint(run / scale).astype(np.int16).T.ravel()
        for run, scale in zip(runs, scales, strict=True)
    ]
    about = {
        "subjects": [str(name) for name in subjects],
        "lengths": [len(run) for run in runs],
        "scales": [scale.tolist() for scale in scales],
    }
    return Courses(np.concatenate(codes)), about


def _with_partner(scene, img):
    """A scene with a second decomposition, its maps in the order and sign of the first."""
    other, _ = load_scene(img)
    there, here = other.maps, scene.maps
    if not here.mask.any():
        msg = "compare: the components to compare with are empty, all of them 0 or no data"
        raise ValueError(msg)
    found = match(_values_at(there, here), here.codes.astype(float))
    index = np.where(found.indices < 0, 0, found.indices)
    codes = there.codes[index].copy()
    codes[found.indices < 0] = 0
    turned = found.signs[:, np.newaxis] < 0
    codes = np.where(turned & (codes != NO_DATA), -codes, codes).astype(np.int8)
    partner = replace(
        there, codes=codes, scales=there.scales[index], peaks=there.peaks[index],
        signed=there.signed or here.signed,
    )  # fmt: skip
    names = check_names(None, there)
    pairs = [
        {"r": float(r), "name": names[i] if i >= 0 else "", "index": int(i)}
        for i, r in zip(found.indices, found.correlations, strict=True)
    ]
    ratio = float(np.median(partner.peaks) / (np.median(here.peaks) or 1.0)) or 1.0
    return replace(scene, partner=partner), {"pairs": pairs, "partner_ratio": ratio}


def _values_at(maps, others):
    """Codes of maps at the voxels of others' mask, by the nearest voxel; 0 outside."""
    tables = [
        table(maps.grid, axis, others.grid.origin[axis] + others.grid.step[axis] * np.arange(n))
        for axis, n in enumerate(others.grid.shape)
    ]
    nearest = [one.nearest for one in tables]
    x, y, z = (index >= 0 for index in nearest)
    inside = x[:, np.newaxis, np.newaxis] & y[:, np.newaxis] & z
    rows = []
    for k in range(len(maps.scales)):
        dense = np.where(maps.dense(k) == NO_DATA, 0, maps.dense(k))
        rows.append(np.where(inside, dense[np.ix_(*nearest)], 0).T[others.mask.T])
    return np.array(rows, float)
