"""Labels of components as FIX, FSLeyes, Melview and ICA-AROMA keep them.

The first line names the folder of the decomposition; then one line per component, "3, Movement,
True", counted from 1, with one label or more, whose last word says whether it is noise; and a list
of all that are. ICA-AROMA writes that list alone: "2,5,6".
"""

import re
from pathlib import Path
from typing import NamedTuple

from nbica.exceptions import DataError
from nbica.runtime.text import on_one_line

# As in FSLeyes. The two first are kept when noise is removed.
CLASSES = (
    "Signal", "Unknown", "Unclassified noise", "Movement", "Cardiac", "White matter", "Non-brain",
    "MRI", "Susceptibility-motion", "Sagittal sinus", "Respiratory",
)  # fmt: skip
KEPT = CLASSES[:2]
# Light enough for dark letters on them.
TINTS = (
    "#7fd88f", "#c9c9c9", "#f0a3a3", "#ffb36b", "#ff8ad0", "#e7e3b0", "#b9a2ff", "#9fd0ff",
    "#f0e442", "#6fd3d3", "#d8a878",
)  # fmt: skip


class LabelFile(NamedTuple):
    """What a label file holds.

    Attributes
    ----------
    labels : list of list of str
        Of each component: classes and free text; nothing where it is "Unknown".
    folder : str
        What the first line says.
    rest : list of str
        Lines that hold more than labels, such as probabilities.
    """

    labels: list
    folder: str
    rest: list


def is_noise(labels):
    """Whether a component with these labels is to be removed: a class of noise, and none kept.

    Free text is no verdict.
    """
    return any(one in CLASSES for one in labels) and not any(one in KEPT for one in labels)


def is_contradiction(labels):
    """Whether one label says keep and another remove."""
    classes = [one for one in labels if one in CLASSES]
    return len({one in KEPT for one in classes}) == 2


def clean(label):
    """A label as a file can hold it: a class as it is written there, or text without commas.

    Raises
    ------
    ValueError
        If it is no text, empty, or cannot be told from what else a line holds.
    """
    if not isinstance(label, str):
        msg = f"a label is {label!r}; expected text"
        raise ValueError(msg)
    text = on_one_line(label).strip()
    classes = {_plain(name): name for name in CLASSES}
    if _plain(text) in classes:
        return classes[_plain(text)]
    if not text or "," in text or text.lower() in ("true", "false"):
        msg = f"a label is {label!r}; expected text that is not empty, without a comma"
        raise ValueError(msg)
    return text


def text_of(labels, folder="."):
    """The text of a label file.

    Parameters
    ----------
    labels : sequence of list of str
    folder : str
    """
    rows = [
        f"{number}, {', '.join(_with_class(own))}, {is_noise(own)}"
        for number, own in enumerate(labels, start=1)
    ]
    noise = [number for number, own in enumerate(labels, start=1) if is_noise(own)]
    return "\n".join([on_one_line(folder), *rows, str(noise)]) + "\n"


def noise_list_of(labels):
    """The text of ICA-AROMA's list: numbers of what is to be removed, from 1."""
    noise = [str(number) for number, own in enumerate(labels, start=1) if is_noise(own)]
    return ",".join(noise) + "\n"


def _with_class(labels):
    return labels if any(one in CLASSES for one in labels) else ["Unknown", *labels]


# ---- reading ------------------------------------------------------------------------------------


def read_text(path):
    """The text of a file.

    Raises
    ------
    FileNotFoundError, DataError
    """
    path = Path(path).expanduser()
    if not path.is_file():
        msg = f"There is no label file {path}."
        raise FileNotFoundError(msg)
    try:
        return path.read_text("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is no label file: it is no text"
        raise DataError(msg) from error


def read(path, n_components):
    """What a label file holds.

    Takes a file with all lines, or one with only the list of noise components, which then are
    "Unclassified noise".

    Returns
    -------
    LabelFile

    Raises
    ------
    FileNotFoundError, DataError
    ValueError
        Naming the line, or both numbers of components; also where lines contradict each other.
    """
    return parse(read_text(path), n_components, path)


def parse(text, n_components, path):
    """What the text of a label file holds; see :func:`read`."""
    lines = [line for line in map(str.strip, text.splitlines()) if line]
    if len(lines) == 1 and re.fullmatch(r"\d[\d,\s]*", lines[0]):  # ICA-AROMA's
        lines = [f"[{lines[0]}]"]
    if not lines or not re.fullmatch(r"\[[\d,\s]*\]", lines[-1]):
        msg = f"{path} is no label file: its last line is not a list of numbers such as [2, 5, 6]"
        raise ValueError(msg)
    noise = {int(number) for number in re.findall(r"\d+", lines[-1])}
    if beyond := sorted(number for number in noise if not 1 <= number <= n_components):
        msg = f"{path}: the last line names {beyond[0]}, no component of 1 to {n_components}"
        raise ValueError(msg)
    labels, rest = {}, []
    for row in lines[1:-1]:
        number, own, said, more = _parts_of(row, n_components, path)
        if number in labels or (said is not None and said != (number in noise)):
            msg = f"{path}: {row!r} contradicts another line on the same component, or the last one"
            raise ValueError(msg)
        labels[number] = _as_judged(own, number in noise, row, path)
        rest += [row] if more else []
    unsaid = {number: [CLASSES[2]] for number in noise}
    all_labels = unsaid | labels
    listed = [all_labels.get(number, []) for number in range(1, n_components + 1)]
    return LabelFile(listed, lines[0] if len(lines) > 1 else ".", rest)


def _parts_of(row, n_components, path):
    """Number, labels, what is said of noise (or None), and what comes after that."""
    number, *words = (part.strip() for part in row.split(","))
    if not number.isdecimal() or not 1 <= int(number) <= n_components:
        msg = f"{path}: {row!r} names no component of 1 to {n_components}"
        raise ValueError(msg)
    verdicts = [i for i, word in enumerate(words) if word.lower() in ("true", "false")]
    end = verdicts[-1] if verdicts else len(words)
    said = words[end].lower() == "true" if verdicts else None
    own = dict.fromkeys(clean(word) for word in words[:end] if word)
    return int(number), list(own), said, words[end + 1 :]


def _as_judged(labels, noise, row, path):
    """Labels that say of noise what the file says; "Unknown" beside free text says nothing."""
    classes = [one for one in labels if one in CLASSES]
    if noise and not classes:
        return [CLASSES[2], *labels]
    if classes and is_noise(labels) != noise:
        msg = f"{path}: {row!r} contradicts its own label: it is noise by one and not by the other"
        raise ValueError(msg)
    return [one for one in labels if one != "Unknown"] if classes == ["Unknown"] else labels


def _plain(text):
    return text.lower().replace("-", " ").replace("_", " ")
