"""Brain maps to click through: in a notebook, in a page without a kernel, in a file.

A picture goes this way: images are put on grids along the world's axes (`nbica.image.world_axes`),
quantised and packed (`payload`), sent once, and drawn by the browser alone (`js/`). `render` draws
the same pixels in numpy; it is the oracle of the JavaScript and makes the pictures for where no
JavaScript runs.
"""

from nbica.runtime.doors import door

__getattr__, __dir__, __all__ = door(
    __name__,
    {
        ".component_browser": ["ComponentBrowser", "browse"],
        ".fit_panel": ["FitPanel"],
        ".niivue": ["to_niivue"],
        ".reporting": ["report"],
        ".slice_viewer": ["SliceViewer"],
        ".view": ["view_img"],
    },
)
