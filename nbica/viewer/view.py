"""The door to the slice viewer: what a notebook calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nbica.viewer.keywords import shows_keywords_of
from nbica.viewer.slice_viewer import SliceViewer

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

    from nbica.hints import Background, ImageLike


@shows_keywords_of(SliceViewer)
def view_img(
    img: ImageLike | BaseEstimator, bg_img: Background = "auto", **options: Any
) -> SliceViewer:
    """Show brain maps in linked slices, to click, scroll and page through.

    Costs one pass over the images, about a second for 20 maps at 2 mm; what crosses to the browser
    is below 2 MB, once. After that the browser alone answers, whatever the link.

    Parameters
    ----------
    img : image or path, 3D or 4D, or a fitted CanICA or DictLearning
        One map, or one per volume: components, a z-map, a run (shown frame by frame as what differs
        from its mean). Any affine: flipped and anisotropic grids are shown in true proportions, an
        oblique one is resampled once. NaN are transparent and read as "no data".
    bg_img : image or path, 3D; "auto" or None
        Anatomy in the same world space. "auto": below a run its mean; below maps that lie in MNI
        space, by where their values or their field of view are, the T1 of MNI152; below others the
        brain that they cover, in dark grey. None is none.
    overlays : image, path or list of these, optional
        More single maps, each with its own colours; see the trait.
    labels_img : image or path, 3D, optional
        Regions as whole numbers; drawn as outlines and named where the crosshair is.
    labels : sequence of str or dict, optional
        Names of the regions 1, 2…, or by number.
    contours : image, path or list of these, optional
        Outlines of masks: where an image is above 0.
    names : sequence of str, optional
        One per map; "IC 0", "IC 1"… by default.
    time_courses : array of shape (n_timepoints, n_maps), optional
        Shown below the slices, for the map in view.
    t_r : float, optional
        Seconds between time points; of a run, by default what its header says.
    quantum : float, optional
        Step between two values; see Notes.
    cortex : bool or "auto"
        Show the maps on fsaverage5 too, to turn and to inflate: beside the slices, and from six
        sides with `view="cortex"`. "auto": where the maps lie in MNI space. Each vertex has the
        mean of ten places between the pial and the white surface, as in nilearn's `vol_to_surf`
        with an `inner_mesh`. Adds 0.3 MB to a page.
    vertex_values : (left, right), optional
        Values on the vertices of fsaverage5, for the cortex to show instead of those of the
        volume; see :func:`nbica.viewer.cortex.vertex_values`.
    threshold : float, str such as "95%", or "auto"
        Smaller absolute values are hidden: below this percentile of the image, air included. "auto"
        is what stands out; of z-scores, what is above 3.
    component, cut_coords, vmax, opacity, colormap, view, axis, n_slices, window, radiological, \
crosshair, interpolate, outlines, zoom, follow_peaks, presenter, title, inflation, turn, \
hemi : optional
        How to begin; all of them can be read and set later, see :class:`SliceViewer`. nilearn's
        `cmap` is `colormap` and its `draw_cross` is `crosshair`; of matplotlib's colour maps, the
        vetted one most like it is taken.

    Returns
    -------
    SliceViewer

    Raises
    ------
    FileNotFoundError, DataError, TypeError, ValueError
        Naming what was found and what was expected; a TypeError for an unknown keyword, with the
        one that was meant.

    Warns
    -----
    DataWarning
        If nothing passes the threshold.

    See Also
    --------
    browse : components, with labels, time courses and spectra.
    nbica.plotting.plot_stat_map : a static figure.

    Notes
    -----
    Values cross as whole numbers of steps. A step is 1/127 of a map's largest absolute value; 1/63
    or 1/31 where many dense maps would make a page larger than 2.5 MB. What the viewer reads out is
    true to half of it, which is written beside the value.

    Examples
    --------
    >>> from nbica import datasets, view_img
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> viewer = view_img(cohort.maps_img, cohort.anat_img, names=cohort.labels, threshold=0.3)
    >>> viewer.component = cohort.labels.index("salience")
    >>> len(viewer.peaks(2))
    2
    >>> viewer.to_html("networks.html").name
    'networks.html'
    """
    return SliceViewer(img, bg_img, **options)
