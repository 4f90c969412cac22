"""A viewer as one file: the same module, its state and its bytes, and no request to anywhere."""

import base64
import html
import json
import os
import warnings
from pathlib import Path

from nbica.exceptions import DataWarning
from nbica.runtime.atomic import to_write, write_text

FOLDER = Path(__file__).parent
# Files of `js/` in the order in which they are joined: each uses those above it.
SLICE_SCRIPTS = (
    "dom.js", "volume.js", "planes.js", "draw.js", "outlines.js", "cortex_mesh.js",
    "cortex_values.js", "cortex_camera.js", "cortex_draw.js", "panes.js", "cortex_hands.js",
    "cortex_pane.js", "pointer.js", "regions.js", "plots.js", "readout.js", "controls.js",
    "slices.js",
)  # fmt: skip
DESK_SCRIPTS = (
    *SLICE_SCRIPTS, "labels.js", "sheet.js", "signals.js", "partner.js", "components.js",
)  # fmt: skip

# Twice what 20 components over anatomy take, in bytes.
LARGE = 5_000_000

# What a browser may do with the page: run what is in it, and nothing from outside.
_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 12px; background: Canvas; }}
main {{ max-width: 1080px; margin: 0 auto; }}
main > img {{ max-width: 100%; }}
{css}
</style>
</head>
<body>
<main id="nbica"><img src="data:image/png;base64,{poster}" alt="{alt}"></main>
<script type="application/json" id="nbica-state">{state}</script>
{blocks}
<script type="module">
{module}
{start}
</script>
</body>
</html>
"""

_BLOCK = '<script type="text/plain" id="{name}">{data}</script>'


def read(*names):
    """The text of files beside this one, joined."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def module(*names, render):
    """An ES module of several files of `js/`, whose `render` is the function of that name."""
    text = read(*(f"js/{name}" for name in names))
    return f"{text}\nconst entry = {{ render: {render} }};\nexport default entry;\n"


def make_page(*, title, alt, code, css, state, blocks, poster):
    """The HTML of a page.

    Parameters
    ----------
    title, alt : str
        Plain text.
    code : str
        The ES module.
    css : str
    state : dict
        Traits that the module reads.
    blocks : dict of str to bytes
        What crosses to a widget, by the name of the element that is to hold it.
    poster : bytes
        A picture (PNG) to show before and without JavaScript.

    Returns
    -------
    str

    Warns
    -----
    DataWarning
        If the page is too large to be mailed or to open over a slow link.
    """
    # "<" in a string of JSON must not end the script element that holds it.
    text = json.dumps(state, allow_nan=False).replace("<", "\\u003c")
    made = _PAGE.format(
        policy=_POLICY, title=html.escape(title), alt=html.escape(alt), css=css, state=text,
        poster=_base64(poster), module=code, start=read("js/start.js"),
        blocks="\n".join(_BLOCK.format(name=n, data=_base64(block)) for n, block in blocks.items()),
    )  # fmt: skip
    _warn_if_large(len(made), alt)
    return made


def _warn_if_large(n_bytes, what):
    if n_bytes > LARGE:
        msg = (
            f"The page of {what} has {n_bytes / 1e6:.1f} MB: much for a mail or a slow link. Fewer "
            "volumes (nbica.image.index_img) or larger voxels (nbica.image.resample_img) make it "
            "smaller."
        )
        warnings.warn(msg, DataWarning, stacklevel=5)  # to_html, _page, make_page, here


def write_page(path, text):
    """Write a page; it is there in full or not at all."""
    path = to_write(path)
    write_text(path, text)
    return path


def embed_limit():
    """Bytes up to which a page is saved within a notebook: NBICA_EMBED in MB, 1 where it is unset.

    Raises
    ------
    ValueError
        If it is no number.
    """
    given = os.environ.get("NBICA_EMBED", "1")
    try:
        return 1e6 * float(given)
    except ValueError:
        msg = f"NBICA_EMBED={given!r} is no number; set it to MB (1.5), or to 0 for pictures alone"
        raise ValueError(msg) from None


def embedded(text, picture, alt, height):
    """A page in a frame above its picture: where frames are not let in, the picture is seen.

    Parameters
    ----------
    text : str
        The page. Its frame keeps it apart from the notebook that it lies in.
    picture : bytes
        PNG.
    alt : str
    height : int
        Height of the frame, in pixels.

    Returns
    -------
    str
        HTML.
    """
    place = "grid-area: 1 / 1"
    return (
        f'<div style="display: grid"><img style="{place}; max-width: 100%; max-height: {height}px" '
        f'src="data:image/png;base64,{_base64(picture)}" alt="{html.escape(alt, quote=True)}">'
        f'<iframe style="{place}; width: 100%; height: {height}px; border: 0; background: Canvas" '
        'sandbox="allow-scripts allow-downloads" allowfullscreen title="Brain viewer" '
        f'srcdoc="{html.escape(text, quote=True)}"></iframe></div>'
    )


class Page(str):
    """The text of a page, which notebooks show in a frame."""

    __slots__ = ()

    def __repr__(self):
        return f"<page of {len(self) / 1e6:.1f} MB>"

    def _repr_html_(self):
        source = html.escape(self, quote=True)
        return (
            f'<iframe srcdoc="{source}" title="Brain viewer" width="100%" height="640" '
            'style="border: 0" allowfullscreen></iframe>'
        )


def _base64(data):
    return base64.b64encode(data).decode("ascii")
