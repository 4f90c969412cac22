"""Grayordinates: compared to the last index, chosen by masks, and back in an image."""

import nibabel as nib
import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis
from on_surfaces import (
    AFFINE,
    N_VERTICES,
    models,
    planted,
    save_cifti,
    save_maps,
    save_series,
    series,
    write_pairs,
    write_runs,
)

from nbica import CanICA, NiftiMasker
from nbica.exceptions import DataError, DataWarning
from nbica.image import surface_part, volume_part
from nbica.image.grayordinates import axis_of, of_axis
from nbica.masking import load_mask, unmask


def test_an_axis_comes_back_as_it_was():
    """Structures, indices, affine and shape survive both ways."""
    axis = models()

    assert axis_of(of_axis(axis)) == axis


OTHERS = {
    "without THALAMUS_LEFT": models(with_voxels=False),
    "with PUTAMEN_LEFT besides": models()
    + BrainModelAxis.from_mask(np.ones((8, 9, 7), bool), affine=AFFINE, name="putamen_left"),
    "280 vertices of CORTEX_RIGHT, not 270": models(n_right=270),
    "has other vertices from number": models()[np.r_[1:300, 299, 300:644]],
}


@pytest.mark.parametrize("expected", OTHERS)
def test_another_model_is_named(expected):
    """What sets two spaces apart is said in words."""
    one, other = of_axis(OTHERS[expected]), of_axis(models())
    if expected.startswith(("without", "with")):
        one, other = other, one

    assert expected in one.difference(other)


def test_another_affine_is_another_space():
    """Voxels of the same indices lie elsewhere with another affine."""
    axis, other = models(), models()
    other.affine = axis.affine + np.eye(4)[:, [3, 0, 1, 2]]

    assert "affine" in of_axis(axis).difference(of_axis(other))


def test_a_run_of_another_model_stops_a_fit(tmp_path):
    """The file and the structure are named; with on_error it is left out."""
    runs = write_runs(tmp_path)
    other = models(n_right=270)
    runs.append(save_series(tmp_path / "x.dtseries.nii", series(planted(len(other)), 9), other))

    with pytest.raises(DataError, match=r"x.dtseries.nii has other .* 270 vertices of CORTEX"):
        CanICA(n_components=4, random_state=0).fit(runs)
    with pytest.warns(DataWarning, match=r"skipped: .*x.dtseries.nii"):
        ica = CanICA(n_components=4, random_state=0, on_error="skip").fit(runs)

    assert ica.runs_["skipped"].sum() == 1


def test_a_surface_of_another_size_is_named(tmp_path):
    """Meshes of different numbers of vertices do not mix."""
    pairs, _ = write_pairs(tmp_path, n_runs=1)
    (tmp_path / "other").mkdir()
    others, _ = write_pairs(tmp_path / "other", n_runs=1, n_vertices=162)

    with pytest.raises(DataError, match=r"CORTEX_LEFT is a surface of 162 vertices, not 642"):
        CanICA(n_components=4).fit([*pairs, *others])


# ---- masks --------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    return write_runs(tmp_path, n_runs=1)[0]


def test_without_a_mask_all_are_kept(run):
    """Signals are the numbers of the file, column by column; and come back as a series."""
    masker = NiftiMasker(t_r=0.72)
    signals = masker.fit_transform(run)

    img = nib.load(run)
    np.testing.assert_array_equal(signals, np.asarray(img.dataobj))
    back = masker.inverse_transform(signals)
    np.testing.assert_array_equal(np.asarray(back.dataobj), signals)
    assert back.header.get_axis(0) == img.header.get_axis(0)
    assert back.header.get_axis(1) == img.header.get_axis(1)


def test_structures_are_chosen_by_name(run):
    """However people write them; unknown and absent ones are named."""
    expected = np.asarray(nib.load(run).dataobj)[:, 300:580]

    for names in (["CORTEX_RIGHT"], ["CIFTI_STRUCTURE_CORTEX_RIGHT"], ["right_cortex"]):
        np.testing.assert_array_equal(NiftiMasker(names).fit_transform(run), expected)
    with pytest.raises(ValueError, match=r"no structure 'cortex_middle'"):
        NiftiMasker(["cortex_middle"]).fit(run)
    with pytest.raises(ValueError, match=r"runs have no .*PUTAMEN_LEFT: they are made of"):
        NiftiMasker(["PUTAMEN_LEFT"]).fit(run)
    with pytest.raises(ValueError, match="names structures: pass CIFTI or GIFTI runs to fit"):
        NiftiMasker(["CORTEX_RIGHT"]).fit()


