"""A headless browser for the tests of what runs in one; skipped with its reason where none is."""

import os

import pytest

from benchmarks.browser import processes

# Drawn in software, as in a container; the picture of a canvas does not depend on it.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


def pytest_itemcollected(item):
    item.add_marker("slow")


def _missing(reason):
    if os.environ.get("CI"):
        pytest.fail(f"{reason}: .ci/run was to install it")
    pytest.skip(f"{reason}; .ci/browser installs it where apt does")


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium."""
    path = processes.path()
    if path is None:
        _missing("no Chromium on the path")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        _missing("no playwright")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, tmp_path):
    """A function: viewer to its page in a browser, drawn, without any error or request."""
    contexts, troubles = [], []

    def open_page(viewer, **options):
        path = viewer.to_html(tmp_path / f"page{len(contexts)}.html")
        # Waiting for a condition evaluates text, which the page's own policy forbids.
        contexts.append(
            chromium.new_context(
                viewport={"width": 1000, "height": 800}, bypass_csp=True, **options
            )
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda m: troubles.append(m.text) if m.type == "error" else None)
        page.on(
            "request",
            lambda r: (
                None if r.url.startswith(("file:", "data:", "blob:")) else troubles.append(r.url)
            ),
        )
        page.goto(path.as_uri())
        page.wait_for_function("document.documentElement.dataset.ready === 'true'")
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert troubles == []
