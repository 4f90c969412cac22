"""Group ICA of fMRI in a notebook, on data that does not fit in RAM.

The public names are imported when they are first touched, so that `import nbica` costs next to
nothing and a session that only looks at a table never loads scikit-learn or matplotlib.
"""

from importlib import import_module

from nbica.exceptions import NbicaWarning

__version__ = "0.1.0.dev0"

_HOME_OF = {
    "CanICA": "nbica.canica",
    "ComponentBrowser": "nbica.viewer.components",
    "DictLearning": "nbica.dictionary",
    "FitPanel": "nbica.viewer.fit",
    "NiftiLabelsMasker": "nbica.region_maskers",
    "NiftiMapsMasker": "nbica.region_maskers",
    "NiftiMasker": "nbica.masker",
    "RunCancelled": "nbica.exceptions",
    "SliceViewer": "nbica.viewer.slices",
    "browse": "nbica.viewer.components",
    "cache_clear": "nbica.inventory",
    "cache_info": "nbica.inventory",
    "check": "nbica.teaching.checking",
    "connectivity": "nbica.connectivity",
    "datasets": "nbica.datasets",
    "doctor": "nbica.checkup",
    "plotting": "nbica.plotting",
    "report": "nbica.reporting",
    "start": "nbica.running",
    "teaching": "nbica.teaching",
    "to_niivue": "nbica.viewer.niivue",
    "view_img": "nbica.viewer.slices",
}

__all__ = [
    "CanICA",
    "ComponentBrowser",
    "DictLearning",
    "FitPanel",
    "NbicaWarning",
    "NiftiLabelsMasker",
    "NiftiMapsMasker",
    "NiftiMasker",
    "RunCancelled",
    "SliceViewer",
    "__version__",
    "browse",
    "cache_clear",
    "cache_info",
    "check",
    "connectivity",
    "datasets",
    "doctor",
    "plotting",
    "report",
    "start",
    "teaching",
    "to_niivue",
    "view_img",
]


def __getattr__(name):
    if name not in _HOME_OF:
        msg = f"module 'nbica' has no attribute {name!r}; it has {', '.join(__all__)}"
        raise AttributeError(msg)
    module = import_module(_HOME_OF[name])
    value = module if module.__name__ == f"nbica.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
