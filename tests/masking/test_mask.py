"""Masks from files, from the data and from a template, against nilearn."""

import gzip
import warnings

import nibabel as nib
import nilearn.masking
import numpy as np
import pytest
from nilearn.datasets import load_mni152_template
from nilearn.image import resample_img

from nbica.exceptions import DataError
from nbica.image import frames
from nbica.image.frames import mean_volume
from nbica.image.grid import Grid, target_grid
from nbica.image.run import load_run
from nbica.masking import (
    compute_background_mask,
    compute_brain_mask,
    compute_epi_mask,
    intersect_masks,
    load_mask,
)
from nbica.masking.mask import Mask, mask_to_image, resample_mask

SHAPE = (22, 24, 18)


def ellipsoid(shape, centre, radius):
    grids = np.meshgrid(*map(np.arange, shape), indexing="ij")
    return sum(((g - c) / r) ** 2 for g, c, r in zip(grids, centre, radius, strict=True)) < 1


def brain(seed, background=5.0):
    """An EPI-like run: a bright ellipsoid with a hole, a skull, a noisy or constant background."""
    rng = np.random.default_rng(seed)
    centre = np.array(SHAPE) / 2 + rng.uniform(-1, 1, 3)
    inside = ellipsoid(SHAPE, centre, rng.uniform(6, 8, 3))
    inside &= ~ellipsoid(SHAPE, centre, (1, 1, 1))
    bridge = np.zeros(SHAPE, bool)
    bridge[11, 12, :] = True
    data = background * np.abs(rng.standard_normal((*SHAPE, 4)))
    data[inside] += 100 + 5 * rng.standard_normal((inside.sum(), 4))
    data[bridge & ~inside] += 60
    return data


@pytest.fixture
def brains(save_image):
    """Three runs on one grid, in files."""
    return [save_image(brain(seed), f"run-{seed}_bold.nii.gz") for seed in range(3)]


@pytest.fixture
def blank_brains(save_image):
    """Three runs whose background is 0."""
    return [save_image(brain(seed, 0.0), f"run-{seed}_bold.nii.gz") for seed in range(3)]


def assert_same_mask(ours, expected):
    assert ours.get_data_dtype() == np.uint8
    assert 0 < ours.get_fdata().mean() < 1
    np.testing.assert_array_equal(ours.get_fdata(), expected.get_fdata())
    np.testing.assert_allclose(ours.affine, expected.affine)


# ---- from the data ------------------------------------------------------------------------------

EPI_OPTIONS = [
    {},
    {"opening": False},
    {"opening": 1, "connected": False},
    {"lower_cutoff": 0.4, "upper_cutoff": 0.7},
    {"target_affine": np.diag([4.0, 4.0, 4.0])},
]


