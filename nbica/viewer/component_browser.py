"""The IC desk: look through the components of a decomposition, name them, take the labels away."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import traitlets as t

from nbica.exceptions import DataWarning
from nbica.runtime.atomic import to_write, write_text
from nbica.runtime.text import for_spreadsheets
from nbica.viewer import labelfile, page, poster
from nbica.viewer.cortex import with_vertex_values
from nbica.viewer.courses import CourseTeller, courses_of
from nbica.viewer.fitted import checked_stability, facts_of, scene_of
from nbica.viewer.keywords import check_traits, shows_keywords_of
from nbica.viewer.labelbook import LabelBook, as_marks, checked_marks, labels_of_all, set_aside
from nbica.viewer.partner import carried_over, with_partner
from nbica.viewer.payload import pack
from nbica.viewer.render import Layer, Look
from nbica.viewer.slice_viewer import SliceViewer
from nbica.viewer.state import check_t_r

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike
    from pandas import DataFrame
    from PIL.Image import Image as PILImage
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, Background, ImageLike, Images
    from nbica.viewer.page import Page


class ComponentBrowser(SliceViewer):
    """Browser of components, the IC desk; see :func:`browse` for its parameters and cost.

    Attributes
    ----------
    marks : dict of str to list of str
        Labels by component index (as text, since JSON has no other keys): classes and free text. A
        label alone may be given for a list of one.
    saved : str
        Where the labels are, in words.
    subject : int
        The run whose time course is shown.
    frame : int
        The frame of it that was clicked; -1 for none. Linked to the `component` of a viewer of the
        run, that viewer goes there.
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
    _teller = None  # of a desk that could not be made

    _courses = t.Bytes().tag(sync=True)
    marks = t.Dict().tag(sync=True)
    saved = t.Unicode().tag(sync=True)
    _kept = t.Dict().tag(sync=True)  # marks that arrived here: the browser compares them to its own
    subject = t.Int(0, min=0).tag(sync=True)
    frame = t.Int(-1, min=-1).tag(sync=True)

    def __init__(
        self, components: ImageLike | BaseEstimator, bg_img: Background = "auto", *,
        names: Sequence[str] | None = None, stability: Sequence[float] | None = None,
        time_courses: ArrayLike | None = None, t_r: float | None = None,
        subjects: Sequence[str] | None = None, compare: ImageLike | BaseEstimator | None = None,
        networks: Any = None, overlays: Images | None = None, labels_img: ImageLike | None = None,
        labels: AnyPath | Sequence[str] | Mapping[int, str] | None = None,
        contours: Images | None = None, quantum: float | None = None,
        threshold: float | str = "auto", cortex: bool | str = "auto",
        vertex_values: tuple[ArrayLike, ArrayLike] | None = None, **traits: Any,
    ) -> None:  # fmt: skip
        traits = check_traits(type(self), traits)
        t_r = check_t_r(t_r)
        path, regions = (labels, None) if isinstance(labels, str | os.PathLike) else (None, labels)
        scene, notices = scene_of(
            components, bg_img, overlays, labels_img, regions, contours, quantum
        )
        n_maps = len(scene.maps.scales)
        scene = with_vertex_values(scene, vertex_values)
        stability = getattr(components, "stability_", None) if stability is None else stability
        self.stability = checked_stability(stability, n_maps)
        self._runs = courses_of(components, time_courses, subjects, n_maps, t_r)
        header = {
            "notices": notices, "t_r": t_r, "courses": self._runs and self._runs.about(),
            "classes": labelfile.CLASSES, "kept": labelfile.KEPT, "tints": labelfile.TINTS,
            **facts_of(components, n_maps, self.stability, networks),
        }  # fmt: skip
        if compare is not None:
            scene, paired = with_partner(scene, scene_of(compare, None)[0].maps)
            header |= paired
        self._book = LabelBook(scene.maps, path)
        known = self._runs.known() if self._runs else []
        begins = {"marks": self._book.marks, "saved": self._book.said, "_courses": pack(known)}
        self._set_up(
            scene, header, names, threshold, cortex, {"follow_peaks": True} | begins | traits
        )
        self._warn_of_contradictions()
        self._teller = self._runs and CourseTeller(self._runs, self.send)
        self.on_msg(self._answer)

    # ---- labels ---------------------------------------------------------------------------------

    @t.validate("marks")
    def _check_marks(self, proposal):
        try:
            return checked_marks(proposal["value"], len(self.scene.maps.scales))
        except ValueError as error:
            raise t.TraitError(str(error)) from error

    @t.observe("marks")
    def _keep_marks(self, change):
        if change["new"] != self._book.marks:
            self.saved = self._book.keep(change["new"])
        self._kept = change["new"]

    @property
    def labels_(self) -> list[str]:
        """One class per component, the first of its labels; "Unknown" where none was given."""
        return [next((one for one in own if one in labelfile.CLASSES), "Unknown")
                for own in self._labels()]  # fmt: skip

    def _labels(self):
        return labels_of_all(self.marks, len(self.scene.maps.scales))

    def to_dataframe(self) -> DataFrame:
        """The labels as a table.

        Returns
        -------
        DataFrame
            One row per component: number (from 1, as in FSL), name, label ("Unknown" where none
            was given), noise (whether it is to be removed), stability where known, and notes (all
            other labels) where there are any. The row's index is the component's, from 0.
        """
        n_maps = len(self.scene.maps.scales)
        frame = pd.DataFrame(
            {
                "number": np.arange(1, n_maps + 1),
                "name": list(self.names),
                "label": self.labels_,
                "noise": [labelfile.is_noise(own) for own in self._labels()],
            },
            index=pd.RangeIndex(n_maps, name="index"),
        )
        if self.stability is not None:
            frame = frame.assign(stability=self.stability)
        pairs = zip(self._labels(), self.labels_, strict=True)
        notes = ["; ".join(one for one in own if one != first) for own, first in pairs]
        return frame.assign(notes=notes) if any(notes) else frame

    def save_tsv(self, path: AnyPath) -> None:
        """Save :meth:`to_dataframe` as tab-separated values; none is taken for a formula."""
        text = for_spreadsheets(self.to_dataframe()).to_csv(sep="\t", lineterminator="\n")
        write_text(to_write(path), text)

    def save_labels(
        self, path: AnyPath | None = None, melodic_dir: str = ".", *, noise_only: bool = False
    ) -> None:
        """Save the labels as FIX, FSLeyes and Melview read them; components count from 1.

        Parameters
        ----------
        path : path, optional
            By default the file that was given as `labels`; what another program wrote there is
            replaced.
        melodic_dir : str
            What the first line says: where the decomposition lies.
        noise_only : bool
            Only the numbers of what is to be removed, as ICA-AROMA writes them: "2,5,6".

        Warns
        -----
        DataWarning
            If a label file there held more than labels: it is set aside. And of components whose
            labels contradict each other: they are kept, as FSL does.
        """
        self._warn_of_contradictions()
        if path is None:
            self.saved = self._book.keep(self.marks, replace=True)
            return
        path = to_write(path)
        self._set_aside(path)
        labels = self._labels()
        text = labelfile.noise_list_of if noise_only else labelfile.text_of
        write_text(path, text(labels) if noise_only else text(labels, melodic_dir))

    def _set_aside(self, path):
        """Keep what a label file holds beside labels."""
        try:
            there = labelfile.read(path, len(self.scene.maps.scales))
        except (OSError, ValueError):
            return  # there is none, or it is no label file
        if there.rest:
            copy = set_aside(path, labelfile.read_text(path))
            msg = f"{path} holds more than labels ({there.rest[0]!r}): all of it is in {copy}"
            warnings.warn(msg, DataWarning, stacklevel=3)

    def _warn_of_contradictions(self):
        both = [k for k, own in enumerate(self._labels()) if labelfile.is_contradiction(own)]
        if both:
            first = self._labels()[both[0]]
            msg = (
                f"{len(both)} components have labels that contradict each other, such as "
                f"{self.names[both[0]]} ({', '.join(first)}): they are kept, as FSL does"
            )
            warnings.warn(msg, DataWarning, stacklevel=3)

    def load_labels(self, path: AnyPath | None = None) -> None:
        """Take the labels of a file that FIX, FSLeyes, Melview, ICA-AROMA or nbica wrote.

        Parameters
        ----------
        path : path, optional
            By default the file that was given as `labels`.

        Raises
        ------
        ValueError
            If it is no such file, of another number of components, or contradicts itself.
        """
        if path is None and self._book.path is None:
            msg = "load_labels() needs a path: this desk was made without labels='labels.txt'"
            raise ValueError(msg)
        own = path is None
        found = self._book.read() if own else as_marks(self._read(path))
        self.marks = found
        self._warn_of_contradictions()

    def _read(self, path):
        return labelfile.read(path, len(self.scene.maps.scales)).labels

    def take_labels_of(self, other: ComponentBrowser) -> list[str]:
        """Take over the labels of another desk, for the components most like its own.

        Parameters
        ----------
        other : ComponentBrowser
            Such as that of an earlier fit.

        Returns
        -------
        list of str
            Names of the components there whose labels have no place here: nothing is like them,
            from r = 0.7 on. A label file is then copied before it is written.
        """
        marks, lost = carried_over(other.marks, other.scene.maps, self.scene.maps)
        if lost:
            self._book.set_aside()
        self.marks = marks
        return [other.names[k] for k in lost]

    # ---- time courses ---------------------------------------------------------------------------

    @t.validate("subject")
    def _check_subject(self, proposal):
        n_runs = len(self._runs.subjects) if self._runs else 0
        if not 0 <= proposal["value"] < max(1, n_runs):
            msg = f"subject is {proposal['value']}; there are {n_runs} runs, from 0 on"
            raise t.TraitError(msg)
        return proposal["value"]

    def _answer(self, _, content, __):
        """A message of the browser: somebody looks at a run."""
        if self._teller and isinstance(content, dict) and "want" in content:
            self._teller.want(content["want"])

    def to_html(self, path: AnyPath | None = None) -> Path | Page:
        """As :meth:`SliceViewer.to_html`, with the time courses of all runs.

        Costs a pass over each run of a fit that nobody looked at before; that is shown meanwhile.
        """
        troubles = self._runs.compute_all() if self._runs else []
        if troubles:
            msg = f"The page has no time courses of {len(troubles)} runs: {troubles[0]}"
            warnings.warn(msg, DataWarning, stacklevel=2)
        return super().to_html(path)

    def _blocks(self, with_cortex=True):
        known = self._runs.known() if self._runs else []
        return super()._blocks(with_cortex) | {"nbica-courses": pack(known)}

    def close(self) -> None:
        """Close the desk wherever it is shown, and compute nothing more for it."""
        if self._teller:
            self._teller.close()
        super().close()

    # ---- pictures -------------------------------------------------------------------------------

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


