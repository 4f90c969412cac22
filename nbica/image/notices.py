"""What is noticed about a run, in words and in one warning."""

import warnings

from nbica.exceptions import DataWarning


def warn_of(run, notices, stacklevel=2):
    """Tell the user, by one warning that names the run, what was noticed about it.

    `stacklevel` is as `warnings.warn` takes it, from the caller.
    """
    if notices:
        message = f"{run.name}: {'; '.join(notices)}"
        warnings.warn(message, DataWarning, stacklevel=stacklevel + 1)


def notice_of_nonfinite(n_nonfinite, run):
    """What became of values that were not finite, in words."""
    if run.frames.dtype.kind == "f":
        return f"{n_nonfinite} values were NaN or infinite; set to 0"
    return f"{n_nonfinite} values, scaled, are beyond what float32 holds; set to 0"
