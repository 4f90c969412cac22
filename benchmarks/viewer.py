"""The viewer in a browser: bytes, first picture, work per frame, memory; nilearn's beside it."""

import contextlib
import shutil
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import psutil

from benchmarks import data
from benchmarks.results import Row, megabytes

SIZES = {
    "full": {"n_maps": 20, "n_frames": 200, "side": 2.0, "n_steps": 40},
    "quick": {"n_maps": 20, "n_frames": 60, "side": 2.0, "n_steps": 20},
    "tiny": {"n_maps": 3, "n_frames": 12, "side": 8.0, "n_steps": 5},
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FIELD = np.array([182.0, 218.0, 182.0])  # mm, as the MNI templates

# The callbacks of one frame run in the order in which they were asked for, so what passes between
# the first and the last is what the viewer does in between.
STEP = """async ([name, values]) => {
  const frame = () =>
    new Promise((done) => requestAnimationFrame(() => done(performance.now())));
  const work = [], wait = [];
  for (const value of values) {
    await frame();
    const asked = performance.now(), before = frame();
    window.nbica.set(name, value);
    const after = frame();
    const [first, last] = [await before, await after];
    work.push(last - first);
    wait.push(last - asked);
  }
  return [work, wait];
}"""

# When the largest thing was painted first: the picture that the page holds for as long as its
# script is not there yet.
LARGEST_PAINT = """new Promise((done) => new PerformanceObserver(
  (list) => done(list.getEntries().at(-1).startTime)
).observe({ type: "largest-contentful-paint", buffered: true }))"""


def run(bench, n_maps, n_frames, side, n_steps):
    row = Row("the viewer in a browser")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None or find_spec("playwright") is None:
        row.skipped = "needs playwright and a Chromium on the path"
        return row
    folder = data.folder() / "viewer"
    folder.mkdir(parents=True, exist_ok=True)
    pages = _pages(folder, n_maps, n_frames, side)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        for name, page in pages.items():
            found = page | _measured(playwright, path, page, n_steps)
            row.numbers[name] = {key: found[key] for key in found if key != "path"}
    _judge(row, n_maps, n_frames)
    _tell_of_ipyniivue(row)
    row.notes.append(
        "Headless Chromium, drawing in software. First picture: from the start of the navigation "
        "to file: until the slices are on the canvas. Work: what the viewer does in one frame. "
        "Memory: of all processes of the browser (USS), less with an empty page. Bytes from the "
        "browser to the kernel are the state that changed, some 50 B ten times a second at most."
    )
    return row


def _judge(row, n_maps, n_frames):
    ours = row.numbers["components"]
    row.at_most(f"{n_maps} maps: payload, MB", ours["payload"] / 1e6, 2.5)
    row.at_most(f"{n_maps} maps: page, MB", ours["bytes"] / 1e6, 2.5)
    row.at_most(f"{n_maps} maps: first picture, ms", ours["first"], 300)
    row.tell(f"{n_maps} maps: answers from, ms", f"{ours['ready']:.0f}")
    labels = {
        "components": f"{n_maps} maps", "series": f"{n_frames} frames", "fine": "1 mm anatomy",
    }  # fmt: skip
    for name, label in labels.items():
        found = row.numbers[name]
        for what in ("component", "cut_coords", "threshold"):
            row.at_most(f"{label}: work for a new {what}, ms (median)", found[what]["median"], 16)
        steps = [found[what] for what in ("component", "cut_coords", "threshold")]
        least, worst, cpu = (pick(s[key] for s in steps) for pick, key in
                             ((min, "least"), (max, "worst"), (max, "cpu")))  # fmt: skip
        row.tell(f"{label}: work, least and 95 %", f"{least:.1f} and {worst:.1f} ms")
        row.tell(f"{label}: CPU of all processes per step", f"{cpu:.1f} ms")
        took = f"{megabytes(found['bytes'])}, made in {found['seconds']:.1f} s"
        row.tell(f"{label}: page", f"{took}, {megabytes(found['memory'])} in the browser")
    peer = row.numbers.get("nilearn")
    if peer:
        row.tell(
            "nilearn view_img, one map",
            f"{megabytes(peer['bytes'])}, made in {peer['seconds']:.1f} s, loaded after "
            f"{peer['first']:.0f} ms, {megabytes(peer['memory'])} in the browser; "
            f"{n_maps} maps are {n_maps} pages",
        )


def _tell_of_ipyniivue(row):
    if find_spec("ipyniivue") is None:
        row.notes.append("ipyniivue is not installed: not measured.")
        return
    import ipyniivue

    scripts = Path(ipyniivue.__file__).parent.rglob("*.js")
    size = max(script.stat().st_size for script in scripts)
    row.tell(f"ipyniivue {ipyniivue.__version__}: script sent by the kernel", megabytes(size))
    row.notes.append(
        "ipyniivue has no page without a CDN, so that its frames cannot be timed here."
    )


# ---- the pages ----------------------------------------------------------------------------------


def _pages(folder, n_maps, n_frames, side):
    import nibabel as nib

    from nbica import view_img

    rng = np.random.default_rng(0)
    maps, anatomy = _volumes(rng, n_maps, side), _volumes(rng, 1, side)[..., 0] * 100 + 500
    affine, fine_affine = _affine(side), _affine(side / 2)
    fine = _volumes(rng, 1, side / 2)[..., 0] * 100 + 500
    inside = maps.any(axis=3, keepdims=True)
    frames = np.where(inside, 1000 + 10 * rng.standard_normal((*maps.shape[:3], n_frames)), 0)
    images = {
        "components": (nib.Nifti1Image(maps, affine), nib.Nifti1Image(anatomy, affine)),
        "series": (nib.Nifti1Image(frames.astype(np.float32), affine), None),
        "fine": (nib.Nifti1Image(maps[..., :2], affine), nib.Nifti1Image(fine, fine_affine)),
    }
    found = {}
    for name, (img, background) in images.items():
        path = folder / f"{name}.html"
        start = time.perf_counter()
        viewer = view_img(img, background, threshold=2.5)
        viewer.to_html(path)
        seconds = time.perf_counter() - start
        bounds = viewer.scene.bounds.tolist()
        found[name] = {
            "path": str(path), "bytes": path.stat().st_size, "payload": len(viewer._payload),
            "seconds": seconds, "n": len(viewer.scene.maps.scales), "bounds": bounds,
        }  # fmt: skip
        viewer.close()
    if find_spec("nilearn") is not None:
        found["nilearn"] = _nilearn_page(folder / "nilearn.html", *images["components"])
    return found


def _nilearn_page(path, img, background):
    from nilearn.plotting import view_img

    start = time.perf_counter()
    view_img(img.slicer[..., 0], bg_img=background, threshold=2.5).save_as_html(str(path))
    seconds = time.perf_counter() - start
    return {"path": str(path), "bytes": path.stat().st_size, "seconds": seconds}


def _affine(side):
    affine = np.diag([side, side, side, 1.0])
    affine[:3, 3] = -FIELD / 2
    return affine


def _volumes(rng, n, side):
    """Smooth noise of standard deviation 1 in a head, as wide as group maps are smooth (6 mm)."""
    from scipy.ndimage import gaussian_filter

    shape = tuple(np.ceil(FIELD / side).astype(int))
    places = (np.indices(shape).T - (np.array(shape) - 1) / 2) * side
    head = ((places / [68, 86, 66]) ** 2).sum(axis=-1).T < 1
    volumes = np.zeros((*shape, n), np.float32)
    for k in range(n):
        noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 6 / 2.355 / side)
        volumes[..., k] = np.where(head, noise / noise.std(), 0)
    return volumes


