"""The cortex in a browser: values at vertices, pixels, and what pointer and keys do."""

import base64

import nibabel as nib
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from nbica import SliceViewer
from nbica.image.surfaces import sample_between
from nbica.image.template import AFFINE, SHAPE, load_tissue
from nbica.viewer import colors, cortex, page

N = 10242
LEFT, TOP, RIGHT = [0.0, 180.0], [90.0, 270.0], [0.0, 0.0]

# Values at all vertices, by the page's own functions on the page's own bytes.
SAMPLE = """async ([code, frames]) => {
  const read = new Function(`${code}
    return async (payload, cortex, frames) => {
      const [scene, mesh] = [await openScene(payload), await openCortex(cortex)];
      return frames.map((frame) => Array.from(valuesAtVertices(mesh, scene.maps, frame)));
    };`)();
  return read(window.nbica.get("_payload"), window.nbica.get("_cortex"), frames);
}"""
PICTURE = """(i) => {
  const canvas = document.querySelectorAll(".nbv-solid canvas")[i];
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return [canvas.height, canvas.width,
    btoa(Array.from(data, (b) => String.fromCharCode(b)).join(""))];
}"""


def on_grey_matter(n_maps=2, step=2, seed=0, gaps=False):
    """Smooth maps in MNI space, as large as its field of view."""
    rng = np.random.default_rng(seed)
    maps = gaussian_filter(rng.standard_normal((*SHAPE, n_maps)), (3, 3, 3, 0)).astype(np.float32)
    maps[load_tissue("t1") == 0] = 0
    if gaps:
        maps[30:34, :, 30:40] = np.nan
    affine = AFFINE @ np.diag([step, step, step, 1.0])
    return nib.Nifti1Image(maps[::step, ::step, ::step], affine)


def middles():
    """Places halfway through the cortex, in mm: left and right hemisphere."""
    return [(half.pial + half.white) / 2 * cortex.STEP for half in cortex.quantised()]


def on_a_gyrus():
    """A vertex of the left hemisphere that nothing hides from the left."""
    far = np.linalg.norm(middles()[0] - [-50, -20, 45], axis=1)
    return np.argmin(np.where(cortex.quantised()[0].sulc < -30, far, np.inf))


def blob_at(mm, value=6.0):
    """One map in MNI space: a ball of 14 mm at a place."""
    places = np.moveaxis(np.indices(SHAPE), 0, -1) @ AFFINE[:3, :3].T + AFFINE[:3, 3]
    ball = np.linalg.norm(places - mm, axis=-1) < 14
    whole = np.where(load_tissue("t1") > 0, 0.01, 0)  # as large as the brain
    return nib.Nifti1Image(np.where(ball, value, whole).astype(np.float32), AFFINE)


# Whether all cortices are drawn finely: two pixels for one of the page.
SHARP = """() => [...document.querySelectorAll(".nbv-solid")].every((el) =>
  el.firstChild.width === 2 * el.clientWidth)"""


def settle(page):
    page.evaluate(
        "async () => { for (let i = 0; i < 12; i++) await new Promise(requestAnimationFrame); }"
    )
    page.wait_for_function(SHARP)


def begun(open_page, viewer, pane=True, **options):
    """A page whose cortex is drawn, if a pane shows it."""
    opened = open_page(viewer, **options)
    if not pane:
        return opened
    opened.wait_for_function("document.querySelector('.nbv-solid canvas').width > 300")
    settle(opened)
    return opened


def put(page, **state):
    page.evaluate("(s) => { for (const name in s) window.nbica.set(name, s[name]); }", state)
    settle(page)


def state(page, name):
    return page.evaluate("(name) => window.nbica.get(name)", name)


def picture(page, i=0):
    height, width, text = page.evaluate(PICTURE, i)
    data = np.frombuffer(base64.b64decode(text), np.uint8).reshape(height, width, 4)
    return data[..., :3].astype(int)


