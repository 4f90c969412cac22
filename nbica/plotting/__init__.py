"""Static figures of brain maps.

Everything is drawn in world space (mm, RAS+): proportions are true, and left is left. No pyplot: a
figure belongs to who holds it, and shows itself once, where it is the value of a notebook's cell.
"""

from nbica.plotting.colours import BLUE_ORANGE
from nbica.plotting.components import plot_components
from nbica.plotting.figures import MapsFigure
from nbica.slicing import slice_at

__all__ = ["BLUE_ORANGE", "MapsFigure", "plot_components", "slice_at"]