@pytest.mark.parametrize("options", EPI_OPTIONS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_epi_mask_equals_nilearn(make_image, seed, options):
    """One run, every option."""
    img = make_image(brain(seed))

    assert_same_mask(
        compute_epi_mask(img, **options), nilearn.masking.compute_epi_mask(img, **options)
    )


@pytest.mark.parametrize("compute", [compute_epi_mask, compute_background_mask])
@pytest.mark.parametrize("n_slices", [1, 3])
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_few_slices_are_opened_within_them(make_image, rng, axis, n_slices, compute):
    """A slice has no third dimension to be eroded along: its mask is the brain, not the bridge."""
    disc = ellipsoid((24, 26, n_slices), (12, 13, n_slices / 2), (8, 8, 99))
    data = np.where(disc, 100 + 5 * rng.standard_normal(disc.shape), 0.0)
    data[12, 21:, :] = 60  # a bridge to the skull
    if compute is compute_epi_mask:
        data += 5 * np.abs(rng.standard_normal(disc.shape))
    run = make_image(np.moveaxis(data, 2, axis)[..., np.newaxis])

    found = np.moveaxis(compute(run, opening=2).get_fdata() > 0, axis, 2)

    # An opening by crosses of faces cuts a circle's edge by a voxel here and there.
    assert (found & disc).sum() > 0.9 * (found | disc).sum()
    assert not found[12, 23:].any()


def test_an_opening_too_large_is_named(make_image):
    """Where the gap was found and the opening leaves nothing, the error blames the opening."""
    with pytest.raises(DataError, match=r"opening=9 takes away all of the .* 0 for none"):
        compute_epi_mask(make_image(brain(0)), opening=9)


def test_zeros_can_be_left_out_of_the_histogram(make_image):
    """In wide margins of 0, the gap is looked for among the other values, as nilearn does."""
    img = make_image(np.pad(brain(0), ((12, 12), (12, 12), (12, 12), (0, 0))))
    options = {"exclude_zeros": True, "opening": False}

    ours = compute_epi_mask(img, **options)

    assert_same_mask(ours, nilearn.masking.compute_epi_mask(img, **options))
    with pytest.raises(DataError, match=r"no gap .* exclude_zeros=True"):
        compute_epi_mask(img, opening=False)


@pytest.mark.parametrize(
    "options",
    [{}, {"threshold": 1}, {"threshold": 0.0}, {"connected": False}, {"opening": False}],
    ids=str,
)
def test_epi_mask_of_several_runs_equals_nilearn(brains, options):
    """The runs' masks are intersected."""
    paths = [str(path) for path in brains]

    assert_same_mask(
        compute_epi_mask(brains, **options),
        nilearn.masking.compute_multi_epi_mask(paths, **options),
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"opening": 1},
        {"opening": 2, "connected": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("seed", range(3))
def test_background_mask_equals_nilearn(make_image, seed, options):
    """One run, every option."""
    img = make_image(brain(seed, 0.0))

    assert_same_mask(
        compute_background_mask(img, **options),
        nilearn.masking.compute_background_mask(img, **options),
    )


@pytest.mark.parametrize("border_size", [1, 4])
def test_border_of_the_background_equals_nilearn(make_image, border_size):
    """An image with a bright rim: how deep the border is says what is background."""
    data = brain(0, 0.0)
    rim = np.pad(data[1:-1, 1:-1, 1:-1], ((1, 1), (1, 1), (1, 1), (0, 0)), constant_values=50)
    img = make_image(rim)

    assert_same_mask(
        compute_background_mask(img, border_size=border_size),
        nilearn.masking.compute_background_mask(img, border_size=border_size),
    )


def test_background_mask_on_another_grid_equals_nilearn(make_image):
    """Resampling leaves rounding errors in the background; all other voxels are the same."""
    img, target_affine = make_image(brain(0, 0.0)), np.diag([4.0, 4.0, 4.0])

    ours = compute_background_mask(img, target_affine=target_affine)

    expected = nilearn.masking.compute_background_mask(img, target_affine=target_affine)
    mean = resample_img(nilearn.image.mean_img(img), target_affine).get_fdata()
    assert ours.shape == expected.shape
    differs = ours.get_fdata() != expected.get_fdata()
    assert np.abs(mean[differs]).max() < 1e-12 * mean.max()


@pytest.mark.parametrize(
    "options", [{}, {"threshold": 1}, {"opening": False}, {"connected": False}], ids=str
)
def test_background_mask_of_several_runs_equals_nilearn(blank_brains, options):
    """A list is connected and opened by default, even with one run in it."""
    paths = [str(path) for path in blank_brains]

    for n_runs in (3, 1):
        assert_same_mask(
            compute_background_mask(blank_brains[:n_runs], **options),
            nilearn.masking.compute_multi_background_mask(paths[:n_runs], **options),
        )


def test_background_may_be_any_value(make_image):
    """What the border holds is background, 0 or not."""
    data = brain(0, 0.0)

    shifted = compute_background_mask(make_image(data + 1000))

    assert_same_mask(shifted, compute_background_mask(make_image(data)))


def test_background_of_nan_is_background(make_image):
    """SPM writes NaN outside of the brain."""
    data = brain(0, 0.0)
    holes = np.where(data == 0, np.nan, data)

    assert_same_mask(
        compute_background_mask(make_image(holes)),
        nilearn.masking.compute_background_mask(make_image(holes)),
    )


def test_mean_volume_is_the_mean(brains):
    """Summed block by block, in float64."""
    ours = mean_volume(load_run(brains[0]))

    np.testing.assert_allclose(ours, nib.load(brains[0]).get_fdata().mean(axis=-1), rtol=1e-6)


def test_masks_do_not_depend_on_n_jobs(brains):
    """Two processes give what one gives."""
    assert_same_mask(compute_epi_mask(brains, n_jobs=2), compute_epi_mask(brains))


def test_means_are_kept(brains, tmp_path, monkeypatch):
    """With a memory, a second mask of the same runs reads none of them."""
    first = compute_epi_mask(brains, memory=tmp_path / "cache")
    monkeypatch.setattr(frames, "iter_blocks", None)

    assert_same_mask(compute_epi_mask(brains, memory=tmp_path / "cache"), first)


def test_runs_on_other_grids_are_resampled_to_the_first(make_image):
    """One mask comes out, on the grid of the first run."""
    first = make_image(brain(0))
    other = resample_img(make_image(brain(0)), np.diag([3.0, 3.0, 3.0]))

    mask = compute_epi_mask([first, other], threshold=1)

    assert mask.shape == SHAPE
    overlap = mask.get_fdata()[compute_epi_mask(first).get_fdata() > 0].mean()
    assert overlap > 0.9


@pytest.mark.parametrize(
    ("compute", "data", "message"),
    [
        (compute_epi_mask, np.zeros((*SHAPE, 3)), "shows no gap between brain and background"),
        (compute_background_mask, np.full((*SHAPE, 3), 7.0), "looks like background"),
        (compute_background_mask, np.full((*SHAPE, 3), np.nan), "looks like background"),
    ],
)
def test_an_empty_mask_names_its_run(save_image, compute, data, message):
    """Of several runs, the one whose mask is empty; with the way out."""
    good = save_image(brain(0, 0.0), "good_bold.nii.gz")
    bad = save_image(data, "bad_bold.nii.gz")

    with pytest.raises(DataError, match=rf"The mask of .*bad_bold\.nii\.gz is empty.*{message}"):
        compute([good, bad], opening=2)


def test_masks_that_do_not_meet_are_refused(make_image):
    """The message gives the threshold and the number of masks."""
    data = brain(0, 0.0)
    runs = [make_image(np.roll(data, shift, axis=0)) for shift in (-8, 8)]

    with pytest.raises(DataError, match="No voxel lies in more than 100% of the 2 masks"):
        compute_background_mask(runs, threshold=1, opening=False)


# ---- from a template ----------------------------------------------------------------------------


@pytest.mark.exact("a template's values at a cut, as nilearn has them to the bit")
@pytest.mark.parametrize("options", [{}, {"threshold": 0.3}, {"opening": False}], ids=str)
@pytest.mark.parametrize("zoom", [(4.0, 4.0, 4.0), (-6.0, 5.0, 7.0)])
def test_brain_mask_equals_nilearn(make_image, zoom, options):
    """With the MNI152 template, the mask is nilearn's."""
    affine = np.diag([*zoom, 1.0])
    affine[:3, 3] = np.where(np.array(zoom) > 0, [-90, -126, -72], [90, -126, -72])
    target = make_image(np.zeros((46, 50, 46)), affine)
    template = load_mni152_template(resolution=2)
    template = nilearn.image.math_img("img / img.max()", img=template)

    ours = compute_brain_mask(target, template_img=template, **options)

    by_nilearn = nilearn.image.resample_to_img(template, target).get_fdata()
    expected = by_nilearn >= options.get("threshold", 0.5)
    expected, _ = nilearn.masking._post_process_mask(
        expected, affine, opening=options.get("opening", 2)
    )
    assert_same_mask(ours, nib.Nifti1Image(expected.astype(np.uint8), affine))


def test_a_template_elsewhere_is_refused(make_image):
    """It says which template and which threshold."""
    template = make_image(brain(0)[..., 0])
    target = make_image(np.zeros(SHAPE), np.diag([3.0, 3.0, 3.0, 1.0]) + 500 * np.eye(4, k=3))

    with pytest.raises(DataError, match=r"The template image does not reach .* threshold 0.5"):
        compute_brain_mask(target, template_img=template)


# ---- from files ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        np.eye(4, dtype=np.uint8).reshape(4, 2, 2),
        255.0 * np.eye(4).reshape(4, 2, 2),
        np.where(np.eye(4) > 0, 1, np.nan).reshape(4, 2, 2),
        np.eye(4, dtype=">i2").reshape(4, 2, 2, 1),
        np.eye(4, dtype=np.int64).reshape(4, 2, 2),
    ],
    ids=["bytes", "255", "NaN outside", "4D big-endian", "int64"],
)
def test_a_mask_is_what_is_not_zero(save_image, data):
    """Any type, one value beside 0, NaN counting as 0, one frame or none."""
    mask = load_mask(save_image(data, "mask.nii.gz"))

    np.testing.assert_array_equal(mask.array, np.eye(4, dtype=bool).reshape(4, 2, 2))
    assert mask.n_voxels == 4


