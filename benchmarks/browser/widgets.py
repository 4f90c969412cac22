"""Viewers in JupyterLab: how long until they are there, what crosses, how fast they follow.

All are driven alike, by clicks and drags of a real mouse, and looked at from outside, by pictures
of the screen: none is asked how it thinks it did.
"""

import contextlib
import io
import time
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
from PIL import Image

from benchmarks.browser import lab, processes
from benchmarks.browser.scenes import THRESHOLD

# A brain fills more of the picture than any message that it is being loaded.
_LEAST_SHOWN = 0.12
_N_CLICKS = 20
_PATIENCE = 60.0  # seconds, for a viewer to appear

# When the mouse went down, in ms since 1970, in each document.
NOTE_CLICKS = """() => {
  window.clicks = [];
  const note = (event) => window.clicks.push(performance.timeOrigin + event.timeStamp);
  addEventListener("pointerdown", note, true);
}"""


@dataclass(frozen=True)
class Viewer:
    """How a viewer is called, and where on the screen it is.

    Attributes
    ----------
    package : str
        That has it.
    imports, call : str
        Two cells; the second with {img}, {bg_img}, {threshold}.
    shown : str
        Selector of what is looked at.
    pane : (left, top, right, bottom)
        Parts of it within which a mouse moves the crosshair.
    """

    package: str
    imports: str
    call: str
    shown: str
    pane: tuple


VIEWERS = {
    "nbica": Viewer(
        "nbica", "from nbica import view_img",
        "view_img({img}, {bg_img}, threshold={threshold})", ".nbv-stage", (0.75, 0.3, 0.9, 0.7),
    ),
    "nilearn": Viewer(
        "nilearn", "from nilearn.image import index_img\nfrom nilearn.plotting import view_img",
        "view_img(index_img({img}, 0), bg_img={bg_img}, threshold={threshold})",
        ".jp-OutputArea iframe", (0.08, 0.3, 0.24, 0.6),
    ),
    "ipyniivue": Viewer(
        "ipyniivue", "from ipyniivue import NiiVue",
        """
viewer = NiiVue(height=300)
viewer.load_volumes([
    {{"path": path, **look}} for path, look in [
        ({bg_img}, {{"colormap": "gray"}}),
        ({img}, {{"colormap": "warm", "colormap_negative": "winter", "cal_min": {threshold},
                  "cal_max": 5.0}} if {bg_img} else {{}}),
    ] if path
])
viewer
""",
        ".jp-OutputArea canvas", (0.08, 0.35, 0.22, 0.65),
    ),
}  # fmt: skip


def cells_of(viewer, scene):
    """The cells of a notebook that shows a scene."""
    background = None if scene.bg_img is None else str(scene.bg_img)
    call = viewer.call.format(
        img=repr(str(scene.img)), bg_img=repr(background), threshold=THRESHOLD
    )
    return [viewer.imports, call]


def measure_widget(playwright, address, folder, name, scene, n_steps):
    """Open a scene in a viewer in JupyterLab, click and drag in it.

    Returns
    -------
    dict
        Seconds to the first picture and until nothing crosses any more; bytes to the browser and to
        the kernel while it opens and per move; ms from a click to its frame; CPU ms per move; bytes
        of memory. {"failed": why} if it does not appear.
    """
    viewer = VIEWERS[name]
    if find_spec(viewer.package) is None:
        return {"failed": f"{viewer.package} is not installed"}
    lab.write_notebook(folder / f"{name}.ipynb", cells_of(viewer, scene))
    with processes.chromium(playwright) as browser:
        page = browser.new_context(viewport={"width": 1300, "height": 1000}).new_page()
        page.set_default_timeout(1000 * _PATIENCE)
        traffic = lab.Traffic(page)
        lab.open_notebook(page, address, f"{name}.ipynb")
        found = _opened(page, traffic, viewer)
        if "failed" not in found:
            found |= _moved(page, traffic, viewer, n_steps)
        lab.shut_down_kernel(page)
        return found


