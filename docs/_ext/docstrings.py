"""Docstrings as they stand in the code, with what reST would take for markup put right."""

import re

# |r| is an absolute value, not a substitution, and (n_iter_,) a shape, not a link.
_NO_MARKUP = [(re.compile(r"\|(\w+)\|"), r"\\|\1\\|"), (re.compile(r"\((\w+)_,"), r"(\1\\_,")]


def setup(app):
    """Listen to autodoc, before numpydoc does."""
    app.connect("autodoc-process-docstring", _escape, priority=100)
    app.connect("autodoc-skip-member", _is_foreign)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _escape(app, what, name, obj, options, lines):
    for pattern, escaped in _NO_MARKUP:
        lines[:] = [pattern.sub(escaped, line) for line in lines]


def _is_foreign(app, what, name, obj, skip, options):
    """Skip what a class has from scikit-learn, ipywidgets or matplotlib: it is documented there."""
    home = getattr(getattr(obj, "fget", obj), "__module__", None) or "nbica"
    return True if skip or not home.startswith("nbica") else None
