"""The IC desk in a browser: twenty components labelled without the mouse."""

import nibabel as nib
import numpy as np
import pytest
from planted import AFFINE, brain_mask, network_maps

from nbica import browse
from nbica.viewer import labelfile


def components(n_maps):
    mask = brain_mask()
    maps = network_maps(mask)
    rng = np.random.default_rng(0)
    data = np.zeros((*mask.shape, n_maps), np.float32)
    data[mask] = (maps[np.arange(n_maps) % len(maps)] * rng.uniform(1, 3, (n_maps, 1))).T
    return nib.Nifti1Image(data, AFFINE)


def get(page, name):
    return page.evaluate("(name) => window.nbica.get(name)", name)


@pytest.fixture
def page(open_page):
    t = np.arange(100) * 2.0
    waves = [np.sin(2 * np.pi * f * t)[:, np.newaxis].repeat(20, axis=1) for f in (0.05, 0.1)]
    browser = browse(components(20), time_courses=waves, t_r=2.0, subjects=["anna", "ben"])
    page = open_page(browser)
    page.set_viewport_size({"width": 1200, "height": 900})
    return page


def test_twenty_components_without_the_mouse(page, tmp_path):
    """One key per component: each is labelled, shown at its peak, and the file is FSL's."""
    page.keyboard.press("Tab")
    page.locator(".nbv-sheet").focus()
    wanted = [labelfile.CLASSES[(7 * k) % 11] for k in range(20)]
    places = set()
    for k, name in enumerate(wanted):
        assert get(page, "component") == k
        places.add(tuple(get(page, "cut_coords")))
        page.keyboard.press("1234567890e"[labelfile.CLASSES.index(name)])

    assert get(page, "marks") == {str(k): [name] for k, name in enumerate(wanted)}
    assert len(places) == 5
    assert "NOT saved: they are on this page only" in page.locator(".nbv-marks").inner_text()
    assert "20 of 20 labelled" in page.locator(".nbv-marks").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save labels").click()
    waiting.value.save_as(tmp_path / "labels.txt")
    labels = [[name] for name in wanted]
    assert (tmp_path / "labels.txt").read_text() == labelfile.text_of(labels)


def test_undo_takes_back_and_returns(page):
    """The key u takes back the last label and returns to its component."""
    page.locator(".nbv-sheet").focus()
    for key in ("1", "4"):
        page.keyboard.press(key)
    assert get(page, "component") == 2

    page.keyboard.press("u")
    assert get(page, "marks") == {"0": ["Signal"]}
    assert get(page, "component") == 1
    page.keyboard.press("u")
    page.keyboard.press("u")
    assert get(page, "marks") == {}


def test_the_sheet_is_a_listbox(page):
    """Arrows walk along rows and columns; the chosen one is announced with its facts and label."""
    sheet = page.locator(".nbv-sheet")
    sheet.focus()
    page.keyboard.press("ArrowRight")
    assert get(page, "component") == 1
    page.keyboard.press("ArrowDown")
    below = get(page, "component")
    assert below > 1
    page.keyboard.press("End")
    assert get(page, "component") == 19
    page.keyboard.press("4")

    active = sheet.get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    last = page.locator(".nbv-tile").nth(19)
    assert last.get_attribute("aria-label") == "IC 19, Movement"
    assert page.locator(".nbv-tile[aria-selected=true]").count() == 1


def test_spectra_peak_where_a_wave_was_planted(page):
    """A wave of 0.05 Hz in the first run and 0.1 Hz in the second is found at its frequency."""
    signals = page.locator(".nbv-signals")
    assert "strongest at 0.050 Hz" in signals.inner_text()

    signals.locator("select").select_option(label="ben")

    assert "strongest at 0.100 Hz" in signals.inner_text()
    assert get(page, "subject") == 1


def test_every_tile_is_drawn(page):
    """All components get their picture, in colour; the sheet is as tall as the viewer beside it."""
    tall = "(name) => document.querySelector(name).getBoundingClientRect().height"
    assert page.evaluate(tall, ".nbv-side") == page.evaluate(tall, ".nbv-body")
    page.wait_for_function(
        """() => [...document.querySelectorAll(".nbv-tile canvas")].every((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value, i) => i % 4 === 0 && value > data[i + 2] + 60);
        })"""
    )


def test_several_labels_and_free_text(page, tmp_path):
    """Shift adds a class, l takes text to a field; chips remove it; the file has all of them."""
    page.locator(".nbv-sheet").focus()
    page.keyboard.press("Shift+Digit4")
    page.keyboard.press("Shift+Digit5")
    assert get(page, "component") == 0
    page.keyboard.press("l")
    page.keyboard.type("a rim, left")
    page.keyboard.press("Enter")
    assert get(page, "marks") == {"0": ["Movement", "Cardiac", "a rim; left"]}
    assert page.locator(".nbv-tile").first.locator(".nbv-chip").inner_text() == (
        "Movement · Cardiac · a rim; left"
    )

    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save labels").click()
    waiting.value.save_as(tmp_path / "labels.txt")
    wanted = [["Movement", "Cardiac", "a rim; left"], *[[]] * 19]
    assert (tmp_path / "labels.txt").read_text() == labelfile.text_of(wanted)

    page.get_by_role("button", name="Remove the label a rim; left").click()
    page.locator(".nbv-sheet").focus()
    page.keyboard.press("Shift+Digit1")
    assert "labels that contradict: kept, as FSL does" in page.locator(".nbv-marks").inner_text()
    for _ in range(2):
        page.keyboard.press("Control+z")
    assert get(page, "marks") == {"0": ["Movement", "Cardiac", "a rim; left"]}


