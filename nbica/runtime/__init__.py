"""What a fit runs on: cache, memory budget, processes, progress. It knows nothing of brains."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__, {".cache_info": ["cache_clear"], ".background": ["start"]}
)
