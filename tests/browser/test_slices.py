"""The slice viewer by mouse, keys and touch: what a person does is what Python would read."""

import base64
import contextlib
import io

import nbformat
import nibabel as nib
import numpy as np
import pytest
from ipywidgets.embed import dependency_state
from PIL import Image
from scenes import images, shots

from nbica import SliceViewer

MM = np.array([-21.0, 14, 9])


def planted(mm=MM, value=8.0):
    """Two maps on a flipped grid; in the second, one voxel lights up at the given mm."""
    affine = np.array([[-3.0, 0, 0, 0], [0, 3, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1]])
    affine[:3, 3] = mm - affine[:3, :3] @ [17, 16, 15]
    data = np.zeros((24, 26, 22, 2), np.float32)
    data[4:20, 4:20, 4:20, 0] = 1
    data[17, 16, 15, 1] = value
    return nib.Nifti1Image(data, affine)


def head():
    return nib.Nifti1Image(np.full((40, 44, 36), 100, np.int16), np.diag([2.0, 2, 2, 1]) - np.pad(
        np.array([[40.0], [40], [30], [0]]), ((0, 0), (3, 0))))  # fmt: skip


def state(page, *names):
    values = page.evaluate("(names) => names.map((name) => window.nbica.get(name))", list(names))
    return values[0] if len(names) == 1 else values


def pane(page, plane):
    return page.locator(f'.nbv-pane[data-plane="{plane}"]')


def slice_of(page, plane):
    """A pane with the strip of words above it."""
    return page.locator(".nbv-slice").filter(has=pane(page, plane))


def letters(page, plane):
    return slice_of(page, plane).locator(".nbv-letter").all_inner_texts()


def click_at(page, plane, right, down):
    box = pane(page, plane).bounding_box()
    page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"])


LINE_IN_PANE = """(el) => {
  const pane = el.getBoundingClientRect();
  return (el.querySelector(".nbv-down").getBoundingClientRect().left - pane.left) / pane.width;
}"""


def settle(page):
    page.evaluate("() => new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))")


@contextlib.contextmanager
def holding(page, key):
    """Hold a key down."""
    page.keyboard.down(key)
    yield
    page.keyboard.up(key)


@pytest.fixture
def viewer():
    return SliceViewer(
        planted(), head(), names=["block", "point"], threshold=4.0, interpolate=False
    )


@pytest.mark.parametrize("radiological", [False, True])
def test_a_planted_voxel_lights_up_at_its_mm(open_page, viewer, radiological):
    """In three planes, colour is where the mm say; L is on its side; the read-out tells it."""
    page = open_page(viewer)
    place = {"component": 1, "cut_coords": MM.tolist(), "radiological": radiological}

    pictures = shots(page, [place])[0]

    bounds, step = viewer.scene.bounds, viewer.scene.step
    for axis, picture in enumerate(pictures):
        rows, columns = np.nonzero(np.ptp(picture, axis=2) > 20)
        horizontal, vertical = (other for other in range(3) if other != axis)
        right = bounds[horizontal, 0] + (columns.mean() + 0.5) * step
        if radiological and horizontal == 0:
            right = bounds[0, 1] - (columns.mean() + 0.5) * step
        assert right == pytest.approx(MM[horizontal], abs=step)
        assert bounds[vertical, 1] - (rows.mean() + 0.5) * step == pytest.approx(
            MM[vertical], abs=step
        )
    assert letters(page, "axial") == (["R", "L"] if radiological else ["L", "R"])
    assert letters(page, "sagittal") == ["P", "A"]
    assert "8.00" in page.locator(".nbv-value dd").inner_text()
    words = page.locator(".nbv-words").inner_text()
    assert words.startswith("Radiological" if radiological else "Neurological")


def test_a_click_goes_where_it_points_whatever_the_side(open_page, viewer):
    """The same anatomy has the same mm in both conventions; x mirrors, nothing else."""
    page = open_page(viewer)
    click_at(page, "axial", 0.25, 0.4)
    plain = state(page, "cut_coords")

    page.keyboard.press("r")
    settle(page)
    click_at(page, "axial", 0.75, 0.4)

    assert plain[0] < 0
    # To half a pixel of the screen.
    np.testing.assert_allclose(state(page, "cut_coords"), plain, atol=0.5)
    assert state(page, "cut_coords")[2] == plain[2]


