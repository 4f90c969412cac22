"""What the comparison of pictures lets pass, what it does not, and what it sees of a notebook."""

import base64
import itertools
from io import BytesIO
from pathlib import Path

import matplotlib
import nbformat
import numpy as np
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_output
from pictures import unlike, unlike_outputs
from PIL import Image, ImageChops, ImageOps
from scipy import ndimage
from test_looks import LOOKS, anatomy, flipped, image, maps, stat_map

from nbica import plotting

pytestmark = pytest.mark.slow  # draws and compares whole figures
# ---- what passes --------------------------------------------------------------------------------

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
KINDS = ["stat_map", "components", "glass_brain", "connectome", "matrix", "spectrum"]


def picture(figure, **options):
    png = BytesIO()
    figure.savefig(png, format="png", **options)
    return Image.open(png).convert("RGB")


@pytest.fixture(scope="module")
def drawn():
    return {kind: picture(LOOKS[kind]()) for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_itself_is_alike(drawn, kind):
    """A picture is like itself, and like a copy with 256 colours."""
    assert not unlike(drawn[kind], drawn[kind])
    assert not unlike(drawn[kind].quantize(256), drawn[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_pixel_aside_is_alike(drawn, kind):
    """Where everything lies one pixel to the right and below, nobody sees it."""
    assert not unlike(ImageChops.offset(drawn[kind], 1, 1), drawn[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_a_little_larger_is_alike(drawn, kind):
    """As a figure is whose text has another width."""
    width, height = drawn[kind].size
    larger = drawn[kind].resize((width + 6, height + 2), Image.Resampling.BICUBIC)

    assert not unlike(larger, drawn[kind])


@pytest.mark.parametrize("kind", KINDS)
def test_other_letters_are_alike(drawn, kind):
    """Letters with no hinting, and of a font with serifs."""
    with matplotlib.rc_context({"text.hinting": "none", "font.family": "DejaVu Serif"}):
        assert not unlike(picture(LOOKS[kind]()), drawn[kind])


# ---- what does not ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["stat_map", "components", "glass_brain", "connectome", "matrix"])
def test_mirrored_is_unlike(drawn, kind):
    """Left and right swapped."""
    assert unlike(ImageOps.mirror(drawn[kind]), drawn[kind])


@pytest.mark.parametrize("kind", ["stat_map", "components", "glass_brain", "connectome", "matrix"])
def test_recolored_is_unlike(drawn, kind):
    """Warm and cold colours swapped, as with the signs or another colour map."""
    red, green, blue = drawn[kind].split()

    assert unlike(Image.merge("RGB", (blue, green, red)), drawn[kind])


def test_a_flipped_map_is_unlike(drawn):
    """The brain stands as it should, only the map on it is mirrored."""
    wrong = plotting.plot_stat_map(flipped(), anatomy(), threshold=1, title="Map")

    assert unlike(picture(wrong), drawn["stat_map"])


def test_without_its_color_bar_is_unlike(drawn):
    """All the rest in its place: where the bar was is background."""
    without = drawn["stat_map"].copy()
    background = without.getpixel((0, 0))
    columns = np.flatnonzero((np.asarray(without) != background).any(axis=(0, 2)))
    bar = (columns.max() - 45, 0, without.width, without.height)
    assert (np.asarray(without.crop(bar)) != background).any()
    without.paste(background, bar)

    assert unlike(without, drawn["stat_map"])


def test_another_component_is_unlike(drawn):
    """One of four maps is another; or two have changed places."""
    data = np.asanyarray(maps().dataobj).copy()
    for order in ([0, 1, 2, 0], [1, 0, 2, 3]):
        wrong = plotting.plot_components(
            image(data[..., order]), anatomy(), stability=[1, 0.9, 0.5, 0.1], n_columns=2
        )
        assert unlike(picture(wrong), drawn["components"])


def test_a_slice_aside_is_unlike(drawn):
    """8 mm higher, all else as it was."""
    options = {"threshold": 1, "title": "Map", "cut_coords": (-40, -50, 38)}
    wrong = plotting.plot_stat_map(stat_map(), anatomy(), **options)

    assert unlike(picture(wrong), drawn["stat_map"])


def curves(*amplitudes):
    """Subplots with a thin line each; a plain matplotlib figure, as in some notebooks."""
    figure = Figure(figsize=(6, 2.5))
    times = np.linspace(0, 10, 200)
    for axes, amplitude in zip(figure.subplots(1, 2), amplitudes, strict=True):
        axes.set(ylim=(-2, 2), xlim=(0, 10))
        if amplitude:
            axes.plot(times, amplitude * np.sin(times))
    return picture(figure)


def test_an_empty_subplot_is_unlike():
    """A line of one and a half pixels is missing, has the other sign, or half the height."""
    for wrong in (0, -1, 0.5):
        assert unlike(curves(1, wrong), curves(1, 1))
    assert not unlike(curves(1, 1.02), curves(1, 1))


def test_another_size_is_unlike(drawn):
    """A figure with one row more says by how much."""
    taller = ImageOps.pad(drawn["matrix"], (drawn["matrix"].width, 2 * drawn["matrix"].height))

    assert "pixels, not" in unlike(taller, drawn["matrix"])


# ---- mutants of saved pictures ------------------------------------------------------------------

# Where a map lies on a brain: notebook, words of the cell, and pixels across a voxel of 8 or 4 mm.
ON_BRAINS = {
    "howto_the_talks_script": ('title="IC %d"', 20),
    "05_reading_brain_maps": ('title="Above 0.5"', 12),
    "howto_atlases": ("the atlas's default mode", 12),
}


def saved(stem, words):
    """Pictures that a notebook's cell was saved with, and pixels across a voxel in them."""
    notebook = nbformat.read(NOTEBOOKS / f"{stem}.ipynb", as_version=4)
    [cell] = [cell for cell in notebook.cells if cell.get("outputs") and words in cell.source]
    data = [output.get("data", {}).get("image/png") for output in cell.outputs]
    return [Image.open(BytesIO(base64.b64decode(png))).convert("RGB") for png in data if png]


@pytest.fixture(scope="module", params=ON_BRAINS)
def on_brain(request):
    """The last picture of a cell but one, as the last of the talk's script has little in it."""
    words, voxel = ON_BRAINS[request.param]
    return saved(request.param, words)[-3:][0], voxel


def colored(pixels):
    return np.ptp(pixels.astype(int), axis=2) > 60


def blobs(picture, voxel, smallest=1):
    """Masks of the coloured regions on the brain that are larger than so many voxels."""
    pixels = np.asarray(picture)
    labels, n_blobs = ndimage.label(colored(pixels), np.ones((3, 3)))
    labels[:, int(0.9 * picture.width) :] *= picture.width < 500  # the colour bar
    masks = [labels == number for number in range(1, n_blobs + 1)]
    return [mask for mask in masks if mask.sum() >= smallest * voxel**2]


def filled(pixels, where, source):
    """Each pixel of a mask gets the colour of the nearest one of another mask."""
    nearest = ndimage.distance_transform_edt(~source, return_distances=False, return_indices=True)
    result = pixels.copy()
    result[where] = pixels[tuple(nearest)][where]
    return result


def with_voxel(pixels, row, column, voxel, more):
    """A voxel around a place is coloured as the map beside it is, or not, as the brain is."""
    near = (slice(max(0, row - 40), row + 40), slice(max(0, column - 40), column + 40))
    inside = np.zeros(pixels.shape[:2], bool)
    half = voxel // 2
    inside[row - half : row + half, column - half : column + half] = True
    there = ndimage.binary_fill_holes(colored(pixels))[near]
    where, source = (~there, there) if more else (there, ~there & ~inside[near])
    result = pixels.copy()
    result[near] = filled(pixels[near], where & inside[near], source)
    return result


def contour(mask, rng, n_places):
    mask = ndimage.binary_fill_holes(mask)
    places = np.argwhere(mask & ~ndimage.binary_erosion(mask))
    return places[rng.choice(len(places), n_places, replace=False)]


@pytest.mark.parametrize("more", [True, False], ids=["more", "less"])
def test_a_voxel_at_a_contour_is_alike(on_brain, rng, more):
    """Anywhere around the regions of a map, one voxel is coloured that was not, or the reverse."""
    picture, voxel = on_brain
    pixels = np.asarray(picture)
    places = [place for mask in blobs(picture, voxel, 4) for place in contour(mask, rng, 5)]

    assert len(places) >= 10
    for place in places:
        assert not unlike(Image.fromarray(with_voxel(pixels, *place, voxel, more)), picture)


def test_many_voxels_at_contours_are_unlike(rng):
    """One in each region would be let pass alone; several at once are another map."""
    words, voxel = ON_BRAINS["howto_the_talks_script"]
    pictures = saved("howto_the_talks_script", words)
    picture = max(pictures, key=lambda one: len(blobs(one, voxel, 2)))
    changed = np.asarray(picture)
    for mask in blobs(picture, voxel, 2):
        for place in contour(mask, rng, 2):
            changed = with_voxel(changed, *place, voxel, more=True)

    assert unlike(Image.fromarray(changed), picture)


def test_a_missing_blob_is_unlike(on_brain):
    """Each region of at least three voxels, wherever there are others, and be they near."""
    picture, voxel = on_brain
    pixels = np.asarray(picture)
    regions = blobs(picture, voxel, 3)

    assert len(regions) >= 3
    for mask in regions:
        where = ndimage.binary_dilation(mask, iterations=2)
        without = filled(pixels, where, ~where & ~colored(pixels))
        assert unlike(Image.fromarray(without), picture)


def test_all_moved_by_a_voxel_is_unlike(on_brain):
    """As where a cut goes through the next slice, or an affine is off by one."""
    picture, voxel = on_brain
    for aside in ((voxel, 0), (0, voxel)):
        assert unlike(ImageChops.offset(picture, *aside), picture)


@pytest.mark.parametrize("name", ["viridis", "coolwarm", "Greens"])
def test_another_color_map_is_unlike(on_brain, name):
    """All in its place, and as strong, but in other colours."""
    picture, _ = on_brain
    pixels = np.asarray(picture).copy()
    on_map = colored(pixels)
    pixels[on_map] = 255 * matplotlib.colormaps[name](pixels.max(axis=2)[on_map])[:, :3]

    assert unlike(Image.fromarray(pixels), picture)


def test_panels_in_another_order_are_unlike(on_brain):
    """Halves of a picture exchanged: for three panels, each is somewhere else."""
    picture, _ = on_brain

    assert unlike(ImageChops.offset(picture, picture.width // 2, 0), picture)


def test_components_in_another_order_are_unlike():
    """None of the talk's components can be taken for the next one."""
    pictures = saved("howto_the_talks_script", ON_BRAINS["howto_the_talks_script"][0])

    assert len(pictures) == 20
    assert all(unlike(one, other) for one, other in itertools.pairwise(pictures))


# ---- in a notebook ------------------------------------------------------------------------------


def shown(*pictures):
    """Outputs of a cell: a picture each, or text where there is none."""
    outputs = [new_output("stream", text="a line\n")]
    for one in pictures:
        data = {"text/plain": "<a figure>"}
        if one is not None:
            png = BytesIO()
            one.save(png, format="png")
            data["image/png"] = base64.b64encode(png.getvalue()).decode()
        outputs.append(new_output("display_data", data=data))
    return outputs


def test_pictures_of_a_cell_are_compared_one_by_one(drawn):
    """The second of two is wrong, and is named; both come back to be looked at."""
    right, wrong = drawn["stat_map"], ImageOps.mirror(drawn["stat_map"])

    assert unlike_outputs(shown(right, right), shown(right, right)) == []
    [(sentence, found, saved)] = unlike_outputs(shown(right, wrong), shown(right, right))
    assert sentence.startswith("the picture of output 2: it differs by")
    assert found.size == saved.size == right.size


@pytest.mark.parametrize(
    "places", [(True, False), (False, True), (False, False)], ids=["one", "other place", "none"]
)
def test_number_and_places_of_pictures_count(drawn, places):
    """A picture that is missing, or that comes with another output, is told."""
    one = drawn["matrix"]
    saved = (True, True) if places == (True, False) else (True, False)
    shows = [shown(*(one if is_shown else None for is_shown in p)) for p in (places, saved)]

    [(sentence, *pictures)] = unlike_outputs(*shows)
    assert "saved in output 1" in sentence
    assert pictures == [None, None]
