"""NiftiLabelsMasker and NiftiMapsMasker: an image to the signals of an atlas's regions and back."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Literal, Self

import joblib
import nibabel as nib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from nbica.image import spatial
from nbica.image.files import open_image
from nbica.image.fingerprint import fingerprint
from nbica.image.grid import Grid
from nbica.image.run import iter_runs
from nbica.image.series import runs_of_images
from nbica.image.space import space_of
from nbica.masking.extract import unmask
from nbica.masking.mask import load_mask, mask_to_image, resample_mask
from nbica.masking.regions import (
    STRATEGIES,
    cleaned_signals,
    labelled_regions,
    load_labels,
    load_lut,
    load_maps,
    map_regions,
    names_of,
    nonempty,
    table_of,
)
from nbica.masking.transformer import RunTransformer, float_type
from nbica.runtime.cache import Stage
from nbica.runtime.checks import as_array, as_flag, check_flags, check_one_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nibabel import Nifti1Image
    from numpy.typing import ArrayLike, DTypeLike
    from pandas import DataFrame

    from nbica.hints import AnyPath, Colors, Fwhm, ImageLike, Images, MemoryLike, Standardize

SIGNALS = Stage("region signals", version=2)


class _RegionMasker(RunTransformer, auto_wrap_output_keys=None):
    """What both have in common; a subclass knows its atlas: `_regions_on(grid)`."""

    def _prepare(self, imgs, atlas_grid, own):
        """Check what was asked for, and put the regions where the images will be."""
        self.cleaning_ = self._checked_cleaning()
        float_type(self.dtype)
        spatial.smoothing_sigma(self.smoothing_fwhm, atlas_grid.affine)
        self._check_target(own)
        grid = atlas_grid if imgs is None else next(iter_runs(runs_of_images(imgs))).grid
        if self.resampling_target is None:
            self._check_grids(grid, atlas_grid)
        if self.resampling_target == "mask":
            grid = load_mask(self.mask_img).grid
        self.regions_ = self._regions_on(
            atlas_grid if self.resampling_target in (own, None) else grid
        )
        self.n_elements_ = self.regions_.n_regions
        self._remember(imgs)

    def _keeps_all(self, own):
        name = f"keep_masked_{own}"
        return as_flag(name, getattr(self, name))

    def _check_target(self, own):
        known = ["data", own, *(["mask"] if own == "maps" else [])]
        check_one_of("resampling_target", self.resampling_target, [*known, None])
        if self.resampling_target == "mask" and self.mask_img is None:
            msg = (
                "resampling_target is 'mask', but there is no mask_img: pass one or another target."
            )
            raise ValueError(msg)

    def _check_grids(self, grid, atlas_grid):
        """Raise ValueError for grids that differ where nothing may be resampled."""
        grids = {"image": grid}
        if self.mask_img is not None:
            grids["mask_img"] = load_mask(self.mask_img).grid
        for what, other in grids.items():
            _check_grid(f"The {what}", other, atlas_grid)

    def _mask_on(self, grid):
        if self.mask_img is None:
            return None
        return resample_mask(load_mask(self.mask_img), grid).array

    @property
    def mask_img_(self) -> Nifti1Image | None:
        """The mask on the grid of the regions, or None without one."""
        check_is_fitted(self)
        if self.mask_img is None:
            return None
        return mask_to_image(resample_mask(load_mask(self.mask_img), self.regions_.mask.grid))

    def inverse_transform(self, X: ArrayLike) -> Nifti1Image:
        """Signals of the regions as an image: each region's value in its voxels.

        Memory is that of the full image, on the grid of the image given to `fit` if there was one,
        else on that of the atlas.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_regions) or (n_regions,)

        Returns
        -------
        Nifti1Image
            4D, or 3D for one row without its dimension.

        Raises
        ------
        ValueError
            If the number of columns is not that of the regions.
        """
        check_is_fitted(self)
        X = as_array(X)
        if X.dtype.kind not in "biufc" or X.ndim not in {1, 2} or X.shape[-1] != self.n_elements_:
            msg = (
                f"Got an array of shape {X.shape}; the atlas has {self.n_elements_} regions, so "
                f"expected (n_rows, {self.n_elements_}) or ({self.n_elements_},)."
            )
            raise ValueError(msg)
        return unmask(self.regions_.spread(X), self.regions_.mask, t_r=self.t_r)

    def _regions_for(self, run):
        grid = self.regions_.mask.grid
        if run.grid.same_as(grid):
            return self.regions_
        if self.resampling_target is None:
            _check_grid(run.name, run.grid, grid)
        return self._regions_on(run.grid) if self.resampling_target == "data" else self.regions_

    def _signals(self, run, confounds, sample_mask):
        """Cleaned signals of the regions, from the cache if they are there, and notices."""
        run = run.keep(sample_mask) if sample_mask is not None else run
        regions = self._regions_for(run)

        def key():
            width = spatial.smoothing_sigma(self.smoothing_fwhm, np.eye(4)).tolist()
            rest = width, vars(self.cleaning_), joblib.hash(confounds)
            return SIGNALS.key(fingerprint(run), regions.key(), rest)

        def compute():
            return cleaned_signals(run, regions, self.smoothing_fwhm, self.cleaning_, confounds)

        return self._recalled(SIGNALS, run, key, compute, f"{regions.n_regions} regions")

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "regions_")


def _check_grid(what, grid, atlas_grid):
    """Raise ValueError for a grid that is not the atlas's."""
    if not grid.same_as(atlas_grid):
        msg = (
            f"{what} is on a grid of {grid.shape}, the atlas on one of {atlas_grid.shape} or with "
            "another affine; resampling_target='data' brings the atlas to the image."
        )
        raise ValueError(msg)


