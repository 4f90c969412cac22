"""Hand over to NiiVue what it does better: 3D rendering, clipping planes, meshes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from nbica.viewer.payload import NO_DATA

if TYPE_CHECKING:
    from ipyniivue import NiiVue

    from nbica.viewer.component_browser import ComponentBrowser
    from nbica.viewer.slice_viewer import SliceViewer


def to_niivue(viewer: SliceViewer | ComponentBrowser) -> NiiVue:
    """Show a viewer's background and the map in view with ipyniivue (WebGL).

    Costs sending both as NIfTI, a few MB, and the 5 MB of NiiVue's own script.

    Parameters
    ----------
    viewer : SliceViewer or ComponentBrowser

    Returns
    -------
    ipyniivue.NiiVue
        With the threshold and the end of the colours of the viewer as it stands; positive values
        are warm and negative ones cold, since NiiVue has no blue to orange.

    Raises
    ------
    ImportError
        If ipyniivue is not installed.

    See Also
    --------
    nbica.view_img : makes the viewer.

    Examples
    --------
    >>> from nbica import datasets, to_niivue, view_img
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> viewer = view_img(cohort.maps_img, cohort.anat_img)
    >>> niivue = to_niivue(viewer)
    >>> len(niivue.volumes)
    2
    """
    try:
        from ipyniivue import NiiVue
    except ImportError as error:
        msg = "to_niivue needs ipyniivue: pip install 'nbica[niivue]'"
        raise ImportError(msg) from error
    if not hasattr(viewer, "scene"):
        msg = f"viewer is {viewer!r}; expected what view_img or browse return."
        raise TypeError(msg)
    scene, volumes = viewer.scene, []
    under = scene.background
    if under is not None:
        low, high = viewer.window
        volumes.append({
            "name": "background.nii", "data": _nifti(_grey_values(under), under),
            "colormap": "gray", "cal_min": low, "cal_max": high,
        })  # fmt: skip
    volumes.append({
        "name": "map.nii", "data": _nifti(_map_values(scene.maps, viewer.component), scene.maps),
        "colormap": "warm", "colormap_negative": "winter", "opacity": viewer.opacity,
        "cal_min": viewer.threshold, "cal_max": viewer.vmax,
    })  # fmt: skip
    shown = NiiVue()
    shown.load_volumes(volumes)
    return shown


def _grey_values(volume):
    values = volume.low + (volume.codes - 1.0) * volume.quantum
    return np.where(volume.codes == 0, np.nan, values)


def _map_values(volume, k):
    codes = volume.dense(k)
    return np.where(codes == NO_DATA, np.nan, codes * volume.scales[k])


def _nifti(values, volume):
    affine = np.diag([*volume.grid.step, 1.0])
    affine[:3, 3] = volume.grid.origin
    return nib.Nifti1Image(values.astype(np.float32), affine).to_bytes()
