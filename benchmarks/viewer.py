"""The viewer in a browser: bytes, first picture, work per frame, memory; its peers beside it."""

from benchmarks import data
from benchmarks.browser import lab, pages, processes, widgets
from benchmarks.browser.scenes import write_scenes
from benchmarks.results import Row, megabytes

SIZES = {
    "full": {"n_maps": 20, "n_frames": 200, "side": 2.0, "n_steps": 40},
    "quick": {"n_maps": 20, "n_frames": 60, "side": 2.0, "n_steps": 20},
    "tiny": {"n_maps": 3, "n_frames": 12, "side": 8.0, "n_steps": 5},
}
# Who is shown which scene: nilearn's viewer takes one 3D map.
SHOWN = {
    "nbica": ("components", "series", "fine"),
    "nilearn": ("components", "fine"),
    "ipyniivue": ("components", "series", "fine"),
}
_ONE_FRAME = 16  # ms


def run(bench, n_maps, n_frames, side, n_steps):
    row = Row("the viewer in a browser")
    row.skipped = processes.missing()
    if row.skipped:
        return row
    folder = data.folder() / "viewer"
    scenes = write_scenes(folder, n_maps, n_frames, side)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        for name, scene in scenes.items():
            print(f"  page: {scene.label} …", flush=True)
            path = folder / f"{name}.html"
            row.numbers[name] = pages.measure_page(playwright, path, scene, n_steps)
        row.numbers["nilearn"] = pages.measure_nilearn(
            folder / "nilearn.html", scenes["components"]
        )
        with lab.jupyterlab(folder) as address:
            for viewer, shown in SHOWN.items():
                for name in shown:
                    print(f"  JupyterLab: {viewer}, {scenes[name].label} …", flush=True)
                    row.numbers[f"lab {viewer} {name}"] = widgets.measure_widget(
                        playwright, address, folder, viewer, scenes[name], n_steps
                    )
    _judge_pages(row, scenes)
    _judge_widgets(row, scenes)
    row.notes += NOTES
    return row


NOTES = [
    "Headless Chromium without a graphics card: it draws in software, WebGL as well (SwiftShader).",
    "Pages: first picture, from the start of the navigation to its largest paint; answers from, "
    "until the slices are on the canvas; work, what the viewer computes in one frame. Memory: of "
    "all processes of the browser (USS), less with an empty page, or with the notebook before.",
    "JupyterLab: the cell that makes the viewer, with the packages imported before. Opening ends "
    "when a brain is on the screen, kernel's work included. Bytes are those of the kernel's "
    "websocket, before compression. Click: from the mouse going down to the next frame on the "
    "screen, median and 95 % (the screen is filmed for it). A move is one of a drag, 33 ms apart: "
    "CPU of all processes of the browser, and bytes and buffers of what the widget tells the "
    "kernel and the kernel answers (which is that it was busy, and an echo of the state).",
    "All viewers are given the same files. nilearn takes one 3D map: 20 maps are 20 pages.",
]


def _judge_pages(row, scenes):
    label, ours = scenes["components"].label, row.numbers["components"]
    row.at_most(f"{label}: payload, MB", ours["payload"] / 1e6, 2.5)
    row.at_most(f"{label}: page, MB", ours["bytes"] / 1e6, 2.5)
    row.at_most(f"{label}: first picture, ms", ours["first"], 300)
    row.tell(f"{label}: answers from, ms", f"{ours['ready']:.0f}")
    for name, scene in scenes.items():
        found = row.numbers[name]
        for what in pages.CHANGES:
            for kind, key in (("median", "median"), ("95 %", "worst")):
                text = f"{scene.label}: work for a new {what}, ms ({kind})"
                row.at_most(text, found[what][key], _ONE_FRAME)
        cpu = max(found[what]["cpu"] for what in pages.CHANGES)
        row.tell(f"{scene.label}: CPU of all processes per step", f"{cpu:.1f} ms")
        took = f"{found['bytes'] / 1e6:.1f} MB, made in {found['seconds']:.1f} s"
        row.tell(f"{scene.label}: page", f"{took}, {megabytes(found['memory'])} in the browser")
    peer = row.numbers["nilearn"]
    if peer:
        took = f"{peer['bytes'] / 1e6:.1f} MB, made in {peer['seconds']:.1f} s"
        row.tell("nilearn: page of one map", took)


def _judge_widgets(row, scenes):
    for name, scene in scenes.items():
        ours = row.numbers[f"lab nbica {name}"]
        if "failed" not in ours:
            buffers = ours["buffers_by_move"]
            row.at_most(f"JupyterLab, {scene.label}: buffers sent in a drag", buffers, 0)
    for viewer, shown in SHOWN.items():
        for name in shown:
            found = row.numbers[f"lab {viewer} {name}"]
            what = f"JupyterLab, {scenes[name].label}: {viewer}"
            row.tell(what, f"failed: {found['failed']}" if "failed" in found else _told(found))


def _told(found):
    return (
        f"there after {found['first']:.1f} s, {found['received'] / 1e6:.2f} MB to the browser and "
        f"{found['sent'] / 1e6:.3f} MB back, {megabytes(found['memory'])}; a click is answered in "
        f"{found['click']:.0f} ms ({found['click_worst']:.0f}); a move takes {found['cpu']:.0f} ms "
        f"of CPU, {found['sent_by_move']:.0f} B to the kernel, {found['received_by_move']:.0f} back"
    )
