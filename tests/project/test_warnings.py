"""The filters of pyproject.toml: own warnings are errors in these tests."""

import warnings

import pytest

from nbica import exceptions


def warn_from(module, category):
    """Warn as a line of a module would."""
    warnings.warn_explicit("told", category, f"{module}.py", 1, module=module, registry={})


@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning, RuntimeWarning])
@pytest.mark.parametrize(
    "module", ["nbica", "nbica.image.spatial", "nbica.datasets.simulation.group"]
)
def test_what_nbica_sets_off_is_an_error(module, category):
    """Any warning that a line of nbica is responsible for."""
    with pytest.raises(category, match="told"):
        warn_from(module, category)


@pytest.mark.parametrize(
    "name", ["NbicaWarning", "DataWarning", "IgnoredWarning", "NotConvergedWarning"]
)
def test_what_nbica_tells_is_an_error(name):
    """Its own categories, even where they point at the user's line."""
    category = getattr(exceptions, name)

    with pytest.raises(category, match="told"):
        warn_from("notebook", category)


@pytest.mark.parametrize("module", ["numpy", "nbicabel", "tests.test_nbica"])
def test_what_others_set_off_is_not(module):
    """Other packages' warnings stay warnings, also of those with a similar name."""
    with pytest.warns(DeprecationWarning, match="told"):
        warn_from(module, DeprecationWarning)
