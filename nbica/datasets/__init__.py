"""Data to work on: a simulated cohort with known truth, which needs no network."""

from nbica.datasets.simulated import simulate_group

__all__ = ["simulate_group"]
