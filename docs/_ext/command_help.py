"""What a command prints as its help, in a page: ``.. command-help:: run``."""

import os
from contextlib import redirect_stdout, suppress
from io import StringIO

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from nbica.__main__ import main


def setup(app):
    """Register the directive."""
    app.add_directive("command-help", CommandHelp)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def help_of(*command):
    """The text of `nbica COMMAND --help`, as wide as a page."""
    os.environ["COLUMNS"] = "88"
    text = StringIO()
    with redirect_stdout(text), suppress(SystemExit):
        main([*command, "--help"])
    return text.getvalue()


class CommandHelp(SphinxDirective):
    """The help of a command, or of all of nbica."""

    optional_arguments = 3

    def run(self):
        """Text, as a terminal shows it."""
        return [nodes.literal_block("", help_of(*self.arguments), language="text")]
