"""Three scenes as NIfTI files: components over anatomy, a run, a map over fine anatomy."""

from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter

FIELD = np.array([182.0, 218.0, 182.0])  # mm, as the MNI templates
HEAD = (68, 86, 66)  # mm, half axes
FWHM = 6.0  # mm, as wide as group maps are smooth
THRESHOLD = 2.5


@dataclass(frozen=True)
class Scene:
    """Files of one scene.

    Attributes
    ----------
    label : str
        In words.
    img : Path
        Maps or frames.
    bg_img : Path or None
    n_volumes : int
        In `img`.
    """

    label: str
    img: Path
    bg_img: Path | None
    n_volumes: int


def write_scenes(folder, n_maps, n_frames, side):
    """The scenes by name, written if they are not there.

    Parameters
    ----------
    folder : Path
    n_maps, n_frames : int
    side : float
        Of a voxel, in mm; the fine anatomy has half of it.

    Returns
    -------
    dict of str to Scene
    """
    folder = folder / f"{n_maps}_maps_{n_frames}_frames_{side:g}_mm"
    names = ("maps", "two_maps", "run", "anatomy", "fine_anatomy")
    files = {name: folder / f"{name}.nii.gz" for name in names}
    if not all(path.exists() for path in files.values()):
        folder.mkdir(parents=True, exist_ok=True)
        _write(files, n_maps, n_frames, side)
    return {
        "components": Scene(f"{n_maps} maps", files["maps"], files["anatomy"], n_maps),
        "series": Scene(f"{n_frames} frames", files["run"], None, n_frames),
        "fine": Scene(f"{side / 2:g} mm anatomy", files["two_maps"], files["fine_anatomy"], 2),
    }


def _write(files, n_maps, n_frames, side):
    rng = np.random.default_rng(0)
    maps = _volumes(rng, n_maps, side)
    anatomy, fine = (_volumes(rng, 1, voxel)[..., 0] * 100 + 500 for voxel in (side, side / 2))
    inside = maps.any(axis=3)
    frames = np.zeros((*inside.shape, n_frames), np.int16)
    frames[inside] = 1000 + 10 * rng.standard_normal((inside.sum(), n_frames), np.float32)
    volumes = {
        "maps": (maps, side), "two_maps": (maps[..., :2], side), "run": (frames, side),
        "anatomy": (anatomy, side), "fine_anatomy": (fine, side / 2),
    }  # fmt: skip
    for name, (data, voxel) in volumes.items():
        affine = np.diag([voxel, voxel, voxel, 1.0])
        affine[:3, 3] = -FIELD / 2
        nib.Nifti1Image(data, affine).to_filename(files[name])


def _volumes(rng, n, side):
    """Smooth noise of standard deviation 1 in a head, float32."""
    shape = tuple(np.ceil(FIELD / side).astype(int))
    places = (np.indices(shape).T - (np.array(shape) - 1) / 2) * side
    head = ((places / HEAD) ** 2).sum(axis=-1).T < 1
    volumes = np.zeros((*shape, n), np.float32)
    for k in range(n):
        noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), FWHM / 2.355 / side)
        volumes[..., k] = np.where(head, noise / noise.std(), 0)
    return volumes