# ---- in the browser -----------------------------------------------------------------------------


def _measured(playwright, path, page, n_steps):
    browser = playwright.chromium.launch(
        executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
    )
    try:
        tab = browser.new_context(bypass_csp=True).new_page()
        tab.goto("about:blank")
        empty = _memory()
        tab.goto(Path(page["path"]).as_uri())
        found = {"first": _first_picture(tab, "n" in page)}
        if "n" in page:
            found["ready"] = tab.evaluate("window.nbicaReady")
            for name, values in _walks(page, n_steps).items():
                before = _cpu_seconds()
                work, wait = tab.evaluate(STEP, [name, values])
                spent = (_cpu_seconds() - before) / n_steps
                found[name] = {
                    "least": float(np.min(work)),
                    "cpu": 1000 * spent,
                    "median": float(np.median(work)), "worst": float(np.percentile(work, 95)),
                    "wait": float(np.median(wait)),
                }  # fmt: skip
        return found | {"memory": max(0, _memory() - empty)}
    finally:
        browser.close()


def _first_picture(tab, is_ours):
    if is_ours:
        tab.wait_for_function("document.documentElement.dataset.ready === 'true'")
        return tab.evaluate(LARGEST_PAINT)
    tab.wait_for_load_state("load")
    return tab.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd")


def _walks(page, n_steps):
    """What a person changes: the map, the place, the threshold."""
    low, high = np.transpose(page["bounds"])
    parts = np.linspace(0.3, 0.7, n_steps)
    return {
        "component": [int(k % page["n"]) for k in range(1, n_steps + 1)],
        "cut_coords": [(low + part * (high - low)).tolist() for part in parts],
        "threshold": (2 + parts).tolist(),
    }


def _cpu_seconds():
    """Time that the browser's processes have computed."""
    total = 0.0
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = child.cpu_times()
            total += times.user + times.system
    return total


def _memory():
    """Bytes that only this process's browser holds."""
    total = 0
    for child in psutil.Process().children(recursive=True):
        try:
            total += child.memory_full_info().uss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total