def test_a_class_keeps_free_text_and_goes_on(page):
    """One key takes the place of other classes only."""
    page.locator(".nbv-sheet").focus()
    page.evaluate("nbica.set('marks', {0: ['MRI', 'note']})")
    page.keyboard.press("1")

    assert get(page, "marks") == {"0": ["Signal", "note"]}
    assert get(page, "component") == 1


def tiles(page):
    """Names of the components on the sheet, in order."""
    return page.locator(".nbv-tile b").all_inner_texts()


def test_the_sheet_is_sorted_filtered_and_searched(open_page):
    """By stability, by label, by name; the keys that page and label follow what is shown."""
    stability = [0.5, 0.9, 0.7, 0.9, 0.8]
    names = ["visual", "motor", "auditory", "language", "motor rim"]
    page = open_page(browse(components(5), stability=stability, names=names))
    page.get_by_label("Sort by").select_option("Stability")
    assert tiles(page) == ["motor", "language", "motor rim", "auditory", "visual"]
    assert page.locator(".nbv-tile span").first.inner_text() == "stability 0.90"

    page.locator(".nbv-tile").first.click()
    page.locator(".nbv-sheet").focus()
    page.keyboard.press("1")
    assert get(page, "component") == 3
    page.keyboard.press("4")
    page.keyboard.press("]")
    assert get(page, "component") == 2

    page.get_by_label("Show", exact=True).select_option("noise")
    assert tiles(page) == ["language"]
    assert page.locator(".nbv-sheet-bar").inner_text().endswith("1 of 5")
    page.get_by_label("Show", exact=True).select_option("not labelled")
    assert tiles(page) == ["motor rim", "auditory", "visual"]
    page.get_by_label("Show", exact=True).select_option("all")
    page.get_by_label("Find by name or region").fill("motor")
    assert tiles(page) == ["motor", "motor rim"]


def test_names_are_suggested(open_page):
    """The network most like a component, and the region at the crosshair: taken by a click."""
    img = components(5)
    data = np.asarray(img.dataobj)
    networks = nib.Nifti1Image(data[..., [1, 0]], AFFINE)
    regions = nib.Nifti1Image((data[..., 0] > data[..., 0].max() / 2).astype(np.int16), AFFINE)
    desk = browse(
        img, networks={"maps": networks, "labels": ["second", "first"]}, labels_img=regions,
        labels=["pole"],
    )  # fmt: skip
    page = open_page(desk)
    assert page.locator(".nbv-tile span").first.inner_text() == "1.00 first"
    assert page.locator(".nbv-offer").all_inner_texts() == ["+ first", "+ pole"]

    page.get_by_role("button", name="Take the name first").click()
    assert get(page, "marks") == {"0": ["first"]}
    assert page.locator(".nbv-offer").all_inner_texts() == ["+ pole"]
    page.get_by_label("Find by name or region").fill("pole")
    assert tiles(page) == ["IC 0"]


def test_a_click_on_a_time_course_goes_to_its_frame(page):
    """The frame is a trait, marked with its time and value; the axis is in seconds."""
    plot = page.locator(".nbv-signals svg").first
    box = plot.bounding_box()
    plot.click(position={"x": box["width"] * 25 / 99, "y": 10})

    assert get(page, "frame") == 25
    caption = page.locator(".nbv-signals figcaption").first.inner_text()
    assert "frame 25 at 50 s" in caption
    assert page.locator(".nbv-signals .nbv-axis").all_inner_texts() == ["s", "Hz"]
    assert page.locator(".nbv-signals .nbv-now").count() == 1


def test_the_mean_spectrum_is_beside_that_of_the_run(page):
    """Both waves, one of each run, are in the mean of two; it is dashed, and said."""
    signals = page.locator(".nbv-signals")
    assert "dashed: mean of 2 runs" in signals.inner_text()
    highest = page.evaluate(
        """() => [...document.querySelectorAll(".nbv-signals polyline")].slice(1).map((line) =>
          line.getAttribute("points").split(" ").map((p) => p.split(",").map(Number))
            .filter(([, y]) => y < 0.6).map(([x]) => Math.round(x * 50) / 50))"""
    )
    mean, own = highest
    assert own == [0.18]
    assert mean == [0.18, 0.38]


def test_two_decompositions_side_by_side(open_page):
    """The partner is drawn below with its r, and follows the crosshair."""
    img = components(5)
    other = nib.Nifti1Image(-np.asarray(img.dataobj)[..., ::-1], AFFINE)
    page = open_page(browse(img, compare=other))

    assert (
        page.locator(".nbv-pair").inner_text()
        == "IC 0 and IC 4: r = −1.00 (shown with its sign turned)"
    )
    assert page.locator(".nbv-pane").count() == 6
    data = page.evaluate(
        """() => [...document.querySelectorAll('.nbv-pane canvas')].map((c) =>
          [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data].join())"""
    )
    # Turned and rescaled, the second is the first.
    assert data[:3] == data[3:]
