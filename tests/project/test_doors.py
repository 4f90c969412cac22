"""Doors lead on to nilearn: no public name of nilearn's is lost, and nothing is loaded before."""

import importlib
import pickle
import re
import subprocess
import sys
from pathlib import Path
from pkgutil import iter_modules

import nilearn
import numpy as np
import pytest
from sklearn.base import clone

import nbica

PAGE = Path(__file__).parents[2] / "docs" / "coming_from_nilearn.md"
# Modules of nilearn that have `__all__` and are documented, and ours of the same name.
NILEARN = [
    "connectome", "datasets", "decoding", "decomposition", "glm", "glm.first_level",
    "glm.second_level", "image", "interfaces", "interfaces.bids", "interfaces.fmriprep",
    "interfaces.fsl", "maskers", "masking", "mass_univariate", "plotting", "regions", "reporting",
    "signal", "surface",
]  # fmt: skip
as_the_tables_say = pytest.mark.skipif(
    nilearn.__version__ != "0.14.1", reason=f"the tables are of 0.14.1, not {nilearn.__version__}"
)


def left_out():
    """Names that the page says are left out."""
    section = PAGE.read_text(encoding="utf-8").split("\n## What stays with nilearn\n")[1]
    return set(re.findall(r"^\| `nilearn\.([\w.]+)`", section, re.MULTILINE))


@as_the_tables_say
@pytest.mark.parametrize("door", NILEARN)
def test_no_name_of_nilearns_is_lost(door):
    """Each name of nilearn's `__all__` is in our door's table, or the page says why it is not."""
    there, here = (importlib.import_module(f"{lib}.{door}") for lib in ("nilearn", "nbica"))
    lost = set(there.__all__) - set(here.__all__) - {n.removeprefix(f"{door}.") for n in left_out()}

    assert lost == set()
    assert set(here.__all__) <= set(dir(here))


@as_the_tables_say
def test_every_door_of_nilearns_is_ours_or_named():
    """Each public module of nilearn has its door, or is left out by name."""
    modules = {m.name for m in iter_modules(nilearn.__path__)}
    public = {name for name in modules if not name.startswith("_")} - {"conftest", "tests"}

    assert public - set(NILEARN) == left_out() & public


@pytest.mark.parametrize("name", ["math_img", "resample_img", "concat_imgs", "load_img"])
def test_what_is_handed_on_is_nilearns_own(name):
    """No wrapper and no copy: the same function."""
    assert getattr(nbica.image, name) is getattr(nilearn.image, name)


LIGHT = {
    "import nbica": "import nbica",
    "dir of a door": "import nbica; dir(nbica.image), nbica.image.__all__",
    "a worker": "import nbica.decomposition.reduction, nbica.decomposition.projection",
    "a fit": (
        "import numpy as np, nibabel as nib, nbica, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "rng = np.random.default_rng(0)\n"
        "imgs = [nib.Nifti1Image(rng.normal(size=(8, 8, 8, 20)), np.eye(4)) for _ in range(2)]\n"
        "mask = nib.Nifti1Image(np.ones((8, 8, 8), 'u1'), np.eye(4))\n"
        "ica = nbica.CanICA(mask, 3, random_state=0).fit(imgs)\n"
        "ica.transform(imgs)\n"
        "nbica.NiftiMasker(mask).fit_transform(imgs[0])\n"
        "nbica.view_img(ica.components_img_)"
    ),
}


@pytest.mark.parametrize("code", LIGHT.values(), ids=LIGHT)
@pytest.mark.slow
def test_nilearn_is_not_loaded_before_it_is_touched(code):
    """Neither by `import nbica` nor by a look at a door, a worker, a fit, a masker or a viewer."""
    code += "\nimport sys; sys.exit('nilearn' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.filterwarnings("ignore")
def test_decoders_take_our_maskers(make_image, rng):
    """A decoder with our masker predicts what it does with nilearn's, keeps ours, and pickles."""
    y = np.repeat([0, 1], 15)
    data = rng.normal(size=(5, 6, 4, 30)) + 2 * y * (np.indices((5, 6, 4))[0] < 2)[..., np.newaxis]
    img, mask_img = make_image(data.astype(np.float32)), make_image(np.ones((5, 6, 4), np.uint8))
    options = {"estimator": "svc", "cv": 3, "standardize": "zscore_sample"}
    cleaning = {"standardize": "zscore_sample"}
    masker = nbica.NiftiMasker(mask_img, **cleaning)

    ours = nbica.decoding.Decoder(mask=masker, **options).fit(img, y)
    theirs = nilearn.maskers.NiftiMasker(mask_img, **cleaning)
    expected = nilearn.decoding.Decoder(mask=theirs, **options).fit(img, y)

    assert ours.mask is masker
    assert clone(ours).mask is not None
    np.testing.assert_array_equal(ours.predict(img), expected.predict(img))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(ours)).predict(img), ours.predict(img))
