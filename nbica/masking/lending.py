"""Our maskers inside nilearn's objects, which take its own class only."""

import inspect
from functools import wraps

# Where nilearn takes a masker.
_NAMES = ("mask", "mask_img", "masker")


def with_our_maskers(theirs, home):
    """Nilearn's class or function, which takes our maskers too; others stay as they are.

    Before the work begins, our masker is replaced by nilearn's with the same parameters
    (:meth:`transformer.RunTransformer.as_nilearn`).

    Parameters
    ----------
    theirs : class or function
    home : str
        The module that hands it on, where a pickle finds it again.

    Returns
    -------
    A subclass, a wrapped function, or the same
    """
    if not callable(theirs) or not set(_NAMES) & set(inspect.signature(theirs).parameters):
        return theirs
    if isinstance(theirs, type):
        return _subclass(theirs, home) if hasattr(theirs, "fit") else theirs
    return _wrapped(theirs)


def lent(value):
    """Our masker as nilearn's; anything else as it is."""
    return value.as_nilearn() if hasattr(value, "as_nilearn") else value


def _wrapped(theirs):
    @wraps(theirs)
    def ours(*args, **kwargs):
        return theirs(*map(lent, args), **{name: lent(value) for name, value in kwargs.items()})

    return ours


def _subclass(theirs, home):
    """A class of nilearn's whose `fit` takes our maskers as well."""
    names = [name for name in _NAMES if name in inspect.signature(theirs).parameters]

    @wraps(theirs.fit)
    def fit(self, *args, **kwargs):
        given = {name: getattr(self, name) for name in names}
        try:
            for name, value in given.items():
                setattr(self, name, lent(value))
            return theirs.fit(self, *args, **kwargs)
        finally:
            for name, value in given.items():
                setattr(self, name, value)

    members = {"fit": fit, "__doc__": theirs.__doc__, "__module__": home}
    return type(theirs.__name__, (theirs,), members)
