"""Dials of the course: a slider, and at once what it does; the browser alone answers it.

A dial needs no kernel: it is alive in a running notebook, on the site and in a file, and a picture
stands in where no JavaScript runs.
"""

import base64
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import anywidget
import numpy as np
import traitlets as t
from PIL import Image

from nbica.viewer import page, poster

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath

_FOLDER = Path(__file__).parent
# Points of the cloud that cross to the browser; what moves is computed from these.
MOST_POINTS = 1500
_REACH = 5  # standard deviations that are drawn
_WIDTH = 640  # of a picture of steps, in pixels


def script():
    """The dials' JavaScript, after the viewers' file of elements and controls."""
    return page.read("js/dom.js") + "\n" + (_FOLDER / "js/dials.js").read_text(encoding="utf-8")


class Dial(anywidget.AnyWidget):
    """What the dials have in common: a title, a file of their own, a picture without a browser.

    See Also
    --------
    ICADial : two signals, and axes to turn.
    Steps : a slider through pictures.

    Examples
    --------
    >>> from nbica.teaching import Dial, ICADial
    >>> issubclass(ICADial, Dial)
    True
    """

    _css = page.read("slices.css") + (_FOLDER / "dials.css").read_text(encoding="utf-8")
    _height = 420
    title = t.Unicode("").tag(sync=True)

    def to_html(self, path: "AnyPath | None" = None) -> "Path | page.Page":
        """The dial in one file that needs no kernel and makes no request.

        Parameters
        ----------
        path : path, optional
            File to write.

        Returns
        -------
        Path or Page
            The file; without a path the text of the page.
        """
        text = page.make_page(
            title=self.title or type(self).__name__, alt=self.sentence, code=self._esm,
            css=self._css, state=self._state(), blocks={}, poster=poster.png(self.picture()),
        )  # fmt: skip
        return page.Page(text) if path is None else page.write_page(path, text)

    def __repr__(self):
        return f"<{type(self).__name__}: {self.sentence}>"

    _ipython_display_ = None  # that of ipywidgets 7 would be asked first, and knows no picture

    def _repr_mimebundle_(self, **kwargs):
        """The widget, and what a saved notebook shows without a kernel: a page, and a picture."""
        data, metadata = super()._repr_mimebundle_(**kwargs)
        small = poster.png(self.picture())
        data["image/png"] = small
        text = self.to_html()
        if len(text) < page.embed_limit():
            data["text/html"] = page.embedded(str(text), small, self.sentence, self._height)
        return data, metadata


class ICADial(Dial):
    """Two mixed signals as a cloud of points, and two axes to turn until they are independent.

    The signals are whitened along their principal axes, so that an angle of 0 is PCA. ICA is the
    angle at which both axes are as far from Gaussian as they can be. A quarter turn further the
    same two come back in another order and with another sign.

    Parameters
    ----------
    signals : array-like of shape (2, n)
        At least 8 values each. Of more than 1500, evenly chosen ones are shown.
    angle : float
        Where the dial begins, in degrees.
    title : str

    Attributes
    ----------
    angle : float
        In degrees; follows the slider.
    white : ndarray of shape (2, n)
        The whitened signals that are shown: mean 0, variance 1, uncorrelated.

    Raises
    ------
    ValueError
        If `signals` are not two rows of finite numbers, or lie on a line.

    See Also
    --------
    Steps : a slider through pictures.

    Examples
    --------
    >>> import numpy as np
    >>> from nbica.teaching import ICADial
    >>> rng = np.random.default_rng(0)
    >>> dial = ICADial(np.array([[2, 1], [1, 1]]) @ rng.laplace(size=(2, 500)))
    >>> dial.angle = dial.best()
    >>> dial
    <ICADial: two signals of 500 values>
    """

    _esm = f"{script()}\nconst entry = {{ render: renderIcaDial }};\nexport default entry;\n"
    angle = t.Float(0.0, min=-360, max=360).tag(sync=True)
    _points = t.List().tag(sync=True)

    def __init__(
        self, signals: "ArrayLike", *, angle: float = 0.0, title: str = "Turn the axes"
    ) -> None:
        self.white = whitened(signals)
        points = np.round(self.white.T, 3).tolist()
        super().__init__(angle=float(angle), title=title, _points=points)

    def signals(self) -> np.ndarray:
        """The two signals along the axes as they stand, shape (2, n)."""
        return turned(self.white, self.angle)

    def kurtosis(self) -> np.ndarray:
        """Excess kurtosis along both axes as they stand: 0 for a Gaussian."""
        return (self.signals() ** 4).mean(axis=1) - 3

    def best(self) -> int:
        """The angle in whole degrees, from 0 to 89, at which both are furthest from Gaussian."""
        return int(np.argmax([contrast(self.white, angle) for angle in range(90)]))

    @property
    def sentence(self) -> str:
        """What this is, in words that stay the same."""
        return f"two signals of {self.white.shape[1]} values"

    def picture(self) -> Image.Image:
        """The dial as it stands, drawn in Python.

        Returns
        -------
        PIL.Image.Image
        """
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 4), dpi=80, layout="constrained")
        axes = figure.subplot_mosaic([["cloud", "first"], ["cloud", "second"], ["cloud", "curve"]])
        _draw_cloud(axes["cloud"], self.white, self.angle)
        rows = zip(("first", "second"), self.signals(), self.kurtosis(), strict=True)
        for number, (name, values, kurtosis) in enumerate(rows):
            _draw_histogram(axes[name], number, values, kurtosis)
        _draw_curve(axes["curve"], self.white, self.angle)
        return _as_image(figure)

    def _state(self):
        return {"angle": self.angle, "title": self.title, "_points": self._points}


