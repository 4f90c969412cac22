"""Links from the types in docstrings: to our pages, and to others' where there is a network."""

import logging
from pathlib import Path

import every_name

API = Path(__file__).parents[1] / "api"

# Types as docstrings write them.
TYPES = {
    "Axes": "matplotlib.axes.Axes",
    "Bunch": "sklearn.utils.Bunch",
    "Colormap": "matplotlib.colors.Colormap",
    "DataFrame": "pandas.DataFrame",
    "Figure": "matplotlib.figure.Figure",
    "Generator": "numpy.random.Generator",
    "Nifti1Image": "nibabel.nifti1.Nifti1Image",
    "Path": "pathlib.Path",
    "Pipeline": "sklearn.pipeline.Pipeline",
    "RandomState": "numpy.random.RandomState",
    "ndarray": "numpy.ndarray",
}


def setup(app):
    """Name the types, and see to it that a build without a network is no failure."""
    app.connect("config-inited", _set_types, priority=900)  # numpydoc has added its own by then
    logging.getLogger("sphinx.sphinx.ext.intersphinx").addFilter(is_not_about_the_network)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def _set_types(app, config):
    config.numpydoc_xref_aliases_complete = TYPES | own_types()


def own_types():
    """Classes that have a page of ours, by the name that docstrings use."""
    listed = [entry for page in sorted(API.glob("*.rst")) for entry in every_name.entries(page)]
    names = {name.rpartition(".")[2]: f"{module}.{name}" for module, name in listed}
    return {short: full for short, full in names.items() if short[:2].istitle()}


def is_not_about_the_network(record):
    """Whether a record of intersphinx is anything but an inventory that could not be fetched."""
    return "failed to reach any of the inventories" not in str(record.msg)
