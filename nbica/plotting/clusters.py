"""Do the starts of an ICA agree? All that they found, as ICASSO shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Polygon
from scipy.spatial import ConvexHull, QhullError
from sklearn.utils.validation import check_is_fitted

from nbica.plotting.figures import BLACK, WHITE
from nbica.plotting.layout import add_axes
from nbica.plotting.options import Frame
from nbica.signal.icasso import cluster, plane_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from sklearn.base import BaseEstimator

    from nbica.hints import AnyPath, FigureOrSize

_DATA, _WEAK = "#1f62d0", "#c8641a"
_SHAKY = 0.8


def plot_icasso(
    ica: BaseEstimator, *, title: str | None = None, output_file: AnyPath | None = None,
    figure: FigureOrSize = None,
) -> Figure:  # fmt: skip
    """Show what all starts of the ICA found, and which of it all found.

    Costs some hundred operations on (n_starts x n_components)² numbers: 2 s for 30 starts of 20
    components.

    Parameters
    ----------
    ica : CanICA
        Fitted with more than one start.
    title, output_file, figure
        See :func:`plot_stat_map`.

    Returns
    -------
    matplotlib.figure.Figure
        Left, a dot per component of each start, alike ones near each other (distances are about
        1 - |r|), with a hull around each cluster and the number of its component; right, the
        stability index Iq of each cluster [1]_. Below .8, which is orange, starts disagree; a
        cluster without a number is none of the chosen start's.

    References
    ----------
    .. [1] J. Himberg, A. Hyvärinen, F. Esposito, "Validating the independent components of
       neuroimaging time series via clustering and visualization", NeuroImage 22 (2004), 1214-1222.

    See Also
    --------
    plot_split_half : whether other people have a component.

    Examples
    --------
    >>> from nbica import CanICA, datasets, plotting
    >>> cohort = datasets.simulate_group(n_subjects=2, n_timepoints=40, voxel_size=8.0)
    >>> ica = CanICA(n_components=4, n_init=5, mask=cohort.mask_img, random_state=0)
    >>> figure = plotting.plot_icasso(ica.fit(cohort.func))
    >>> len(figure.axes)
    2
    """
    check_is_fitted(ica, "rotations_")
    rotations = ica.rotations_
    if len(rotations) < 2:
        msg = "A single start agrees with itself: fit with n_init above 1."
        raise ValueError(msg)
    labels, iq, _ = cluster(rotations)
    names = _names(ica, labels, len(iq))
    frame = Frame(title, output_file, figure, None)
    figure, place = frame.open((7.0, 3.4), WHITE)
    room = place.height - (0.4 if title else 0.15)
    if title:
        figure.text(0.02, 0.95, title, fontsize=10, va="center", color=BLACK, parse_math=False)
    points = plane_of(rotations)
    map_axes = add_axes(figure, (place.left + 0.1, place.bottom + 0.1, room - 0.2, room - 0.2))
    _draw_map(map_axes, points, labels.ravel(), iq, names)
    bars = (
        place.left + room + 0.5, place.bottom + 0.5, place.width - room - 0.65, room - 0.6,
    )  # fmt: skip
    _draw_bars(add_axes(figure, bars), iq, names)
    figure.sentence = (
        f"{len(rotations)} starts of {rotations.shape[2]} components: "
        f"{int((iq >= _SHAKY).sum())} of {len(iq)} clusters with Iq of {_SHAKY:g} and more"
    )
    frame.close(figure)
    return figure


def _names(ica, labels, n_clusters):
    """Numbers of the components that come from each cluster; a consensus has a cluster each."""
    if ica.consensus:
        return [""] * n_clusters
    of_chosen = labels[int(np.flatnonzero(ica.convergence_["chosen"])[0])]
    return [", ".join(map(str, np.flatnonzero(of_chosen == label))) for label in range(n_clusters)]


def _color(index):
    return _DATA if index >= _SHAKY else _WEAK


def _draw_map(axes, points, labels, iq, names):
    for label, index in enumerate(iq):
        own = points[labels == label]
        axes.plot(*own.T, ".", color=_color(index), markersize=2.5, alpha=0.6)
        if (hull := _hull(own)) is not None:
            axes.add_patch(Polygon(hull, facecolor=_color(index), alpha=0.2, linewidth=0))
        axes.annotate(names[label], own.mean(axis=0), fontsize=6.5, color=BLACK)
    axes.set(xticks=[], yticks=[], aspect="equal")
    axes.spines[:].set_color("#bbbbbb")


def _hull(points):
    """Corners around points; None where they lie in one place or on a line."""
    try:
        return points[ConvexHull(points).vertices]
    except QhullError:
        return None


def _draw_bars(axes, iq, names):
    order = np.argsort(-iq, kind="stable")
    axes.bar(np.arange(len(iq)), iq[order], color=[_color(one) for one in iq[order]], width=0.8)
    axes.axhline(_SHAKY, color="#888888", linewidth=0.7, linestyle="--")
    axes.set(ylim=(0, 1.02), xlim=(-0.6, len(iq) - 0.4), xticks=range(len(iq)))
    axes.set_xticklabels([names[label] for label in order])
    axes.set_xlabel("component, most stable first", fontsize=8, color=BLACK)
    axes.set_ylabel("Iq", fontsize=8, color=BLACK)
    axes.tick_params(labelsize=6.5, length=2, colors=BLACK)
    axes.spines[["top", "right"]].set_visible(False)
