"""A simulated scanner, its subjects and their networks, written as real files with known truth."""
