"""The site as a reader has it: built without a warning, its links good, its viewers alive."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="the site needs nbica[docs]")
pytest.importorskip("latex2mathml", reason="the site needs nbica[docs]")

import alive
import built_links

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-E", "-W", "--keep-going", "-q", "-c", "docs"]
    done = subprocess.run(
        [*command, "-d", folder / "doctrees", ".", folder / "html"],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


def test_the_site_builds_without_a_warning(site):
    """Every notebook is there, no page asks anything from outside, and all links hold."""
    assert all((site / "notebooks" / f"{path.stem}.html").is_file() for path in NOTEBOOKS)
    assert list(built_links.faults(site)) == []


def test_pages_of_viewers_are_small(site):
    """A viewer's page is at most 2.5 MB, so that a notebook's page opens at once."""
    sizes = [path.stat().st_size for path in (site / "viewers").glob("*.html")]

    assert len(sizes) >= 2
    assert max(sizes) <= alive.LARGEST


@pytest.mark.parametrize("page", ["docs/index.html", "notebooks/howto_viewers.html"])
def test_viewers_live_in_the_built_pages(site, chromium, page):
    """From a folder, without a kernel: a click moves the crosshair, and nothing is asked."""
    context = chromium.new_context(viewport={"width": 1200, "height": 900}, bypass_csp=True)
    tab, troubles = context.new_page(), []
    tab.on("pageerror", lambda error: troubles.append(str(error)))
    tab.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
    tab.on(
        "request",
        lambda r: None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(r.url),
    )
    tab.goto((site / page).as_uri())
    tab.locator(".nbica-viewer iframe").first.scroll_into_view_if_needed()
    viewer = tab.frame_locator(".nbica-viewer iframe").first
    viewer.locator("html[data-ready='true']").wait_for(state="attached", timeout=20_000)
    x = viewer.locator(".nbv-readout input, .nbv input[type='number']").first
    before = x.input_value()
    viewer.locator(".nbv-pane").nth(1).click(position={"x": 30, "y": 60})

    assert x.input_value() != before
    assert tab.locator(".nbica-viewer iframe").first.bounding_box()["height"] < 900
    context.close()
    assert troubles == []