@shows_keywords_of(ComponentBrowser)
def browse(
    components: ImageLike | BaseEstimator, bg_img: Background = "auto", **options: Any
) -> ComponentBrowser:
    """Look through components on a contact sheet, in slices and over time, and label them.

    Costs as :func:`nbica.view_img`.

    Parameters
    ----------
    components : image, path or a fitted CanICA or DictLearning
        One component per volume. An estimator brings its maps, as z-scores, their stability, and
        the time courses of its own runs: computed when they are first looked at, a pass over a run
        for each, in the background.
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space. "auto": the T1 of MNI152 below components in its space; the
        mean of a run below others, if an estimator knows its runs, and else the brain that they
        cover. None is none.
    names : sequence of str, optional
        One per component; "IC 0", "IC 1"… by default.
    stability : sequence of float, optional
        One per component.
    time_courses : array or list of arrays of shape (n_timepoints, n_components), optional
        One per run; shown with their power spectra, in place of what an estimator knows.
    t_r : float, optional
        Seconds between time points; by default what an estimator or its runs say.
    subjects : sequence of str, optional
        Names of the runs.
    compare : as `components`, optional
        A second decomposition, shown below, each component with the one most like it and their r:
        in the same slices, with threshold and colours alike (scaled where its unit is another, by
        the typical peak).
    networks : as :func:`nbica.matching.label` takes them, optional
        Known networks: each component is shown with the one most like it, as a name to take.
    labels : path, optional
        A label file as FSLeyes has it: read if it is there, and saved at each change. Without it
        labels are kept in this session, where the same components find them again. Names of
        regions, as :func:`nbica.view_img` takes them, are no path.
    labels_img, contours, overlays, quantum, threshold, component, cut_coords, …
        As :func:`nbica.view_img`. Z-scores are shown from 3 on.

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
    label, with Shift they give one more; l is for free text; u or Ctrl+Z takes back. The classes
    are those of FSLeyes and FIX [1]_. Components count from 0 everywhere but in label files, which
    are FSL's.

    References
    ----------
    .. [1] McCarthy, FSLeyes, doi:10.5281/zenodo.1470761; Griffanti et al. (2017), "Hand
       classification of fMRI ICA noise components", doi:10.1016/j.neuroimage.2016.12.036.

    Examples
    --------
    >>> from nbica import CanICA, browse, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> desk = browse(ica, cohort.anat_img, labels="labels.txt")
    >>> desk.marks = {"0": ["Signal", "default mode"]}
    >>> desk.saved, browse(ica, labels="labels.txt").labels_[0]
    ('saved to labels.txt', 'Signal')
    """
    return ComponentBrowser(components, bg_img, **options)
