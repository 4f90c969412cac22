"""Small scenes for the browser, and how to ask it what it drew."""

import base64

import nibabel as nib
import numpy as np
from scipy.ndimage import gaussian_filter

# Flipped, anisotropic and in another order than x, y, z.
MAPS_AFFINE = np.array([[0, -3.0, 0, 31], [2.5, 0, 0, -28], [0, 0, 3.5, -20], [0, 0, 0, 1]])
ANATOMY_AFFINE = np.array([[-2.0, 0, 0, 36], [0, 2, 0, -32], [0, 0, 2, -24], [0, 0, 0, 1]])


def images(seed=0):
    """Maps with a gap, an anatomy, regions, one more map; each on a grid of its own."""
    rng = np.random.default_rng(seed)
    maps = gaussian_filter(rng.standard_normal((20, 22, 14, 4)), (2, 2, 2, 0)) * 40
    maps[:4] = 0
    maps[10:12, 10, 5:9, 1] = np.nan
    anatomy = gaussian_filter(rng.standard_normal((36, 32, 26)), 2) * 300 + 200
    regions = (gaussian_filter(rng.standard_normal((20, 22, 14)), 3) * 60).round().clip(0, 9)
    return (
        nib.Nifti1Image(maps.astype(np.float32), MAPS_AFFINE),
        nib.Nifti1Image(anatomy.astype(np.float32), ANATOMY_AFFINE),
        nib.Nifti1Image(regions.astype(np.int16), MAPS_AFFINE),
        nib.Nifti1Image(maps[..., 0].astype(np.float32) ** 2, MAPS_AFFINE),
    )


# Sets each state, waits until it is drawn, and returns what is on the canvases as base64.
SHOOT = """async (states) => {
  const frame = () => new Promise((done) => requestAnimationFrame(done));
  const text = (data) => btoa(Array.from(data, (b) => String.fromCharCode(b)).join(""));
  const shots = [];
  for (const state of states) {
    for (const [name, value] of Object.entries(state)) window.nbica.set(name, value);
    await frame(); await frame();
    const canvases = [...document.querySelectorAll(".nbv-pane canvas")];
    shots.push(canvases.map((c) => {
      const image = c.getContext("2d").getImageData(0, 0, c.width, c.height);
      return [c.height, c.width, text(image.data)];
    }));
  }
  return shots;
}"""


def shots(page, states):
    """Pictures of all panes in each state: lists of arrays (n_rows, n_columns, 3)."""
    found = page.evaluate(SHOOT, states)
    return [[_array(*pane) for pane in panes] for panes in found]


def _array(height, width, text):
    data = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
    assert (data[..., 3] == 255).all()
    return data[..., :3]
