"""The dial in a browser: turned by its slider, without a kernel."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from nbica.teaching import ICADial, Steps

pytestmark = pytest.mark.slow


def test_turning_the_slider_turns_the_axes(open_page, rng):
    """The kurtosis in the browser is Python's at the same angle; the button goes to the summit."""
    dial = ICADial(np.array([[2, 1], [1, 1]]) @ rng.laplace(size=(2, 500)))
    page = open_page(dial)
    page.locator("input[type=range]").fill("30")
    dial.angle = 30
    said = page.locator(".nbd-note").all_text_contents()[:2]

    expected = [f"axis {n + 1}: kurtosis {k:.1f}" for n, k in enumerate(dial.kurtosis())]
    assert [text.replace("−", "-") for text in said] == expected
    page.get_by_role("button", name="ICA's axes").click()
    assert abs(int(page.locator("input[type=range]").input_value()) - dial.best()) <= 1
    assert "A summit" in page.locator(".nbd-words").text_content()


def test_steps_show_their_words(open_page):
    """The slider goes through the pictures, and the words go along."""
    steps = Steps([1, 2, 3], lambda value: (Figure(figsize=(2, 2)), f"words of {value}"))
    page = open_page(steps)
    before = page.locator(".nbd-stage img").get_attribute("src")
    page.locator("input[type=range]").fill("2")

    assert page.locator(".nbd-words").text_content() == "words of 3"
    assert before.startswith("data:image/webp")
