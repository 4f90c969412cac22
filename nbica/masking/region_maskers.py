"""NiftiLabelsMasker and NiftiMapsMasker: an image to the signals of an atlas's regions and back."""

import joblib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from nbica.image import spatial
from nbica.image.files import open_image
from nbica.image.fingerprint import fingerprint
from nbica.image.grid import Grid
from nbica.image.notices import warn_of
from nbica.image.run import iter_runs
from nbica.image.space import space_of
from nbica.masking.extract import unmask
from nbica.masking.mask import load_mask, resample_mask
from nbica.masking.masker import RunTransformer, float_type, one_run
from nbica.masking.regions import (
    STRATEGIES,
    cleaned_signals,
    labelled_regions,
    load_labels,
    load_maps,
    map_regions,
    names_of,
    nonempty,
)
from nbica.runtime.cache import key_of, remember
from nbica.runtime.checks import check_flags
from nbica.runtime.store import open_store
from nbica.signal.confounds import load_confounds

STAGE = "region signals"
# Raised whenever a change here or in what is called changes the numbers.
VERSION = 1


class _RegionMasker(RunTransformer, auto_wrap_output_keys=None):
    """What both have in common; a subclass knows its atlas: `_regions_on(grid)`."""

    def _prepare(self, imgs, atlas_grid, own):
        """Check what was asked for, and put the regions where the images will be."""
        self.cleaning_ = self._checked_cleaning()
        float_type(self.dtype)
        spatial.smoothing_sigma(self.smoothing_fwhm, atlas_grid.affine)
        if self.resampling_target not in ("data", own, None):
            found = self.resampling_target
            msg = f"resampling_target is {found!r}; expected 'data', {own!r} or None."
            raise ValueError(msg)
        grid = atlas_grid
        if imgs is not None and self.resampling_target == "data":
            grid = next(iter_runs(imgs)).grid
        self.regions_ = self._regions_on(grid)
        self.n_elements_ = self.regions_.n_regions

    def _mask_on(self, grid):
        if self.mask_img is None:
            return None
        return resample_mask(load_mask(self.mask_img), grid).array

    def transform(self, imgs, confounds=None):
        """Cleaned signals of the regions in one image.

        Peak memory is the result and a few frames.

        Parameters
        ----------
        imgs : path or nibabel image
            One 4D image.
        confounds : array, DataFrame, path or list of these, optional
            What to remove, one row per frame.

        Returns
        -------
        ndarray of shape (n_timepoints, n_regions)
            The same columns for every image. A region of which the image's grid holds no voxel is
            0, with a warning.

        Raises
        ------
        DataError
            If no region is left on the image's grid.
        ValueError
            If `resampling_target` is None and the image is on another grid than the atlas.
        """
        check_is_fitted(self)
        run = one_run(imgs)
        confounds = load_confounds(confounds, run.n_timepoints, run.name)
        regions = self._regions_for(run)
        signals, notices = self._signals(run, regions, confounds)
        warn_of(run, notices)
        return self._as_output(signals)

    def inverse_transform(self, X):
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
        X = np.asarray(X)
        if X.ndim not in {1, 2} or X.shape[-1] != self.n_elements_:
            msg = (
                f"Got an array of shape {X.shape}; the atlas has {self.n_elements_} regions, so "
                f"expected (n_rows, {self.n_elements_}) or ({self.n_elements_},)."
            )
            raise ValueError(msg)
        return unmask(self.regions_.spread(X), self.regions_.mask, self.t_r)

    def _regions_for(self, run):
        grid = self.regions_.mask.grid
        if run.grid.same_as(grid):
            return self.regions_
        if self.resampling_target is None:
            msg = (
                f"{run.name} is on a grid of {run.grid.shape}, the atlas on one of {grid.shape} or "
                "with another affine; resampling_target='data' brings the atlas to the image."
            )
            raise ValueError(msg)
        return self._regions_on(run.grid) if self.resampling_target == "data" else self.regions_

    def _signals(self, run, regions, confounds):
        def key():
            width = spatial.smoothing_sigma(self.smoothing_fwhm, np.eye(4)).tolist()
            rest = width, vars(self.cleaning_), joblib.hash(confounds)
            return key_of(STAGE, VERSION, fingerprint(run), regions.key(), rest)

        def compute():
            values = cleaned_signals(run, regions, self.smoothing_fwhm, self.cleaning_, confounds)
            return dict(zip(("signals", "notices"), values, strict=True))

        about = {"run": run.name, "parameters": f"{regions.n_regions} regions"}
        found = remember(open_store(self.memory), STAGE, key, compute, about)
        return found.values["signals"], [*found.values["notices"], *found.notes]

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "regions_")