def axes_of(turn):
    """What points right, up and towards the viewer, by another way than the browser's."""
    e, a = np.radians(turn)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_y = np.array([[np.cos(e), 0, -np.sin(e)], [0, 1, 0], [np.sin(e), 0, np.cos(e)]])
    toward, right, up = (about_z @ about_y @ np.eye(3)).T
    return np.array([right, up, toward])


def seen(shape, turn, inflation=0.0):
    """Vertices of both hemispheres in a picture: right, down (pixels), towards the viewer (mm)."""
    halves = cortex.quantised()
    pial, inflated = (
        np.concatenate([getattr(half, name) for half in halves]) * cortex.STEP
        for name in ("pial", "inflated")
    )
    middle = [(m.min(axis=0) + m.max(axis=0)) / 2 for m in (pial, inflated)]
    places = (pial - middle[0]) * (1 - inflation) + (inflated - middle[1]) * inflation
    right, up, toward = axes_of(turn) @ places.T
    scale = min(shape[1] / 184, shape[0] / 178)
    return np.column_stack([shape[1] / 2 + right * scale, shape[0] / 2 - up * scale, toward])


def is_colored(pixels):
    return np.ptp(pixels, axis=-1) > 40


def solid(page, i=0):
    return page.locator(".nbv-solid").nth(i)


@pytest.mark.parametrize(("step", "gaps"), [(1, False), (2, False), (2, True)])
def test_values_at_vertices_are_those_of_numpy(open_page, step, gaps):
    """What the browser samples from its volume equals the reference at all 20 484 vertices."""
    viewer = SliceViewer(on_grey_matter(step=step, gaps=gaps))
    opened = open_page(viewer)
    code = page.read(*(f"js/{name}" for name in page.SLICE_SCRIPTS))

    found = opened.evaluate(SAMPLE, [code, [0, 1]])

    maps = viewer.scene.maps
    for k in range(2):
        codes = maps.dense(k).astype(float)
        codes[codes == -128] = np.nan
        values = [
            np.where(half.is_cortex, sample_between(codes, maps.grid, half.pial * cortex.STEP,
                                                    half.white * cortex.STEP), 0)
            for half in cortex.quantised()
        ]  # fmt: skip
        expected = np.nan_to_num(np.concatenate(values)) * maps.scales[k]
        np.testing.assert_allclose(found[k], expected, atol=1e-6 * maps.peaks[k])


def test_given_values_are_shown_instead(open_page):
    """Values that came with the vertices reach the vertices, to half a step."""
    rng = np.random.default_rng(2)
    left, right = rng.standard_normal((2, 2, N))
    viewer = SliceViewer(on_grey_matter(), vertex_values=(left, right))
    opened = open_page(viewer)
    code = page.read(*(f"js/{name}" for name in page.SLICE_SCRIPTS))

    found = opened.evaluate(SAMPLE, [code, [1, 0]])

    is_cortex = np.concatenate([half.is_cortex for half in cortex.quantised()])
    for values, k in zip(found, (1, 0), strict=True):
        expected = np.where(is_cortex, np.concatenate([left[k], right[k]]), 0)
        np.testing.assert_allclose(values, expected, atol=0.51 * viewer.scene.vertices.scales[k])