class NiftiLabelsMasker(_RegionMasker, auto_wrap_output_keys=None):
    """Extract the mean time course of each region of a labelled atlas from an image, and clean it.

    Peak memory of `transform` is n_timepoints x n_regions x 8 B and a few frames: the 4D image is
    never in memory. Names, defaults and numbers are those of nilearn 0.14's class.

    Parameters
    ----------
    labels_img : path or nibabel image, 3D
        Whole numbers, one for each region.
    labels : list of str, optional
        Names of the regions by increasing number, with or without one for the "Background" in
        front. Where regions are missing from the image, the n-th name is that of number n.
    lut : DataFrame or path, optional
        Instead of `labels`: columns `index` (number) and `name`, as `fetch_atlas_...` gives it, or
        a table of text with them.
    background_label : int
        The number that is no region.
    mask_img : path or nibabel image, optional
        Voxels outside are in no region. Regions that lie outside altogether are dropped.
    smoothing_fwhm : float, sequence of three floats or None
        Smoothing of the frames, in mm, before the mean is taken.
    standardize, standardize_confounds, high_variance_confounds, detrend, low_pass, high_pass, t_r
        As :class:`NiftiMasker`; of the regions' signals.
    dtype : dtype, optional
        Float type of the arrays that come out; by default float32.
    resampling_target : {"data", "labels", None}
        Bring the atlas to the image (nearest neighbour; cheap), the image to the atlas (splines),
        or refuse what is on another grid.
    memory : None, path or joblib.Memory
        Where results are kept.
    memory_level, verbose : int
        Accepted so that scripts port.
    strategy : {"mean", "median", "sum", "minimum", "maximum", "variance", "standard_deviation"}
        What stands for a region's voxels.
    keep_masked_labels : bool
        Keep regions of which the mask leaves nothing, as columns of 0.
    reports, cmap
        As :class:`NiftiMasker`.
    clean_args : dict, optional
        As :class:`NiftiMasker`.

    Attributes
    ----------
    region_ids_ : dict
        The number in the atlas of each column, and of the "background".
    region_names_ : dict of int to str
        The name of each column.
    lut_ : DataFrame
        Numbers and names of all of the atlas, the background first if it has one: `index`, `name`,
        and `color` if known.
    labels_ : list of int
        Numbers of the background and the columns.
    labels_img_, region_atlas_ : Nifti1Image
        The atlas on the grid of the image that was given to `fit`, all of it and within the mask.
    mask_img_ : Nifti1Image or None
    n_elements_ : int
        Columns.
    regions_ : regions.LabelledRegions

    See Also
    --------
    NiftiMapsMasker : regions that overlap, or have no sharp borders.

    Examples
    --------
    An atlas made of where each network of the cohort is strongest:

    >>> import numpy as np
    >>> import nibabel as nib
    >>> from nbica import NiftiLabelsMasker, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> maps = cohort.maps_img.get_fdata()
    >>> regions = np.where(maps.max(axis=3) > 0.3, maps.argmax(axis=3) + 1, 0)
    >>> atlas = nib.Nifti1Image(regions.astype("int16"), cohort.maps_img.affine)
    >>> masker = NiftiLabelsMasker(atlas, labels=cohort.labels, standardize=True)
    >>> masker.fit_transform(cohort.func[0], confounds=cohort.confounds[0]).shape
    (40, 12)
    >>> masker.get_feature_names_out()[:2].tolist()
    ['default mode', 'dorsal attention']
    """

    def __init__(
        self, labels_img: ImageLike | None = None, labels: Sequence[str] | None = None,
        lut: DataFrame | AnyPath | None = None, background_label: int = 0,
        mask_img: ImageLike | None = None, smoothing_fwhm: Fwhm = None,
        standardize: Standardize = False, standardize_confounds: bool = True,
        high_variance_confounds: bool = False, detrend: bool = False, low_pass: float | None = None,
        high_pass: float | None = None, t_r: float | None = None, dtype: DTypeLike | None = None,
        resampling_target: Literal["data", "labels"] | None = "data", memory: MemoryLike = None,
        memory_level: int = 1, verbose: int = 0, strategy: str = "mean",
        keep_masked_labels: bool = False, reports: bool = True, cmap: Colors = None,
        clean_args: dict | None = None,
    ) -> None:  # fmt: skip
        self.labels_img = labels_img
        self.labels = labels
        self.lut = lut
        self.background_label = background_label
        self.mask_img = mask_img
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.high_variance_confounds = high_variance_confounds
        self.detrend = detrend
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.dtype = dtype
        self.resampling_target = resampling_target
        self.memory = memory
        self.memory_level = memory_level
        self.verbose = verbose
        self.strategy = strategy
        self.keep_masked_labels = keep_masked_labels
        self.reports = reports
        self.cmap = cmap
        self.clean_args = clean_args

    def fit(self, imgs: Images | None = None, y: object = None) -> Self:
        """Load the atlas, and bring it to the grid of an image if one is given.

        Parameters
        ----------
        imgs : path, image or list of these, optional
            The first header counts; images on that grid are then transformed faster.
        y : None

        Returns
        -------
        self

        Raises
        ------
        DataError
            For an atlas that is none, or of which the mask leaves nothing.
        ValueError
            For an unknown option, or names that do not fit.
        """
        check_one_of("strategy", self.strategy, STRATEGIES)
        if not isinstance(self.background_label, Real | None):
            msg = f"background_label is {self.background_label!r}; expected a number, or None."
            raise ValueError(msg)
        self._labels, self._affine, name = load_labels(self.labels_img)
        numbers = np.unique(self._labels)
        self._numbers = numbers[numbers != self.background_label]
        lut = self._loaded_lut()
        names = names_of(self._numbers, self.labels, lut, self.background_label)
        space = space_of(open_image(self.labels_img)[0])
        grid = Grid(self._labels.shape, self._affine, space)
        kept = nonempty(
            self._regions_on(grid),
            names,
            name,
            as_flag("keep_masked_labels", self.keep_masked_labels),
        )
        background = self.background_label if self.background_label in numbers else None
        self.lut_ = table_of(self._numbers, names, lut, background)
        self._numbers = self._numbers[kept]
        self._names = [names[place] for place in kept]
        self._prepare(imgs, grid, "labels")
        return self

    def _loaded_lut(self):
        if self.labels is not None and self.lut is not None:
            msg = "Both labels and lut name the regions: pass one of them."
            raise ValueError(msg)
        return None if self.lut is None else load_lut(self.lut)

    def _regions_on(self, grid):
        mask = self._mask_on(grid)
        return labelled_regions(
            self._labels, self._affine, self._numbers, grid, mask, self.strategy
        )

    @property
    def labels_(self) -> list[int]:
        """Numbers of the background, if the atlas has one, and of the columns, in order."""
        check_is_fitted(self)
        return list(self.region_ids_.values())

    @property
    def region_ids_(self) -> dict:
        """The number in the atlas of each column, and of the "background" if the atlas has one."""
        check_is_fitted(self)
        has_background = self.background_label in set(self.lut_["index"])
        background = {"background": self.background_label} if has_background else {}
        return background | dict(enumerate(self._numbers.tolist()))

    @property
    def region_names_(self) -> dict[int, str]:
        """The name of each column; of "background" as well, if it is asked for."""
        check_is_fitted(self)
        return NamesOfColumns(enumerate(self._names))

    @property
    def labels_img_(self) -> Nifti1Image:
        """The atlas on the grid that is used."""
        check_is_fitted(self)
        numbers = self.lut_["index"].to_numpy()
        numbers = numbers[numbers != self.background_label]
        grid = self.regions_.mask.grid
        return _image_of(labelled_regions(self._labels, self._affine, numbers, grid), numbers)

    @property
    def region_atlas_(self) -> Nifti1Image:
        """The atlas in the voxels that are used: within the mask."""
        check_is_fitted(self)
        return _image_of(self.regions_, self._numbers)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the regions."""
        del input_features
        return np.array(list(self.region_names_.values()), dtype=object)

    def _as_fitted(self):
        return {"labels": None, "lut": self.lut_}


def _image_of(regions, numbers):
    img = unmask(numbers[regions.which].astype(np.float64), regions.mask)
    largest = int(numbers.max(initial=0))
    dtype = np.int32 if int(numbers.min(initial=0)) >= -(2**31) and largest < 2**31 else np.int64
    return nib.Nifti1Image(np.asarray(img.dataobj).astype(dtype), img.affine, dtype=dtype)


class NamesOfColumns(dict):
    """Names by column; knows "background" besides, which is no column."""

    def __missing__(self, key):
        if key == "background":
            return "Background"
        raise KeyError(key)


class NiftiMapsMasker(_RegionMasker, auto_wrap_output_keys=None):
    """Extract the time course of each map of a probabilistic atlas from an image, and clean it.

    Each frame is fitted by all maps together, by least squares: where maps overlap, each gets its
    own part. Peak memory of `transform` is n_timepoints x n_maps x 8 B, the maps twice, and a few
    frames. Names, defaults and numbers are those of nilearn 0.14's class.

    Parameters
    ----------
    maps_img : path or nibabel image, 4D
        One map per region: an atlas, or the components of an ICA.
    mask_img : path or nibabel image, optional
        Voxels that count. Maps that are 0 in all of them are dropped.
    allow_overlap : bool
        False refuses maps that share voxels.
    smoothing_fwhm : float, sequence of three floats or None
        Smoothing of the frames, in mm, before they are fitted.
    standardize, standardize_confounds, high_variance_confounds, detrend, low_pass, high_pass, t_r
        As :class:`NiftiMasker`; of the regions' signals.
    dtype : dtype, optional
        Float type of the arrays that come out; by default float32.
    resampling_target : {"data", "maps", "mask", None}
        Bring the maps to the image (linear; cheap), the image to the maps (splines), both to the
        mask, or refuse what is on another grid.
    memory : None, path or joblib.Memory
        Where results are kept.
    memory_level, verbose : int
        Accepted so that scripts port.
    keep_masked_maps : bool
        Keep maps of which the mask leaves nothing, as columns of 0.
    reports, cmap, clean_args
        As :class:`NiftiMasker`.

    Attributes
    ----------
    maps_img_ : Nifti1Image
        The maps on the grid of the image that was given to `fit`.
    mask_img_ : Nifti1Image or None
    n_elements_ : int
        Columns.
    kept_ : ndarray of int
        Indices of the maps that the mask leaves, one per column.
    regions_ : regions.MapRegions

    See Also
    --------
    NiftiLabelsMasker : regions that are numbers of an image.

    Examples
    --------
    >>> from nbica import NiftiMapsMasker, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> masker = NiftiMapsMasker(cohort.maps_img, standardize=True)
    >>> signals = masker.fit_transform(cohort.func[0], confounds=cohort.confounds[0])
    >>> signals.shape == (40, len(cohort.labels))
    True
    """

    def __init__(
        self, maps_img: ImageLike | None = None, mask_img: ImageLike | None = None,
        allow_overlap: bool = True, smoothing_fwhm: Fwhm = None, standardize: Standardize = False,
        standardize_confounds: bool = True, high_variance_confounds: bool = False,
        detrend: bool = False, low_pass: float | None = None, high_pass: float | None = None,
        t_r: float | None = None, dtype: DTypeLike | None = None,
        resampling_target: Literal["data", "maps", "mask"] | None = "data",
        keep_masked_maps: bool = False, memory: MemoryLike = None, memory_level: int = 0,
        verbose: int = 0, reports: bool = True, cmap: Colors = "CMRmap_r",
        clean_args: dict | None = None,
    ) -> None:  # fmt: skip
        self.maps_img = maps_img
        self.mask_img = mask_img
        self.allow_overlap = allow_overlap
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.high_variance_confounds = high_variance_confounds
        self.detrend = detrend
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.dtype = dtype
        self.resampling_target = resampling_target
        self.memory = memory
        self.memory_level = memory_level
        self.verbose = verbose
        self.keep_masked_maps = keep_masked_maps
        self.reports = reports
        self.cmap = cmap
        self.clean_args = clean_args

    def fit(self, imgs: Images | None = None, y: object = None) -> Self:
        """Load the maps, and bring them to the grid of an image if one is given.

        Parameters, returns and errors are those of :meth:`NiftiLabelsMasker.fit`.
        """
        self._maps, self._affine, name = load_maps(self.maps_img)
        space = space_of(open_image(self.maps_img)[0])
        grid = Grid(self._maps.shape[:3], self._affine, space)
        check_flags(allow_overlap=self.allow_overlap)
        on_own_grid = self._regions_on(grid)
        names = [f"map {i}" for i in range(self._maps.shape[3])]
        self.kept_ = nonempty(
            on_own_grid, names, name, as_flag("keep_masked_maps", self.keep_masked_maps)
        )
        self._maps = self._maps[..., self.kept_]
        if not self.allow_overlap and np.count_nonzero(on_own_grid.maps > 0, axis=0).max() > 1:
            msg = f"The maps of {name} overlap, and allow_overlap is False."
            raise ValueError(msg)
        self._prepare(imgs, grid, "maps")
        return self

    def _regions_on(self, grid):
        return map_regions(self._maps, self._affine, grid, self._mask_on(grid))

    @property
    def maps_img_(self) -> Nifti1Image:
        """The maps, in the voxels and on the grid that are used."""
        check_is_fitted(self)
        return unmask(self.regions_.maps, self.regions_.mask)

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns: niftimapsmasker0, niftimapsmasker1, and so on."""
        del input_features
        return np.array([f"niftimapsmasker{i}" for i in range(self.n_elements_)], dtype=object)
