"""What the browser draws is what numpy draws, to the pixel."""

import numpy as np
import pytest
from scenes import images, shots

from nbica import SliceViewer
from nbica.viewer import colors, render

N_STATES = 204
BATCH = 34


def random_state(rng, viewer):
    """Any state a person can bring a viewer into."""
    low, high = viewer.scene.bounds.T
    view = rng.choice(["ortho", "lightbox", "glass"], p=[0.7, 0.15, 0.15])
    black = float(rng.uniform(-200, 600))
    return {
        "component": int(rng.integers(4)),
        "cut_coords": rng.uniform(low, high).tolist(),
        "threshold": float(rng.choice([0, rng.uniform(0, 8)])),
        "vmax": float(rng.uniform(1, 12)),
        "opacity": float(rng.choice([1, rng.uniform()])),
        "colormap": str(rng.choice(colors.NAMES)),
        "view": str(view),
        "axis": str(rng.choice(list("xyz"))),
        "n_slices": int(rng.integers(1, 7)),
        "window": [black, black + float(rng.uniform(1, 600))],
        "radiological": bool(rng.integers(2)),
        "interpolate": bool(rng.integers(2)),
        "outlines": bool(rng.integers(2)),
        "overlays": [
            {
                "visible": bool(rng.integers(2)),
                "threshold": float(rng.uniform(0, 30)),
                "vmax": float(rng.uniform(20, 90)),
                "opacity": float(rng.uniform()),
                "colormap": str(rng.choice(colors.NAMES)),
            }
        ],
    }


def expected(viewer):
    """The panes of a viewer's state, drawn in numpy."""
    scene, look = viewer.scene, viewer.look
    if viewer.view == "lightbox":
        axis = "xyz".index(viewer.axis)
        cuts = render.lightbox_cuts(scene, look, axis, viewer.n_slices)
        return [render.pane(scene, look, axis, mm, 2 * scene.step) for mm in cuts]
    return [render.pane(scene, look, axis, viewer.cut_coords[axis]) for axis in range(3)]


@pytest.fixture
def viewer():
    maps, anatomy, regions, other = images()
    return SliceViewer(maps, anatomy, labels_img=regions, overlays=[other])


def test_canvas_equals_numpy_in_random_states(open_page, viewer):
    """In 204 states not one pixel differs: views, colours, gaps, windows, flips, outlines."""
    rng = np.random.default_rng(0)
    page = open_page(viewer)
    states = [random_state(rng, viewer) for _ in range(N_STATES)]
    n_pixels, colored = 0, 0

    for start in range(0, N_STATES, BATCH):
        batch = states[start : start + BATCH]
        for state, drawn in zip(batch, shots(page, batch), strict=True):
            viewer.set_state(state)
            wanted = expected(viewer)
            assert len(drawn) == len(wanted)
            for ours, theirs in zip(wanted, drawn, strict=True):
                np.testing.assert_array_equal(theirs, ours, err_msg=str(state))
                n_pixels += ours.size // 3
                colored += np.ptp(ours, axis=2).astype(bool).sum()

    # Most of it must not be an empty black.
    assert n_pixels > 1_000_000
    assert colored > 0.2 * n_pixels


def test_what_is_kept_between_frames_is_never_stale(open_page, viewer):
    """Where one thing changes at a time and the rest is kept, each frame is still numpy's."""
    rng = np.random.default_rng(2)
    page = open_page(viewer)
    now = random_state(rng, viewer) | {"view": "ortho"}
    states = [now]
    for _ in range(60):
        name = rng.choice([*now, "cut_coords", "cut_coords"])
        change = {name: random_state(rng, viewer)[name]}
        if name == "cut_coords":  # within one slice: one coordinate stays
            axis = rng.integers(3)
            change[name][axis] = now["cut_coords"][axis]
        states.append(change)
        now = now | change

    for change, drawn in zip(states, shots(page, states), strict=True):
        viewer.set_state(change)
        for ours, theirs in zip(expected(viewer), drawn, strict=True):
            np.testing.assert_array_equal(theirs, ours, err_msg=str(change))


def test_series_and_maps_without_background(open_page):
    """A run's frames are drawn over their mean; maps without anatomy on black."""
    maps, _, _, _ = images()
    rng = np.random.default_rng(1)
    data = 500 + 100 * np.asarray(maps.dataobj)[..., :1] + rng.normal(0, 5, (20, 22, 14, 12))
    run = type(maps)(np.nan_to_num(data).astype(np.float32), maps.affine)
    for img in (run, maps):
        viewer = SliceViewer(img, threshold=1.0)
        page = open_page(viewer)
        states = [{"component": k, "cut_coords": [3.0 * k, -4.0, 5.0]} for k in range(4)]
        for state, drawn in zip(states, shots(page, states), strict=True):
            viewer.set_state(state)
            for ours, theirs in zip(expected(viewer), drawn, strict=True):
                np.testing.assert_array_equal(theirs, ours)
