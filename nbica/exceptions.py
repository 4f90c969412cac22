"""What can go wrong, under names a user can catch or silence."""


def printable(text):
    r"""Text without what moves a cursor, hides lines or cannot be encoded; lines stay lines.

    Names of files come from anybody, and messages hold them.

    >>> printable("sub-\x1b[2J01.nii\udcff\nsub-02.nii")
    'sub-?[2J01.nii?\nsub-02.nii'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


class NbicaWarning(UserWarning):
    """Something to know that did not stop the computation; it also stays in the result.

    Examples
    --------
    >>> import warnings
    >>> from nbica import NbicaWarning, datasets, masking
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> with warnings.catch_warnings():
    ...     warnings.simplefilter("error", NbicaWarning)
    ...     try:
    ...         masking.apply_mask(cohort.anat_img, cohort.mask_img)
    ...     except NbicaWarning as warning:
    ...         print(type(warning).__name__)
    DataWarning
    """

    def __str__(self):
        return printable(super().__str__())


class NotConvergedWarning(NbicaWarning):
    """An iteration stopped at its limit before it settled.

    Examples
    --------
    >>> import warnings
    >>> import numpy as np
    >>> from nbica.decomposition import fast_ica
    >>> from nbica.exceptions import NotConvergedWarning
    >>> noise = np.random.default_rng(0).normal(size=(5, 500))
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     found = fast_ica(noise, max_iter=1, random_state=0)
    >>> issubclass(caught[0].category, NotConvergedWarning)
    True
    """


class DataWarning(NbicaWarning):
    """The data were not as expected and were handled as the message says.

    Examples
    --------
    >>> import warnings
    >>> from nbica import datasets, masking
    >>> from nbica.exceptions import DataWarning
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     values = masking.apply_mask(cohort.anat_img, cohort.mask_img)
    >>> issubclass(caught[0].category, DataWarning), "resampled" in str(caught[0].message)
    (True, True)
    """


class CacheWarning(NbicaWarning):
    """Something about the cache; the result is right all the same.

    Examples
    --------
    >>> import warnings
    >>> from nbica import CanICA, datasets
    >>> from nbica.exceptions import CacheWarning
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> ica = CanICA(cohort.mask_img, 5, random_state=0, memory="cache", cache_limit="200kB")
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     ica = ica.fit(cohort)
    >>> {warning.category for warning in caught} == {CacheWarning}, ica.components_.shape[0]
    (True, 5)
    """


class IgnoredWarning(NbicaWarning):
    """A parameter was given that has no say here; the message says what has."""


class DataError(ValueError):
    """An image or a table cannot be used as it is; the message names it and says what to do.

    Examples
    --------
    >>> import nibabel as nib
    >>> import numpy as np
    >>> from nbica import masking
    >>> from nbica.exceptions import DataError
    >>> empty = nib.Nifti1Image(np.zeros((3, 3, 3)), np.eye(4))
    >>> try:
    ...     masking.load_mask(empty)
    ... except DataError as error:
    ...     print(error)
    The mask image is empty: no voxel is different from 0.
    """

    def __str__(self):
        return printable(super().__str__())


class RunCancelled(RuntimeError):
    """A run was stopped on request; what it had finished is in the cache.

    See Also
    --------
    nbica.start : starts a fit that can be stopped.

    Examples
    --------
    >>> from nbica import CanICA, RunCancelled, datasets
    >>> cohort = datasets.simulate_group(4, 40, voxel_size=12)
    >>> def enough(state):
    ...     if state.n_runs == 2:
    ...         raise RunCancelled("two runs are enough")
    >>> ica = CanICA(cohort.mask_img, n_components=5, callback=enough)
    >>> try:
    ...     ica.fit(cohort)
    ... except RunCancelled as error:
    ...     print(str(error).partition(":")[0])
    CanICA was stopped at
    """


class WorkerKilled(RuntimeError):
    """A worker process was killed from outside; the message names its run and what to do."""

    def __str__(self):
        return printable(super().__str__())


class DownloadError(OSError):
    """A file could not be downloaded; the message says why, and how to place it by hand.

    Examples
    --------
    >>> from nbica import datasets
    >>> from nbica.exceptions import DownloadError
    >>> try:
    ...     datasets.fetch_atlas_msdl("data", url="file:///nowhere/msdl.zip", verbose=0)
    ... except DownloadError as error:
    ...     print(str(error).splitlines()[0])
    atlas_msdl: MSDL_rois.zip could not be fetched.
    """

    is_offline = False  # whether it looks as if there were no network at all

    def __str__(self):
        return printable(super().__str__())
