"""Names for the types in signatures: for readers and type checkers, and never imported by a run."""

from collections.abc import Iterable, Mapping, Sequence
from os import PathLike
from typing import Literal, TypeAlias

import joblib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from nibabel.spatialimages import SpatialImage
from numpy.typing import ArrayLike
from pandas import DataFrame
from sklearn.utils import Bunch

AnyPath: TypeAlias = str | PathLike[str]
MemoryLike: TypeAlias = AnyPath | joblib.Memory | None
Seed: TypeAlias = int | np.random.RandomState | np.random.Generator | None

# What a user passes: one image, one or several, and the runs of a group as a fit takes them.
ImageLike: TypeAlias = AnyPath | SpatialImage
Images: TypeAlias = ImageLike | Sequence[ImageLike]
Runs: TypeAlias = Images | Bunch | Iterable[ImageLike]

# Confounds of one run, and one entry per run.
Confounds: TypeAlias = ArrayLike | DataFrame | AnyPath | Sequence[ArrayLike | DataFrame] | None
RunConfounds: TypeAlias = Sequence[Confounds] | None
# Frames to keep, as indices or booleans.
SampleMask: TypeAlias = ArrayLike | Sequence[ArrayLike | None] | None
RunSampleMasks: TypeAlias = Sequence[SampleMask] | None

# Millimetres, for all axes or for each; bytes, as a number or such as "1.5GB".
Fwhm: TypeAlias = float | Sequence[float] | None
Bytes: TypeAlias = int | str | None
Standardize: TypeAlias = Literal["zscore_sample", "psc"] | bool | None

# What plotting functions share.
Background: TypeAlias = ImageLike | Literal["auto"] | None
Colors: TypeAlias = str | Colormap | None
CutCoords: TypeAlias = int | Sequence[float] | Mapping[str, int | Sequence[float]] | None
FigureOrSize: TypeAlias = Figure | tuple[float, float] | None
AxesOrPlace: TypeAlias = Axes | tuple[float, float, float, float] | None
# Surfaces of two hemispheres: (left, right), a dict of both, or what nilearn has.
MeshLike: TypeAlias = Sequence[object] | Mapping[str, object] | object
