"""What can go wrong, under names a user can catch or silence."""


def printable(text):
    r"""Text without what moves a cursor, hides lines or cannot be encoded; lines stay lines.

    Names of files come from anybody, and messages hold them.

    >>> printable("sub-\x1b[2J01.nii\udcff\nsub-02.nii")
    'sub-?[2J01.nii?\nsub-02.nii'
    """
    return "".join(c if c.isprintable() or c == "\n" else "?" for c in str(text))


class NbicaWarning(UserWarning):
    """Something to know that did not stop the computation; it also stays in the result."""

    def __str__(self):
        return printable(super().__str__())


class NotConvergedWarning(NbicaWarning):
    """An iteration stopped at its limit before it settled."""


class DataWarning(NbicaWarning):
    """The data were not as expected and were handled as the message says."""


class CacheWarning(NbicaWarning):
    """Something about the cache; the result is right all the same."""


class IgnoredWarning(NbicaWarning):
    """A parameter was given that has no say here; the message says what has."""


class DataError(ValueError):
    """An image or a table that cannot be used as it is; the message names it and what to do."""

    def __str__(self):
        return printable(super().__str__())


class RunCancelled(RuntimeError):
    """A run was stopped on request; what it had finished is in the cache."""


class WorkerKilled(RuntimeError):
    """A worker process was killed from outside; the message names its run and what to do."""

    def __str__(self):
        return printable(super().__str__())


class DownloadError(OSError):
    """A file that could not be downloaded; the message says why, and how to place it by hand."""

    is_offline = False  # whether it looks as if there were no network at all

    def __str__(self):
        return printable(super().__str__())
