"""What pyproject.toml cannot say: README.md as a package index can show it.

A link to a file of the repository leads nowhere from an index. Where `[project.urls]` states the
repository, it becomes the file's address; where it does not, its words stay and the link goes, and
of a picture nothing stays. All else is in pyproject.toml.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).parent
_LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!https?://)([^)]*)\)")


def for_an_index(readme, repository=None):
    """README.md without relative links.

    Parameters
    ----------
    readme : str
        Markdown.
    repository : str, optional
        Address of the repository on a forge, such as "https://forge.example/someone/nbica".

    Returns
    -------
    str
        Markdown.
    """

    def mended(found):
        is_picture, words, path = found.groups()
        if repository and not path.startswith("#"):
            place = "raw" if is_picture else "blob"
            return f"{is_picture}[{words}]({repository.rstrip('/')}/{place}/HEAD/{path})"
        return "" if is_picture else words

    return re.sub(r"\n{3,}", "\n\n", _LINK.sub(mended, readme))


if __name__ == "__main__":
    project = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=for_an_index(
            (HERE / "README.md").read_text(encoding="utf-8"),
            project.get("urls", {}).get("Repository"),
        ),
        long_description_content_type="text/markdown",
    )
