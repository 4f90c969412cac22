"""A viewer as one file: the same module, its state and its bytes, and no request to anywhere."""

import base64
import html
import json
import os
import warnings
from pathlib import Path

from nbica.exceptions import DataWarning

FOLDER = Path(__file__).parent

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
<script type="text/plain" id="nbica-payload">{payload}</script>
<script type="module">
{module}
{start}
</script>
</body>
</html>
"""


def read(*names):
    """The text of files beside this one, joined."""
    return "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in names)


def module(*names, render):
    """An ES module of several files, whose `render` is the function of that name."""
    return f"{read(*names)}\nconst entry = {{ render: {render} }};\nexport default entry;\n"


def make_page(*, title, alt, code, css, state, payload, poster):
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
    payload, poster : bytes
        What crosses to a widget, and a picture (PNG) to show before and without JavaScript.

    Returns
    -------
    str

    Warns
    -----
    DataWarning
        If the page is too large to be mailed or to open over a slow link.
    """
    # "<" in a string of JSON must not end the script element that holds it.
    text = json.dumps(state).replace("<", "\\u003c")
    made = _PAGE.format(
        policy=_POLICY, title=html.escape(title), alt=html.escape(alt), css=css, state=text,
        poster=_base64(poster), payload=_base64(payload), module=code, start=read("start.js"),
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
        warnings.warn(msg, DataWarning, stacklevel=4)


def write_page(path, text):
    """Write a page; it is there in full or not at all."""
    path = Path(path).expanduser()
    if not path.parent.is_dir():
        msg = f"There is no folder {str(path.parent)!r} for {path.name!r}: make it first."
        raise FileNotFoundError(msg)
    if path.is_dir():
        msg = f"{str(path)!r} is a folder; expected the name of a page, such as maps.html."
        raise IsADirectoryError(msg)
    part = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


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