def test_drag_wheel_and_zoom(open_page, viewer):
    """A drag moves along; the wheel with Shift turns slices, with Ctrl it zooms around them."""
    page = open_page(viewer)
    box = pane(page, "coronal").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + box["width"] / 4, y, steps=4)
    page.mouse.up()
    dragged = state(page, "cut_coords")
    assert dragged[0] == pytest.approx(
        np.ptp(viewer.scene.bounds[0]) / 4 + viewer.scene.bounds[0].mean(), abs=1
    )

    with holding(page, "Shift"):
        page.mouse.wheel(0, -100)
        page.wait_for_function("(y) => window.nbica.get('cut_coords')[1] > y", arg=dragged[1])
    assert state(page, "cut_coords")[1] == pytest.approx(dragged[1] + 2)
    with holding(page, "Control"):
        page.mouse.wheel(0, -100)
        page.wait_for_function("window.nbica.get('zoom') > 1")
    page.keyboard.press("0")

    page.keyboard.press("+")
    settle(page)
    page.keyboard.press("+")
    settle(page)
    assert state(page, "zoom") == pytest.approx(1.5625, abs=0.01)
    inside = pane(page, "coronal").evaluate(LINE_IN_PANE)
    assert 0 <= inside <= 1
    page.keyboard.press("0")
    assert state(page, "zoom") == 1


@pytest.mark.parametrize("view", ["ortho", "lightbox", "glass"])
def test_the_wheel_never_traps_the_page(open_page, viewer, view):
    """Over slices, also after a click on them, the wheel scrolls the page."""
    page = open_page(viewer)
    page.set_viewport_size({"width": 1000, "height": 400})
    page.evaluate("document.body.style.height = '9000px'")
    page.evaluate("(view) => nbica.set('view', view)", view)
    settle(page)
    page.mouse.click(300, 200)
    before = state(page, "cut_coords")

    page.mouse.wheel(0, 60)
    page.wait_for_function("scrollY > 0")

    assert state(page, "cut_coords") == before


COUNT_PICTURES = """() => {
  const pen = CanvasRenderingContext2D.prototype, own = pen.putImageData;
  window.drawn = [];
  pen.putImageData = function (...given) {
    const pane = this.canvas.closest(".nbv-pane");
    if (pane) window.drawn.push(pane.dataset.plane);
    return own.apply(this, given);
  };
}"""


def test_only_what_changed_is_drawn(open_page, viewer):
    """A drag in a slice leaves that slice, zoom and crosshair leave all; a threshold draws each."""
    page = open_page(viewer)
    page.evaluate(COUNT_PICTURES)

    def drawn_by(act):
        page.evaluate("window.drawn.length = 0")
        act()
        settle(page)
        return set(page.evaluate("window.drawn"))

    click_at(page, "axial", 0.4, 0.4)
    assert drawn_by(lambda: click_at(page, "axial", 0.6, 0.5)) == {"sagittal", "coronal"}
    assert drawn_by(lambda: page.keyboard.press("PageUp")) == {"axial"}
    assert drawn_by(lambda: page.keyboard.press("c")) == set()
    assert drawn_by(lambda: page.keyboard.press("+")) == set()
    assert drawn_by(lambda: page.keyboard.press("t")) == {"sagittal", "coronal", "axial"}
    page.evaluate("nbica.set('view', 'glass')")
    settle(page)
    # Through all of the head, it does not matter where the slices were.
    assert drawn_by(lambda: page.keyboard.press("ArrowUp")) == set()


