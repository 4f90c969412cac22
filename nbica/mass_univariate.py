"""Permuted least squares: nilearn's own."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        "nilearn.mass_univariate": ["permuted_ols"],
    },
)  # fmt: skip
