"""The grey plot: every voxel of a run over time, to see motion, drifts and jumps at a glance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from matplotlib.colors import to_rgb

from nbica.image.grid import volume_on_grid
from nbica.image.run import load_run
from nbica.masking.compute import compute_epi_mask
from nbica.masking.extract import apply_mask
from nbica.masking.mask import Mask, load_mask, mask_to_image
from nbica.plotting.colors import colormap, listed
from nbica.plotting.figures import BLACK, WHITE, as_written
from nbica.plotting.layout import add_axes
from nbica.plotting.options import Frame
from nbica.plotting.scales import check_ends
from nbica.plotting.volumes import load_map
from nbica.runtime.checks import check_positive
from nbica.signal.cleaning import clean

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure
    from numpy.typing import ArrayLike

    from nbica.hints import AnyPath, AxesOrPlace, Colors, FigureOrSize, ImageLike

_N_ROWS = 1200  # voxels that paper can show; of more, evenly many are taken
_SIZE = (8.0, 4.2)


class _Rows(NamedTuple):
    """Voxels to show, sorted by region."""

    mask: Mask
    chosen: np.ndarray  # columns of the mask
    regions: np.ndarray  # number of each one's region, ascending
    names: list


def plot_carpet(
    img: ImageLike, mask_img: ImageLike | None = None, *,
    mask_labels: Mapping[str, int] | None = None, t_r: float | None = None, detrend: bool = True,
    standardize: bool = True, framewise_displacement: ArrayLike | None = None,
    vmin: float | None = None, vmax: float | None = None, cmap: Colors = "gray",
    cmap_labels: Colors = None, title: str | None = None, output_file: AnyPath | None = None,
    figure: FigureOrSize = None, axes: AxesOrPlace = None,
) -> Figure:  # fmt: skip
    """Show the voxels of a run as grey rows over time.

    Memory: n_timepoints x n_voxels x 4 B. Time: that of reading the run. The plot is that of [1]_.

    Parameters
    ----------
    img : image or path, 4D
    mask_img : image or path, 3D, optional
        Voxels to show; a mask, or an image of whole-numbered regions, which `mask_labels` may
        name. By default a mask is computed from the run.
    mask_labels : dict of str to int, optional
        Names of regions and their numbers in `mask_img`; rows are sorted by them.
    t_r : float, optional
        Seconds between frames; by default what the header says, else frames are counted.
    detrend, standardize : bool
        See `nbica.signal.clean`.
    framewise_displacement : array of shape (n_timepoints,), optional
        In mm, drawn above: jumps that are seen in both come from motion.
    vmin, vmax : float, optional
        Values of black and white; by default two standard deviations around the mean.
    cmap, cmap_labels : str or Colormap, optional
        Colour maps of the values and of the regions.
    title, output_file, figure, axes
        See :func:`plot_stat_map`.

    Returns
    -------
    matplotlib.figure.Figure

    See Also
    --------
    nbica.matching.framewise_displacement : motion to draw above it.

    References
    ----------
    .. [1] J. D. Power, "A simple but useful way to assess fMRI scan qualities", NeuroImage 154
       (2017), 150-158, doi:10.1016/j.neuroimage.2016.08.009.

    Examples
    --------
    >>> from nbica import datasets, matching, plotting
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> motion = matching.framewise_displacement(cohort.full_confounds[0])
    >>> figure = plotting.plot_carpet(
    ...     cohort.func[0], cohort.mask_img, framewise_displacement=motion, output_file="carpet.png"
    ... )
    >>> motion.shape
    (40,)
    """
    check_positive("t_r", t_r)
    vmin, vmax = check_ends(vmin, vmax)
    run = load_run(img)
    motion = _check_motion(framewise_displacement, run.n_timepoints)
    rows = _rows_of(img, mask_img, mask_labels)
    signals = apply_mask(img, mask_to_image(rows.mask))[:, rows.chosen]
    signals = clean(signals, detrend=detrend, standardize=standardize).T
    frame = Frame(title, output_file, figure, axes)
    figure, place = frame.open(_SIZE, WHITE)
    grey, strip, top = _open_axes(figure, place, rows.names, motion is not None, bool(title))
    seconds = run.t_r if t_r is None else float(t_r)
    duration = run.n_timepoints * (seconds or 1)
    _draw_greys(grey, signals, duration, cmap, vmin, vmax)
    grey.set_xlabel("time in s" if seconds else "frame", fontsize=8)
    if strip is not None:
        _draw_regions(strip, rows, cmap_labels)
    if top is not None:
        times = (np.arange(run.n_timepoints) + 0.5) * (seconds or 1)
        _draw_motion(top, times, motion, duration)
    if title:
        (top or grey).set_title(title, fontsize=10, loc="left", color=BLACK, parse_math=False)
    figure.sentence = f"grey plot of {len(signals)} voxels over {run.n_timepoints} frames"
    frame.close(figure)
    return figure


def _rows_of(img, mask_img, mask_labels):
    """Which voxels are drawn, in the order of their regions."""
    if mask_labels is None and mask_img is not None:
        mask_labels = _names_by_number(mask_img)
    if mask_labels is None:
        mask = load_mask(compute_epi_mask(img) if mask_img is None else mask_img)
        regions, names = np.zeros(mask.n_voxels, int), []
    else:
        mask, regions, names = _labelled(img, mask_img, mask_labels)
    order = np.argsort(regions, kind="stable")
    chosen = order[np.linspace(0, len(order) - 1, min(_N_ROWS, len(order))).astype(int)]
    return _Rows(mask, chosen, regions[chosen], names)


def _names_by_number(mask_img):
    """Names of the regions of an image of labels, or None for a mask."""
    numbers = np.unique(np.nan_to_num(load_map(mask_img, "mask_img").data))
    numbers = numbers[numbers != 0]
    if len(numbers) < 2 or (numbers != np.round(numbers)).any():
        return None
    return {str(int(number)): int(number) for number in numbers}


def _labelled(img, mask_img, mask_labels):
    """The mask of all named regions, and the region of each of its voxels."""
    if not isinstance(mask_labels, Mapping):
        msg = f"mask_labels is {mask_labels!r}; expected a dict of names to numbers in mask_img"
        raise TypeError(msg)
    if mask_img is None:
        msg = "mask_labels name the numbers of mask_img, but mask_img is None; pass both"
        raise ValueError(msg)
    volume = load_map(mask_img, "mask_img")
    grid = load_run(img).grid
    numbers = np.round(volume_on_grid(np.nan_to_num(volume.data), volume.affine, grid, order=0))
    inside = np.isin(numbers, list(mask_labels.values()))
    if not inside.any():
        msg = f"none of mask_labels {mask_labels} is in mask_img; it has {np.unique(numbers)[:9]}"
        raise ValueError(msg)
    places = {number: place for place, number in enumerate(mask_labels.values())}
    regions = np.array([places[int(number)] for number in numbers[inside]])
    return Mask(inside, grid.affine), regions, list(mask_labels)


def _check_motion(motion, n_timepoints):
    if motion is None:
        return None
    try:
        motion = np.asarray(motion, dtype=float).ravel()
    except (TypeError, ValueError):
        msg = (
            f"framewise_displacement is a {type(motion).__name__}; expected a number for each frame"
        )
        raise ValueError(msg) from None
    if len(motion) != n_timepoints:
        msg = f"framewise_displacement has {len(motion)} values for {n_timepoints} frames"
        raise ValueError(msg)
    return motion


def _open_axes(figure, place, names, has_motion, has_title):
    """Axes of the greys, of the regions' strip and of motion, the latter two if wanted."""
    left = place.left + (0.35 + 0.065 * max(map(len, names)) if names else 0.25)
    right, bottom = place.left + place.width - 0.2, place.bottom + 0.48
    above = 0.35 if has_title else 0.12
    top_height = 0.7 if has_motion else 0.0
    height = place.bottom + place.height - bottom - above - top_height
    grey = add_axes(figure, (left + 0.12, bottom, right - left - 0.12, height))
    strip = add_axes(figure, (left, bottom, 0.09, height)) if names else None
    top = None
    if has_motion:
        top = add_axes(
            figure, (left + 0.12, bottom + height + 0.1, right - left - 0.12, top_height - 0.14)
        )
    return grey, strip, top


