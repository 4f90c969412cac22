"""NiftiMasker: one image to an array and back, as a scikit-learn transformer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import joblib
import numpy as np
from sklearn.utils.validation import check_is_fitted

from nbica.exceptions import DataError
from nbica.image import spatial
from nbica.image.fingerprint import fingerprint
from nbica.image.grayordinates import Grayordinates
from nbica.image.grid import target_grid
from nbica.image.run import iter_runs
from nbica.image.series import runs_of_images
from nbica.masking.compute import brain_mask_on, compute_background_mask, compute_epi_mask
from nbica.masking.extract import unmask
from nbica.masking.mask import load_mask, mask_to_image, resample_mask
from nbica.masking.preparation import Preparation, prepare
from nbica.masking.surfaces import check_for_surfaces, check_surface_smoothing, surface_mask
from nbica.masking.transformer import RunTransformer, float_type
from nbica.runtime.cache import Stage
from nbica.runtime.checks import as_array, check_n_jobs, check_options
from nbica.signal.cleaning import check_parts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nibabel import Nifti1Image
    from numpy.typing import ArrayLike, DTypeLike
    from sklearn.base import BaseEstimator

    from nbica.hints import Colors, Fwhm, ImageLike, Images, MemoryLike, MeshLike, Standardize

SIGNALS = Stage("signals", version=3)
STRATEGIES = {"background": compute_background_mask, "epi": compute_epi_mask}
TEMPLATES = {f"{what}-template": what for what in ("whole-brain", "gm", "wm")}


class NiftiMasker(RunTransformer, auto_wrap_output_keys=None):
    """Extract the voxels of a mask from an image, clean their time courses, and put arrays back.

    Peak memory of `transform` is its result, n_timepoints x n_voxels x 4 B, and a few frames; the
    4D image is never in memory. Without a `mask_img`, `fit` reads the images once more.

    Parameters
    ----------
    mask_img : path or nibabel image, optional
        By default computed from the images that are given to `fit`. CIFTI and GIFTI runs take a
        dlabel, a dscalar, a SurfaceImage or a list of structures (["CORTEX_LEFT"]); by default all
        that they have.
    runs : array of shape (n_timepoints,), optional
        Labels of the parts of an image that were recorded apart; each is cleaned by itself.
    smoothing_fwhm : float, sequence of three floats or None
        Full width at half maximum of a Gaussian filter, in mm.
    standardize : {"zscore_sample", "psc", True, False}
        Time courses of variance 1 (True means the same), in percent of their mean, or as they are.
    standardize_confounds : bool
    detrend : bool
        Remove the linear trend of each time course.
    high_variance_confounds : bool
        Remove as well what the most variable voxels share; see
        :func:`nbica.image.high_variance_confounds`. Reads the file twice more.
    low_pass, high_pass : float or None
        Cut-off frequencies in Hz (Butterworth); they need `t_r`.
    t_r : float or None
        Seconds between frames.
    target_affine, target_shape
        Grid to work on; by default the mask's.
    mask_strategy : {"background", "epi", "whole-brain-template", "gm-template", "wm-template"}
        How to compute a mask: of the images, or of MNI152 (or of
        `mask_args={"template_img": ...}`) on their grid.
    mask_args : dict, optional
        Passed to the function that computes the mask (see :mod:`nbica.masking`).
    dtype : dtype, optional
        Float type of the arrays that come out; by default, and for "auto", float32, which is what
        is computed in.
    memory : None, path or joblib.Memory
        Where results are kept.
    memory_level : int
        Accepted so that scripts port; all results are kept as soon as there is a `memory`.
    verbose : int
    reports : bool
        Remember what was fitted to, for :meth:`generate_report`.
    cmap : str
        Colours of that report.
    clean_args : dict, optional
        Further options of :func:`nbica.signal.clean`: `filter`, `extrapolate`, `butterworth__...`.
    n_jobs : int
        Images read at once where a mask is computed from several.
    surf_mesh : (left, right), dict, PolyMesh or SurfaceImage, optional
        Surfaces of the data's space (.surf.gii), for smoothing along the cortex, and for images of
        GIFTI runs on meshes other than fsaverage5.

    Attributes
    ----------
    mask_img_ : Nifti1Image, Cifti2Image or SurfaceImage
    n_elements_ : int
        Voxels in the mask, or grayordinates.
    preparation_ : preparation.Preparation

    See Also
    --------
    NiftiLabelsMasker : means over the regions of an atlas.
    NiftiMapsMasker : time courses of maps that may overlap.

    Examples
    --------
    >>> from nbica import NiftiMasker, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> masker = NiftiMasker(cohort.mask_img, smoothing_fwhm=12, standardize=True)
    >>> signals = masker.fit_transform(cohort.func[0], confounds=cohort.confounds[0])
    >>> signals.shape == (40, masker.n_elements_)
    True
    >>> masker.inverse_transform(signals).shape
    (13, 16, 14, 40)
    """

    def __init__(
        self, mask_img: ImageLike | None = None, runs: ArrayLike | None = None,
        smoothing_fwhm: Fwhm = None, standardize: Standardize = False,
        standardize_confounds: bool = True, detrend: bool = False,
        high_variance_confounds: bool = False, low_pass: float | None = None,
        high_pass: float | None = None, t_r: float | None = None,
        target_affine: ArrayLike | None = None, target_shape: Sequence[int] | None = None,
        mask_strategy: str = "background", mask_args: dict | None = None,
        dtype: DTypeLike | None = None, memory: MemoryLike = None, memory_level: int = 1,
        verbose: int = 0, reports: bool = True, cmap: Colors = "gray",
        clean_args: dict | None = None, n_jobs: int = 1, surf_mesh: MeshLike = None,
    ) -> None:  # fmt: skip
        self.mask_img = mask_img
        self.runs = runs
        self.smoothing_fwhm = smoothing_fwhm
        self.standardize = standardize
        self.standardize_confounds = standardize_confounds
        self.detrend = detrend
        self.high_variance_confounds = high_variance_confounds
        self.low_pass = low_pass
        self.high_pass = high_pass
        self.t_r = t_r
        self.target_affine = target_affine
        self.target_shape = target_shape
        self.mask_strategy = mask_strategy
        self.mask_args = mask_args
        self.dtype = dtype
        self.memory = memory
        self.memory_level = memory_level
        self.verbose = verbose
        self.reports = reports
        self.cmap = cmap
        self.clean_args = clean_args
        self.n_jobs = n_jobs
        self.surf_mesh = surf_mesh

    def fit(self, imgs: Images | None = None, y: object = None) -> Self:
        """Load the mask, or compute it from images.

        Costs nothing with a `mask_img`, else one pass over the images.

        Parameters
        ----------
        imgs : path, image or list of these
            Needed only where there is no `mask_img`.
        y : None

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For an unknown option, or where there is neither a mask nor an image.
        DataError
            For a mask that is empty, or is none.
        """
        cleaning = self._checked_cleaning()
        self._check_strategy()
        float_type(self.dtype)
        mask = surface_mask(self.mask_img, imgs, self.surf_mesh)
        if mask is not None:
            check_for_surfaces(vars(self))
            check_surface_smoothing(self.smoothing_fwhm, mask)
        else:
            mask = self._given_mask() if self.mask_img is not None else self._computed_mask(imgs)
            spatial.smoothing_sigma(self.smoothing_fwhm, mask.affine)
        self.preparation_ = Preparation(mask, self.smoothing_fwhm, cleaning)
        self.mask_img_ = mask_to_image(mask)
        self.n_elements_ = mask.n_voxels
        self._remember(imgs)
        return self

    def _check_strategy(self):
        known = [*STRATEGIES, *TEMPLATES]
        if not isinstance(self.mask_strategy, str) or self.mask_strategy not in known:
            msg = f"mask_strategy is {self.mask_strategy!r}; expected one of {', '.join(known)}."
            raise ValueError(msg)
        check_n_jobs(self.n_jobs)

    def _given_mask(self):
        mask = load_mask(self.mask_img)
        if self.target_affine is None and self.target_shape is None:
            return mask
        grid = target_grid(mask.grid, self.target_affine, self.target_shape)
        return resample_mask(mask, grid)

    def _computed_mask(self, imgs):
        """The mask of the images, or of a template on their grid."""
        if imgs is None:
            msg = "There is no mask_img to use and no image to compute a mask from: pass either."
            raise ValueError(msg)
        of_template = self.mask_strategy in TEMPLATES
        compute = brain_mask_on if of_template else STRATEGIES[self.mask_strategy]
        check_options("mask_args", self.mask_args, compute)
        options = dict(self.mask_args or {})
        if of_template:
            first = next(iter_runs(runs_of_images(imgs)))
            grid = target_grid(first.grid, self.target_affine, self.target_shape)
            return load_mask(
                brain_mask_on(grid, mask_type=TEMPLATES[self.mask_strategy], **options)
            )
        options = {"target_affine": self.target_affine, "target_shape": self.target_shape} | options
        return load_mask(compute(imgs, n_jobs=self.n_jobs, memory=self.memory, **options))

    def _signals(self, run, confounds, sample_mask):
        """Cleaned signals in the mask, from the cache if they are there, and notices."""
        preparation = self.preparation_
        parts = None if self.runs is None else check_parts(self.runs, run.n_timepoints, run.name)
        if parts is None and sample_mask is not None:
            run, sample_mask = run.keep(sample_mask), None

        def key():
            rest = joblib.hash(confounds), joblib.hash((parts, sample_mask))
            return SIGNALS.key(fingerprint(run), preparation.key(), rest)

        def compute():
            return prepare(run, preparation, confounds, parts, sample_mask)

        return self._recalled(SIGNALS, run, key, compute, f"{preparation.mask.n_voxels} voxels")

    def get_feature_names_out(self, input_features: object = None) -> np.ndarray:
        """Names of the columns: niftimasker0, niftimasker1, and so on."""
        del input_features
        return np.array([f"niftimasker{i}" for i in range(self.n_elements_)], dtype=object)

    def as_nilearn(self) -> BaseEstimator:
        """As :meth:`transformer.RunTransformer.as_nilearn`; of volumes only."""
        mask = getattr(getattr(self, "preparation_", None), "mask", None)
        if isinstance(mask, Grayordinates):
            msg = (
                "nilearn's NiftiMasker takes volumes, and this masker was fitted to grayordinates. "
                "nilearn.maskers.SurfaceMasker takes SurfaceImage; of CIFTI nilearn takes none."
            )
            raise DataError(msg)
        return super().as_nilearn()

    def _as_fitted(self):
        return {"mask_img": self.mask_img_, "target_affine": None, "target_shape": None}

    def inverse_transform(self, X: ArrayLike) -> Nifti1Image:
        """Return arrays over the mask's voxels as an image.

        Memory is that of the full image.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_voxels) or (n_voxels,)

        Returns
        -------
        Nifti1Image
            4D, or 3D for one row without its dimension. Of CIFTI runs a Cifti2Image: a dtseries
            where the masker has a `t_r`, else a dscalar; of GIFTI pairs a SurfaceImage.
        """
        check_is_fitted(self)
        return unmask(as_array(X), self.preparation_.mask, t_r=self.t_r)

    def __sklearn_is_fitted__(self):
        """Tell scikit-learn whether `fit` was called."""
        return hasattr(self, "preparation_")
