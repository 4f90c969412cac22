"""Exercises that check themselves (:func:`nbica.check`), and what a class has done of them."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".checking": ["check"],
        ".report": ["ClassReport", "class_report"],
        ".sealing": ["seal", "seal_affine", "seal_names"],
    },
)
