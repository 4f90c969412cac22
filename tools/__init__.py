"""Tools of those who work on nbica; none of them is installed with it."""
