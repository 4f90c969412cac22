"""What other software writes, read: nilearn's own. `nbica.datasets.find_bids` is ours."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(__name__, {}, rooms=["bids", "fmriprep", "fsl"])
