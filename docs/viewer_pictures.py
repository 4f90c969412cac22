"""Draw the pictures of the viewers for the README: python docs/viewer_pictures.py.

Needs playwright and a Chromium on the path; takes two minutes.
"""

import shutil
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from nbica import CanICA, browse, datasets, view_img
from nbica.matching import label

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
# What the animation does: a change of the state, and for how many frames it stays.
PEAK = "document.querySelector('[title^=\"Next peak\"]').click()"
SCENES = [
    ("", 7),
    *[(f"nbica.set('cut_coords', [{-40 + 9 * i}, {-24 - 2 * i}, {44 - i}])", 1) for i in range(9)],
    *[(f"nbica.set('component', {k}); {PEAK}", 7) for k in (9, 0, 2)],
    *[(f"nbica.set('threshold', {0.3 + 0.05 * i})", 1) for i in range(9)],
    ("nbica.set('threshold', 0.3)", 5),
    ("nbica.set('component', 7); nbica.set('n_slices', 10); nbica.set('view', 'lightbox')", 12),
    ("nbica.set('view', 'glass')", 8),
    ("nbica.set('component', 0)", 8),
    ("nbica.set('view', 'cortex')", 8),
    *[(f"nbica.set('inflation', {0.2 * i})", 1) for i in range(1, 6)],
    ("nbica.set('inflation', 1)", 7),
    (f"nbica.set('view', 'ortho'); {PEAK}", 6),
]


def main():
    """Write viewer.png, desk.png and viewer.webp beside this file."""
    cohort = datasets.simulate_group()
    path = next(filter(None, map(shutil.which, BROWSERS)))
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        viewer = view_img(cohort.maps_img, names=cohort.labels, threshold=0.3)
        page = opened(browser, viewer, folder, 900)
        page.evaluate("nbica.set('component', 5); nbica.set('cut_coords', [-40, -24, 52])")
        picture_of(page).save(HERE / "viewer.png", optimize=True)
        animate(page, HERE / "viewer.webp")
        ica = fitted(cohort)
        desk = opened(browser, desk_of(ica, cohort), folder, 1240)
        for key in keys_for(ica, cohort, 4):
            desk.locator(".nbv-sheet").press(key)
        settle(desk, frames=40)
        picture_of(desk).save(HERE / "desk.png", optimize=True)
        browser.close()


def fitted(cohort):
    """A fit of all subjects."""
    ica = CanICA(mask=cohort.mask_img, n_components=20, smoothing_fwhm=6, random_state=0)
    return ica.fit(cohort.func, confounds=cohort.confounds)


def desk_of(ica, cohort):
    """The desk of a fit, with the time courses of four subjects."""
    courses = ica.transform(cohort.func[:4], confounds=cohort.confounds[:4])
    return browse(ica, time_courses=courses, t_r=cohort.t_r)


def keys_for(ica, cohort, n_components):
    """What a person presses who knows the truth: signal, or else the beating heart."""
    names = label(ica.components_img_, cohort, mask_img=ica.mask_img_)["label"][:n_components]
    return ["5" if name == "unlabelled" else "1" for name in names]


def opened(browser, viewer, folder, width):
    """A viewer's page, drawn."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark", bypass_csp=True
    )
    page = context.new_page()
    page.goto(viewer.to_html(Path(folder) / f"{width}.html").as_uri())
    page.wait_for_function("document.documentElement.dataset.ready === 'true'")
    settle(page)
    return page


def settle(page, frames=2):
    """Wait until so many frames are drawn."""
    for _ in range(frames):
        page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")


def picture_of(page):
    """The viewer alone."""
    return Image.open(BytesIO(page.locator(".nbv").screenshot())).convert("RGB")


def animate(page, path):
    """What `SCENES` shows, as an animated WebP; below 2 MB."""
    shots, times = [], []
    for change, n_frames in SCENES:
        page.evaluate(change or "0")
        settle(page, frames=3)
        shots.append(picture_of(page))
        times.append(100 * n_frames)
    width, height = max(shot.width for shot in shots), max(shot.height for shot in shots)
    frames = []
    for shot in shots:
        sheet = Image.new("RGB", (width, height), (22, 25, 29))
        sheet.paste(shot)
        frames.append(sheet.resize((720, 720 * height // width), Image.Resampling.LANCZOS))
    frames[0].save(
        path, save_all=True, append_images=frames[1:], duration=times, loop=0, quality=80, method=6
    )


if __name__ == "__main__":
    main()