@pytest.mark.parametrize("inflation", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("turn", [LEFT, TOP, RIGHT, [20.0, 130.0]])
def test_a_vertex_has_the_color_of_its_value(open_page, turn, inflation):
    """Where a vertex faces the viewer, its pixel has the color that the color bar has for it."""
    viewer = SliceViewer(
        on_grey_matter(1), threshold=0, crosshair=False, turn=turn, inflation=inflation
    )
    opened = begun(open_page, viewer)

    pixels = picture(opened)

    maps = viewer.scene.maps
    codes = maps.dense(0).astype(float)
    halves = cortex.quantised()
    values = maps.scales[0] * np.concatenate(
        [sample_between(codes, maps.grid, h.pial * cortex.STEP, h.white * cortex.STEP)
         for h in halves]
    )  # fmt: skip
    is_cortex = np.concatenate([half.is_cortex for half in halves])
    places = seen(pixels.shape, turn, inflation)
    columns, rows = np.floor(places[:, :2]).astype(int).T
    # In front of all that lies at the same pixels, and of those around.
    near = (rows // 24) * 1000 + columns // 24
    order = np.lexsort([places[:, 2], near])
    front = order[np.flatnonzero(np.diff(np.append(near[order], -1)))]
    front = front[is_cortex[front]]
    index = (np.clip(values[front] / viewer.vmax, -1, 1) + 1) / 2 * 255
    expected = colors.table_of(viewer.colormap)[np.rint(index).astype(int)]
    found = pixels[rows[front], columns[front]]
    # Light only darkens: the ratio of channels stays, and what faces the viewer is as bright.
    light = (found.sum(axis=1) + 1) / (expected.sum(axis=1) + 1)
    facing = (light > 0.9) & (light < 1.1)
    assert facing.sum() > 20
    off = np.abs(found - expected * light[:, None])[facing].max(axis=1)
    assert np.median(off) < 6
    assert np.median(light) < 1.05


def test_a_planted_blob_lights_up_where_it_is(open_page):
    """A ball at a vertex of the left hemisphere colors the picture around that vertex alone."""
    vertex = on_a_gyrus()
    viewer = SliceViewer(blob_at(middles()[0][vertex]), threshold=3, crosshair=False)
    opened = begun(open_page, viewer)

    pixels = picture(opened)

    x, y, _ = seen(pixels.shape, LEFT)[vertex]
    rows, columns = np.nonzero(is_colored(pixels))
    assert rows.size > 500
    far = np.hypot(rows - y, columns - x) / (pixels.shape[1] / 184)
    assert far.max() < 17
    put(opened, turn=RIGHT)
    assert not is_colored(picture(opened)).any()
    put(opened, turn=LEFT, threshold=6.5)
    assert not is_colored(picture(opened)).any()


@pytest.mark.parametrize(("inflation", "hemi"), [(0, "both"), (1, "both"), (1, "right")])
def test_a_click_moves_the_crosshair_to_that_place(open_page, inflation, hemi):
    """A click on a vertex gives its mm, halfway through the cortex; beside it, nothing moves."""
    viewer = SliceViewer(on_grey_matter(), turn=TOP, inflation=inflation, hemi=hemi)
    opened = begun(open_page, viewer)
    pixels = picture(opened)
    places = seen(pixels.shape, TOP, inflation)
    if hemi == "right":  # it is in the middle then
        places[:, 0] += pixels.shape[1] / 2 - (places[N:, 0].min() + places[N:, 0].max()) / 2
    right = np.arange(2 * N) >= N
    vertex = np.argmax(np.where(right & (np.abs(places[:, 1] - pixels.shape[0] / 2) < 20),
                                places[:, 2], -np.inf))  # fmt: skip
    box = solid(opened).bounding_box()

    opened.mouse.click(box["x"] + places[vertex, 0] / 2, box["y"] + places[vertex, 1] / 2)

    there = np.concatenate(middles())[vertex]
    assert np.linalg.norm(state(opened, "cut_coords") - there) < 2
    opened.mouse.click(box["x"] + 3, box["y"] + 3)
    assert np.linalg.norm(state(opened, "cut_coords") - there) < 2


def test_the_crosshair_is_marked_on_the_cortex(open_page):
    """A green ring lies around the nearest vertex, faint from behind, none without a crosshair."""
    vertex = on_a_gyrus()
    viewer = SliceViewer(on_grey_matter(), opacity=0, cut_coords=middles()[0][vertex].tolist())
    opened = begun(open_page, viewer)

    def green(pixels):
        return np.nonzero((pixels[..., 1] - pixels[..., 0] > 40) & (pixels[..., 1] > 180))

    pixels = picture(opened)
    rows, columns = green(pixels)
    x, y, _ = seen(pixels.shape, LEFT)[vertex]
    assert rows.size > 50
    assert np.hypot(rows.mean() - y, columns.mean() - x) < 2
    put(opened, turn=RIGHT)
    assert green(picture(opened))[0].size == 0
    put(opened, turn=LEFT, cut_coords=[0, -20, 5])  # the thalamus is far from it
    assert green(picture(opened))[0].size == 0
    assert "mm from the cortex" in solid(opened).get_attribute("aria-label")
    put(opened, cut_coords=middles()[0][vertex].tolist(), crosshair=False)
    assert green(picture(opened))[0].size == 0


def test_a_drag_turns_it_as_a_hand_would(open_page):
    """What is in front follows the pointer; the crosshair stays; a turn ends above and below."""
    viewer = SliceViewer(on_grey_matter())
    opened = begun(open_page, viewer)
    before, place = picture(opened), state(opened, "cut_coords")
    box = solid(opened).bounding_box()
    middle = [box["x"] + box["width"] / 2, box["y"] + box["height"] / 2]

    opened.mouse.move(*middle)
    opened.mouse.down()
    opened.mouse.move(middle[0] + box["width"] / 4, middle[1], steps=4)
    opened.mouse.up()
    settle(opened)

    # By a quarter of its width to the right: 45 degrees, and what was in front goes right.
    assert state(opened, "turn") == pytest.approx([0, 135], abs=1)
    assert (axes_of([0, 135])[0] @ [-1, 0, 0]) > 0.5
    assert state(opened, "cut_coords") == place
    assert (picture(opened) != before).mean() > 0.1
    opened.mouse.down()
    opened.mouse.move(middle[0] + box["width"] / 4, middle[1] + 3 * box["width"], steps=4)
    opened.mouse.up()
    assert state(opened, "turn")[0] == 90


def test_keys_and_buttons_turn_it(open_page):
    """Arrows turn the pane that has the focus, Home goes back, buttons are views by name."""
    opened = begun(open_page, SliceViewer(on_grey_matter()))
    place = state(opened, "cut_coords")
    solid(opened).focus()

    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowDown")
    assert state(opened, "turn") == pytest.approx([10, 170])
    assert state(opened, "cut_coords") == place
    opened.keyboard.press("Home")
    assert state(opened, "turn") == LEFT
    opened.get_by_role("button", name="Cortex: top", exact=True).click()
    assert state(opened, "turn") == TOP
    assert opened.locator(".nbv-sides [aria-pressed='true']").inner_text() == "Top"
    opened.get_by_role("button", name="Cortex: right, medial", exact=True).click()
    assert (state(opened, "turn"), state(opened, "hemi")) == (LEFT, "right")
    settle(opened)
    assert solid(opened).get_attribute("aria-label").startswith("Cortex, right, medial. A is on")


def test_letters_say_what_is_where(open_page):
    """Above each view stand the ends of the body, and none where it is turned between two."""
    opened = begun(open_page, SliceViewer(on_grey_matter()))
    letters = opened.locator(".nbv-slice").filter(has=solid(opened)).locator(".nbv-letter")
    views = [
        (LEFT, ["A", "P"]), (RIGHT, ["P", "A"]), (TOP, ["L", "R"]), ([-90, 90], ["R", "L"]),
        ([0, 90], ["R", "L"]), ([0, 270], ["L", "R"]), ([0, 45.1], ["P", "A"]),
    ]  # fmt: skip

    for turn, expected in views[:-1]:
        put(opened, turn=turn, radiological=True)  # a cortex is never mirrored
        assert letters.all_inner_texts() == expected


def test_the_slider_inflates_it(open_page):
    """The slider and the key `i` change the shape; sulci are seen then."""
    opened = begun(open_page, SliceViewer(on_grey_matter(), opacity=0, crosshair=False))
    folded = picture(opened)

    slider = opened.get_by_label("Inflate")
    slider.focus()
    slider.press("End")
    settle(opened)
    blown = picture(opened)

    assert state(opened, "inflation") == 1
    assert (np.abs(folded - blown).max(axis=2) > 30).mean() > 0.1
    solid(opened).press("i")
    settle(opened)
    assert state(opened, "inflation") == 0
    np.testing.assert_array_equal(picture(opened), folded)


def test_the_next_map_is_on_the_cortex_too(open_page):
    """Map, colors and opacity are those of the slices."""
    opened = begun(open_page, SliceViewer(on_grey_matter(), threshold=0.02, crosshair=False))
    first = picture(opened)

    put(opened, component=1)
    second = picture(opened)
    put(opened, opacity=0)
    bare = picture(opened)

    assert (first != second).mean() > 0.05
    assert not is_colored(bare).any()
    put(opened, component=0, opacity=1)
    np.testing.assert_array_equal(picture(opened), first)


def test_its_own_page_shows_it_from_six_sides(open_page):
    """view="cortex" has six panes that turn on their own; double click turns one back."""
    opened = begun(open_page, SliceViewer(on_grey_matter(), view="cortex", crosshair=False))
    before = [picture(opened, i) for i in range(6)]
    assert opened.locator(".nbv-pane").count() == 0
    solid(opened, 4).focus()

    opened.keyboard.press("Shift+ArrowLeft")
    settle(opened)

    changed = [(picture(opened, i) != before[i]).any() for i in range(6)]
    assert changed == [False, False, False, False, True, False]
    assert state(opened, "turn") == LEFT
    solid(opened, 4).dblclick(position={"x": 5, "y": 5})
    settle(opened)
    np.testing.assert_array_equal(picture(opened, 4), before[4])


def test_keys_lead_to_its_page_and_back(open_page):
    """The key v goes on through the views, the cortex among them, wherever the focus was."""
    opened = begun(open_page, SliceViewer(on_grey_matter(), view="glass"), pane=False)
    opened.locator(".nbv-pane").first.focus()

    opened.keyboard.press("v")
    settle(opened)
    assert (state(opened, "view"), opened.locator(".nbv-solid").count()) == ("cortex", 6)
    opened.keyboard.press("v")
    settle(opened)
    assert (state(opened, "view"), opened.locator(".nbv-solid").count()) == ("ortho", 1)


def test_it_can_be_put_away(open_page):
    """Key x hides it and the slices take its room; a page without one has no trace of it."""
    opened = begun(open_page, SliceViewer(on_grey_matter()))
    narrow = opened.locator(".nbv-pane").first.bounding_box()["width"]

    opened.locator(".nbv-pane").first.press("x")
    settle(opened)

    assert opened.locator(".nbv-solid").count() == 0
    assert opened.locator(".nbv-pane").first.bounding_box()["width"] > 1.2 * narrow
    without = open_page(SliceViewer(on_grey_matter(), cortex=False))
    assert without.locator(".nbv-solid").count() == 0
    assert without.get_by_role("button", name="Cortex").count() == 0
    assert without.get_by_label("Inflate").count() == 0


def test_a_finger_turns_it_sideways_and_scrolls_the_page(open_page):
    """A tap moves the crosshair; the page may take what moves up and down."""
    opened = begun(open_page, SliceViewer(on_grey_matter()), has_touch=True)
    place = state(opened, "cut_coords")
    box = solid(opened).bounding_box()

    opened.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    assert state(opened, "cut_coords") != place
    assert solid(opened).evaluate("(el) => getComputedStyle(el).touchAction") == "pan-y"
    fingers = opened.context.new_cdp_session(opened)
    for kind, right in (("Start", 0), *(("Move", 10 * k) for k in range(1, 9)), ("End", None)):
        x = box["x"] + box["width"] / 3
        points = [] if right is None else [{"x": x + right, "y": box["y"] + box["height"] / 2}]
        fingers.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    assert state(opened, "turn") == pytest.approx([0, 180 - 80 / box["width"] * 180], abs=1)