class Steps(Dial):
    """A slider through pictures that were drawn beforehand, with a line of words for each.

    Costs one call of `draw` per value, when it is made; pictures are shrunk to 640 pixels.

    Parameters
    ----------
    values : sequence
        What the slider goes through, in this order; up to some twenty.
    draw : callable
        Takes a value; returns a figure (matplotlib's, or a display of :mod:`nbica.plotting`) and a
        line of words.
    label : str
        What the values are, and their unit.
    step : int
        Where it begins.
    title : str

    Attributes
    ----------
    step : int
        Number of the value in view; follows the slider.
    words : list of str
        The lines, one per value.

    Raises
    ------
    ValueError
        If there are no values.

    See Also
    --------
    ICADial : two signals, and axes to turn.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from nbica.teaching import Steps
    >>> Steps([1, 2, 3], lambda value: (Figure(figsize=(2, 2)), f"{value} squared is {value**2}"))
    <Steps: 3 steps of value>
    """

    _esm = f"{script()}\nconst entry = {{ render: renderSteps }};\nexport default entry;\n"
    step = t.Int(0, min=0).tag(sync=True)
    _steps = t.Dict().tag(sync=True)

    def __init__(
        self, values: Sequence, draw: Callable[..., tuple], *, label: str = "value",
        step: int = 0, title: str = "",
    ) -> None:  # fmt: skip
        values = list(values)
        if not values:
            msg = "values is empty; expected what the slider is to go through"
            raise ValueError(msg)
        drawn = [draw(value) for value in values]
        self._images = [_shrunk(_as_image(figure)) for figure, _ in drawn]
        self.words = [str(line) for _, line in drawn]
        told = {
            "label": label, "values": [str(value) for value in values], "words": self.words,
            "pictures": [_webp(image) for image in self._images],
        }  # fmt: skip
        super().__init__(step=step, title=title, _steps=told)

    @t.validate("step")
    def _check_step(self, proposal):
        if proposal["value"] >= len(self.words):
            msg = f"step is {proposal['value']}; there are 0 to {len(self.words) - 1}"
            raise t.TraitError(msg)
        return proposal["value"]

    @property
    def sentence(self) -> str:
        """What this is, in words that stay the same."""
        return f"{len(self.words)} steps of {self._steps['label']}"

    def picture(self) -> Image.Image:
        """The step in view with its words, as Pillow has it.

        Returns
        -------
        PIL.Image.Image
        """
        shown = self._images[self.step]
        value = f"{self._steps['label']} {self._steps['values'][self.step]}"
        text = poster.card(self.title or value, f"{value}: {self.words[self.step]}")
        sheet = Image.new(
            "RGB", (max(shown.width, text.width), shown.height + text.height), "white"
        )
        sheet.paste(shown, ((sheet.width - shown.width) // 2, 0))
        sheet.paste(text.resize((sheet.width, text.height)), (0, shown.height))
        return sheet

    def _state(self):
        return {"step": self.step, "title": self.title, "_steps": self._steps}


# ---- arrays ---------------------------------------------------------------------------------


def whitened(signals):
    """Two signals along their principal axes, each of variance 1; at most 1500 values.

    Parameters
    ----------
    signals : array-like of shape (2, n)

    Returns
    -------
    ndarray of shape (2, min(n, 1500))
    """
    signals = np.asarray(signals, dtype=float)
    if signals.ndim != 2 or len(signals) != 2 or signals.shape[1] < 8:
        msg = f"signals have shape {signals.shape}; expected two rows of at least 8 values"
        raise ValueError(msg)
    if not np.isfinite(signals).all():
        msg = "signals hold values that are no finite numbers (NaN or infinity)"
        raise ValueError(msg)
    some = np.linspace(0, signals.shape[1] - 1, min(signals.shape[1], MOST_POINTS)).astype(int)
    centered = signals[:, some] - signals[:, some].mean(axis=1, keepdims=True)
    variances, axes = np.linalg.eigh(centered @ centered.T / len(some))
    if variances[0] <= 1e-10 * variances[1]:
        msg = "the two signals are multiples of one another; expected two different mixtures"
        raise ValueError(msg)
    # Signs that hang on no last digit: no mixture of two lies at a right angle to this direction.
    axes = axes[:, ::-1] * np.where(np.array([1.0, 0.37]) @ axes[:, ::-1] < 0, -1, 1)
    return axes.T @ centered / np.sqrt(variances[::-1])[:, np.newaxis]


def turned(white, angle):
    """Signals along axes that are turned by an angle in degrees."""
    c, s = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[c, s], [-s, c]]) @ white


