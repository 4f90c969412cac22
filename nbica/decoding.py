"""Decoders and searchlights: nilearn's own, which take our maskers."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.decoding": [
            "Decoder", "DecoderRegressor", "FREMClassifier", "FREMRegressor", "SearchLight",
            "SpaceNetClassifier", "SpaceNetRegressor",
        ],
    },
)  # fmt: skip
