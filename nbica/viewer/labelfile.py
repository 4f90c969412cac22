"""Labels of components as FIX, FSLeyes and Melview keep them.

The first line names the folder of the decomposition; then one line per component, "3, Movement,
True", counted from 1, whose last word says whether it is noise; and a list of all that are.
"""

import re
from pathlib import Path

from nbica.exceptions import DataError
from nbica.runtime.atomic import to_write, write_text
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


def is_noise(label):
    """Whether a component of this class is to be removed."""
    return label not in KEPT


def text_of(labels, melodic_dir="."):
    """The text of a label file."""
    lines = [
        f"{number}, {label}, {is_noise(label)}" for number, label in enumerate(labels, start=1)
    ]
    noise = [number for number, label in enumerate(labels, start=1) if is_noise(label)]
    return "\n".join([on_one_line(melodic_dir), *lines, str(noise)]) + "\n"


def write(path, labels, melodic_dir="."):
    """Write a label file."""
    write_text(to_write(path), text_of(labels, melodic_dir))


def read(path, n_components):
    """Labels of a file, one per component.

    Takes a file with all lines, or one with only the list of noise components, which then are
    "Unclassified noise". If a component has several labels, the first counts.

    Raises
    ------
    ValueError
        Naming the line, or both numbers of components.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        msg = f"There is no label file {path}."
        raise FileNotFoundError(msg)
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        msg = f"{path} is no label file: it is no text"
        raise DataError(msg) from error
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line]
    labels = ["Unknown"] * n_components
    if not lines or not re.fullmatch(r"\[[\d,\s]*\]", lines[-1]):
        msg = f"{path} is no label file: its last line is not a list of numbers such as [2, 5, 6]"
        raise ValueError(msg)
    noise = {int(number) for number in re.findall(r"\d+", lines[-1])}
    rows = lines[1:-1] or [f"{number}, {CLASSES[2]}, True" for number in sorted(noise)]
    seen = set()
    for row in rows:
        number, *words = (part.strip() for part in row.split(","))
        if not number.isdecimal() or not 1 <= int(number) <= n_components:
            msg = f"{path}: {row!r} names no component of 1 to {n_components}"
            raise ValueError(msg)
        if int(number) in seen or _is_contradicted(words, int(number) in noise):
            msg = f"{path}: {row!r} contradicts another line on the same component, or the last one"
            raise ValueError(msg)
        seen.add(int(number))
        labels[int(number) - 1] = _class_of(words)
    if beyond := sorted(number for number in noise if not 1 <= number <= n_components):
        msg = f"{path}: the last line names {beyond[0]}, no component of 1 to {n_components}"
        raise ValueError(msg)
    return labels


def _is_contradicted(words, is_listed):
    """Whether a line says True or False, and the list of noise the other."""
    said = words[-1].lower() if words else ""
    return said in ("true", "false") and (said == "true") != is_listed


def _class_of(words):
    """The class that a line's words name, however they are written; noise if they name none."""
    known = {_plain(name): name for name in CLASSES}
    found = [known[_plain(word)] for word in words if _plain(word) in known]
    return found[0] if found else CLASSES[2]


def _plain(text):
    return text.lower().replace("-", " ").replace("_", " ")
