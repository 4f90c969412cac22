"""Components are named after the networks planted in them, and signs of noise are seen."""

import nibabel as nib
import numpy as np
import pytest
from planted import AFFINE, brain_mask, mask_image, network_maps
from scipy.ndimage import binary_erosion, gaussian_filter
from sklearn.utils import Bunch

from nbica.exceptions import DataError
from nbica.masking import unmask
from nbica.matching import flag_noise, label
from nbica.matching.labels import BAR

MASK = brain_mask()
MAPS = network_maps(MASK)
NAMES = ["a", "b", "c", "d", "e"]


@pytest.fixture
def components_img(rng):
    """The networks in another order, one upside down, a noise map last."""
    maps = MAPS[[2, 0, 4, 1, 3]] * np.array([1, 1, -1, 1, 1])[:, np.newaxis]
    maps = np.vstack([maps, rng.standard_normal((1, MASK.sum()))])
    return unmask(maps.astype(np.float32), mask_image())


def finer(volume, factor=2):
    """A volume on a grid with more, smaller voxels in the same place."""
    data = volume
    for axis in range(3):
        data = np.repeat(data, factor, axis=axis)
    affine = AFFINE @ np.diag([1 / factor] * 3 + [1])
    affine[:3, 3] = AFFINE[:3, 3] - (AFFINE[:3, :3] @ np.full(3, (1 - 1 / factor) / 2))
    return data, affine


@pytest.mark.parametrize("form", ["4D", "list", "atlas", "cohort"])
def test_planted_names_are_found(components_img, form):
    """Each component gets its network's name, noise none, from whatever form the networks have."""
    networks = unmask(MAPS, mask_image())
    forms = {
        "4D": (networks, NAMES),
        "list": ([networks.slicer[..., i] for i in range(5)], NAMES),
        "atlas": (Bunch(maps=networks, labels=NAMES), None),
        "cohort": (Bunch(maps_img=networks, labels=NAMES), None),
    }

    table = label(components_img, *forms[form], mask_img=mask_image())

    assert list(table["label"]) == ["c", "a", "e", "b", "d", "unlabelled"]
    np.testing.assert_allclose(table["r"][:5], [1, 1, -1, 1, 1], atol=1e-6)
    assert table["network"][5] in NAMES
    assert abs(table["r"][5]) < 0.3


@pytest.mark.parametrize("names", [NAMES, ["background", *NAMES], {2: "a", 4: "b", 6: "c"}, None])
def test_parcellation_on_a_finer_grid(components_img, names):
    """A parcellation of whole numbers, in voxels half as large, names the same components."""
    numbers = np.where(MAPS.max(axis=0) > 0.3, 2 * (MAPS.argmax(axis=0) + 1), 0)
    volume, affine = finer(np.asarray(unmask(numbers, mask_image()).dataobj))

    table = label(components_img, nib.Nifti1Image(volume, affine), names, mask_img=mask_image())

    expected = {
        list: ["c", "a", "e", "b", "d"],
        dict: ["c", "a", "10", "b", "8"],
        type(None): [f"network {n}" for n in (3, 1, 5, 2, 4)],
    }[type(names)]
    assert list(table["label"])[:5] == expected
    assert table["r"].abs()[:5].min() > 0.7
    assert table["label"][5] == "unlabelled"


def test_one_to_one_gives_no_name_twice():
    """Two parts of one network share its name, or only the better one gets it."""
    two = unmask(np.array([MAPS[0], MAPS[0] + 0.3 * MAPS[1], MAPS[2]]), mask_image())
    networks = unmask(MAPS[[0, 2]], mask_image())

    best = label(two, networks, ["a", "c"], mask_img=mask_image())
    single = label(two, networks, ["a", "c"], mask_img=mask_image(), one_to_one=True)

    assert list(best["label"]) == ["a", "a", "c"]
    assert list(single["label"]) == ["a", "unlabelled", "c"]
    assert list(single["network"]) == ["a", "", "c"]


