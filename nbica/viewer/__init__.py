"""Brain maps to click through: in a notebook, in a page without a kernel, in a file.

The journey of a picture: images are put on grids along the world's axes (`nbica.grids`), quantised
and packed (`payload`), sent once, and drawn by the browser alone (`volume.js`, `planes.js`,
`draw.js`, `slices.js`). `render` draws the same pixels in numpy; it is the oracle of the JavaScript
and makes the pictures for where no JavaScript runs.
"""