def _opened(page, traffic, viewer):
    lab.run_next_cell(page)
    page.get_by_text("[1]:").wait_for()
    page.wait_for_function(lab.KERNEL_IS_IDLE)
    empty, mark, start = processes.memory(), traffic.mark(), time.monotonic()
    lab.run_next_cell(page)
    if not _appears(page, viewer, start + _PATIENCE):
        error = page.locator(".jp-OutputArea-output").all_inner_texts()
        return {"failed": f"no picture after {_PATIENCE:.0f} s {' '.join(error)[-200:]}".strip()}
    first = time.monotonic() - start
    settled = traffic.settle(page) - start
    sent, received = traffic.since(mark)
    return {
        "first": first, "settled": max(first, settled), "received": lab.n_bytes(received),
        "sent": lab.n_bytes(sent), "memory": max(0, processes.memory() - empty),
    }  # fmt: skip


def _appears(page, viewer, end):
    shown = page.locator(viewer.shown).first
    while time.monotonic() < end:
        if shown.count() and _share_shown(_picture(shown)) > _LEAST_SHOWN:
            return True
        page.wait_for_timeout(30)
    return False


def _picture(locator):
    return np.asarray(Image.open(io.BytesIO(locator.screenshot())).convert("L")).astype(int)


def _share_shown(picture):
    """Part of a picture that is not of its commonest grey."""
    return 1 - np.bincount(picture.ravel()).max() / picture.size


def _moved(page, traffic, viewer, n_steps):
    shown = page.locator(viewer.shown).first
    places = _places(shown.bounding_box(), viewer.pane, n_steps)
    before = _picture(shown)
    took = _click(page, places[:: max(1, n_steps // _N_CLICKS)])
    changed = float((_picture(shown) != before).mean())
    traffic.settle(page)
    mark, cpu = traffic.mark(), processes.cpu_seconds()
    _drag(page, places)
    traffic.settle(page)
    sent, received = traffic.since(mark)
    return {
        "click": float(np.median(took)), "click_worst": float(np.percentile(took, 95)),
        "changed": changed, "cpu": 1000 * (processes.cpu_seconds() - cpu) / n_steps,
        "received_by_move": lab.n_bytes(received) / n_steps,
        "sent_by_move": lab.n_bytes(sent) / n_steps,
        "buffers_by_move": sum(map(lab.n_buffers, [*sent, *received])) / n_steps,
        "messages_by_move": sum(map(lab.is_state, sent)) / n_steps,
    }  # fmt: skip


def _places(box, pane, n_steps):
    left, top, right, bottom = pane
    parts = np.linspace(0, 1, n_steps)
    x = box["x"] + box["width"] * (left + (right - left) * parts)
    # Not along a straight line: each move then changes all three coordinates but one.
    y = box["y"] + box["height"] * (top + (bottom - top) * (0.5 + 0.5 * np.sin(7 * parts)))
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _click(page, places):
    """Click here and there; ms from each click to the next frame on the screen.

    The screen is filmed, which costs all viewers the same.
    """
    for frame in page.frames:
        frame.evaluate(NOTE_CLICKS)
    with _film(page) as shown:
        for x, y in places:
            page.mouse.move(x, y)
            page.wait_for_timeout(80)  # what follows a mouse that hovers is no answer to a click
            page.mouse.down()
            page.mouse.up()
            page.wait_for_timeout(120)
    clicks = [at for frame in page.frames for at in frame.evaluate("window.clicks")]
    answers = [min((t for t in shown if t >= at), default=np.inf) - at for at in clicks]
    return [ms for ms in answers if np.isfinite(ms)]


@contextlib.contextmanager
def _film(page):
    """A list that grows by the time of each frame on the screen, in ms since 1970."""
    session, times = page.context.new_cdp_session(page), []

    def note(frame):
        times.append(1000 * frame["metadata"]["timestamp"])
        session.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    session.on("Page.screencastFrame", note)
    size = {"maxWidth": 160, "maxHeight": 160}
    session.send("Page.startScreencast", {"format": "jpeg", "quality": 5, **size})
    page.wait_for_timeout(300)
    yield times
    session.send("Page.stopScreencast")
    session.detach()


def _drag(page, places):
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places:
        page.mouse.move(*place)
        page.wait_for_timeout(33)
    page.mouse.up()
