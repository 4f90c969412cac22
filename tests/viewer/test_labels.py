"""Labels that cannot be lost: in FSL's files and ICA-AROMA's, in a session, through another fit."""

import ipywidgets
import nibabel as nib
import numpy as np
import pytest
import traitlets
from planted import AFFINE, brain_mask, network_maps

from nbica import browse
from nbica.exceptions import DataWarning
from nbica.viewer import labelbook, labelfile

N_MAPS = 5
NAN = float("nan")


def components(order=range(N_MAPS), sign=1.0):
    """Planted maps in some order."""
    mask = brain_mask()
    data = np.zeros((*mask.shape, N_MAPS), np.float32)
    data[mask] = sign * network_maps(mask)[list(order)].T
    return nib.Nifti1Image(data, AFFINE)


@pytest.fixture(autouse=True)
def clean():
    """What a test opens is closed, and what it labelled is forgotten."""
    yield
    ipywidgets.Widget.close_all()
    labelbook.forget()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "labels.txt"


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ("[2, 5]\n", [[], ["Unclassified noise"], [], [], ["Unclassified noise"]]),
        ("2,5\n", [[], ["Unclassified noise"], [], [], ["Unclassified noise"]]),
        (".\n1, signal, False\n2, Susceptibility motion, Arrow, True\n[2]\n",
         [["Signal"], ["Susceptibility-motion", "Arrow"], [], [], []]),
        (".\n3, Movement, Cardiac, True\n[3]\n", [[], [], ["Movement", "Cardiac"], [], []]),
        (".\n1, Unknown, DMN?, False\n2, my noise, True\n[2, 4]\n",
         [["DMN?"], ["Unclassified noise", "my noise"], [], ["Unclassified noise"], []]),
        (".\n1, Signal, Movement, False\n[]\n", [["Signal", "Movement"], [], [], [], []]),
    ],
)  # fmt: skip
def test_files_of_others_are_read(path, text, labels):
    """FIX's, FSLeyes' with several labels and free text, a list alone, ICA-AROMA's."""
    path.write_text(text)

    assert labelfile.read(path, N_MAPS).labels == labels


def test_what_is_written_is_read_again(path):
    """Several labels and free text of any component, and the folder of the decomposition."""
    labels = [["Signal", "left one"], [], ["a note"], ["Movement", "Cardiac"], ["Unknown", "MRI"]]
    path.write_text(labelfile.text_of(labels, "rest.ica"))
    found = labelfile.read(path, N_MAPS)

    assert found == (labels, "rest.ica", [])
    assert path.read_text().splitlines()[-1] == "[4]"
    assert labelfile.noise_list_of(labels) == "4\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "its last line is not a list"),
        ("a\nb\n", "its last line is not a list"),
        (".\n9, Signal, False\n[]\n", "'9, Signal, False' names no component of 1 to 5"),
        ("[0]\n", "names 0, no component of 1 to 5"),
        ("[1, __import__('os')]\n", "its last line is not a list of numbers"),
        (".\n²,Signal\n[]\n", "'²,Signal' names no component"),
        (".\n1, Signal, False\n1, MRI, True\n[1]\n", "contradicts another line"),
        (".\n1, Signal, False\n[1]\n", "'1, Signal, False' contradicts .* or the last one"),
        (".\n1, MRI, True\n[]\n", "'1, MRI, True' contradicts"),
        (".\n1, Signal, True\n[1]\n", "'1, Signal, True' contradicts its own label"),
        (".\n1, Movement\n[]\n", "'1, Movement' contradicts its own label"),
        (".\n1, MRI, True\n[1, 9]\n", "the last line names 9, no component of 1 to 5"),
        (b"\xff\xfe", "it is no text"),
    ],
)
def test_a_file_that_is_none_is_refused(path, text, message):
    """The line that cannot be, and what was expected."""
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    with pytest.raises(ValueError, match=message):
        labelfile.read(path, N_MAPS)


# ---- marks --------------------------------------------------------------------------------------


def test_a_label_alone_is_a_list_of_one():
    """Classes are written as FSLeyes has them; text keeps its letters; nothing twice."""
    desk = browse(components())
    desk.marks = {"0": "signal", "1": ["DMN ", "White-Matter", "DMN"], "2": []}

    assert desk.marks == {"0": ["Signal"], "1": ["DMN", "White matter"]}
    assert desk.labels_ == ["Signal", "White matter", "Unknown", "Unknown", "Unknown"]
    assert desk.to_dataframe()["notes"].tolist() == ["", "DMN", "", "", ""]


@pytest.mark.parametrize(
    "marks",
    [
        {"5": "Signal"},
        {"x": "Signal"},
        {"01": "Signal"},
        {"²": "Signal"},
        {"-1": "Signal"},
        {"": "Signal"},
        {"0": NAN},
        {"0": ["a, b"]},
        {"0": ["true"]},
        {"0": [""]},
        {"0": [3]},
    ],
)
def test_marks_that_cannot_be_are_refused(marks):
    """A component that is not there, what a file could not hold."""
    desk = browse(components())

    with pytest.raises(traitlets.TraitError):
        desk.marks = marks
    with pytest.raises(traitlets.TraitError):
        desk.set_state({"marks": marks})
    assert desk.marks == {}


def test_contradictions_are_said_and_kept():
    """Signal and Movement at once: it is not removed, as FSL does, and somebody is told."""
    desk = browse(components())
    desk.marks = {"2": ["Signal", "Movement"]}

    assert not desk.to_dataframe().loc[2, "noise"]
    with pytest.warns(
        DataWarning, match=r"1 components .* IC 2 \(Signal, Movement\): they are kept"
    ):
        browse(components())


