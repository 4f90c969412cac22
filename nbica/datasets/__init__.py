"""Open data in one call, data that lie on this disk, and a simulated cohort with known truth."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".fetchers.abide": ["fetch_abide_pcp"],
        ".fetchers.atlases": [
            "fetch_atlas_difumo", "fetch_atlas_msdl", "fetch_atlas_schaefer_2018",
            "fetch_atlas_smith_2009", "fetch_atlas_yeo_2011", "fetch_networks_abide",
        ],
        ".fetchers.common": ["data_sets", "plan"],
        ".fetchers.functional": [
            "fetch_adhd", "fetch_development_fmri", "fetch_localizer_first_level",
        ],
        ".fetchers.harvard_oxford": ["fetch_atlas_harvard_oxford"],
        ".fetchers.haxby": ["fetch_haxby"],
        ".fetchers.mirrors": ["mirror"],
        ".fetchers.openneuro": ["fetch_openneuro"],
        ".fetchers.templates": ["fetch_icbm152_2009", "fetch_templateflow"],
        ".local.bids": ["find_bids"],
        ".local.hcp": ["find_hcp"],
        ".simulation.group": ["simulate_group"],
        ".simulation.task": ["simulate_task"],
    },
)  # fmt: skip
