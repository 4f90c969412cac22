"""Pictures of the components in a report: slices through peaks, or both hemispheres."""

import base64

import nibabel as nib
import numpy as np

from nbica.image.surface_images import is_surface
from nbica.plotting import plot_stat_map
from nbica.plotting.scales import scale_of
from nbica.plotting.surface_tiles import place_of_peak, surface_maps, surface_scene, tile_picture
from nbica.plotting.volumes import load_maps
from nbica.signal.ties import KNOWN_OF_MAPS, first_of_largest
from nbica.viewer.scene import anatomy_of
from nbica.viewer.view import view_img

_SIZE = (4.4, 1.62)  # inches


class VolumePictures:
    """A viewer, and three slices of each component through its peak."""

    caption = "Each in three slices through its peak, all on one scale; left is left."

    def __init__(self, ica, bg_img):
        self._img, self._background = ica.components_img_, anatomy_of(ica, bg_img)

    def viewer(self, names):
        """A page of its own, to be shown in a frame."""
        return str(view_img(self._img, self._background, names=names).to_html())

    def __iter__(self):
        """Yield each component's picture, as a data URL, and its peak in words."""
        maps, affine = load_maps(self._img, "components_img_")
        scale = scale_of(maps, cmap="gray", threshold="auto")
        for data in maps:
            magnitude = np.nan_to_num(np.abs(data))
            peak = np.unravel_index(first_of_largest(magnitude, KNOWN_OF_MAPS), data.shape)
            peak = nib.affines.apply_affine(affine, peak)
            picture = plot_stat_map(
                nib.Nifti1Image(data, affine), self._background, threshold=scale.threshold,
                vmax=scale.vmax, cut_coords=peak, colorbar=False, draw_cross=False, figure=_SIZE,
            )  # fmt: skip
            mm = ", ".join(map(str, np.round(peak).astype(int).tolist()))
            yield _data_url(picture), f"{mm} mm".replace("-", "−")


class SurfacePictures:
    """Both hemispheres of each component and slices below; what has no known mesh is left out."""

    caption = (
        "Each on both hemispheres, from outside and from inside, and in two slices through the "
        "peak below the cortex, all on one scale; left is left."
    )

    def __init__(self, ica, bg_img, surf_mesh):
        mesh = ica.surf_mesh if surf_mesh is None else surf_mesh
        self._values, self._space = surface_maps(ica.components_img_, mesh, needs_mesh=False)
        self._scene = surface_scene(self._values, self._space, bg_img, "auto", None, None)
        if not self._scene.projections:
            self.caption = (
                "The cortex is not drawn, as its shape is not known: report(..., "
                "surf_mesh=(left.surf.gii, right.surf.gii)) draws it."
            )

    def viewer(self, names):
        """There is none."""
        del names

    def __iter__(self):
        """Yield each component's picture, as a data URL or None, and its peak in words."""
        for values in self._values:
            picture = tile_picture(values, self._scene)
            url = None if picture is None else _data_url(picture)
            yield url, place_of_peak(values, self._space)


def pictures_of(ica, bg_img, surf_mesh=None):
    """The pictures of a fit, of its kind of image.

    Returns
    -------
    VolumePictures or SurfacePictures
    """
    if is_surface(ica.components_img_):
        return SurfacePictures(ica, bg_img, surf_mesh)
    return VolumePictures(ica, bg_img)


def _data_url(figure):
    png = figure._repr_png_()
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")
