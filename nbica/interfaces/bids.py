"""BIDS folders: nilearn's own. `nbica.datasets.find_bids` is ours."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.interfaces.bids": ["get_bids_files", "parse_bids_filename", "save_glm_to_bids"],
    },
)  # fmt: skip