# ---- a cell that is run again, a file that saves itself -----------------------------------------


def test_a_cell_that_is_run_again_finds_its_labels():
    """The same maps are known by their content; others are not."""
    browse(components()).marks = {"3": ["Cardiac"]}

    assert browse(components()).marks == {"3": ["Cardiac"]}
    assert browse(components(order=[1, 0, 2, 3, 4])).marks == {}
    browse(components()).marks = {}
    assert browse(components()).marks == {}


def test_a_label_file_saves_itself_and_is_read_again(path):
    """Each change is on disk at once; another session, which knows nothing, finds all of it."""
    desk = browse(components(), labels=path)
    assert not path.exists()
    assert desk.saved == "saves to labels.txt"

    desk.marks = {"1": ["Signal", "default mode"]}
    assert desk.saved == "saved to labels.txt"
    assert labelfile.read(path, N_MAPS).labels[1] == ["Signal", "default mode"]

    labelbook.forget()
    again = browse(components(), labels=str(path))
    assert again.marks == desk.marks
    assert again.saved == "read from labels.txt"


def test_what_was_labelled_before_goes_into_a_new_file(path):
    """Who began without a file and gives one later loses nothing."""
    browse(components()).marks = {"0": ["MRI"]}

    assert browse(components(), labels=path).saved == "saved to labels.txt"
    assert labelfile.read(path, N_MAPS).labels[0] == ["MRI"]


def test_what_another_program_wrote_is_not_overwritten(path):
    """It is said, and both ways out work."""
    desk = browse(components(), labels=path)
    desk.marks = {"0": ["Signal"]}
    theirs = labelfile.text_of([[], ["Cardiac"], [], [], []])
    path.write_text(theirs)

    desk.marks = {"0": ["Signal"], "2": ["MRI"]}
    assert path.read_text() == theirs
    assert desk.saved.startswith("NOT saved: labels.txt was changed by another program")

    desk.save_labels()
    assert desk.saved == "saved to labels.txt"
    assert labelfile.read(path, N_MAPS).labels[2] == ["MRI"]

    path.write_text(theirs)
    desk.load_labels()
    assert desk.marks == {"1": ["Cardiac"]}


def test_what_a_file_holds_beside_labels_is_set_aside(path, tmp_path):
    """Probabilities cannot be kept: the file as it was lies beside the new one; that is said."""
    text = "rest.ica\n1, Signal, False, 0.9\n2, Unclassified Noise, True, 0.8\n[2]\n"
    path.write_text(text)
    desk = browse(components(), labels=path)
    assert path.read_text() == text

    desk.marks = desk.marks | {"4": ["MRI"]}
    assert desk.saved == "saved to labels.txt; what it held beside labels is in labels.txt.orig"
    assert (tmp_path / "labels.txt.orig").read_text() == text
    assert path.read_text().startswith("rest.ica\n1, Signal, False\n")
    desk.marks = {}
    assert desk.saved == "saved to labels.txt"

    path.write_text(text)
    with pytest.warns(DataWarning, match=r"holds more than labels \('1, Signal, False, 0.9'\)"):
        desk.save_labels(path)
    assert (tmp_path / "labels.txt.orig2").read_text() == text


def test_a_file_of_other_components_is_refused(path):
    """Before anything is overwritten."""
    path.write_text(labelfile.text_of([["Signal"]] * 7))

    with pytest.raises(ValueError, match="'6, Signal, False' names no component of 1 to 5"):
        browse(components(), labels=path)


def test_a_disk_that_fails_is_said(path):
    """Labels stay in the session, and the desk says that they are not saved."""
    desk = browse(components(), labels=path)
    path.mkdir()

    desk.marks = {"0": ["Signal"]}
    assert desk.saved.startswith("NOT saved to labels.txt")
    assert browse(components()).marks == {"0": ["Signal"]}


def test_labels_go_over_to_another_fit():
    """By likeness of the maps, whatever their order and sign; what has no place is named."""
    desk = browse(components())
    desk.marks = {"0": ["Signal"], "3": ["Movement", "rim"]}
    order = [3, 1, 4, 2]
    other = nib.Nifti1Image(-np.asarray(components().dataobj)[..., order], AFFINE)
    again = browse(other)

    assert again.take_labels_of(desk) == ["IC 0"]
    assert again.marks == {"0": ["Movement", "rim"]}


def test_what_has_no_place_in_another_fit_stays_in_a_copy(path, tmp_path):
    """A file that saves itself is set aside before labels leave it."""
    desk = browse(components(), labels=path)
    desk.marks = {"0": ["Signal"], "3": ["Movement"]}
    before = path.read_text()
    other = nib.Nifti1Image(np.asarray(components().dataobj)[..., [3, 1, 4, 2, 2]], AFFINE)

    browse(other, labels=path).take_labels_of(desk)
    assert (tmp_path / "labels.txt.orig").read_text() == before
    assert labelfile.read(path, N_MAPS).labels == [["Movement"], [], [], [], []]


def test_a_list_of_noise_alone_is_written(path):
    """As ICA-AROMA writes it."""
    desk = browse(components())
    desk.marks = {"1": ["Movement"], "4": ["MRI"]}
    desk.save_labels(path, noise_only=True)

    assert path.read_text() == "2,5\n"
    other = browse(components())
    other.load_labels(path)
    assert other.labels_[1] == other.labels_[4] == "Unclassified noise"
