"""How figures show themselves in a notebook, and those of arrays: carpets, matrices, spectra."""

import nbformat
import nibabel as nib
import numpy as np
import pytest
from IPython.core.formatters import DisplayFormatter
from nbclient import NotebookClient
from planted import write_cohort
from scipy import signal

from nbica import plotting
from nbica.plotting.matrices import similar_first
from nbica.plotting.spectra import share_in_band

TALK = """
from nbica import CanICA
from nbica.image import iter_img
from nbica.plotting import plot_stat_map

canica = CanICA(n_components=4, smoothing_fwhm=6., memory="nilearn_cache", memory_level=5,
                threshold=3., verbose=10, random_state=0, mask=mask)
canica.fit(func_filenames)
components_img = canica.masker_.inverse_transform(canica.components_)
for i, cur_img in enumerate(iter_img(components_img)):
    plot_stat_map(cur_img, display_mode="z", title="IC %d" % i, cut_coords=1, colorbar=False)
"""


@pytest.mark.slow
def test_the_script_of_the_talk_shows_its_figures(tmp_path):
    """In a notebook each figure is shown once: from a loop, as a cell's value; not if saved."""
    cohort = write_cohort(tmp_path, n_runs=3)
    nib.save(cohort.mask_img, tmp_path / "mask.nii.gz")
    cells = [
        f"func_filenames = {cohort.func!r}; mask = 'mask.nii.gz'",
        TALK,
        "display = plot_stat_map(cur_img)\ndisplay",
        "display = plot_stat_map(cur_img)\n'something else'",
        "plot_stat_map(cur_img, output_file='saved.png').close()",
        "plot_stat_map(cur_img).close()",
        "import sys\n'matplotlib.pyplot' in sys.modules",
        # pyplot brings a picture of its own for every figure.
        "import matplotlib.pyplot as plt\nplot_stat_map(cur_img)",
        "from nbica.plotting import plot_components\nplot_components(components_img)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])

    NotebookClient(notebook, resources={"metadata": {"path": tmp_path}}, timeout=120).execute()

    shown = [
        sum("image/png" in output.get("data", {}) for output in cell.outputs)
        for cell in notebook.cells
    ]
    assert shown == [0, 4, 1, 1, 0, 0, 0, 1, 1]
    pictures = [
        output for output in notebook.cells[1].outputs if "image/png" in output.get("data", {})
    ]
    texts = [output.data["text/plain"] for output in pictures]
    assert all(text.startswith("<slices of a brain map: z = ") for text in texts)
    assert notebook.cells[6].outputs[0].data["text/plain"] == "False"


# ---- matrices -----------------------------------------------------------------------------------


def blocks(order):
    """Two groups of three that correlate within, in some order."""
    group = np.repeat([0, 1], 3)[order]
    return np.where(group[:, np.newaxis] == group, 0.9, -0.2) + 0.1 * np.eye(6)


def test_reordering_puts_groups_together():
    """Rows that are alike become neighbours, with their labels."""
    order = np.array([0, 3, 1, 4, 2, 5])

    image = plotting.plot_matrix(blocks(order), [f"r{i}" for i in order], reorder=True)

    groups = [int(text.get_text()[1]) // 3 for text in image.axes.get_yticklabels()]
    assert groups in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])
    np.testing.assert_allclose(image.get_array(), blocks(np.arange(6)))
    assert sorted(similar_first(blocks(order))) == list(range(6))


def test_a_linkage_that_scipy_lacks_is_refused():
    """The error names those that there are."""
    with pytest.raises(ValueError, match="single, complete, average"):
        plotting.plot_matrix(np.eye(4), reorder="ward-ish")


@pytest.mark.parametrize(("tri", "n_shown"), [("full", 9), ("lower", 3), ("diag", 6)])
def test_part_of_a_matrix(tri, n_shown):
    """What is above the diagonal is blank; colours are symmetric, the diagonal does not count."""
    mat = np.array([[9, 1, 2], [1, 9, -3], [2, -3, 9.0]])

    image = plotting.plot_matrix(mat, tri=tri, grid=True)

    assert np.isfinite(np.ma.filled(image.get_array(), np.nan)).sum() == n_shown
    assert image.get_clim() == (-3, 3)
    assert mat[0, 2] == 2  # the user's own is left alone


def test_a_matrix_in_axes_of_the_user():
    """Subplots, as people make them."""
    from matplotlib.figure import Figure

    axes = Figure().subplots(1, 2)

    image = plotting.plot_matrix(np.eye(3), axes=axes[1], colorbar=False)

    assert image.axes is axes[1]
    assert list(axes[1].images) == [image]


def test_a_matrix_shows_its_figure():
    """The image that is returned is shown by a notebook as its whole figure, once."""
    image = plotting.plot_matrix(np.eye(3))

    shown, _ = DisplayFormatter().format(image)

    assert shown["image/png"].startswith(b"\x89PNG")
    assert image.figure.is_shown


# ---- carpets ------------------------------------------------------------------------------------


@pytest.fixture
def striped(make_image):
    """Voxels of two regions, each with a course of its own, and the image of the regions."""
    labels = np.zeros((4, 5, 6), np.int16)
    labels[:, 1:, :3], labels[:, 1:, 3:] = 2, 7
    courses = np.array([np.sin(np.arange(30)), np.cos(np.arange(30))])
    data = np.zeros((4, 5, 6, 30))
    data[labels == 2], data[labels == 7] = courses
    return make_image(100 + data.astype(np.float32)), make_image(labels), courses


