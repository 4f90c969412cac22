"""Regions of maps and of brains: nilearn's own, of which nothing here is ours."""

from nbica.masking.lending import with_our_maskers
from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.regions": [
            "HierarchicalKMeans", "Parcellations", "ReNA", "RegionExtractor",
            "connected_label_regions", "connected_regions", "img_to_signals_labels",
            "img_to_signals_maps", "recursive_neighbor_agglomeration", "signals_to_img_labels",
            "signals_to_img_maps",
        ],
    },
    adapt=with_our_maskers,
)  # fmt: skip
