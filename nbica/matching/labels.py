"""What a component may be: the known network most like it, or noise. Images in, tables out."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sized
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage, special

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.files import checked_affine, open_image, read_array
from nbica.image.grayordinates import Grayordinates
from nbica.image.grid import Grid, volume_on_grid
from nbica.image.surface_images import is_surface, read_maps
from nbica.masking.extract import apply_mask
from nbica.masking.mask import Mask, load_mask
from nbica.matching.pairing import DIGITS, correlate, match
from nbica.runtime.checks import as_flag, as_numbers, check_positive, is_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pandas import DataFrame
    from sklearn.utils import Bunch

    from nbica.hints import ImageLike, Images

# A component is called after a network from this |r| on. What chance gives, measured with random
# maps as smooth as the components (`selection.Null`): of 20 real runs at 10 mm, whose maps have
# some 54 independent elements, 1.5 % of the pairs of a random map and one of 15 networks exceed
# it, and 20 % of the maps exceed it with the best of the 15; of the embedded cohort at 4 mm (some
# 500 elements), none of 400.
BAR = 0.3
UNLABELLED = "unlabelled"
# Where a suggestion of noise begins; see :func:`flag_noise`.
SIGNS_OF_NOISE = {"edge": 2.0, "csf": 2.0, "spike": 0.2, "high_frequency": 0.5}


class Networks(NamedTuple):
    """Known networks: names, and one volume each on a common affine.

    On grayordinates the volumes are rows of values, and in place of the affine stands where they
    are.
    """

    names: list
    volumes: list
    affine: np.ndarray | Grayordinates

    def on(self, mask):
        """The networks in the voxels of a mask, or its grayordinates: (n_networks, n_voxels)."""
        return np.array([on_mask(volume, self.affine, mask) for volume in self.volumes], np.float32)


def label(
    components_img: ImageLike, networks: Images | Bunch,
    names: Sequence[str] | Mapping[int, str] | None = None, *, mask_img: ImageLike | None = None,
    bar: float = BAR, one_to_one: bool = False,
) -> DataFrame:  # fmt: skip
    """Name components after the known networks most like them.

    Costs one resampling per network, to the grid of the components, and one correlation of each
    with each; memory is that of the networks' images.

    Parameters
    ----------
    components_img : path or nibabel image, 4D; or maps on grayordinates
    networks : path, nibabel image, list of these, or Bunch
        For maps on grayordinates a dlabel (its first map), a dscalar, or a list of these. Else a
        4D template; a 3D parcellation of whole numbers, 0 being no network; a list of 3D maps;
        or a Bunch with `maps` and `labels` as nilearn's atlases are, or `maps_img` and `labels`.
    names : list of str, or dict of number to str, optional
        Names of the networks, in their order or, of a parcellation, in that of its numbers. By
        default those of the Bunch, else "network 1" and so on.
    mask_img : path or nibabel image, optional
        Voxels that are compared. By default those in which any component is not 0, which is the
        brain only if the components have no threshold.
    bar : float
        Least |r|, to six digits, for a name. In maps of few independent values (10 mm voxels, wide
        smoothing) one random map in five reaches .3 with the best of 15 networks, one in twenty or
        fewer .4.
    one_to_one : bool
        Give no name twice, by the assignment with the largest sum of |r| (Hungarian algorithm).
        By default each component is called after its best match (of equals, to six digits, the
        first), and two parts of a network get the same name.

    Returns
    -------
    DataFrame
        One row per component: label ("unlabelled" below the bar), r (Pearson's, signed: the sign
        of a map is arbitrary), network (the match, above the bar or not).

    Raises
    ------
    DataError
        For images that cannot be used, or networks that lie elsewhere.
    ValueError
        If the number of names is not that of the networks.

    See Also
    --------
    match : pairs of maps, as arrays.
    flag_noise : suggests which components are noise.

    Notes
    -----
    Networks of smaller voxels are smoothed to the components' voxel size first. Spatial r as a
    measure of likeness to a template: Smith et al., PNAS 106 (2009), 13040-13045.

    Examples
    --------
    >>> from nbica import CanICA, datasets, matching
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=6, random_state=0).fit(cohort)
    >>> names = matching.label(ica.components_img_, cohort)
    >>> names.columns.tolist()
    ['label', 'r', 'network']
    >>> set(names["label"]) <= {*cohort.labels, "unlabelled"}
    True
    """
    import pandas as pd

    if not is_number(bar):
        msg = f"bar is {bar!r}; expected a number, such as {BAR}."
        raise ValueError(msg)
    one_to_one = as_flag("one_to_one", one_to_one)
    # Components and networks in the same voxels.
    mask = load_mask(mask_img) if mask_img is not None else _support(components_img)
    maps = np.atleast_2d(apply_mask(components_img, mask))
    known = load_networks(networks, names)
    references = known.on(mask)
    if not references.any():
        msg = "All networks are 0 inside the mask: are they in the components' space (such as MNI)?"
        raise DataError(msg)
    # The best network of each component, and its name if r is at the bar or above.
    r = correlate(maps, references)
    which = _assigned(maps, references) if one_to_one else np.abs(r).round(DIGITS).argmax(axis=1)
    found = [(known.names[n], r[c, n]) if n >= 0 else ("", 0.0) for c, n in enumerate(which)]
    table = pd.DataFrame(found, columns=["network", "r"], index=pd.RangeIndex(len(maps)))
    table.index.name = "component"
    table.insert(
        0, "label", table["network"].where(table["r"].abs().round(DIGITS) >= bar, UNLABELLED)
    )
    return table[["label", "r", "network"]]


def _assigned(maps, references):
    which = np.full(len(maps), -1)
    indices = match(maps, references).indices
    which[indices[indices >= 0]] = np.flatnonzero(indices >= 0)
    return which


def load_networks(networks, names=None):
    """Known networks of whatever form; see :func:`label`.

    Returns
    -------
    Networks
    """
    if isinstance(networks, Mapping):  # a Bunch is one
        maps = networks.get("maps_img", networks.get("maps"))
        names = networks.get("labels") if names is None else names
        return load_networks(maps, names)
    if is_surface(networks):
        return _on_surfaces([networks], names)
    if isinstance(networks, list | tuple):
        if networks and is_surface(networks[0]):
            return _on_surfaces(networks, names)
        loaded = [_volumes_of(img) for img in networks]
        if not loaded:
            msg = "networks is an empty list; give at least one image."
            raise ValueError(msg)
        volumes = [volume for part, _ in loaded for volume in part]
        affine = loaded[0][1]
        if not all(np.allclose(affine, other, atol=1e-3) for _, other in loaded):
            msg = "The networks' images have different affines; join them on one grid first."
            raise DataError(msg)
        return Networks(_names_for(volumes, names), volumes, affine)
    volumes, affine = _volumes_of(networks)
    if len(volumes) == 1:
        numbers, volumes = _parcels_of(volumes[0])
        if isinstance(names, Mapping):
            names = [names.get(number, str(number)) for number in numbers]
        elif isinstance(names, Sized) and len(names) == len(numbers) + 1:
            names = list(names)[1:]  # nilearn's atlases name the background first
    return Networks(_names_for(volumes, names), volumes, affine)


def _on_surfaces(imgs, names):
    """Networks of dlabel and dscalar files, or other maps on grayordinates."""
    known = [_rows_of(read_maps(img, "The networks")) for img in imgs]
    space = known[0].affine
    for one in known[1:]:
        if reason := space.difference(one.affine):
            msg = f"The networks' images have different grayordinates: {reason}."
            raise DataError(msg)
    rows = [row for one in known for row in one.volumes]
    own = [name for one in known for name in one.names]
    return Networks(own if names is None else _names_for(rows, names), rows, space)


def _rows_of(maps):
    """Maps as networks; of a dlabel, the parcels of its first map."""
    if not maps.labels:
        names = maps.names or [f"network {row + 1}" for row in range(len(maps.values))]
        return Networks(names, list(np.nan_to_num(maps.values)), maps.space)
    numbers = maps.values[0]
    there = {n: name for n, name in maps.labels[0].items() if n and (numbers == n).any()}
    return Networks(list(there.values()), [numbers == n for n in there], maps.space)


def _volumes_of(img):
    img, name = open_image(os.fspath(img) if isinstance(img, os.PathLike) else img, "The networks")
    data = np.nan_to_num(read_array(img, name))
    if data.ndim not in (3, 4):
        msg = f"{name} has shape {data.shape}; expected a 3D parcellation or 4D maps."
        raise DataError(msg)
    data = data[..., np.newaxis] if data.ndim == 3 else data
    return list(np.moveaxis(data, 3, 0)), checked_affine(img, name)


def _parcels_of(volume):
    numbers = np.unique(volume)
    numbers = numbers[numbers != 0]
    if len(numbers) < 2 or (numbers != numbers.round()).any():
        return [1], [volume]  # one map, not a parcellation
    return [int(n) for n in numbers], [volume == n for n in numbers]


def _names_for(volumes, names):
    if names is None:
        return [f"network {number}" for number in range(1, len(volumes) + 1)]
    if isinstance(names, str) or not isinstance(names, Sized) or len(names) != len(volumes):
        found = len(names) if isinstance(names, Sized) else repr(names)
        msg = f"{found} names for {len(volumes)} networks; give one each."
        raise ValueError(msg)
    return [str(name) for name in names]


def on_mask(volume, affine, mask):
    """A volume on the grid of a mask, in its voxels: averaged over larger voxels, else linear.

    Parameters
    ----------
    volume : ndarray of shape (nx, ny, nz)
    affine : ndarray of shape (4, 4)
    mask : Mask

    Returns
    -------
    ndarray of shape (n_voxels,)
    """
    if isinstance(affine, Grayordinates) or isinstance(mask, Grayordinates):
        return _on_grayordinates(volume, affine, mask)
    own, wanted = (np.linalg.norm(a[:3, :3], axis=0) for a in (affine, mask.affine))
    missing = np.sqrt(max(0.0, wanted.mean() ** 2 - own.mean() ** 2))
    volume = volume.astype(np.float32)
    if missing:
        volume = spatial.smooth_volume(volume, affine, missing)
    grid = Grid(mask.array.shape, mask.affine)
    return volume_on_grid(volume, affine, grid, order=1)[mask.array]


def _on_grayordinates(values, space, mask):
    if not isinstance(space, Grayordinates) or not isinstance(mask, Grayordinates):
        msg = (
            "The networks and the components are not of one kind: volumes on one side, "
            "grayordinates on the other. Pass a dlabel or a dscalar of the networks for components "
            "of CIFTI or GIFTI runs, a volume for volumes."
        )
        raise DataError(msg)
    places = space.places_of(mask)
    return np.where(places >= 0, values[places], 0).astype(np.float32)


def _support(components_img):
    """A mask of the voxels in which any component is not 0."""
    if is_surface(components_img):
        maps = read_maps(components_img, "The components' image")
        return maps.space.selected((maps.values != 0).any(axis=0))
    img, name = open_image(components_img, "The components' image")
    data = read_array(img, name)
    if data.ndim != 4:
        msg = f"{name} has shape {data.shape}; expected 4D: one map after the other."
        raise DataError(msg)
    inside = (data != 0).any(axis=3)
    if not inside.any():
        msg = f"{name} is 0 everywhere."
        raise DataError(msg)
    return Mask(inside, checked_affine(img, name))


def flag_noise(
    components_img: ImageLike, mask_img: ImageLike, *, csf_img: ImageLike | None = None,
    time_courses: Sequence[np.ndarray] | None = None, t_r: float | None = None,
) -> DataFrame:  # fmt: skip
    """Look for signs that a component is noise: suggestions to look at it, not verdicts.

    Costs a few passes over the maps.

    Parameters
    ----------
    components_img : path or nibabel image, 4D
    mask_img : path or nibabel image
        The brain.
    csf_img : path or nibabel image, 3D, optional
        Fraction of cerebrospinal fluid in each voxel, or a mask of it.
    time_courses : list of ndarray of shape (n_timepoints, n_components), optional
        As `transform` gives them.
    t_r : float, optional
        In s.

    Returns
    -------
    DataFrame
        One row per component; NaN where the input for a sign was not given.

        * edge: share of the map's energy in the outermost voxels of the mask, over their share
          of its voxels; movement and blurred borders have 2 and more;
        * csf: the same for fluid;
        * spike: share of the runs in which one frame holds a fifth or more of the variance of the
          time course (of 150 normal numbers the largest holds about .05; in short runs more than
          chance gives once in a thousand); flagged from .2 on. A real network passes in 3 to 5 % of
          its runs, because people move: its largest over runs would be flagged in every group
          that is large enough;
        * high_frequency: share of the power above 0.1 Hz, where little of the haemodynamic
          response is left; white noise at a `t_r` of 2 s has .6, flagged from .5 on;
        * suggestion: names of the signs that are flagged.

    See Also
    --------
    label : names of known networks.

    Notes
    -----
    The features are those of ICA-AROMA (Pruim et al., NeuroImage 112 (2015), 267-277), in a form
    that needs no other software; its trained decision is not reproduced.

    Examples
    --------
    A map at the border of the brain is flagged, one inside it is not:

    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica import matching
    >>> brain = np.zeros((12, 12, 12))
    >>> brain[1:11, 1:11, 1:11] = 1
    >>> inside = np.zeros_like(brain)
    >>> inside[4:8, 4:8, 4:8] = 1
    >>> border = brain.copy()
    >>> border[2:10, 2:10, 2:10] = 0
    >>> maps_img = nib.Nifti1Image(np.stack([inside, border], axis=-1), np.eye(4))
    >>> table = matching.flag_noise(maps_img, nib.Nifti1Image(brain, np.eye(4)))
    >>> table["suggestion"].tolist()
    ['', 'edge']
    """
    import pandas as pd

    check_positive("t_r", t_r)
    mask = load_mask(mask_img)
    # Where the energy of each map lies: at the border of the mask, in fluid.
    energy = np.atleast_2d(apply_mask(components_img, mask)).astype(float) ** 2
    energy /= np.maximum(energy.sum(axis=1, keepdims=True), np.finfo(float).tiny)
    signs = {name: np.full(len(energy), np.nan) for name in SIGNS_OF_NOISE}
    if isinstance(mask, Mask):  # grayordinates have no edge
        core = ndimage.binary_erosion(np.pad(mask.array, 1))[1:-1, 1:-1, 1:-1]
        signs["edge"] = _excess(energy, (~core[mask.array]).astype(float))
    if csf_img is not None:
        signs["csf"] = _excess(energy, apply_mask(csf_img, mask).astype(float))
    # When: in single frames, or at frequencies that blood does not follow.
    if time_courses is not None:
        time_courses = _checked_courses(time_courses, len(energy))
        signs["spike"] = np.mean([_has_spike(courses) for courses in time_courses], axis=0)
        if t_r is not None:
            fast = [_fast_share(courses, t_r) for courses in time_courses]
            signs["high_frequency"] = np.mean(fast, axis=0)
    table = pd.DataFrame(signs)
    table.index.name = "component"
    flagged = table > pd.Series(SIGNS_OF_NOISE)
    table["suggestion"] = [", ".join(row.index[row].str.replace("_", " ")) for _, row in
                           flagged.iterrows()]  # fmt: skip
    return table


def _checked_courses(time_courses, n_components):
    """One array for each run; a ValueError for what are no time courses of these components."""
    if not isinstance(time_courses, list | tuple):
        time_courses = [time_courses]
    shape = f"(n_timepoints, {n_components})"
    courses = [as_numbers("time_courses", one, shape) for one in time_courses]
    if not courses or any(one.shape[1] != n_components or not len(one) for one in courses):
        found = ", ".join(str(one.shape) for one in courses) or "an empty list"
        msg = f"time_courses: found {found}; for each run {shape} was expected"
        raise ValueError(msg)
    return courses


def _excess(energy, where):
    """Mean of `where` weighted by each map's energy, over its mean."""
    return energy @ where / max(where.mean(), np.finfo(float).tiny)


def _has_spike(courses):
    """Whether one frame holds a fifth of a course's variance, and more than chance gives.

    The share of one of n normal numbers is (n - 1) / n times a Beta(1/2, n/2 - 1), after Thompson
    (Annals of Mathematical Statistics 6 (1935), 214-219).
    """
    n = len(courses)
    squares = (courses - courses.mean(axis=0)) ** 2
    share = squares.max(axis=0) / np.maximum(squares.sum(axis=0), np.finfo(float).tiny)
    by_chance = (n - 1) / n * special.betainccinv(0.5, max(n - 2, 1) / 2, 1e-3 / n)
    return share > max(0.2, by_chance)


def _fast_share(courses, t_r, above=0.1):
    power = np.abs(np.fft.rfft(courses - courses.mean(axis=0), axis=0)) ** 2
    fast = np.fft.rfftfreq(len(courses), t_r) > above
    return power[fast].sum(axis=0) / np.maximum(power.sum(axis=0), np.finfo(float).tiny)
