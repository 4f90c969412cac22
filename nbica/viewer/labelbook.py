"""Where the labels of a desk are kept: for the session, and in a file that saves itself."""

import hashlib
from pathlib import Path

from nbica.runtime.atomic import to_write, write_text
from nbica.viewer import labelfile

_session = {}


def checked_marks(marks, n_maps):
    """Labels by component, each a list of clean text without repetitions.

    Parameters
    ----------
    marks : dict of str or int to str or list of str
    n_maps : int

    Returns
    -------
    dict of str to list of str
        Components without a label are left out.

    Raises
    ------
    ValueError
        For what is no component, and what is no label.
    """
    components = {str(k) for k in range(n_maps)}
    wrong = [str(key) for key in marks if str(key) not in components]
    if wrong:
        msg = f"marks: {', '.join(wrong)} is no component; they are '0' to '{n_maps - 1}'"
        raise ValueError(msg)
    checked = {}
    for key, given in marks.items():
        if not isinstance(given, str | list | tuple):
            msg = f"marks: component {key} has {given!r}; expected a label or a list of labels"
            raise ValueError(msg)
        own = [given] if isinstance(given, str) else given
        checked[str(key)] = list(dict.fromkeys(labelfile.clean(one) for one in own))
    return {key: own for key, own in checked.items() if own}


def labels_of_all(marks, n_maps):
    """Labels of all components, in order."""
    return [marks.get(str(k), []) for k in range(n_maps)]


def as_marks(labels):
    """Labels by component; those without any are left out."""
    return {str(k): own for k, own in enumerate(labels) if own}


class LabelBook:
    """Keeps the labels of some maps: in this session, and in a file if there is one.

    Costs a hash of the maps' codes.

    Parameters
    ----------
    maps : payload.Maps
        Known again by their content, so that a cell that is run again finds its labels.
    path : path, optional
        A label file; read now if it is there, and written at each change.

    Attributes
    ----------
    path : Path or None
    marks : dict of str to list of str
        What is kept.
    said : str
        Where the labels are, in words.

    Raises
    ------
    FileNotFoundError
        If the file's folder is not there.
    ValueError, DataError
        If the file is no label file, or one of another number of components.
    """

    def __init__(self, maps, path=None):
        self._n_maps = len(maps.scales)
        self._key = hashlib.sha256(maps.codes.tobytes() + maps.mask.tobytes()).hexdigest()
        self.marks = _session.get(self._key, {})
        self.path = None if path is None else to_write(path)
        self._folder, self._rest, self._text = ".", [], None
        if self.path is None:
            self.said = "kept in this session"
        elif self.path.is_file():
            self.marks = self.read()
            self.said = f"read from {self.path.name}"
        else:
            self.said = self.keep(self.marks) if self.marks else f"saves to {self.path.name}"

    def read(self):
        """The labels of the file as it is now."""
        text = labelfile.read_text(self.path)
        found = labelfile.parse(text, self._n_maps, self.path)
        self._text, self._folder, self._rest = text, found.folder, found.rest
        return as_marks(found.labels)

    def keep(self, marks, *, replace=False):
        """Keep labels; a file that was changed elsewhere since is left alone, and that is said.

        Parameters
        ----------
        marks : dict of str to list of str
        replace : bool
            Write also over what another program wrote.

        Returns
        -------
        str
            Where they are, in words.
        """
        self.marks = _session[self._key] = marks
        if self.path is None:
            return self.said
        try:
            self.said = self._write(marks, replace)
        except (OSError, ValueError) as error:
            self.said = f"NOT saved to {self.path.name}: {error}"
        return self.said

    def set_aside(self):
        """Copy the file before labels are dropped from it."""
        if self.path is not None and self.path.is_file():
            set_aside(self.path, labelfile.read_text(self.path))

    def _write(self, marks, replace):
        text = labelfile.text_of(labels_of_all(marks, self._n_maps), self._folder)
        there = labelfile.read_text(self.path) if self.path.is_file() else None
        if there is not None and there != self._text and not replace:
            return (
                f"NOT saved: {self.path.name} was changed by another program. load_labels() takes "
                "what it says, save_labels() replaces it"
            )
        beside = ""
        if self._rest and there is not None:
            copy = set_aside(self.path, there)
            beside = f"; what it held beside labels is in {copy.name}"
        if text != there:
            write_text(self.path, text)
        self._text, self._rest = text, []
        return f"saved to {self.path.name}{beside}"


def set_aside(path, text):
    """Write a file's text beside it, under a name that nothing has."""
    path = Path(path)
    numbers = ("", *range(2, 1000))
    names = (path.with_name(f"{path.name}.orig{number}") for number in numbers)
    copy = next(name for name in names if not name.exists())
    write_text(copy, text)
    return copy


def forget():
    """Forget the labels of this session; for tests."""
    _session.clear()
