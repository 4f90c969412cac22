"""Group ICA of fMRI in a notebook, on data that does not fit in RAM.

The public names are imported when they are first touched, so that `import nbica` costs next to
nothing and a session that only looks at a table never loads scikit-learn or matplotlib.
"""

from nbica.exceptions import NbicaWarning
from nbica.runtime.doors import door

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".decomposition": ["CanICA", "DictLearning"],
        ".masking": ["NiftiLabelsMasker", "NiftiMapsMasker", "NiftiMasker"],
        ".viewer": [
            "ComponentBrowser", "FitPanel", "SliceViewer", "browse", "report", "to_niivue",
            "view_img",
        ],
        ".runtime": ["cache_clear", "start"],
        ".runtime.cache_info": ["cache_info"],
        ".image.reads": ["count_reads"],
        ".teaching": ["check"],
        ".cli.checkup": ["doctor"],
        ".exceptions": ["RunCancelled"],
    },
    rooms=[
        "connectivity", "connectome", "datasets", "decoding", "decomposition", "exceptions", "glm",
        "image", "interfaces", "maskers", "masking", "mass_univariate", "matching", "plotting",
        "regions", "reporting", "signal", "surface", "teaching", "viewer",
    ],
)  # fmt: skip
__all__ += ["NbicaWarning", "__version__"]
