"""Exercises that check themselves (:func:`nbica.check`), and what a class has done of them."""

from nbica.teaching.report import ClassReport, class_report
from nbica.teaching.sealing import seal, seal_affine, seal_names

__all__ = ["ClassReport", "class_report", "seal", "seal_affine", "seal_names"]
