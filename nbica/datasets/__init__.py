"""Open data in one call, local data as they lie on disk, and a simulated cohort with known truth.

The names are imported when they are first touched, so that a session that only simulates loads
nothing that downloads.
"""

from importlib import import_module

_HOME_OF = {
    "data_sets": "fetchers",
    "fetch_abide_pcp": "abide",
    "fetch_adhd": "functional",
    "fetch_atlas_difumo": "atlases",
    "fetch_atlas_harvard_oxford": "harvard_oxford",
    "fetch_atlas_msdl": "atlases",
    "fetch_atlas_schaefer_2018": "atlases",
    "fetch_atlas_smith_2009": "atlases",
    "fetch_atlas_yeo_2011": "atlases",
    "fetch_development_fmri": "functional",
    "fetch_haxby": "haxby",
    "fetch_icbm152_2009": "templates",
    "fetch_localizer_first_level": "functional",
    "fetch_networks_abide": "atlases",
    "fetch_openneuro": "openneuro",
    "fetch_templateflow": "templates",
    "find_bids": "bids",
    "find_hcp": "hcp",
    "mirror": "mirrors",
    "plan": "fetchers",
    "simulate_group": "simulated",
    "simulate_task": "task",
}

__all__ = list(_HOME_OF)


def __getattr__(name):
    if name not in _HOME_OF:
        msg = f"module 'nbica.datasets' has no attribute {name!r}; it has {', '.join(__all__)}"
        raise AttributeError(msg)
    value = getattr(import_module(f"nbica.datasets.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__():
    return __all__
