"""The report in a browser: on a desk, on a phone, on paper."""

import pytest
from planted import estimator, write_cohort

from nbica import report

HOSTILE = "<img src=x onerror=\"top.document.title='owned'\">"


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    cohort = write_cohort(folder, n_runs=3)
    ica = estimator().fit(cohort.func, confounds=cohort.confounds)
    names = [HOSTILE, "a rather long name " * 6, "two", "three", "four"]
    return report(ica, folder / "canica.html", names=names, imgs=cohort.func)


@pytest.fixture
def open_report(chromium, path):
    """A function: size of a screen to the report on it, without any error or request."""
    contexts, troubles = [], []

    def open_report(width, height):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        inside = ("file:", "data:", "blob:", "about:")
        page.on("request", lambda r: None if r.url.startswith(inside) else troubles.append(r.url))
        page.goto(path.as_uri())
        return page

    yield open_report
    for context in contexts:
        context.close()
    assert troubles == []


@pytest.mark.parametrize("width", [1280, 768, 360])
def test_it_fits_the_screen(open_report, width):
    """Nothing is wider than the screen, and the viewer is seen in full, without bars to scroll."""
    page = open_report(width, 800)

    page.locator("iframe").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe")
    frame.locator("canvas").first.wait_for()
    page.wait_for_function("document.querySelectorAll('img').length === 5")

    assert page.evaluate("document.documentElement.scrollWidth") == width
    body = page.frames[1]
    assert body.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert body.evaluate("document.documentElement.scrollHeight <= innerHeight")
    pictures = page.evaluate("[...document.images].map((i) => i.naturalWidth)")
    assert min(pictures) > 400
    assert page.title().startswith("CanICA")


def test_the_viewer_in_it_answers(open_report):
    """Its keys work inside the frame."""
    page = open_report(1280, 800)
    page.locator("iframe").scroll_into_view_if_needed()
    frame = page.frame_locator("iframe")
    frame.locator("canvas").first.wait_for()

    frame.get_by_role("button", name="Lightbox").click()

    assert frame.get_by_role("button", name="Lightbox").get_attribute("aria-pressed") == "true"


def test_it_prints_without_the_viewer(open_report):
    """Paper gets the components and the tables."""
    page = open_report(800, 1100)

    page.emulate_media(media="print")

    assert not page.locator("iframe").is_visible()
    assert page.locator("article").count() == 5
    assert page.locator("article").last.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 800
    assert page.pdf(format="A4").startswith(b"%PDF")
