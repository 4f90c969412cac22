"""The IC desk without a browser: labels in and out, time courses, a second decomposition."""

import gzip
import json
from types import SimpleNamespace

import ipywidgets
import nibabel as nib
import numpy as np
import pytest
import traitlets
from planted import AFFINE, brain_mask, network_maps

from nbica import browse
from nbica.viewer import labelbook

N_MAPS = 5
NAN = float("nan")


@pytest.fixture
def components_img():
    mask = brain_mask()
    data = np.zeros((*mask.shape, N_MAPS), np.float32)
    data[mask] = network_maps(mask).T
    return nib.Nifti1Image(data, AFFINE)


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed, and what it labelled is forgotten."""
    yield
    ipywidgets.Widget.close_all()
    labelbook.forget()


def test_labels_come_back_as_a_table(components_img, tmp_path):
    """One row per component: number from 1, name, label, whether noise; Unknown where none."""
    browser = browse(components_img, stability=[0.9, 0.8, 0.7, 0.6, 0.5])
    browser.marks = {"0": "Signal", "3": "Movement"}
    table = browser.to_dataframe()
    browser.save_tsv(tmp_path / "labels.tsv")

    assert table.index.tolist() == [0, 1, 2, 3, 4]
    assert table["number"].tolist() == [1, 2, 3, 4, 5]
    assert table["label"].tolist() == ["Signal", "Unknown", "Unknown", "Movement", "Unknown"]
    assert table["noise"].tolist() == [False, False, False, True, False]
    assert table["stability"].tolist() == [0.9, 0.8, 0.7, 0.6, 0.5]
    assert (tmp_path / "labels.tsv").read_text().splitlines()[
        4
    ] == "3\t4\tIC 3\tMovement\tTrue\t0.6"


def test_the_label_file_is_what_fsl_reads(components_img, tmp_path):
    """The folder, a line per component counted from 1, and the list of those to remove."""
    browser = browse(components_img)
    browser.marks = {"0": "Signal", "1": "Unclassified noise", "4": "Sagittal sinus"}

    browser.save_labels(tmp_path / "labels.txt", "filtered_func_data.ica")

    assert (tmp_path / "labels.txt").read_text() == (
        "filtered_func_data.ica\n1, Signal, False\n2, Unclassified noise, True\n"
        "3, Unknown, False\n4, Unknown, False\n5, Sagittal sinus, True\n[2, 5]\n"
    )


@pytest.mark.parametrize(("n_runs", "subject"), [(2, 2), (2, -1), (1, 1), (0, 1)])
def test_a_run_that_is_not_there_is_refused(components_img, rng, n_runs, subject):
    """Whether a notebook or a browser asks for it."""
    courses = [rng.standard_normal((20, N_MAPS)) for _ in range(n_runs)] or None
    browser = browse(components_img, time_courses=courses)

    with pytest.raises(traitlets.TraitError, match="subject"):
        browser.subject = subject
    with pytest.raises(traitlets.TraitError, match="subject"):
        browser.set_state({"subject": subject})
    assert browser.subject == 0


@pytest.mark.parametrize("name", ["labels", "tsv", "picture"])
def test_what_is_saved_is_whole_or_as_before(components_img, tmp_path, name):
    """A planted link is replaced and not followed; no temporary file stays; ~ is home."""
    browser, precious = browse(components_img), tmp_path / "precious"
    precious.write_text("keep")
    path = tmp_path / "out.png"
    path.symlink_to(precious)

    {"labels": browser.save_labels, "tsv": browser.save_tsv, "picture": browser.save}[name](path)

    assert precious.read_text() == "keep"
    assert not path.is_symlink()
    assert {one.name for one in tmp_path.iterdir()} == {"precious", "out.png"}


def test_no_name_in_a_saved_table_is_a_formula(components_img, tmp_path):
    """It is opened in spreadsheets."""
    names = ["=1+1", "+x", "-y", "@z", "DMN"]
    browse(components_img, names=names).save_tsv(tmp_path / "table.tsv")

    rows = (tmp_path / "table.tsv").read_text().splitlines()[1:]
    assert [row.split("\t")[2] for row in rows] == ["'=1+1", "'+x", "'-y", "'@z", "DMN"]


def test_an_estimator_brings_its_maps_and_their_stability(components_img):
    """Whatever has components_img_ and stability_ can be browsed."""
    fitted = SimpleNamespace(components_img_=components_img, stability_=np.linspace(1, 0.6, 5))

    browser = browse(fitted)

    assert browser.to_dataframe()["stability"].tolist() == pytest.approx([1, 0.9, 0.8, 0.7, 0.6])
    assert (
        repr(browser) == "<ComponentBrowser: 5 components of 18 × 20 × 16 voxels over a background>"
    )


def test_two_decompositions_are_paired_with_their_r(components_img):
    """Order and sign of the second follow the first; r is that of their voxels."""
    data = np.asarray(components_img.dataobj)
    rng = np.random.default_rng(0)
    order = rng.permutation(N_MAPS)
    noisy = -3 * data[..., order] + rng.normal(0, 0.3, data.shape) * data.any(
        axis=-1, keepdims=True
    )
    other = nib.Nifti1Image(noisy.astype(np.float32), AFFINE)

    browser = browse(components_img, compare=other)

    partner, own = browser.scene.partner, browser.scene.maps
    pairs = pairs_of(browser)
    inside = own.mask
    for k in range(N_MAPS):
        expected = np.corrcoef(data[inside][:, k], noisy[inside][:, list(order).index(k)])[0, 1]
        shown = np.corrcoef(own.dense(k)[inside], partner.dense(k)[inside])[0, 1]
        # Codes are within half a quantum, 1/127 of the peak.
        assert shown == pytest.approx(-expected, abs=0.01)
        assert shown > 0.5
        assert pairs[k]["r"] == pytest.approx(expected, abs=0.01)


def pairs_of(browser):
    """What the browser is told of pairs."""
    raw = gzip.decompress(browser._payload)
    return json.loads(raw[4 : 4 + int.from_bytes(raw[:4], "little")])["pairs"]


def test_pairs_on_another_grid_and_of_another_number(components_img):
    """A second decomposition may have other voxels and fewer components."""
    coarse = nib.Nifti1Image(
        np.asarray(components_img.dataobj)[::2, ::2, ::2, :3], AFFINE @ np.diag([2, 2, 2, 1])
    )

    browser = browse(components_img, compare=coarse)

    assert len(browser.scene.partner.codes) == N_MAPS
    empty = [not codes.any() for codes in browser.scene.partner.codes]
    assert sum(empty) == 2
    # The nearest of voxels twice as large is off by half of one at most.
    assert sum(abs(pair["r"]) > 0.5 for pair in pairs_of(browser)) == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stability": [1, 2]}, r"stability has shape \(2,\); expected one number for each of 5"),
        ({"time_courses": np.zeros((9, 4))}, r"run 0 has shape \(9, 4\); .* \(n_timepoints, 5\)"),
        (
            {"time_courses": [np.zeros((9, 5))], "subjects": ["a", "b"]},
            "2 names for 1 time courses",
        ),
        ({"time_courses": np.full((9, 5), np.nan)}, "expected finite numbers"),
        ({"time_courses": np.full((9, 5), 1j)}, "time_courses holds complex128; expected real"),
        ({"time_courses": [np.zeros((0, 5))]}, r"run 0 has shape \(0, 5\)"),
        ({"time_courses": []}, "time_courses is empty"),
        ({"time_courses": [np.zeros((9, 5))] * 3, "subjects": "abc"}, "subjects: 3 names"),
        ({"stability": list("abcde")}, "stability holds <U1; expected real numbers"),
        ({"t_r": "2"}, "t_r is '2'; expected seconds"),
    ],
)
def test_wrong_input_says_the_way_out(components_img, options, message):
    """Shapes that do not fit: both are named."""
    with pytest.raises(ValueError, match=message):
        browse(components_img, **options)


def test_a_saved_notebook_shows_the_contact_sheet(components_img):
    """The picture has a tile with colour for every component."""
    sheet = np.asarray(browse(components_img).picture().convert("RGB")).astype(int)
    colored = np.ptp(sheet, axis=2) > 60
    parts = np.array_split(colored.any(axis=0), N_MAPS)

    assert all(part.any() for part in parts)
