"""Exercises that check themselves (:func:`nbica.check`), the dials of the course, class reports."""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".checking": ["check"],
        ".dials": ["Dial", "ICADial", "Steps"],
        ".report": ["ClassReport", "class_report"],
        ".sealing": ["seal", "seal_affine", "seal_names"],
    },
)