def test_a_full_mask_is_a_mask(make_image):
    """All voxels of the volume may be wanted."""
    assert load_mask(make_image(np.ones((3, 4, 5)))).n_voxels == 60


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.zeros((4, 3, 2)), r"mask\.nii\.gz is empty"),
        (np.full((4, 3, 2), np.nan), r"mask\.nii\.gz is empty"),
        (np.arange(24.0).reshape(4, 3, 2), r"holds the values \[0\.0, 1\.0, 2\.0, .*a mask holds"),
        (np.tile([1.0, 2.0], 12).reshape(4, 3, 2), r"holds the values \[1\.0, 2\.0\]"),
        (np.ones((4, 3, 2, 5)), r"has 4 dimensions \(4, 3, 2, 5\); expected a 3D image"),
        (np.ones((4, 3)), r"has 2 dimensions \(4, 3\); expected a 3D image"),
        (np.ones((4, 3, 2), "c8"), "holds numbers of type complex64"),
    ],
)
def test_what_is_no_mask_is_refused(save_image, data, message):
    """The message names the file and says what it holds."""
    with pytest.raises(DataError, match=message):
        load_mask(save_image(data, "mask.nii.gz"))


def test_of_several_masks_all_count(save_image):
    """A list of masks is their intersection, in one piece or not."""
    left, right = np.zeros((2, *SHAPE), np.uint8)
    left[:12], right[9:], right[0] = 1, 1, 1

    mask = load_mask([save_image(left, "left.nii.gz"), save_image(right, "right.nii.gz")])

    np.testing.assert_array_equal(mask.array, (left & right).astype(bool))