def test_a_dscalar_is_a_mask(run, tmp_path):
    """What is not 0 is kept, in the order of the runs, whatever the mask's own."""
    keep = np.arange(644) % 3 == 0
    axis = models()
    order = np.r_[580:644, 0:580]
    mask = save_maps(tmp_path / "m.dscalar.nii", keep[order].astype("f4")[np.newaxis], axis[order])

    masker = NiftiMasker(mask).fit(run)

    expected = np.asarray(nib.load(run).dataobj)[:, keep]
    np.testing.assert_array_equal(masker.transform(run), expected)
    assert axis_of(load_mask(masker.mask_img_)) == axis[keep]


def test_a_dlabel_keeps_what_has_a_label(run, tmp_path):
    """Its first map counts; what the runs do not have is left out, and said."""
    whole = BrainModelAxis.from_surface(np.arange(N_VERTICES), N_VERTICES, "CortexLeft")
    numbers = np.arange(N_VERTICES, dtype="f4")[np.newaxis] % 3
    table = {0: ("???", (0, 0, 0, 0)), 1: ("a", (1, 0, 0, 1)), 2: ("b", (0, 1, 0, 1))}
    rows = nib.cifti2.LabelAxis(["parcels"], [table])
    mask = save_cifti(tmp_path / "m.dlabel.nii", numbers, rows, whole)

    with pytest.warns(DataWarning, match=r"that the runs do not have, such as a medial wall"):
        signals = NiftiMasker(mask).fit_transform(run)

    vertices = models().vertex[:300]
    expected = np.asarray(nib.load(run).dataobj)[:, :300][:, vertices % 3 > 0]
    np.testing.assert_array_equal(signals, expected)


def test_a_map_of_many_values_is_no_mask(tmp_path):
    """Nor are several maps, nor one of nothing."""
    axis = models()
    maps = save_maps(tmp_path / "a.dscalar.nii", planted(len(axis)), axis)
    empty = save_maps(tmp_path / "b.dscalar.nii", np.zeros((1, len(axis)), "f4"), axis)

    with pytest.raises(DataError, match="a mask is one map of 0 and one other value"):
        load_mask(maps)
    with pytest.raises(DataError, match="is empty: no grayordinate"):
        load_mask(empty)


def test_a_run_without_what_the_mask_keeps_is_refused(run, tmp_path):
    """How many of which structure it lacks is said."""
    masker = NiftiMasker().fit(run)
    other = models(with_voxels=False)
    less = save_series(tmp_path / "l.dtseries.nii", series(planted(len(other)), 3), other)

    with pytest.raises(DataError, match=r"lacks 64 of 64 voxels of THALAMUS_LEFT"):
        masker.transform(less)


@pytest.mark.parametrize(
    "parameters",
    [{"target_affine": np.eye(3)}, {"mask_args": {"opening": 1}},
     {"mask_strategy": "whole-brain-template"}],
)  # fmt: skip
def test_what_is_for_volumes_is_refused(run, parameters):
    """The parameter is named, and what to do instead."""
    with pytest.raises(ValueError, match=f"{next(iter(parameters))}.* is for volumes"):
        NiftiMasker(**parameters).fit(run)


# ---- parts of an image ---------------------------------------------------------------------------


def test_parts_of_an_image_are_where_they_belong(rng):
    """Voxels in a volume with their affine, vertices on their surface, NaN on the medial wall."""
    axis = models()
    values = rng.normal(size=(2, len(axis))).astype("f4")
    img = unmask(values, of_axis(axis))

    volume, left = volume_part(img), surface_part(img, "left")

    np.testing.assert_array_equal(volume.affine, AFFINE)
    np.testing.assert_array_equal(volume.get_fdata()[tuple(axis.voxel[580:].T)].T, values[:, 580:])
    assert np.count_nonzero(volume.get_fdata()[..., 0]) == 64
    np.testing.assert_array_equal(left[axis.vertex[:300]].T, values[:, :300])
    assert np.isnan(left).sum() == 2 * (N_VERTICES - 300)


def test_a_part_that_is_not_there_is_named():
    """What the image is made of is said."""
    img = unmask(np.ones(580, "f4"), of_axis(models(with_voxels=False)))

    with pytest.raises(DataError, match="has no voxels: it is made of CORTEX_LEFT"):
        volume_part(img)
    with pytest.raises(DataError, match="no surface 'cerebellum_left'"):
        surface_part(img, "cerebellum_left")