def test_pixels_that_were_lost_are_drawn_again(open_page, viewer):
    """A canvas that the browser has emptied is filled again as soon as it may be."""
    page = open_page(viewer)
    before = shots(page, [{"component": 1, "cut_coords": MM.tolist()}])[0]

    page.evaluate("""() => {
      for (const canvas of document.querySelectorAll(".nbv-pane canvas")) {
        canvas.getContext("2d").fillRect(0, 0, canvas.width, canvas.height);
        canvas.dispatchEvent(new Event("contextrestored"));
      }
    }""")

    assert any(picture.any() for picture in before)
    for was, now in zip(before, shots(page, [{}])[0], strict=True):
        np.testing.assert_array_equal(now, was)


def test_python_is_told_once_of_many_steps(open_page, viewer):
    """A slider's steps are drawn at once and saved together: one message, with the last value."""
    page = open_page(viewer)
    page.clock.install()  # the page's timers wait for us
    values = (
        page.locator(".nbv-controls input[type=range]")
        .nth(1)
        .evaluate("""(input) => {
      window.told = [];
      nbica.save_changes = () => window.told.push(nbica.get("threshold"));
      return [1, 2, 3, 4, 5].map((value) => {
        input.value = value;
        input.dispatchEvent(new Event("input"));
        return [nbica.get("threshold"), told.length];
      });
    }""")
    )
    page.clock.run_for(1000)

    assert [round(value) for value, _ in values] == [1, 2, 3, 4, 5]
    assert [n_told for _, n_told in values] == [0] * 5
    assert page.evaluate("told") == [values[-1][0]]


def test_keys_alone_reach_everything(open_page, viewer):
    """Tab reaches the panes; arrows, page keys and letters change what they promise."""
    page = open_page(viewer)
    for _ in range(20):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset.plane === 'axial'"):
            break
    x, y, z = state(page, "cut_coords")

    for key in ("ArrowRight", "ArrowUp", "PageUp", "Shift+ArrowLeft"):
        page.keyboard.press(key)
    assert state(page, "cut_coords") == pytest.approx([x + 2 - 10, y + 2, z + 2])

    for key in ("]", "n", "v", "c", "o", "p", "t"):
        page.keyboard.press(key)
    found = state(page, "component", "view", "crosshair", "outlines", "presenter")
    assert found == [1, "lightbox", False, False, True]
    assert state(page, "cut_coords") == pytest.approx(MM.tolist())
    assert state(page, "threshold") > 4
    assert (
        float(page.locator(".nbv").evaluate("(el) => parseFloat(getComputedStyle(el).fontSize)"))
        >= 18
    )
    page.keyboard.press("?")
    assert page.locator(".nbv-help").is_visible()


def test_panels_lie_above_the_slices_until_escape(open_page, viewer):
    """A panel moves nothing; one is open at a time; Escape closes it, from inside too."""
    page = open_page(viewer)
    before = pane(page, "axial").bounding_box(), page.locator(".nbv").bounding_box()
    settings, keys = page.locator(".nbv-settings"), page.locator(".nbv-help")
    button = page.get_by_role("button", name="Display settings")

    button.click()
    after = pane(page, "axial").bounding_box(), page.locator(".nbv").bounding_box()
    page.get_by_label("Colors", exact=True).focus()
    page.keyboard.press("Escape")

    assert after == before
    assert settings.is_hidden()
    assert button.get_attribute("aria-expanded") == "false"
    assert page.evaluate("document.activeElement.textContent") == "Display"
    button.click()
    page.keyboard.press("?")
    assert (settings.is_visible(), keys.is_visible()) == (False, True)
    keys.get_by_role("button", name="Close").click()
    assert keys.is_hidden()


CROSSED = """() => {
  const box = (el) => el.getBoundingClientRect();
  const shown = [...document.querySelectorAll(".nbv-line, .nbv-pane canvas")]
    .filter((el) => el.offsetParent || el.tagName === "CANVAS").map(box);
  const words = [...document.querySelectorAll(".nbv-strip > *")].filter((el) => el.textContent);
  const meet = (a, b) =>
    a.left < b.right && b.left < a.right && a.top < b.bottom - 1 && b.top < a.bottom - 1;
  const crossed = words.filter((el) => shown.some((line) => meet(box(el), line)));
  return crossed.map((el) => el.textContent);
}"""


