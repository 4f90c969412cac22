"""Exercises that check themselves, and what a class has done: `check`, `class_report`."""

from nbica.teaching.checking import check
from nbica.teaching.report import ClassReport, class_report
from nbica.teaching.sealing import seal, seal_affine, seal_names

__all__ = ["ClassReport", "check", "class_report", "seal", "seal_affine", "seal_names"]
