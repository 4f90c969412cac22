"""Decoders and searchlights: nilearn's own, which take our maskers."""

from nbica.masking.lending import with_our_maskers
from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.decoding": [
            "Decoder", "DecoderRegressor", "FREMClassifier", "FREMRegressor", "SearchLight",
            "SpaceNetClassifier", "SpaceNetRegressor",
        ],
    },
    adapt=with_our_maskers,
)  # fmt: skip
