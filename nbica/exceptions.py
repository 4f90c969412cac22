"""What can go wrong, under names a user can catch or silence."""


class NbicaWarning(UserWarning):
    """Something to know that did not stop the computation; it also stays in the result."""


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


class RunCancelled(RuntimeError):
    """A run was stopped on request; what it had finished is in the cache."""


class DownloadError(OSError):
    """A file that could not be downloaded; the message says why, and how to place it by hand."""

    is_offline = False  # whether it looks as if there were no network at all
