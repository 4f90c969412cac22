"""Formulas as MathML, which browsers draw by themselves: no script, no font, no request."""

import html

from docutils.nodes import SkipNode
from latex2mathml.converter import convert


def setup(app):
    """Offer the renderer `mathml` to Sphinx."""
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_display, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mathml(latex, display="inline"):
    """A formula in MathML; the LaTeX it came from is kept for copying and for readers of screens.

    Raises
    ------
    ValueError
        With the formula, if it cannot be read.
    """
    try:
        found = convert(latex, display=display)
    except Exception as error:
        msg = f"This formula cannot be turned into MathML ({error!r}): {latex}"
        raise ValueError(msg) from error
    return found.replace("<math ", f'<math aria-label="{html.escape(latex, quote=True)}" ', 1)


def _visit_inline(translator, node):
    translator.body.append(mathml(node.astext()))
    raise SkipNode


def _visit_display(translator, node):
    translator.body.append(f'<div class="formula">{mathml(node.astext(), "block")}</div>\n')
    raise SkipNode