def test_a_carpet_has_the_voxels_of_its_regions(striped):
    """Sorted by region in the order of their names, one row per voxel, time in seconds."""
    img, labels_img, courses = striped

    figure = plotting.plot_carpet(
        img, labels_img, mask_labels={"second": 7, "first": 2}, detrend=False, standardize=True
    )

    grey, strip = figure.axes
    rows = grey.images[0].get_array()
    scaled = (courses - courses.mean(axis=1, keepdims=True)) / courses.std(
        axis=1, ddof=1, keepdims=True
    )
    np.testing.assert_allclose(rows[:48], np.tile(scaled[1], (48, 1)), atol=1e-4)
    np.testing.assert_allclose(rows[48:], np.tile(scaled[0], (48, 1)), atol=1e-4)
    assert grey.get_xlim() == (0, 60)
    assert [text.get_text() for text in strip.get_yticklabels()] == ["second", "first"]


def test_a_large_carpet_takes_evenly_many_voxels(make_image):
    """At most 1200 rows, from the first to the last voxel."""
    data = np.arange(20.0**3).reshape(20, 20, 20)[..., None] * np.ones(5)
    img = make_image(data.astype(np.float32))
    mask = make_image(np.ones((20, 20, 20), np.uint8))

    figure = plotting.plot_carpet(img, mask, detrend=False, standardize=False)

    rows = figure.axes[0].images[0].get_array()
    assert rows.shape == (1200, 5)
    assert (rows[0, 0], rows[-1, 0]) == (0, 7999)
    assert np.ptp(np.diff(rows[:, 0])) <= 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"framewise_displacement": [1, 2]}, "has 2 values for 30 frames"),
        ({"mask_img": None, "mask_labels": {"a": 1}}, "mask_img is None"),
        ({"mask_labels": {"a": 3}}, "is in mask_img"),
    ],
)
def test_a_wrong_carpet_says_the_way_out(striped, options, message):
    """What was found, what was expected."""
    img, labels_img, _ = striped
    with pytest.raises(ValueError, match=message):
        plotting.plot_carpet(img, **({"mask_img": labels_img} | options))


# ---- spectra ------------------------------------------------------------------------------------


def test_a_spectrum_peaks_where_the_sine_is():
    """Power lies at the frequency of the course, in shares of 1, whatever its scale."""
    t_r, n_timepoints = 2.0, 400
    seconds = t_r * np.arange(n_timepoints)
    courses = np.sin(2 * np.pi * np.outer(seconds, [0.03125, 0.125])) * [1, 1000]

    frequencies, power = plotting.power_spectrum(courses, t_r)

    np.testing.assert_allclose(frequencies[power.argmax(axis=1)], [0.03125, 0.125])
    np.testing.assert_allclose(power.sum(axis=1), 1)
    slow, fast = share_in_band(frequencies, power)
    assert slow > 0.99
    assert fast < 0.01


def test_a_spectrum_is_scipys_averaged_over_runs():
    """Runs of different lengths count alike, on the frequencies of the shortest."""
    rng = np.random.default_rng(0)
    runs = [rng.standard_normal((n, 2)) for n in (100, 300)]

    frequencies, power = plotting.power_spectrum(runs, 0.5)

    expected = 0
    for run in runs:
        f, one = signal.welch((run - run.mean(axis=0)) / run.std(axis=0), 2.0, nperseg=100, axis=0)
        expected = expected + one.T
    np.testing.assert_array_equal(frequencies, f)
    np.testing.assert_allclose(power, expected / expected.sum(axis=1, keepdims=True))


def test_a_constant_course_has_no_power():
    """Nothing is divided by zero."""
    assert not plotting.power_spectrum(np.ones((50, 2)), 2)[1].any()


@pytest.mark.parametrize(
    ("courses", "t_r", "message"),
    [
        ([np.ones((9, 2)), np.ones((9, 3))], 2, r"shape \(9, 2\), \(9, 3\)"),
        ([], 2, "of shape none"),
        (np.ones((9, 2)), 0, "t_r is 0; expected seconds"),
    ],
)
def test_a_wrong_spectrum_says_the_way_out(courses, t_r, message):
    """What was found, what was expected."""
    with pytest.raises(ValueError, match=message):
        plotting.plot_spectrum(courses, t_r)
    with pytest.raises(ValueError, match="found 1 for 2 time courses"):
        plotting.plot_spectrum(np.ones((9, 2)), 2, labels=["a"])


def test_domains_stand_together_in_frames():
    """Rows of a domain are put together, in the order of domains, framed and named."""
    mat = np.arange(25.0).reshape(5, 5)
    mat += mat.T

    image = plotting.plot_matrix(mat, domains=["b", "a", "b", "c", "a"])

    order, axes = [0, 2, 1, 4, 3], image.axes
    np.testing.assert_array_equal(image.get_array(), mat[np.ix_(order, order)])
    frames = [(patch.get_x(), patch.get_width()) for patch in axes.patches]
    assert frames == [(-0.5, 2), (1.5, 2), (3.5, 1)]
    assert [text.get_text() for text in axes.get_yticklabels()] == ["b", "a", "c"]
    named = plotting.plot_matrix(mat, list("vwxyz"), domains=["b", "a", "b", "c", "a"]).axes
    assert [text.get_text() for text in named.get_yticklabels()] == list("vxwzy")
    assert [text.get_text() for text in named.texts] == ["b", "a", "c"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"domains": ["a"]}, "domains: found 1"),
        ({"domains": list("aab"), "reorder": True}, "choose one"),
    ],
)
def test_domains_that_do_not_fit(options, message):
    """One domain per row, and one order."""
    with pytest.raises(ValueError, match=message):
        plotting.plot_matrix(np.eye(3), **options)