def test_a_damaged_mask_is_named(tmp_path, rng):
    """Reading it fails with its name, the shape promised and the way out."""
    raw = nib.Nifti1Image(rng.integers(0, 2, SHAPE).astype(np.uint8), np.eye(4)).to_bytes()
    (tmp_path / "mask.nii.gz").write_bytes(gzip.compress(raw)[:-300])

    with pytest.raises(DataError, match=r"mask\.nii\.gz cannot be read.*\(22, 24, 18\)"):
        load_mask(tmp_path / "mask.nii.gz")


@pytest.mark.parametrize("mask_img", [None, 3, np.ones((3, 3, 3)), []])
def test_what_is_no_image_is_no_mask(mask_img):
    """An array has no place in space."""
    with pytest.raises(TypeError, match=r"The mask image is a .*; expected a path or a nibabel"):
        load_mask(mask_img)


def test_positions_are_where_the_voxels_are(rng):
    """A flattened frame of the box, taken at the positions, is the masked volume in C order."""
    mask = Mask(rng.random((6, 5, 4)) > 0.8, np.eye(4))
    volume = rng.random((6, 5, 4))

    taken = volume[mask.box].T.ravel()[mask.positions()]

    np.testing.assert_array_equal(taken, volume[mask.array])


# ---- several masks, other grids -----------------------------------------------------------------


