"""The viewer's own pages: bytes, first picture, what a frame costs."""

import time
from importlib.util import find_spec

import numpy as np

from benchmarks.browser import processes
from benchmarks.browser.scenes import THRESHOLD

CHANGES = ("component", "cut_coords", "threshold")

# The callbacks of one frame run in the order in which they were asked for, so what passes between
# the first and the last is what the viewer does in between.
STEP = """async ([name, values]) => {
  const frame = () =>
    new Promise((done) => requestAnimationFrame(() => done(performance.now())));
  const work = [];
  for (const value of values) {
    await frame();
    const before = frame();
    window.nbica.set(name, value);
    const after = frame();
    const [first, last] = [await before, await after];
    work.push(last - first);
  }
  return work;
}"""

# When the largest thing was painted first: the picture that the page holds for as long as its
# script is not there yet.
LARGEST_PAINT = """new Promise((done) => new PerformanceObserver(
  (list) => done(list.getEntries().at(-1).startTime)
).observe({ type: "largest-contentful-paint", buffered: true }))"""


def measure_page(playwright, path, scene, n_steps):
    """Write the page of a scene, open it, and walk through it.

    Parameters
    ----------
    playwright : Playwright
    path : Path
        Of the page.
    scene : scenes.Scene
    n_steps : int
        Of each of `CHANGES`.

    Returns
    -------
    dict
        Bytes of page and payload; seconds to make it; ms to the first picture and until it
        answers; for each change the ms of work in a frame, and CPU ms of all processes; bytes of
        memory.
    """
    found, bounds = _write_page(path, scene)
    with processes.chromium(playwright) as browser:
        tab = browser.new_context(bypass_csp=True).new_page()
        tab.goto("about:blank")
        empty = processes.memory()
        tab.goto(path.as_uri())
        tab.wait_for_function("document.documentElement.dataset.ready === 'true'")
        found["first"] = tab.evaluate(LARGEST_PAINT)
        found["ready"] = tab.evaluate("window.nbicaReady")
        for name, values in _walks(scene, bounds, n_steps).items():
            before = processes.cpu_seconds()
            work = tab.evaluate(STEP, [name, values])
            found[name] = {
                "least": float(np.min(work)), "median": float(np.median(work)),
                "worst": float(np.percentile(work, 95)),
                "cpu": 1000 * (processes.cpu_seconds() - before) / n_steps,
            }  # fmt: skip
        return found | {"memory": max(0, processes.memory() - empty)}


def _write_page(path, scene):
    from nbica import view_img

    start = time.perf_counter()
    viewer = view_img(scene.img, scene.bg_img, threshold=THRESHOLD)
    viewer.to_html(path)
    found = {
        "seconds": time.perf_counter() - start, "bytes": path.stat().st_size,
        "payload": viewer.n_bytes,
    }  # fmt: skip
    bounds = viewer.scene.bounds
    viewer.close()
    return found, bounds


def _walks(scene, bounds, n_steps):
    """What a person changes: the map, the place, the threshold."""
    low, high = np.transpose(bounds)
    parts = np.linspace(0.3, 0.7, n_steps)
    return {
        "component": [int(k % scene.n_volumes) for k in range(1, n_steps + 1)],
        "cut_coords": [(low + part * (high - low)).tolist() for part in parts],
        "threshold": (2 + parts).tolist(),
    }


def measure_nilearn(path, scene):
    """Bytes of nilearn's page of one map, and seconds to make it; None without nilearn."""
    if find_spec("nilearn") is None:
        return None
    from nilearn.image import index_img
    from nilearn.plotting import view_img

    start = time.perf_counter()
    page = view_img(index_img(scene.img, 0), bg_img=str(scene.bg_img), threshold=THRESHOLD)
    page.save_as_html(str(path))
    return {"seconds": time.perf_counter() - start, "bytes": path.stat().st_size}
