"""Tables of clusters and reports of GLMs: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.reporting": ["HTMLReport", "get_clusters_table", "make_glm_report"],
    },
)  # fmt: skip