class NiftiLabelsMasker(_RegionMasker):
    """Take the mean time course of each region of a labelled atlas out of an image, and clean it.

    Peak memory of `transform` is n_timepoints x n_regions x 8 B and a few frames: the 4D image is
    never in memory. Names, defaults and numbers are those of nilearn 0.14's class.

    Parameters
    ----------
    labels_img : path or nibabel image, 3D
        Whole numbers, one for each region.
    labels : list of str, optional
        Names of the regions by increasing number, with or without one for the background in front.
    lut : DataFrame, optional
        Instead of `labels`: columns `index` (number) and `name`, as `fetch_atlas_...` gives it.
    background_label : int
        The number that is no region.
    mask_img : path or nibabel image, optional
        Voxels outside are in no region. Regions that lie outside altogether are dropped.
    smoothing_fwhm : float, sequence of three floats or None
        Of the frames, in mm, before the mean is taken.
    standardize, standardize_confounds, detrend, low_pass, high_pass, t_r
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

    Attributes
    ----------
    region_ids_ : dict of int to int
        The number in the atlas of each column.
    region_names_ : dict of int to str
        Its name.
    n_elements_ : int
        Columns.
    regions_ : regions.LabelledRegions

    Examples
    --------
    >>> atlas = datasets.fetch_atlas_schaefer_2018(n_rois=100)  # doctest: +SKIP
    >>> masker = NiftiLabelsMasker(atlas.maps, lut=atlas.lut, standardize=True)  # doctest: +SKIP
    >>> signals = masker.fit_transform("bold.nii.gz", confounds=table)  # doctest: +SKIP
    """

    def __init__(
        self, labels_img=None, labels=None, lut=None, background_label=0, mask_img=None,
        smoothing_fwhm=None, standardize=False, standardize_confounds=True, detrend=False,
        low_pass=None, high_pass=None, t_r=None, dtype=None, resampling_target="data",
        memory=None, memory_level=1, verbose=0, strategy="mean",
    ):  # fmt: skip
        self.labels_img = labels_img
        self.labels = labels
        self.lut = lut
        self.background_label = background_label
        self.mask_img = mask_img
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
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

    def fit(self, imgs=None, y=None):
        """Load the atlas, and bring it to the grid of an image if one is given.

        Parameters
        ----------
        imgs : path, image or list of these, optional
            Of which the first header counts; images on that grid are then transformed faster.
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
        if self.strategy not in STRATEGIES:
            msg = f"strategy is {self.strategy!r}; expected one of {', '.join(STRATEGIES)}."
            raise ValueError(msg)
        self._labels, self._affine, name = load_labels(self.labels_img)
        numbers = np.unique(self._labels)
        self._numbers = numbers[numbers != self.background_label]
        names = names_of(self._numbers, self.labels, self.lut)
        space = space_of(open_image(self.labels_img)[0])
        grid = Grid(self._labels.shape, self._affine, space)
        kept = nonempty(self._regions_on(grid), names, name)
        self._numbers = self._numbers[kept]
        self.region_ids_ = dict(enumerate(self._numbers.tolist()))
        self.region_names_ = dict(enumerate(np.array(names, dtype=object)[kept].tolist()))
        self._prepare(imgs, grid, "labels")
        return self

    def _regions_on(self, grid):
        mask = self._mask_on(grid)
        return labelled_regions(
            self._labels, self._affine, self._numbers, grid, mask, self.strategy
        )


class NiftiMapsMasker(_RegionMasker):
    """Take the time course of each map of a probabilistic atlas out of an image, and clean it.

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
        Of the frames, in mm, before they are fitted.
    standardize, standardize_confounds, detrend, low_pass, high_pass, t_r
        As :class:`NiftiMasker`; of the regions' signals.
    dtype : dtype, optional
        Float type of the arrays that come out; by default float32.
    resampling_target : {"data", "maps", None}
        Bring the maps to the image (linear; cheap), the image to the maps (splines), or refuse
        what is on another grid.
    memory : None, path or joblib.Memory
        Where results are kept.
    memory_level, verbose : int
        Accepted so that scripts port.

    Attributes
    ----------
    n_elements_ : int
        Columns.
    kept_ : ndarray of int
        Indices of the maps that the mask leaves, one per column.
    regions_ : regions.MapRegions
    """

    def __init__(
        self, maps_img=None, mask_img=None, allow_overlap=True, smoothing_fwhm=None,
        standardize=False, standardize_confounds=True, detrend=False, low_pass=None,
        high_pass=None, t_r=None, dtype=None, resampling_target="data", memory=None,
        memory_level=0, verbose=0,
    ):  # fmt: skip
        self.maps_img = maps_img
        self.mask_img = mask_img
        self.allow_overlap = allow_overlap
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.detrend = detrend
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.dtype = dtype
        self.resampling_target = resampling_target
        self.memory = memory
        self.memory_level = memory_level
        self.verbose = verbose

    def fit(self, imgs=None, y=None):
        """Load the maps, and bring them to the grid of an image if one is given.

        Parameters, returns and errors are those of :meth:`NiftiLabelsMasker.fit`.
        """
        self._maps, self._affine, name = load_maps(self.maps_img)
        space = space_of(open_image(self.maps_img)[0])
        grid = Grid(self._maps.shape[:3], self._affine, space)
        check_flags(allow_overlap=self.allow_overlap)
        on_own_grid = self._regions_on(grid)
        self.kept_ = nonempty(on_own_grid, [f"map {i}" for i in range(self._maps.shape[3])], name)
        self._maps = self._maps[..., self.kept_]
        if not self.allow_overlap and np.count_nonzero(on_own_grid.maps > 0, axis=0).max() > 1:
            msg = f"The maps of {name} overlap, and allow_overlap is False."
            raise ValueError(msg)
        self._prepare(imgs, grid, "maps")
        return self

    def _regions_on(self, grid):
        return map_regions(self._maps, self._affine, grid, self._mask_on(grid))
