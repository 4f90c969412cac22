"""Take chosen components out of a run: the same images, without their time courses."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nibabel as nib
import numpy as np

from nbica.connectivity.subject_maps import standardized
from nbica.decomposition.preflight import plan_of
from nbica.decomposition.projection import project_run
from nbica.decomposition.run_table import warn_about_runs
from nbica.image import frames
from nbica.image.grid import whole
from nbica.image.inputs import inputs_of
from nbica.image.run import FileFrames, load_run
from nbica.image.writing import NiftiStream
from nbica.runtime import machine
from nbica.runtime.checks import as_array, as_flag, as_path, check_fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nbica.decomposition.canica import CanICA
    from nbica.decomposition.dict_learning import DictLearning
    from nbica.hints import AnyPath, Confounds, ImageLike


def remove_components(
    ica: CanICA | DictLearning, img: ImageLike, components: Sequence[int], out_file: AnyPath,
    confounds: Confounds = None, aggressive: bool = True,
) -> str:  # fmt: skip
    """Write a run without some of its components: movement, vessels, whatever is not a network.

    Reads the run three times, a block of frames at a time. Memory is that of the cleaned run in the
    mask (for the time courses), then n_components x all voxels x 8 B. The file appears under its
    name when it is whole.

    The time courses are those of `ica.transform`; they are taken out of the images as these are,
    in every voxel, unsmoothed and in their own unit. Means, drifts and confounds stay.

    Parameters
    ----------
    ica : CanICA or DictLearning
        Fitted.
    img : path or nibabel image
        One run.
    components : sequence of int
        Rows of `ica.components_`.
    out_file : path
        Ends in .nii.gz; an existing file is replaced, once the new one is whole.
    confounds : ndarray, DataFrame, path, list of these or None
        For the time courses, as in the fit.
    aggressive : bool
        Leave nothing that correlates with these time courses. False leaves what other components
        explain as well (FSL's `fsl_regfilt` does that).

    Returns
    -------
    str
        `out_file`.

    Raises
    ------
    ValueError
        For components that do not exist, or a name that does not end in .nii.gz.
    DataError, FileNotFoundError
        For an image or confounds that cannot be used.
    OSError
        If the file cannot be written; nothing is left of it then.

    See Also
    --------
    nbica.matching.flag_noise : suggests which components are noise.

    Examples
    --------
    >>> from nbica import CanICA, connectivity, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, n_components=5, random_state=0).fit(cohort)
    >>> run, table = cohort.func[0], cohort.confounds[0]
    >>> connectivity.remove_components(ica, run, [1, 3], "cleaned.nii.gz", confounds=table)
    'cleaned.nii.gz'
    """
    check_fitted("ica", ica)
    aggressive = as_flag("aggressive", aggressive)
    chosen = _check_components(components, len(ica.components_))
    run, out_file = load_run(img), _check_name(out_file)
    if isinstance(run.frames, FileFrames) and out_file.exists() and out_file.samefile(run.name):
        msg = f"out_file is the run itself, {run.name}: write to another name."
        raise ValueError(msg)
    courses = _time_courses(ica, run, confounds)
    removed, weights = complement(courses, chosen, aggressive)
    patterns = _fit(weights, _walk(run))
    with NiftiStream(out_file, _header(run)) as stream:
        for rows, block in _walk(run):
            cleaned = block - removed[rows] @ patterns
            stream.write(np.ascontiguousarray(cleaned, dtype="<f4"))
    return str(out_file)


def _time_courses(ica, run, confounds):
    """Those of the run, cleaned as in the fit and in the memory that the estimator may take."""
    tables = None if confounds is None else [confounds]
    plan = plan_of(ica, inputs_of([run], tables), ica.masker_.n_elements_)
    machine.check_disk(plan.scratch_path, plan.scratch)
    courses, notices = project_run(
        run, ica.masker_.preparation_, ica.components_, confounds, plan.scratch_path
    )
    warn_about_runs([(run.name, "; ".join(notices))], 1, stacklevel=3)
    return courses


def complement(courses, chosen, aggressive=True):
    """What to subtract: `signals - removed @ (weights @ signals)`.

    Parameters
    ----------
    courses : ndarray of shape (n_timepoints, n_components)
    chosen : list of int
    aggressive : bool

    Returns
    -------
    removed : ndarray of shape (n_timepoints, n_chosen)
        The time courses, mean 0 and variance 1.
    weights : ndarray of shape (n_chosen, n_timepoints)
        Their rows of a pseudo-inverse: of the chosen time courses, or of all.
    """
    courses = standardized(courses.astype(np.float64))
    removed = courses[:, chosen]
    return removed, np.linalg.pinv(removed) if aggressive else np.linalg.pinv(courses)[chosen]


def _walk(run):
    """Blocks of whole frames as they are in the file, float64 of shape (n_frames, n_voxels)."""
    for start, values, _ in frames.iter_blocks(run, run.grid, whole(run.grid)):
        rows = slice(start, start + len(values))
        yield rows, values.reshape(len(values), -1).astype(np.float64)


def _fit(weights, walk):
    return sum(weights[:, rows] @ block for rows, block in walk)


def _header(run):
    """Header of the result: where, how large and how often are the run's own."""
    header = nib.Nifti1Header()
    header.set_data_dtype("<f4")
    header.set_data_shape((*run.grid.shape, run.n_timepoints))
    qform, sform, unit = run.grid.space
    header.set_qform(run.grid.affine, code=qform)
    header.set_sform(run.grid.affine, code=sform)
    header.set_xyzt_units(unit, "sec")
    header["pixdim"][4] = run.t_r or 0
    header.set_slope_inter(1, 0)
    header["descrip"] = b"components removed by nbica"
    return header


def _check_components(components, n_components):
    chosen = np.atleast_1d(as_array(components))
    is_index = chosen.ndim == 1 and chosen.size and chosen.dtype.kind in "iu"
    if not is_index or chosen.min() < 0 or chosen.max() >= n_components:
        msg = (
            f"components are {components!r}; expected one or more of 0 to {n_components - 1}: rows "
            "of components_."
        )
        raise ValueError(msg)
    return np.unique(chosen)


def _check_name(out_file):
    out_file = as_path("out_file", out_file)
    if not out_file.name.endswith(".nii.gz"):
        msg = f"out_file is {str(out_file)!r}; expected a name that ends in .nii.gz."
        raise ValueError(msg)
    if not out_file.absolute().parent.is_dir():
        msg = f"No such folder: {out_file.absolute().parent}. Make it first."
        raise FileNotFoundError(msg)
    return out_file
