"""How the site is made: `make docs`. The sources are docs/, the notebooks and what they link to.

Sphinx with MyST-NB and the PyData theme: kept by the projects whose readers we share, and the one
set that takes saved outputs without running them, reads numpydoc and fetches nothing from outside.
"""

import shutil
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE / "_ext"), str(ROOT)]
(HERE / "_build" / "pages").mkdir(parents=True, exist_ok=True)
shutil.rmtree(HERE / "api" / "generated", ignore_errors=True)  # made anew from the docstrings

import nbica  # noqa: E402

project = "nbica"
author = "The nbica developers"
copyright = author
version = release = nbica.__version__
# The one place where the project states its address, or does not: `[project.urls]`.
_project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
repository = _project.get("urls", {}).get("Repository")

# The tree of the site is that of the repository, so that a relative link holds in both.
root_doc = "docs/index"
include_patterns = ["docs/**", "notebooks/*.ipynb", "benchmarks/RESULTS.md"]
exclude_patterns = [
    "docs/_build",
    "docs/_templates",
    *(path.name for path in ROOT.iterdir() if path.name not in {"docs", "notebooks", "benchmarks"}),
]
extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_nb",
    "sphinx_design",
    "alive",  # those from here on are in _ext
    "built_links",
    "command_help",
    "docstrings",
    "elsewhere",
    "every_name",
    "formulas",
    "gallery",
    "launch",
]
templates_path = [str(HERE / "_templates")]

# Notebooks show what they were saved with. No script of ipywidgets is fetched for their widgets:
# `alive` puts pages of ours in the place of the viewers.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
nb_mime_priority_overrides = [("linkcheck", "text/html", 1)]
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = [str(path) for path in sorted(HERE.glob("api/*.rst"))]
autodoc_default_options = {"members": True}
autodoc_typehints = "none"  # the tables of parameters say it in words
numpydoc_show_class_members = False
numpydoc_xref_param_type = True  # of the types that `elsewhere` names, and of no other word
numpydoc_xref_ignore = "all"
intersphinx_timeout = 5
intersphinx_mapping = {
    name: (address, None)
    for name, address in {
        "joblib": "https://joblib.readthedocs.io/en/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
        "nibabel": "https://nipy.org/nibabel/",
        "nilearn": "https://nilearn.github.io/stable/",
        "numpy": "https://numpy.org/doc/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
        "python": "https://docs.python.org/3/",
        "scipy": "https://docs.scipy.org/doc/scipy/",
        "sklearn": "https://scikit-learn.org/stable/",
    }.items()
}
default_role = "literal"  # `name` in a docstring
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "nbica"
html_favicon = "_static/icon.svg"
html_static_path = ["_static"]
html_extra_path = ["_build/pages"]  # from `alive`
html_css_files = ["nbica.css"]
html_js_files = ["frames.js"]
html_math_renderer = "mathml"
html_additional_pages = {"index": "redirect.html"}
html_copy_source = False
html_context = {"default_mode": "auto"}  # dark or light, as the reader's system
html_theme_options = {
    "logo": {"text": "nbica", "image_light": "_static/icon.svg", "image_dark": "_static/icon.svg"},
    "navbar_align": "left",
    "header_links_before_dropdown": 5,
    "secondary_sidebar_items": {"**": ["page-toc"], "docs/index": [], "docs/gallery": []},
    "footer_start": ["copyright"],
    "footer_end": [],
    **({"github_url": repository} if "github.com" in (repository or "") else {}),
}
html_sidebars = {
    "docs/*": [],
    "benchmarks/*": [],
    "notebooks/*": [],  # code and pictures need the width
    "docs/api/**": ["sidebar-nav-bs"],
}

linkcheck_timeout = 20
linkcheck_workers = 4
