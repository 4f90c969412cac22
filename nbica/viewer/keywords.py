"""Keywords of the viewers: which there are, nilearn's names for them, and what a slip meant."""

import inspect
from difflib import get_close_matches

import traitlets as t

from nbica.viewer import colors

_HINTS = {t.Int: "int", t.Float: "float", t.Bool: "bool", t.List: "Sequence[float]"}
# nilearn's names, for scripts that are ported.
ALIASES = {"cmap": "colormap", "draw_cross": "crosshair"}
# Colour maps of matplotlib and nilearn by the one of ours that is most like them.
_LIKE = {
    "blue_orange": ("cold_hot", "cold_white_hot", "RdBu_r", "RdBu", "bwr", "coolwarm", "seismic",
                    "RdYlBu_r", "blue_red", "blue_transparent"),
    "purple_green": ("PRGn", "PRGn_r", "PiYG", "PiYG_r", "PuOr", "PuOr_r", "purple_green"),
    "amber": ("hot", "black_red", "black_orange", "autumn", "YlOrRd", "YlOrRd_r", "Oranges", "Reds",
              "inferno", "afmhot", "red_transparent"),
    "viridis": ("cividis", "plasma", "magma", "summer", "YlGnBu"),
    "grays": ("gray", "grey", "Greys", "Greys_r", "Grays", "bone", "binary"),
}  # fmt: skip


def public_traits(widget_class):
    """Names of the traits that a user may set."""
    return [
        name for name, trait in widget_class.class_traits(sync=True).items()
        if not name.startswith("_") and trait.this_class.__module__.startswith("nbica.")
    ]  # fmt: skip


def keywords_of(widget_class):
    """Parameters of a viewer's function: what it is made of, and how it begins.

    Returns
    -------
    list of inspect.Parameter
    """
    own = list(inspect.signature(widget_class.__init__).parameters.values())[1:-1]
    named = {parameter.name for parameter in own}
    traits = widget_class.class_traits()
    begins = {
        name: _HINTS.get(type(traits[name]), "str")
        for name in sorted(public_traits(widget_class))
        if name not in (*named, "saved", "marks")
    } | {"cmap": "str"}
    return [
        *own,
        *(
            inspect.Parameter(
                name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=f"{hint} | None"
            )
            for name, hint in begins.items()
        ),
    ]


def shows_keywords_of(widget_class):
    """Decorate a function of `**options`: its signature names what the class takes.

    So that a notebook completes them, and they are written down once.
    """

    def decorate(function):
        own = inspect.signature(function)
        function.__signature__ = own.replace(parameters=keywords_of(widget_class))
        return function

    return decorate


def check_traits(widget_class, given):
    """How a viewer is to begin, under our names; traitlets would swallow a slip.

    Parameters
    ----------
    widget_class : type
    given : dict
        None is as if left out.

    Returns
    -------
    dict

    Raises
    ------
    TypeError
        For a keyword that there is not, with the one that was meant.
    """
    known = [parameter.name for parameter in keywords_of(widget_class)] + list(ALIASES)
    unknown = sorted(set(given) - set(known))
    if unknown:
        near = get_close_matches(unknown[0], known, n=1)
        meant = f"did you mean {near[0]}? " if near else ""
        msg = (
            f"{widget_class.__name__} knows no {', '.join(unknown)}; {meant}It takes "
            f"{', '.join(sorted(set(known) - set(ALIASES)))}"
        )
        raise TypeError(msg)
    traits = {ALIASES.get(name, name): value for name, value in given.items() if value is not None}
    if "colormap" in traits:
        traits["colormap"] = as_colormap(traits["colormap"])
    return traits


def as_colormap(name):
    """One of our colour maps, for one of ours, matplotlib's or nilearn's.

    Raises
    ------
    ValueError
        For any other, with the one that was meant.
    """
    name = getattr(name, "name", name)  # a Colormap of matplotlib
    for own, others in _LIKE.items():
        if name == own or name in others:
            return own
    near = get_close_matches(str(name), [*colors.NAMES, *sum(_LIKE.values(), ())], n=1)
    meant = f"did you mean {near[0]!r}? " if near else ""
    msg = f"colormap is {name!r}; {meant}The viewer has {', '.join(colors.NAMES)}"
    raise ValueError(msg)
