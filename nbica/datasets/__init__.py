"""Data to work on: simulated, with known truth, which need no network."""

from nbica.datasets.simulated import simulate_group
from nbica.datasets.task import simulate_task

__all__ = ["simulate_group", "simulate_task"]