@pytest.mark.parametrize("view", ["ortho", "lightbox"])
def test_nothing_crosses_the_captions(open_page, viewer, view):
    """Letters and places stand beside the slices: no line, no color lies below them."""
    page = open_page(viewer)
    page.evaluate("(view) => nbica.set('view', view)", view)
    settle(page)

    assert page.locator(".nbv-caption").count() >= 3
    assert page.evaluate(CROSSED) == []


def test_lightbox_cuts_where_the_map_is(open_page):
    """All slices of a lightbox meet the map, wherever in the head it is."""
    data = np.zeros((24, 26, 40, 2), np.float32)
    data[8:16, 8:16, 30:36, 0] = 5
    data[8:16, 8:16, 3:9, 1] = 5
    viewer = SliceViewer(nib.Nifti1Image(data, np.diag([3.0, 3, 3, 1])), threshold=2.0)
    page = open_page(viewer)
    states = [{"view": "lightbox", "component": k, "n_slices": 6} for k in (0, 1)]

    for pictures in shots(page, states):
        assert [bool((np.ptp(picture, axis=2) > 20).any()) for picture in pictures] == [True] * 6


def test_fields_take_mm_and_ignore_nonsense(open_page, viewer):
    """Typed mm move the crosshair; beyond the box is its edge; an empty field changes nothing."""
    page = open_page(viewer)
    fields = page.locator(".nbv-mm input")
    fields.nth(1).fill("-12.5")
    fields.nth(1).press("Enter")
    assert state(page, "cut_coords")[1] == -12.5
    fields.nth(2).fill("9999")
    fields.nth(2).press("Enter")
    assert state(page, "cut_coords")[2] == pytest.approx(viewer.scene.bounds[2, 1])
    fields.nth(0).fill("")
    fields.nth(0).press("Enter")
    assert len(state(page, "cut_coords")) == 3


def test_screen_readers_are_told(open_page, viewer):
    """Controls have names; the live region says place, value and map; panes say their slice."""
    page = open_page(viewer)
    page.evaluate(f"nbica.set('component', 1); nbica.set('cut_coords', {MM.tolist()})")
    live = page.locator(".nbv-hidden[role=status]")
    page.wait_for_function("document.querySelector('.nbv-hidden').textContent.includes('−21')")

    said = live.inner_text()
    assert said.startswith("x −21, y 14, z 9 mm, value 8.00, point, no. 1 · 2 maps")
    assert "z = 9 mm" in pane(page, "axial").get_attribute("aria-label")
    nameless = page.evaluate(NAMELESS)
    assert nameless == []