def test_networks_elsewhere_are_refused(components_img):
    """Networks that do not overlap with the mask, or too few names, are named."""
    far = AFFINE.copy()
    far[:3, 3] += 1000
    networks = unmask(MAPS, mask_image())

    with pytest.raises(DataError, match="space"):
        label(components_img, nib.Nifti1Image(networks.get_fdata(), far), mask_img=mask_image())
    with pytest.raises(ValueError, match="2 names for 5 networks"):
        label(components_img, networks, ["a", "b"], mask_img=mask_image())
    with pytest.raises(DataError, match="expected 4D"):
        label(components_img.slicer[..., 0], networks)


def test_signs_of_noise_are_seen(rng):
    """An edge, fluid, a spike and a fast course are each suggested, and a network is left alone."""
    voxels = np.argwhere(MASK)
    rim = (~binary_erosion(MASK))[MASK].astype(float)
    fluid = (((voxels - 9) ** 2).sum(axis=1) < 16).astype(float)
    maps = unmask(np.array([MAPS[1], rim, fluid, MAPS[3], MAPS[4]], np.float32), mask_image())
    slow = np.cumsum(rng.standard_normal((150, 5)), axis=0)
    slow[:, 3] = 0.1 * rng.standard_normal(150)
    slow[70, 3] = 10
    slow[:, 4] = rng.standard_normal(150)

    table = flag_noise(
        maps, mask_image(), csf_img=unmask(fluid, mask_image()), time_courses=[slow], t_r=2.0
    )

    assert list(table["suggestion"])[:3] == ["", "edge", "csf"]
    assert "spike" in table["suggestion"][3]
    assert "high frequency" in table["suggestion"][4]
    # White noise: (0.25 - 0.1) / 0.25 of its power; 75 frequencies.
    assert table["high_frequency"][4] == pytest.approx(0.6, abs=0.15)


def test_a_spike_counts_by_the_runs_that_have_it(rng):
    """One run of ten with a spike is one person who moved; three of ten are a component of spikes.

    Of short runs of normal numbers, in which one is large by itself, one in a thousand has one.
    """
    runs = rng.standard_normal((10, 150, 5))
    runs[0, 40, 1] = runs[:3, 70, 2] = 30
    maps = unmask(MAPS, mask_image())

    table = flag_noise(maps, mask_image(), time_courses=list(runs))
    short = flag_noise(maps, mask_image(), time_courses=list(rng.standard_normal((200, 12, 5))))

    np.testing.assert_allclose(table["spike"], [0, 0.1, 0.3, 0, 0])
    assert ["spike" in found for found in table["suggestion"]] == [False, False, True, False, False]
    assert short["spike"].max() < 0.02  # 4 of 200 where 0.2 are expected


def test_signs_without_input_are_nan():
    """What was not given is not guessed."""
    table = flag_noise(unmask(MAPS, mask_image()), mask_image())

    assert table[["csf", "spike", "high_frequency"]].isna().all(axis=None)
    assert table["edge"].notna().all()
    assert (table["suggestion"].isin(["", "edge"])).all()


def test_what_chance_gives_at_the_bar(rng):
    """Maps of 54 independent elements reach .3 in 1 to 4 % of the pairs; the best of 15 often."""
    inside = brain_mask((26, 28, 22))
    noise = rng.standard_normal((315, *inside.shape))
    smooth = [gaussian_filter(volume, 2.2)[inside] for volume in noise]
    r = np.corrcoef(smooth)[:300, 300:]

    # The variance of r is one over the number of elements; sqrt(2 / 300) is known to 10 %.
    assert 1 / r.var() == pytest.approx(54, rel=0.25)
    assert 0.01 < (np.abs(r) >= BAR).mean() < 0.04
    assert 0.15 < (np.abs(r).max(axis=1) >= BAR).mean() < 0.45
    assert (np.abs(r).max(axis=1) >= 0.4).mean() < 0.07
