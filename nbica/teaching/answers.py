"""An answer as a learner gives it, turned into what can be judged, or a plain word why not."""

import numpy as np


def is_blank(answer):
    """Whether nothing was answered yet: `...`, None, an empty text or a list of these."""
    if isinstance(answer, str):
        return not answer.strip(" .…")
    if isinstance(answer, list | tuple | set):
        return all(is_blank(one) for one in answer)
    return answer is None or answer is ...


def as_names(answer):
    """Names in an answer, or None.

    Parameters
    ----------
    answer : object
        A text, or a sequence, set, array or Index of texts.

    Returns
    -------
    list of str or None
    """
    if isinstance(answer, str):
        return [answer]
    if hasattr(answer, "tolist"):  # arrays, and Series and Index of pandas
        answer = answer.tolist()
    if not isinstance(answer, list | tuple | set | frozenset):
        return None
    return list(answer) if all(isinstance(one, str) for one in answer) else None


def as_values(answer):
    """Numbers in an answer, float64, or None.

    Parameters
    ----------
    answer : object
        A number, a list or array of numbers or booleans, an object of pandas, or an image.

    Returns
    -------
    ndarray or None
    """
    if isinstance(answer, str | bytes | bool | dict | set):
        return None
    try:
        values = np.asarray(answer.get_fdata() if _is_image(answer) else answer)
    except (TypeError, ValueError):  # a list of lists of different lengths
        return None
    # Columns of pandas may hold numbers as objects.
    if values.dtype == object:
        try:
            values = values.astype(float)
        except (TypeError, ValueError):
            return None
    return values.astype(float) if values.dtype.kind in "biuf" else None


def affine_of(answer):
    """Affine of an image; None for anything else."""
    return np.asarray(answer.affine, dtype=float) if _is_image(answer) else None


def described(answer):
    """What an answer is, in words, without its values."""
    if _is_image(answer):
        return f"an image of shape {tuple(answer.shape)}"
    if isinstance(answer, str):
        return "a text"
    if isinstance(answer, bool | np.bool_):
        return "True or False"
    values = as_values(answer)
    if values is None:
        return f"a {type(answer).__name__}"
    return "a number" if values.ndim == 0 else f"an array of shape {values.shape}"


def _is_image(answer):
    return hasattr(answer, "get_fdata") and hasattr(answer, "affine")
