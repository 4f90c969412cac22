"""What is published: one version, a text that an index can show, an sdist and a wheel that work."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import launch
import pytest
import yaml

import nbica

ROOT = Path(__file__).parents[2]
# What is made here and belongs to nobody else.
MADE = shutil.ignore_patterns(
    ".git", ".venv*", ".*_cache", "*.egg-info", "__pycache__", "_build", "build", "dist", "demo",
    "generated", "nbica_cache", "nilearn_cache", ".ipynb_checkpoints",
)  # fmt: skip
BUILD = "import sys; from setuptools import build_meta as b; print(getattr(b, sys.argv[1])('dist'))"
USE = """
import sys
from pathlib import Path
import nbica
from nbica import CanICA, datasets, report, view_img

assert Path(nbica.__file__).is_relative_to(sys.prefix), nbica.__file__
cohort = datasets.simulate_group(2, n_timepoints=20, voxel_size=10.0, data_dir="data")
ica = CanICA(mask=cohort.mask_img, n_components=3, random_state=0).fit(cohort.func)
view_img(ica.components_img_, cohort.anat_img).to_html("page.html")
report(ica, "report.html")
"""


@pytest.fixture(scope="module")
def to_index():
    """How setup.py makes a text for an index of README.md."""
    spec = importlib.util.spec_from_file_location("setup_of_nbica", ROOT / "setup.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.for_an_index


def links(text):
    return re.findall(r"\]\(([^)]*)\)", text)


def test_one_version():
    """The version to cite is that of the package."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))

    assert citation["version"] == nbica.__version__


def test_text_for_an_index_has_no_link_into_the_repository(to_index):
    """Without an address, pictures go and links leave their words; absolute ones stay."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    text = to_index(readme)

    assert len(links(readme)) > len(links(text)) > 0
    assert all(link.startswith("https://") for link in links(text))
    assert "docs/running.md" in text
    assert "![" not in text


def test_text_for_an_index_follows_the_address(to_index):
    """With an address, each link leads to a file of the repository."""
    text = to_index(
        "![a](docs/a.png) [b](docs/b.md) [c](#c) [d](https://d.example)", "https://f/n/"
    )

    assert text == (
        "![a](https://f/n/raw/HEAD/docs/a.png) [b](https://f/n/blob/HEAD/docs/b.md) c "
        "[d](https://d.example)"
    )


def test_links_to_services_follow_the_address():
    """Binder and Colab open a project of the forge that they know; else there is no link."""
    words, address = launch.link("binder", "https://github.com/someone/nbica.git")
    path = address.partition("/someone/nbica/HEAD?urlpath=lab/tree/")[2]

    assert words == "Open in Binder"
    assert (ROOT / path).is_file()
    assert (
        "/someone/nbica/blob/HEAD/" in launch.link("colab", "https://github.com/someone/nbica/")[1]
    )
    assert launch.link("binder", None) is None
    assert launch.link("colab", "https://forge.example/someone/nbica") is None


@pytest.mark.parametrize("folder", ["docs", "nbica", "binder", ".github"])
def test_no_placeholder_is_left(folder):
    """Where an address is not known the text works without it."""
    kinds = {".md", ".py", ".rst", ".yml", ".html"}
    texts = {
        path: path.read_text(encoding="utf-8")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in kinds and "_build" not in path.parts
    }

    assert [path for path, text in texts.items() if "OWNER" in text or "REPO/" in text] == []


def build(what, folder):
    """An sdist or a wheel, made by the build backend in a folder."""
    (folder / "dist").mkdir(exist_ok=True)
    command = [sys.executable, "-c", BUILD, f"build_{what}"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return folder / "dist" / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    """The source distribution, made from a copy of this tree."""
    folder = tmp_path_factory.mktemp("tree") / "nbica"
    shutil.copytree(ROOT, folder, ignore=MADE)
    return build("sdist", folder)


@pytest.fixture(scope="module")
def unpacked(sdist, tmp_path_factory):
    """The folder that the source distribution unpacks to."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder)
    return folder / f"nbica-{nbica.__version__}"


@pytest.fixture(scope="module")
def wheel(unpacked):
    """The wheel, made from the source distribution."""
    return build("wheel", unpacked)


@pytest.mark.slow
@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="git tells what belongs to the project")
def test_sdist_is_the_whole_project(unpacked):
    """Every file of the repository is in it, so that its tests have all that they need."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\0")
    there = [name for name in listed if name and (ROOT / name).is_file()]

    assert [name for name in there if not (unpacked / name).is_file()] == []


@pytest.mark.slow
def test_tests_of_the_sdist_are_found(unpacked):
    """Every test file of it can be loaded."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests"], cwd=unpacked, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_wheel_holds_the_package_alone(wheel):
    """No test, no notebook: `nbica`, and the extension of JupyterLab that shows saved viewers."""
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.partition("/")[0] for name in archive.namelist()}

    release = f"nbica-{nbica.__version__}"
    assert tops == {"nbica", f"{release}.dist-info", f"{release}.data"}


@pytest.mark.slow
def test_wheel_works_alone(wheel, tmp_path):
    """In an environment that sees others' packages: the demo, a viewer's page and a report."""
    venv.create(tmp_path / "env", symlinks=os.name != "nt")
    programs = tmp_path / "env" / ("Scripts" if os.name == "nt" else "bin")
    python = programs / "python"
    purelib = sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")})
    Path(purelib, "others.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", "--ignore-installed", wheel], check=True)
    subprocess.run([python, "-c", USE], cwd=tmp_path, check=True)
    subprocess.run([programs / "nbica", "demo"], cwd=tmp_path, check=True)

    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.html")}
    assert sizes.keys() == {"page.html", "report.html"}
    assert min(sizes.values()) > 100_000
    assert (tmp_path / "demo" / "networks.png").stat().st_size > 10_000
