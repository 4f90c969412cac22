"""Links that open a notebook elsewhere, where the address is known: ```{launch} binder```.

The address is `Repository` of `[project.urls]` in pyproject.toml. Where it is not stated, or on
another forge than Binder and Colab know by name, what the directive holds is shown instead: words
that say how to do it by hand.
"""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

FORGE = "https://github.com/"
FIRST = "notebooks/01_your_first_networks.ipynb"
_SERVICES = {
    "binder": (
        "Open in Binder",
        "https://mybinder.org/v2/gh/{project}/HEAD?urlpath=lab/tree/{path}",
    ),
    "colab": (
        "Open in Colab",
        "https://colab.research.google.com/github/{project}/blob/HEAD/{path}",
    ),
}


def setup(app):
    """Register the directive and the address."""
    app.add_config_value("repository", None, "env", types=(str, type(None)))
    app.add_directive("launch", Launch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def link(service, repository, path=FIRST):
    """Words and address of a link to a notebook in a service; None where there can be none."""
    if not repository or not repository.startswith(FORGE):
        return None
    project = repository.removeprefix(FORGE).removesuffix(".git").strip("/")
    words, address = _SERVICES[service]
    return words, address.format(project=project, path=path)


class Launch(SphinxDirective):
    """A link to the first notebook in a service, or the words that stand for it."""

    required_arguments = 1
    has_content = True

    def run(self):
        """A paragraph with the link, or a block of text."""
        found = link(self.arguments[0], self.config.repository)
        if found is None:
            text = "\n".join(self.content)
            return [nodes.literal_block(text, text, language="text")]
        words, address = found
        return [nodes.paragraph("", "", nodes.reference("", words, refuri=address))]
