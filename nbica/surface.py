"""Surfaces: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.surface": [
            "FileMesh", "InMemoryMesh", "PolyData", "PolyMesh", "SurfaceImage", "SurfaceMesh",
            "load_surf_data", "load_surf_mesh", "vol_to_surf",
        ],
    },
)  # fmt: skip
