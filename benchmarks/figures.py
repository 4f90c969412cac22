"""Pictures of what was measured: lines on two axes, small enough to be kept beside the code."""

from contextlib import contextmanager

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

# Those who cannot tell red from green can tell these (Okabe and Ito).
COLORS = {"nbica": "#0072B2", "nilearn": "#D55E00", "stacked": "#D55E00", "floor": "#555555"}


def lines(path, panels):
    """Draw panels side by side.

    Parameters
    ----------
    path : Path
        PNG to write.
    panels : list of dict
        title, xlabel, ylabel, curves ({name: (x, y)}), and optionally marker, xscale, yscale.

    Returns
    -------
    str
        Name of the file.
    """
    with _written(path, (4.6 * len(panels), 3.2)) as figure:
        for axes, panel in zip(
            figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True
        ):
            _draw(axes, panel)
    return path.name


def bars(path, xlabel, values, marks):
    """Draw a bar for each value, and lines to stay left of.

    Parameters
    ----------
    path : Path
        PNG to write.
    xlabel : str
    values, marks : dict of str to float

    Returns
    -------
    str
        Name of the file.
    """
    with _written(path, (7, 0.9 + 0.26 * len(values))) as figure:
        axes = figure.subplots()
        axes.barh(list(values), list(values.values()), color=COLORS["nbica"], height=0.7)
        for (name, value), style in zip(marks.items(), ("--", "-", ":"), strict=False):
            axes.axvline(value, color=COLORS["floor"], ls=style, lw=1, label=name)
        axes.set(xlabel=xlabel)
        axes.invert_yaxis()
        figure.legend(loc="outside upper right", frameon=False, ncols=len(marks))
    return path.name


@contextmanager
def _written(path, size):
    """A figure to draw on, written to a file at the end."""
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=size, dpi=90, layout="constrained")
        FigureCanvasAgg(figure)
        yield figure
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)


def memory_panel(title, curves, xlabel="seconds"):
    """A panel of memory over time; curves are {name: [(seconds, bytes), ...]}."""
    drawn = {
        name: ([t for t, _ in curve], [n / 1e6 for _, n in curve]) for name, curve in curves.items()
    }
    return {"title": title, "xlabel": xlabel, "ylabel": "MB, all processes", "curves": drawn}


def _draw(axes, panel):
    for name, (x, y) in panel["curves"].items():
        color = next((COLORS[key] for key in COLORS if key in name), None)
        axes.plot(x, y, marker=panel.get("marker"), label=name, color=color, lw=1.4)
    axes.set(title=panel["title"], xlabel=panel["xlabel"], ylabel=panel["ylabel"])
    axes.set(xscale=panel.get("xscale", "linear"), yscale=panel.get("yscale", "linear"))
    if panel.get("yscale", "linear") == "linear":
        axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
