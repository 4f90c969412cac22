"""The door of a folder: its public names, each imported when it is first touched.

So `import nbica` costs next to nothing, and a worker process that unpickles one function loads
neither scikit-learn nor pandas. Names of a module of nilearn are nilearn's own, handed on.
"""

import sys
from importlib import import_module


def door(package, homes, rooms=(), adapt=None):
    """Return what a module needs to import its public names lazily.

    Parameters
    ----------
    package : str
        `__name__` of the module.
    homes : dict
        Names by the module that defines them. A module that begins with a dot lies in the package.
    rooms : sequence of str
        Modules of the package that are public themselves.
    adapt : callable, optional
        What becomes of a name that is nilearn's: called with its value and `package`.

    Returns
    -------
    tuple
        `__getattr__`, `__dir__` and `__all__` of the module.

    Examples
    --------
    >>> from nbica.runtime.doors import door
    >>> look_up, _, names = door("nbica.matching", {".pairing": ["match", "correlate"]})
    >>> names, look_up("match").__module__
    (['correlate', 'match'], 'nbica.matching.pairing')
    """
    home_of = {name: home for home, names in homes.items() for name in names}
    public = sorted([*home_of, *rooms])

    def __getattr__(name):
        if name not in public:
            raise AttributeError(_message_for_unknown(package, name, public))
        if name in rooms:
            return import_module(f"{package}.{name}")
        home = home_of[name]
        value = getattr(import_module(home, package), name)
        if adapt is not None and home.startswith("nilearn."):
            value = adapt(value, package)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__, lambda: public, public


def _message_for_unknown(package, name, public):
    from difflib import get_close_matches

    close = get_close_matches(name, public, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(public)}"
    return f"module {package!r} has no attribute {name!r}{hint}"