NAMELESS = """() => {
  const named = (el) => el.getAttribute("aria-label") || el.labels?.length || el.textContent.trim();
  const all = [...document.querySelectorAll("button, input, select, [role=application]")];
  return all.filter((el) => !named(el)).map((el) => el.outerHTML);
}"""
CONTRASTS = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
    .map((c) => (c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (el) => {
    for (; el; el = el.parentElement) {
      const color = getComputedStyle(el).backgroundColor;
      if (!/^rgba.*, 0\\)$/.test(color)) return rgb(color);
    }
    return [255, 255, 255];
  };
  const texts = [...document.querySelectorAll('.nbv *')].filter((el) => el.offsetParent &&
    [...el.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  return texts.map((el) => {
    const both = [light(rgb(getComputedStyle(el).color)), light(behind(el))];
    const [a, b] = both.sort((p, q) => q - p);
    return [(a + 0.05) / (b + 0.05), el.outerHTML.slice(0, 80)];
  }).filter(([contrast]) => contrast < 4.5);
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_has_the_contrast_of_wcag_aa(open_page, viewer, scheme):
    """All text is told from its ground at 4.5 to 1, in both themes, panels open."""
    page = open_page(viewer, color_scheme=scheme)
    page.keyboard.press("Tab")

    is_dark = page.locator(".nbv").evaluate("(el) => el.classList.contains('nbv-dark')")
    assert is_dark == (scheme == "dark")
    for panel in ("Keys", "Display settings"):
        page.get_by_role("button", name=panel).click()
        assert page.evaluate(CONTRASTS) == []


def test_touch_moves_the_crosshair(open_page, viewer):
    """A finger is as good as a mouse, on a narrow screen, which nothing overflows."""
    page = open_page(viewer, has_touch=True)
    page.set_viewport_size({"width": 380, "height": 800})
    settle(page)
    box = pane(page, "axial").bounding_box()
    page.touchscreen.tap(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])

    x, y, _ = state(page, "cut_coords")
    assert x == pytest.approx(viewer.scene.bounds[0] @ [0.75, 0.25], abs=1)
    assert y == pytest.approx(viewer.scene.bounds[1] @ [0.25, 0.75], abs=1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.fixture
def phone(open_page, viewer):
    """A page on a phone, its axial pane's box, and a function: fingers to where they are."""
    page = open_page(viewer, has_touch=True, is_mobile=True)
    page.set_viewport_size({"width": 380, "height": 500})
    page.evaluate("document.body.style.height = '3000px'")
    settle(page)
    session = page.context.new_cdp_session(page)

    def touch(kind, *points):
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": fingers})

    box = pane(page, "sagittal").bounding_box()
    return page, box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, touch


def test_a_swipe_scrolls_the_page(phone):
    """One finger that swipes over a slice scrolls by and leaves the crosshair."""
    page, x, y, touch = phone
    before = state(page, "cut_coords")

    touch("Start", (x, y))
    for step in range(1, 11):
        touch("Move", (x, y - 10 * step))
    touch("End")

    page.wait_for_function("scrollY > 40")
    assert state(page, "cut_coords") == before


def test_a_pinch_zooms_the_slices(phone):
    """Two fingers that part zoom the slices and not the page, and leave the crosshair."""
    page, x, y, touch = phone
    before = state(page, "cut_coords")

    touch("Start", (x - 20, y), (x + 20, y))
    for step in range(1, 11):
        touch("Move", (x - 20 - 4 * step, y), (x + 20 + 4 * step, y))
    touch("End")

    assert state(page, "zoom") == pytest.approx(3, abs=0.01)
    assert page.evaluate("[scrollY, visualViewport.scale]") == [0, 1]
    assert state(page, "cut_coords") == before


def test_a_finger_that_rests_drags_the_crosshair(phone):
    """A finger that rests first takes the crosshair along, and the page stays."""
    page, x, y, touch = phone
    before = state(page, "cut_coords")

    touch("Start", (x, y))
    page.wait_for_function("(was) => nbica.get('cut_coords').join() !== was.join()", arg=before)
    rested = state(page, "cut_coords")
    for step in range(1, 6):
        touch("Move", (x, y - 8 * step))
    touch("End")

    assert state(page, "cut_coords")[2] > rested[2] + 5
    assert page.evaluate("scrollY") == 0


def test_a_threshold_beyond_the_data_is_said(open_page):
    """The page says that nothing is shown, why, and stops saying it."""
    with pytest.warns(Warning, match=r"threshold=99 is above the largest absolute value"):
        viewer = SliceViewer(planted(), threshold=99)
    page = open_page(viewer)
    note = page.locator(".nbv-note")

    assert "the threshold 99 is above this map's largest absolute value, 1." in note.inner_text()
    page.evaluate("nbica.set('threshold', 0.5)")
    assert note.is_hidden()


def test_names_with_html_stay_text(open_page):
    """Tags in names, titles and regions are shown as they are written, and never run."""
    evil = '<img src=x onerror="window.hit=1"></script><b>&amp;'
    regions = nib.Nifti1Image(np.ones((24, 26, 22), np.uint8), planted().affine)
    viewer = SliceViewer(
        planted(), names=[evil, "b"], title=evil, labels_img=regions, labels=[evil], threshold=0.5
    )
    page = open_page(viewer)

    assert page.locator(".nbv-title h3").inner_text() == evil
    assert page.title() == evil
    assert evil in page.locator(".nbv-read").inner_text()
    assert page.evaluate("window.hit") is None
    assert page.locator(".nbv img, .nbv-head b, .nbv-read b").count() == 0


def test_the_picture_saved_is_the_picture_seen(open_page, viewer):
    """The key s downloads a PNG with the map's colours in it."""
    page = open_page(viewer)
    page.keyboard.press("Tab")
    with page.expect_download() as waiting:
        page.keyboard.press("s")

    saved = Image.open(waiting.value.path()).convert("RGB")
    assert waiting.value.suggested_filename == "block.png"
    assert saved.width > 1000
    # The block is drawn where its threshold lets it: at 4 there is nothing, so it is grey.
    assert np.ptp(np.asarray(saved), axis=2).max() < 30


def test_play_steps_through_and_stops(open_page, viewer):
    """Space plays and stops; the next map comes by itself."""
    page = open_page(viewer)
    pane(page, "axial").focus()
    page.keyboard.press(" ")
    page.wait_for_function("window.nbica.get('component') === 1")
    page.keyboard.press(" ")
    assert page.locator(".nbv-play").get_attribute("aria-pressed") == "false"


@pytest.fixture
def series():
    """A run of 24 frames, around 1000, in which one voxel moves; and where that is."""
    rng = np.random.default_rng(0)
    data = 1000 + rng.normal(0, 2, (12, 12, 12, 24))
    data[6, 6, 6] = 1000 + 80 * np.sin(np.arange(24))
    affine = np.diag([4.0, 4, 4, 1])
    return SliceViewer(nib.Nifti1Image(data.astype(np.float32), affine), t_r=2.0), data[6, 6, 6]


def test_a_series_shows_its_course_at_the_crosshair(open_page, series):
    """The line below follows the voxel that was clicked; a click on it goes to a frame."""
    page = open_page(series[0])

    page.evaluate("nbica.set('cut_coords', [24, 24, 24])")
    plot = page.locator(".nbv-course svg")
    label = plot.get_attribute("aria-label")
    box = plot.bounding_box()
    page.mouse.click(box["x"] + 0.5 * box["width"], box["y"] + 30)

    assert "24 points from 9" in label
    assert "to 1080" in label.replace(",", "")
    assert page.locator(".nbv-axis").inner_text() == "s"
    assert page.locator(".nbv-columns span").all_inner_texts() == ["0", "10", "20", "30", "40"]
    assert state(page, "component") in (11, 12)


def test_deviation_and_level_of_a_run_are_told_apart(open_page, series):
    """What is coloured, the deviation from the mean, is read out as such beside the level."""
    viewer, values = series
    page = open_page(viewer)

    for frame in (0, 5):
        page.evaluate(
            "(k) => { nbica.set('cut_coords', [24, 24, 24]); nbica.set('component', k); }", frame
        )
        rows = page.locator(".nbv-read dl > div").all()
        told = {row.locator("dt").inner_text(): row.locator("dd").inner_text() for row in rows}
        deviation = float(told["deviation"].split(" ±")[0].replace("−", "-"))
        assert deviation == pytest.approx(values[frame] - values.mean(), abs=1)
        assert float(told["level"]) == pytest.approx(values[frame], abs=1)
        assert "value" not in told


def test_playing_has_a_speed(open_page, series):
    """At four times the speed, a quarter of the time passes between frames."""
    page = open_page(series[0])

    def between_frames(speed):
        page.get_by_label("Speed").select_option(speed)
        return page.evaluate("""() => new Promise((done) => {
          const own = window.setInterval;
          window.setInterval = (call, each) => { done(each); return own(call, each); };
          document.querySelector(".nbv-play").click();
          document.querySelector(".nbv-play").click();
          window.setInterval = own;
        })""")

    assert between_frames("1") == 4 * between_frames("4")


def test_without_javascript_there_is_a_picture(chromium, viewer, tmp_path):
    """A page that may run nothing shows the slices drawn in Python, with a text for them."""
    path = viewer.to_html(tmp_path / "page.html")
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())

    image = page.locator("main > img")
    assert image.get_attribute("alt") == viewer.sentence
    data = base64.b64decode(image.get_attribute("src").split(",")[1])
    assert Image.open(io.BytesIO(data)).width > 300
    context.close()


def test_regions_are_named_where_the_crosshair_is(open_page):
    """The read-out names the region at the crosshair, by the same numbers as the image."""
    maps, anatomy, regions, _ = images()
    codes = np.asarray(regions.dataobj).astype(int)
    voxel = np.argwhere(codes == 3)[5]
    mm = nib.affines.apply_affine(regions.affine, voxel)
    viewer = SliceViewer(maps, anatomy, labels_img=regions, labels={3: "insula"})
    page = open_page(viewer)

    page.evaluate(f"nbica.set('cut_coords', {mm.tolist()})")

    assert "insula" in page.locator(".nbv-read").inner_text()
    shown = page.locator(".nbv-read dl > div", has_text="voxel").locator("dd").inner_text()
    assert [int(v.replace("−", "-")) for v in shown.split(",")] == voxel.tolist()


@pytest.fixture
def two_regions():
    """A viewer with two boxes of regions, and where their middles are, in mm."""
    codes = np.zeros((24, 26, 22), np.uint8)
    codes[3:8, 3:8, 3:8] = 1
    codes[14:19, 14:19, 14:19] = 2
    affine = planted().affine
    middles = nib.affines.apply_affine(affine, [[5, 5, 5], [16, 16, 16]])
    labels_img = nib.Nifti1Image(codes, affine)
    viewer = SliceViewer(planted(), labels_img=labels_img, labels=["amygdala", "precuneus"])
    return viewer, middles


def region_told(page):
    return page.locator(".nbv-read dl > div", has_text="region").locator("dd").inner_text()


def test_the_legend_goes_to_each_region(open_page, two_regions):
    """A click on a region's name moves the crosshair to its middle; a search leaves its like."""
    viewer, middles = two_regions
    page = open_page(viewer)
    pane(page, "axial").focus()
    page.keyboard.press("a")
    legend = page.locator(".nbv-legend")

    for name, mm in zip(["amygdala", "precuneus"], middles, strict=True):
        legend.get_by_role("button", name=name).click()
        assert state(page, "cut_coords") == pytest.approx(mm.tolist())
        assert region_told(page) == name
    legend.get_by_label("Find a region").fill("cune")
    assert legend.locator("li:visible").all_inner_texts() == ["precuneus"]


def test_the_nearest_region_is_told_with_its_distance(open_page, two_regions):
    """Beside all regions, the read-out says which is nearest and how far its nearest voxel is."""
    viewer, middles = two_regions
    page = open_page(viewer)
    beside = (middles[1] + [0, 15, 0]).tolist()

    page.evaluate("(mm) => nbica.set('cut_coords', mm)", beside)

    assert region_told(page) == "none; precuneus 9 mm away"


def test_a_page_of_nbconvert_is_alive_offline(chromium, viewer, tmp_path):
    """What to_html() shows in a notebook is drawn in nbconvert's page, with no network at all."""
    html_exporter = pytest.importorskip("nbconvert").HTMLExporter()
    shown = nbformat.v4.new_output(
        "execute_result", data={"text/html": viewer.to_html()._repr_html_(), "text/plain": "page"}
    )
    cell = nbformat.v4.new_code_cell("viewer.to_html()", outputs=[shown], execution_count=1)
    text, _ = html_exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))
    (tmp_path / "notebook.html").write_text(text, encoding="utf-8")
    context = chromium.new_context(offline=True, bypass_csp=True)
    page = context.new_page()
    page.route("http*://**", lambda route: route.abort())

    page.goto((tmp_path / "notebook.html").as_uri(), wait_until="domcontentloaded")
    canvas = page.frame_locator("iframe").locator(".nbv-pane canvas").first

    canvas.wait_for()
    assert canvas.evaluate("(el) => el.width") > 50
    context.close()


def test_the_state_of_a_saved_notebook_is_complete(viewer):
    """What Jupyter's own widget manager embeds in a page holds script, style and volumes."""
    state = dependency_state([viewer], drop_defaults=False)[viewer.model_id]

    assert state["state"]["_esm"] == viewer._esm
    assert state["state"]["_css"] == viewer._css
    assert [buffer["path"] for buffer in state["buffers"]] == [["_payload"]]
