"""The MNI152 template that nilearn's wheel brings: its files, found without importing nilearn."""

from importlib.util import find_spec
from pathlib import Path

from nbica.exceptions import DataError

TISSUES = {"whole-brain": "t1", "gm": "gm", "wm": "wm"}


def template_file(mask_type="whole-brain"):
    """The file of a template at 1 mm, without the skull (ICBM 2009a, symmetric).

    Parameters
    ----------
    mask_type : {"whole-brain", "gm", "wm"}
        T1, or the share of grey or white matter.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    ValueError
        For another type.
    DataError
        If nilearn is not installed.
    """
    if mask_type not in TISSUES:
        msg = f"mask_type is {mask_type!r}; expected one of {', '.join(TISSUES)}."
        raise ValueError(msg)
    nilearn = find_spec("nilearn")
    if nilearn is None:
        msg = "MNI152 comes with nilearn, which is not installed: pip install nilearn."
        raise DataError(msg)
    name = f"mni_icbm152_{TISSUES[mask_type]}_tal_nlin_sym_09a_converted.nii.gz"
    return Path(nilearn.origin).parent / "datasets" / "data" / name
