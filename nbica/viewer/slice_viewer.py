"""The slice viewer: brain maps to click through, alive with or without a kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets as t

from nbica.image.run import load_run
from nbica.runtime.atomic import atomic, to_write
from nbica.viewer import colors, page, poster
from nbica.viewer.cortex import CortexTraits, cortex_for, with_vertex_values
from nbica.viewer.fitted import scene_of
from nbica.viewer.keywords import check_traits, public_traits
from nbica.viewer.render import Layer, Look
from nbica.viewer.scene import pack_scene
from nbica.viewer.state import (
    check_courses,
    check_names,
    check_overlays,
    check_t_r,
    first_look,
    warn_if_hidden,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import ArrayLike
    from PIL.Image import Image as PILImage
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, Background, ImageLike, Images
    from nbica.viewer.page import Page

VIEWS = ("ortho", "lightbox", "glass", "cortex")
_LONGEST_TITLE = 200  # letters in a picture


class SliceViewer(CortexTraits, anywidget.AnyWidget):
    """Brain maps in linked slices; the state is a value that a notebook can use.

    See :func:`view_img` for what it takes and costs. Two viewers are linked as any widgets are, in
    the browser alone, also while the kernel is busy:
    `ipywidgets.jslink((first, "cut_coords"), (second, "cut_coords"))`.

    Attributes
    ----------
    component : int
        The map in view, from 0.
    cut_coords : list of three floats
        Where the crosshair is, in mm.
    threshold : float
        Smaller absolute values are hidden. "auto" when made: what stands out.
    vmax : float
        Absolute value at which colours end.
    opacity : float
        Opacity of the map, 0 to 1.
    colormap : str
        One of `nbica.viewer.colors.NAMES`.
    view : {"ortho", "lightbox", "glass", "cortex"}
        Three slices; many along `axis`; the largest values along the line of sight; the cortex from
        six sides.
    axis : {"x", "y", "z"}
        For the lightbox.
    n_slices : int
        For the lightbox.
    window : list of two floats
        Values of the background that are black and white.
    radiological : bool
        Draw left on the right. Never changes the mm.
    crosshair, interpolate, outlines, presenter : bool
    zoom : float
        1 to 8, around the crosshair.
    follow_peaks : bool
        Go to the peak of each map that comes into view.
    cortex, inflation, turn, hemi
        Of the cortex; see :class:`nbica.viewer.cortex.CortexTraits`.
    overlays : list of dict
        visible, threshold, vmax, opacity and colormap of each further map.
    names : list of str
    title : str

    See Also
    --------
    view_img : makes one.

    Examples
    --------
    >>> import ipywidgets
    >>> from nbica import datasets, view_img
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> first = view_img(cohort.maps_img, cohort.anat_img, component=0)
    >>> second = view_img(cohort.maps_img, cohort.anat_img, component=1)
    >>> link = ipywidgets.jslink((first, "cut_coords"), (second, "cut_coords"))
    >>> first.cut_coords = [0, -52, 18]
    >>> first.state["cut_coords"], first.picture().mode
    ([0.0, -52.0, 18.0], 'RGB')
    """

    _esm = page.module(*page.SLICE_SCRIPTS, render="renderSlices")
    _css = page.read("slices.css")
    _height = 620  # of its frame in a saved notebook, in pixels
    _payload = t.Bytes().tag(sync=True)

    component = t.Int(0).tag(sync=True)
    cut_coords = t.List(t.Float(), [0.0, 0.0, 0.0], minlen=3, maxlen=3).tag(sync=True)
    threshold = t.Float(0.0, min=0).tag(sync=True)
    vmax = t.Float(1.0).tag(sync=True)
    opacity = t.Float(1.0, min=0, max=1).tag(sync=True)
    colormap = t.Enum(colors.NAMES, "blue_orange").tag(sync=True)
    view = t.Enum(VIEWS, "ortho").tag(sync=True)
    axis = t.Enum(("x", "y", "z"), "z").tag(sync=True)
    n_slices = t.Int(15, min=1, max=60).tag(sync=True)
    window = t.List(t.Float(), [0.0, 1.0], minlen=2, maxlen=2).tag(sync=True)
    radiological = t.Bool(False).tag(sync=True)
    crosshair = t.Bool(True).tag(sync=True)
    interpolate = t.Bool(True).tag(sync=True)
    outlines = t.Bool(True).tag(sync=True)
    zoom = t.Float(1.0, min=1, max=8).tag(sync=True)
    follow_peaks = t.Bool(False).tag(sync=True)
    presenter = t.Bool(False).tag(sync=True)
    overlays = t.List(t.Dict()).tag(sync=True)
    names = t.List(t.Unicode()).tag(sync=True)
    title = t.Unicode("").tag(sync=True)

    def __init__(
        self, img: ImageLike | BaseEstimator, bg_img: Background = "auto", *,
        overlays: Images | None = None, labels_img: ImageLike | None = None,
        labels: Sequence[str] | Mapping[int, str] | None = None, contours: Images | None = None,
        names: Sequence[str] | None = None, time_courses: ArrayLike | None = None,
        t_r: float | None = None, quantum: float | None = None,
        threshold: float | str = "auto", cortex: bool | str = "auto",
        vertex_values: tuple[ArrayLike, ArrayLike] | None = None, **traits: Any,
    ) -> None:  # fmt: skip
        traits = check_traits(type(self), traits)
        scene, notices = scene_of(img, bg_img, overlays, labels_img, labels, contours, quantum)
        if len(scene.maps.scales) > 1 and scene.maps.baseline is None:
            traits = {"follow_peaks": True} | traits
        courses = check_courses(time_courses, len(scene.maps.scales))
        scene = with_vertex_values(scene, vertex_values)
        t_r = check_t_r(t_r)
        if t_r is None and scene.maps.baseline is not None:
            t_r = load_run(img).t_r
        header = {"notices": notices, "t_r": t_r, "courses": courses}
        self._set_up(scene, header, names, threshold, cortex, traits)

    def _set_up(self, scene, header, names, threshold, cortex, traits):
        self.scene, self._packed = scene, pack_scene(scene, **header)
        self._cortex_packed = cortex_for(cortex, scene)
        state = first_look(scene, threshold) | {
            "names": check_names(names, scene.maps),
            "_payload": self._packed,
            "_cortex": self._cortex_packed,
            "cortex": bool(self._cortex_packed),
        }
        super().__init__(**(state | traits))
        warn_if_hidden(scene.maps, self.threshold, stacklevel=4)

    # ---- what a state may be --------------------------------------------------------------------

    @t.validate("component")
    def _check_component(self, proposal):
        n_maps = len(self.scene.maps.scales)
        if isinstance(proposal["value"], bool) or not 0 <= proposal["value"] < n_maps:
            msg = f"component is {proposal['value']}; the {n_maps} maps are 0 to {n_maps - 1}"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("cut_coords")
    def _check_cut_coords(self, proposal):
        mm = np.array(proposal["value"])
        if not np.isfinite(mm).all():
            msg = f"cut_coords is {proposal['value']}; expected x, y and z in mm"
            raise t.TraitError(msg)
        return np.clip(mm, *self.scene.bounds.T).tolist()

    @t.validate("threshold", "opacity", "zoom")
    def _check_finite(self, proposal):
        # NaN passes every comparison with a least and a largest value, and JSON has neither.
        if not np.isfinite(proposal["value"]):
            msg = f"{proposal['trait'].name} is {proposal['value']}; expected a finite number"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("names")
    def _check_names(self, proposal):
        try:
            return check_names(proposal["value"], self.scene.maps)
        except ValueError as error:
            raise t.TraitError(str(error)) from error

    @t.validate("overlays")
    def _check_overlays(self, proposal):
        try:
            return check_overlays(proposal["value"], len(self.scene.overlays))
        except ValueError as error:
            raise t.TraitError(str(error)) from error

    @t.validate("_payload")
    def _check_payload(self, proposal):
        if proposal["value"] != self._packed:
            msg = "what is shown is packed once; make another viewer"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("vmax")
    def _check_vmax(self, proposal):
        if not 0 < proposal["value"] < np.inf:
            msg = f"vmax is {proposal['value']}; expected a number above 0"
            raise t.TraitError(msg)
        return proposal["value"]

    @t.validate("window")
    def _check_window(self, proposal):
        low, high = proposal["value"]
        if not -np.inf < low < high < np.inf:
            msg = (
                f"window is {proposal['value']}; expected the values for black and, above it, white"
            )
            raise t.TraitError(msg)
        return proposal["value"]

    # ---- what it says and gives -----------------------------------------------------------------

    @property
    def look(self) -> Look:
        """How the scene is drawn now; `nbica.viewer.render` draws the same."""
        own = Layer(self.component, self.threshold, self.vmax, self.opacity, self.colormap)
        layers = [(self.scene.maps, own)]
        for volume, layer in zip(self.scene.overlays, self.overlays, strict=True):
            if layer["visible"]:
                rest = {name: value for name, value in layer.items() if name != "visible"}
                layers.append((volume, Layer(**rest)))
        return Look(
            tuple(layers), tuple(self.window), self.radiological, self.interpolate, self.outlines,
            self.view == "glass",
        )  # fmt: skip

    def peaks(self, n_peaks: int = 5) -> list[tuple[float, float, float]]:
        """Where the map in view has its largest absolute values, 15 mm apart at least.

        Parameters
        ----------
        n_peaks : int

        Returns
        -------
        list of (x, y, z)
            In mm, from the largest down.
        """
        found = self.scene.maps.peaks_of(self.component, n_peaks)
        return [tuple(float(value) for value in mm) for mm in found]

    def value(self) -> float:
        """Value of the map in view at the crosshair, true to half a quantum.

        Returns
        -------
        float
            NaN outside of the image and where it holds no data.
        """
        return self.scene.maps.value_at(self.component, self.cut_coords)

    def picture(self) -> PILImage:
        """The three slices at the crosshair as they stand, drawn in Python.

        Returns
        -------
        PIL.Image.Image
        """
        return self._drawn(1.0, colorbar=True)

    def _drawn(self, scale, colorbar):
        """The picture, so many times its usual size."""
        name = self.names[self.component]
        title = " · ".join(filter(None, [name, self.title]))[:_LONGEST_TITLE]
        return poster.ortho(
            self.scene, self.look, self.cut_coords, title, crosshair=self.crosshair,
            colorbar=colorbar, scale=scale,
        )  # fmt: skip

    def _poster(self):
        """What a page shows until its script has run, and where none may run."""
        return self.picture()

    def save(
        self, path: AnyPath, *, dpi: float = 100, colorbar: bool = True, size: float | None = None
    ) -> None:
        """Save :meth:`picture` as a PNG file, drawn anew for its size.

        Parameters
        ----------
        path : path
        dpi : float
            Pixels for an inch; the file says so to whoever prints it.
        colorbar : bool
            Whether to draw one. The trait `crosshair` says whether there is that.
        size : float, optional
            Width in inches; 6 to 7 where it is left out, as the anatomy has it.

        Raises
        ------
        ValueError
            If `dpi` or `size` is not above 0.

        Examples
        --------
        >>> viewer.crosshair = False                                    # doctest: +SKIP
        >>> viewer.save("network.png", dpi=300, size=7, colorbar=False) # doctest: +SKIP
        """
        for name, value in (("dpi", dpi), ("size", 1 if size is None else size)):
            if not value > 0:
                msg = f"{name} is {value}; expected a number above 0"
                raise ValueError(msg)
        usual = self.picture().width
        width = usual * dpi / 100 if size is None else size * dpi
        picture = self._drawn(width / usual, colorbar)
        # Slices are of whole pixels, so that their sum may miss the width by a few.
        whole = (round(width), round(picture.height * width / picture.width))
        with atomic(to_write(path)) as temporary:
            picture.resize(whole).save(temporary, format="png", dpi=(dpi, dpi))

    def to_html(self, path: AnyPath | None = None) -> Path | Page:
        """All of the viewer in one file that needs no kernel and makes no request.

        Parameters
        ----------
        path : path, optional
            File to write.

        Returns
        -------
        Path or Page
            The file; without a path the text of the page, which a notebook shows in a frame and
            keeps: alive in a saved notebook and in what nbconvert makes of it.
        """
        text = self._page()
        return page.Page(text) if path is None else page.write_page(path, text)

    def _page(self, with_cortex=True):
        without = {"view": "ortho"} if self.view == "cortex" and not with_cortex else {}
        return page.make_page(
            title=self.title or self.names[0], alt=self.sentence, code=self._esm, css=self._css,
            state=self.state | without, blocks=self._blocks(with_cortex),
            poster=poster.png(self._poster()),
        )  # fmt: skip

    def _blocks(self, with_cortex=True):
        """What a page holds in bytes, by the name of its element."""
        cortex = {"nbica-cortex": self._cortex} if with_cortex and self._cortex else {}
        return {"nbica-payload": self._payload} | cortex

    @property
    def state(self) -> dict:
        """The public traits by name, as JSON can hold them."""
        return {name: getattr(self, name) for name in public_traits(type(self))}

    @property
    def n_bytes(self) -> int:
        """Bytes that cross to the browser, once."""
        return len(self._payload) + len(self._cortex or b"")

    @property
    def sentence(self) -> str:
        """What this is, in words that stay the same."""
        maps = self.scene.maps
        what = "frame" if maps.baseline is not None else "map"
        count = f"{len(maps.scales)} {what}{'s' if len(maps.scales) > 1 else ''}"
        size = " × ".join(str(n) for n in maps.grid.shape)
        return f"{count} of {size} voxels{' over a background' if self.scene.background else ''}"

    def close(self) -> None:
        """Close the viewer wherever it is shown, and free what it holds in the browser."""
        self.layout.close()
        super().close()

    def __repr__(self):
        return f"<{type(self).__name__}: {self.sentence}>"

    _ipython_display_ = None  # that of ipywidgets 7 would be asked first, and knows no picture

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and what a saved notebook shows without a kernel: a page, and a picture."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        data["image/png"] = poster.png(self.picture())
        room = page.embed_limit() - len(self._esm) - 4 / 3 * len(self._payload)
        if room > 0:
            text = self._page(with_cortex=room > 4 / 3 * len(self._cortex or b""))
            small = poster.png(self._poster())
            data["text/html"] = page.embedded(text, small, self.sentence, self._height)
        return data, metadata