@pytest.mark.parametrize("connected", [True, False])
@pytest.mark.parametrize("threshold", [0, 0.25, 0.5, 0.75, 1])
def test_intersection_equals_nilearn(rng, make_image, threshold, connected):
    """From the union to the intersection of four masks."""
    imgs = [make_image((rng.random((6, 5, 4)) > 0.3).astype(np.uint8)) for _ in range(4)]

    assert_same_mask(
        intersect_masks(imgs, threshold, connected),
        nilearn.masking.intersect_masks(imgs, threshold, connected),
    )


@pytest.mark.parametrize(
    ("threshold", "message"), [(1.5, "threshold is 1.5"), (-0.1, "threshold is -0.1")]
)
def test_a_threshold_is_a_fraction(make_image, threshold, message):
    """Anything outside of 0 to 1 is refused."""
    with pytest.raises(ValueError, match=message):
        intersect_masks([make_image(np.ones((3, 3, 3)))], threshold)


def test_masks_on_different_grids_are_refused(make_image):
    """The message says which mask, and both grids."""
    ones = np.ones((3, 3, 3))
    message = r"Mask 2 is on another grid than the first: \(3, 3, 3\) with affine .*, not \(3, 3"

    with pytest.raises(ValueError, match=message):
        intersect_masks([make_image(ones), make_image(ones, np.eye(4))])
    with pytest.raises(ValueError, match=r"Mask 2 is on another grid than the first: \(3, 3, 4\)"):
        intersect_masks([make_image(ones), make_image(np.ones((3, 3, 4)))])


def test_no_masks_have_no_intersection():
    """An empty list is refused."""
    with pytest.raises(ValueError, match="No masks to intersect"):
        intersect_masks([])


@pytest.mark.parametrize(
    ("target_affine", "target_shape"),
    [
        (np.diag([4.0, 4.0, 4.0]), None),
        (np.diag([-2.0, 2.0, 2.0]), None),
        (np.array([[2.8, -0.9, 0], [0.9, 2.8, 0], [0, 0.3, 3.1]]), None),
        (np.array([[3.0, 0, 0, -25], [0, 3, 0, -20], [0, 0, 3, -15], [0, 0, 0, 1]]), (16, 15, 14)),
    ],
)
def test_resampled_mask_equals_nilearn(make_image, target_affine, target_shape):
    """Nearest neighbour, on the grid that nilearn makes."""
    img = make_image(ellipsoid(SHAPE, (11, 12, 9), (8, 9, 6)).astype(np.uint8))
    mask = load_mask(img)

    ours = resample_mask(mask, target_grid(mask.grid, target_affine, target_shape))

    with warnings.catch_warnings(action="ignore"):
        expected = resample_img(img, target_affine, target_shape, interpolation="nearest")
    assert_same_mask(mask_to_image(ours), expected)


def test_a_mask_without_overlap_is_refused():
    """A target grid that holds none of the mask is named as the cause."""
    mask = Mask(ellipsoid(SHAPE, (5, 5, 5), (3, 3, 3)), np.eye(4))
    far = Grid((5, 5, 5), np.eye(4) + 15 * np.eye(4, k=3))

    with pytest.raises(DataError, match="The mask is empty on the grid of target_affine"):
        resample_mask(mask, far)


@pytest.mark.real
def test_masks_of_real_runs_equal_nilearn(real_data):
    """On measured images too, of which SPM has set the outside to NaN or 0."""
    paths = sorted((real_data / "real_rest_10mm").glob("rtswa_*.nii"))[:4]
    names = [str(path) for path in paths]

    assert_same_mask(compute_epi_mask(paths), nilearn.masking.compute_multi_epi_mask(names))
    assert_same_mask(
        compute_background_mask(paths), nilearn.masking.compute_multi_background_mask(names)
    )