def _draw_greys(axes, signals, duration, cmap, vmin, vmax):
    middle, spread = np.nanmean(signals), 2 * np.nanstd(signals) or 1.0
    axes.imshow(
        signals, aspect="auto", cmap=colormap(cmap), interpolation="nearest",
        vmin=middle - spread if vmin is None else vmin,
        vmax=middle + spread if vmax is None else vmax,
        extent=(0, duration, len(signals), 0),
    )  # fmt: skip
    axes.set_yticks([])
    axes.tick_params(labelsize=7, colors=BLACK)
    axes.spines[:].set_visible(False)


def _draw_regions(axes, rows, cmap):
    palette = np.array([to_rgb(color[:3] if isinstance(color, tuple) else color)
                        for color in listed(len(rows.names), cmap)])  # fmt: skip
    axes.imshow(palette[rows.regions][:, np.newaxis], aspect="auto", interpolation="nearest")
    present = np.unique(rows.regions)
    middles = [np.flatnonzero(rows.regions == region).mean() for region in present]
    axes.set(xticks=[], yticks=middles, yticklabels=[rows.names[region] for region in present])
    as_written(axes.get_yticklabels())
    axes.tick_params(labelsize=8, length=0, colors=BLACK)
    axes.spines[:].set_visible(False)


def _draw_motion(axes, times, motion, duration):
    axes.fill_between(times, motion, color="#b3430a", linewidth=0, alpha=0.25)
    axes.plot(times, motion, color="#b3430a", linewidth=0.8)
    axes.set(xlim=(0, duration), ylim=(0, None), xticks=[])
    axes.set_ylabel("FD (mm)", fontsize=7, color=BLACK)
    axes.tick_params(labelsize=6.5, colors=BLACK)
    axes.spines[["top", "right", "bottom"]].set_visible(False)
