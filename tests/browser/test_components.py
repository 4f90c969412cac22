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

    assert get(page, "marks") == {str(k): name for k, name in enumerate(wanted)}
    assert len(places) == 5
    assert "20 of 20 labelled" in page.locator(".nbv-marks").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Save labels").click()
    waiting.value.save_as(tmp_path / "labels.txt")
    assert labelfile.read(tmp_path / "labels.txt", 20) == wanted
    assert (tmp_path / "labels.txt").read_text() == labelfile.text_of(wanted)


def test_undo_takes_back_and_returns(page):
    """The key u takes back the last label and returns to its component."""
    page.locator(".nbv-sheet").focus()
    for key in ("1", "4"):
        page.keyboard.press(key)
    assert get(page, "component") == 2

    page.keyboard.press("u")
    assert get(page, "marks") == {"0": "Signal"}
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
    assert last.get_attribute("aria-label") == "IC 19, number 20, no. 20, Movement"
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
    assert page.evaluate(tall, ".nbv-sheet") == page.evaluate(tall, ".nbv-body")
    page.wait_for_function(
        """() => [...document.querySelectorAll(".nbv-tile canvas")].every((canvas) => {
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return data.some((value, i) => i % 4 === 0 && value > data[i + 2] + 60);
        })"""
    )


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