def contrast(white, angle):
    """Mean size of the excess kurtosis along both axes."""
    return np.abs((turned(white, angle) ** 4).mean(axis=1) - 3).mean()


# ---- pictures -------------------------------------------------------------------------------

_COLORS = ("C0", "C1")


def _draw_cloud(ax, white, angle):
    ax.plot(*white, ".", color="0.6", markersize=3, zorder=1)
    for number, color in enumerate(_COLORS):
        direction = np.deg2rad(angle + 90 * number)
        x, y = 4.6 * np.cos(direction), 4.6 * np.sin(direction)
        ax.plot([-x, x], [-y, y], color=color, lw=2, label=f"axis {number + 1}")
    ax.set(xlim=(-_REACH, _REACH), ylim=(-_REACH, _REACH), aspect="equal", title=f"{angle:.0f}°")
    ax.legend(loc="upper left", frameon=False)


def _draw_histogram(ax, number, values, kurtosis):
    ax.hist(values, bins=np.linspace(-_REACH, _REACH, 42), color=_COLORS[number])
    text = f"{kurtosis:.1f}".replace("-", "−")
    ax.set_title(f"axis {number + 1}: kurtosis {text}", fontsize=9)
    ax.set(yticks=[], xlim=(-_REACH, _REACH))


def _draw_curve(ax, white, angle):
    angles = np.arange(361)
    values = [contrast(white, one) for one in angles]
    ax.plot(angles, values, color="0.5", lw=1)
    ax.plot(angle % 360, contrast(white, angle), "o", color="C3")
    ax.set_title("mean |kurtosis| of both axes, by angle", fontsize=9)
    # Of Gaussians, all is chance: that is to look flat.
    ax.set(yticks=[], xticks=np.arange(0, 361, 90), xlim=(0, 360), ylim=(0, 1.1 * max(1, *values)))


def _as_image(figure):
    """A figure of matplotlib, or what has one, or a picture, as Pillow has it."""
    if isinstance(figure, Image.Image):
        return figure.convert("RGB")
    drawn = getattr(figure, "figure", figure)
    content = BytesIO()
    drawn.savefig(content, format="png", facecolor=drawn.get_facecolor())
    if hasattr(figure, "close"):  # a display, which a notebook would show as well
        figure.close()
    return Image.open(content).convert("RGB")


def _shrunk(image):
    if image.width <= _WIDTH:
        return image
    height = round(image.height * _WIDTH / image.width)
    return image.resize((_WIDTH, height), Image.Resampling.LANCZOS)


def _webp(image):
    content = BytesIO()
    image.save(content, format="webp", quality=75, method=4)
    return base64.b64encode(content.getvalue()).decode("ascii")
