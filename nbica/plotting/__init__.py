"""Static figures of brain maps.

Everything is drawn in world space (mm, RAS+): proportions are true, and left is left. No pyplot: a
figure belongs to who holds it, and a notebook shows it once, as the value of a cell or at its end.
"""

from nbica.plotting.carpets import plot_carpet
from nbica.plotting.colours import BLUE_ORANGE, BLUE_ORANGE_ON_WHITE
from nbica.plotting.components import plot_components
from nbica.plotting.displays import Display
from nbica.plotting.figures import MapsFigure, show
from nbica.plotting.glass import plot_connectome, plot_glass_brain
from nbica.plotting.judging import plot_component_spectrum, plot_split_half
from nbica.plotting.matrices import plot_matrix
from nbica.plotting.slices import plot_anat, plot_epi, plot_prob_atlas, plot_roi, plot_stat_map
from nbica.plotting.spectra import plot_spectrum, power_spectrum
from nbica.slicing import slice_at

__all__ = [
    "BLUE_ORANGE",
    "BLUE_ORANGE_ON_WHITE",
    "Display",
    "MapsFigure",
    "plot_anat",
    "plot_carpet",
    "plot_component_spectrum",
    "plot_components",
    "plot_connectome",
    "plot_epi",
    "plot_glass_brain",
    "plot_matrix",
    "plot_prob_atlas",
    "plot_roi",
    "plot_spectrum",
    "plot_split_half",
    "plot_stat_map",
    "power_spectrum",
    "show",
    "slice_at",
]
