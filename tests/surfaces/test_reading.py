"""CIFTI-2 and GIFTI become runs: what their headers say, their numbers, and what is refused."""

import gzip
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from on_surfaces import (
    T_R,
    models,
    planted,
    save_cifti,
    save_hemisphere,
    save_maps,
    save_series,
    series,
    write_pairs,
    write_runs,
)

from nbica import CanICA, NiftiMasker
from nbica.exceptions import DataError
from nbica.image import high_variance_confounds, mean_img, smooth_img
from nbica.image.columns import iter_columns
from nbica.image.fingerprint import fingerprint
from nbica.image.grayordinates import axis_of
from nbica.image.run import load_run


def values_of(run):
    """All numbers of a run, (n_timepoints, n)."""
    return np.concatenate([piece.values for piece in iter_columns(run)]).T


@pytest.fixture
def axis():
    return models()


@pytest.fixture
def values(axis):
    return series(planted(len(axis)), seed=1)


def test_a_header_says_what_a_run_is(tmp_path, values, axis):
    """Frames, seconds between them and grayordinates come from the two axes."""
    run = load_run(save_series(tmp_path / "a.dtseries.nii", values, axis))

    assert (run.n_timepoints, run.t_r, run.grid.shape) == (60, T_R, (644,))
    assert axis_of(run.grid) == axis


@pytest.mark.parametrize("how", ["file", "gzip", "image", "image in memory"])
def test_numbers_are_those_that_nibabel_reads(tmp_path, values, axis, how):
    """From a file, plain or compressed, and from nibabel's image of it."""
    path = save_series(tmp_path / "a.dtseries.nii", values, axis)
    img = path
    if how == "gzip":
        img = tmp_path / "b.dtseries.nii.gz"
        img.write_bytes(gzip.compress(Path(path).read_bytes()))
    elif how == "image":
        img = nib.load(path)
    elif how == "image in memory":
        img = nib.Cifti2Image(values, nib.load(path).header)

    run = load_run(img)

    np.testing.assert_array_equal(values_of(run), np.asarray(nib.load(path).dataobj))
    assert axis_of(run.grid) == axis


@pytest.mark.parametrize("dtype", [">f4", "<i2", "<f8"])
def test_numbers_of_any_type_and_byte_order_are_read(tmp_path, values, axis, dtype):
    """As nibabel has them, in float32."""
    img = nib.Cifti2Image(values.astype(dtype), (nib.cifti2.SeriesAxis(0, 1, 60), axis))
    img.nifti_header.set_intent("ConnDenseSeries")
    img.nifti_header.set_data_dtype(dtype)
    img.to_filename(tmp_path / "a.dtseries.nii")

    expected = np.asarray(nib.load(tmp_path / "a.dtseries.nii").dataobj).astype("f4")

    np.testing.assert_array_equal(values_of(load_run(tmp_path / "a.dtseries.nii")), expected)


def test_files_with_the_same_axes_share_one_space(tmp_path):
    """The axes of a study are in memory once."""
    first, second = map(load_run, write_runs(tmp_path, n_runs=2))

    assert first.grid is second.grid


def test_what_is_not_finite_becomes_0_and_is_counted(tmp_path, values, axis):
    """NaN and infinity are counted column by column."""
    values[3, 5], values[7, 600] = np.nan, np.inf
    run = load_run(save_series(tmp_path / "a.dtseries.nii", values, axis))

    pieces = list(iter_columns(run))

    assert sum(piece.n_nonfinite for piece in pieces) == 2
    assert values_of(run)[3, 5] == values_of(run)[7, 600] == 0


@pytest.mark.parametrize("how", ["tuple", "list", "dict", "surface image", "images"])
def test_both_hemispheres_together_are_a_run(tmp_path, how):
    """A pair of GIFTI files or images, a dict of both, and nilearn's SurfaceImage are one run."""
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    (pair,), (expected,) = write_pairs(tmp_path, n_runs=1)
    mesh = InMemoryMesh(np.zeros((642, 3)), np.zeros((1, 3), int))
    both = {"left": expected[:, :642].T, "right": expected[:, 642:].T}
    img = {
        "tuple": pair,
        "list": list(pair),
        "dict": dict(zip(("left", "right"), pair, strict=True)),
        "surface image": SurfaceImage(PolyMesh(left=mesh, right=mesh), both),
        "images": tuple(map(nib.load, pair)),
    }[how]

    run = load_run(img)

    assert (run.n_timepoints, run.grid.shape) == (60, (1284,))
    np.testing.assert_array_equal(values_of(run), expected)
    assert run.t_r == (None if how == "surface image" else pytest.approx(2.0))


def test_a_gifti_of_one_array_of_all_frames_is_read(tmp_path):
    """Some programs write one array of (n_vertices, n_timepoints), not one for each frame."""
    data = np.random.default_rng(0).normal(size=(642, 5)).astype("f4")
    array = nib.gifti.GiftiDataArray(data)
    for side in "LR":
        nib.gifti.GiftiImage(darrays=[array]).to_filename(tmp_path / f"{side}.func.gii")

    run = load_run((tmp_path / "L.func.gii", tmp_path / "R.func.gii"))

    np.testing.assert_array_equal(values_of(run), np.vstack([data, data]).T)


def test_a_changed_number_changes_the_fingerprint(tmp_path, values, axis):
    """A run is known by its content, and by where its columns are."""
    path = tmp_path / "a.dtseries.nii"
    before = fingerprint(load_run(save_series(path, values, axis)))
    copy = fingerprint(load_run(shutil.copy(path, tmp_path / "b.dtseries.nii")))
    values[0, 0] += 1
    changed = fingerprint(load_run(save_series(tmp_path / "c.dtseries.nii", values, axis)))

    assert before == copy != changed


def test_the_same_numbers_elsewhere_have_another_fingerprint(values, axis):
    """Two images in memory whose columns are other vertices are two runs."""
    rows = nib.cifti2.SeriesAxis(0, 1, 60)
    here, there = models(300, 280), models(290, 290)

    prints = {fingerprint(load_run(nib.Cifti2Image(values, (rows, one)))) for one in (here, there)}

    assert len(prints) == 2


# ---- what is refused -----------------------------------------------------------------------------


def test_maps_are_no_run(tmp_path, axis):
    """A dscalar names what takes it."""
    path = save_maps(tmp_path / "a.dscalar.nii", planted(len(axis)), axis)

    with pytest.raises(DataError, match=r"4 maps of scalars; a run is a dense time series.*label"):
        CanICA().fit([path])


def test_parcels_are_no_run(tmp_path, axis):
    """A ptseries names ConnectivityMeasure; a connectome is called one."""
    part = nib.cifti2.BrainModelAxis.from_surface(np.arange(9), 642, "CortexLeft")
    parcels = nib.cifti2.ParcelsAxis.from_brain_models([("a", part), ("b", part[:3])])
    rows = nib.cifti2.SeriesAxis(0, 1, 60)
    path = save_cifti(tmp_path / "a.ptseries.nii", np.zeros((60, 2), "f4"), rows, parcels)
    matrix = save_cifti(tmp_path / "a.pconn.nii", np.zeros((2, 2), "f4"), parcels, parcels)

    with pytest.raises(DataError, match=r"2 parcels.*ConnectivityMeasure"):
        load_run(path)
    with pytest.raises(DataError, match="connectivity matrix of 2 x 2"):
        load_run(matrix)


def test_one_hemisphere_is_no_run(tmp_path):
    """A path or a list of single hemispheres, and a dict without one, say what is missing."""
    (pair,), _ = write_pairs(tmp_path, n_runs=1)

    for half in (pair[0], [pair[0]], str(tmp_path / "*.func.gii")):
        with pytest.raises(DataError, match=r"one hemisphere.*\(left, right\)"):
            CanICA().fit(half)
    with pytest.raises(DataError, match="hemisphere is missing: there is left and no right"):
        load_run({"left": pair[0]})


def test_hemispheres_in_the_wrong_order_are_noticed(tmp_path):
    """GIFTI says which side it is of."""
    (pair,), _ = write_pairs(tmp_path, n_runs=1)

    with pytest.raises(DataError, match="left hemisphere says that it is the right"):
        load_run(pair[::-1])


def test_hemispheres_of_other_lengths_are_no_run(tmp_path):
    """Both have the same number of frames."""
    left = save_hemisphere(tmp_path / "L.func.gii", np.zeros((5, 642), "f4"), "left")
    right = save_hemisphere(tmp_path / "R.func.gii", np.zeros((6, 642), "f4"), "right")

    with pytest.raises(DataError, match="left hemisphere has 5 frames, the right 6"):
        load_run((left, right))


def test_a_file_that_is_cut_short_is_named(tmp_path, values, axis):
    """Reading says after how many grayordinates it ended."""
    path = Path(save_series(tmp_path / "a.dtseries.nii", values, axis))
    path.write_bytes(path.read_bytes()[:-10000])

    with pytest.raises(DataError, match=r"a.dtseries.nii cannot be read after .* of 644 grayord"):
        values_of(load_run(path))


def test_a_gifti_that_is_cut_short_is_named(tmp_path):
    """Before a fit where its header is, else while it is read."""
    (pair,), _ = write_pairs(tmp_path, n_runs=1)
    whole = Path(pair[1]).read_bytes()
    for n_bytes in (200, len(whole) - 5000):
        Path(pair[1]).write_bytes(whole[:n_bytes])

        with pytest.raises(DataError, match=r"hemi-R.func.gii cannot be read as GIFTI"):
            values_of(load_run(pair))


def test_functions_of_volumes_say_that_they_are(tmp_path, values, axis):
    """mean_img, smooth_img and confounds of high variance name volume_part."""
    path = save_series(tmp_path / "a.dtseries.nii", values, axis)

    for use in (mean_img, lambda img: smooth_img(img, 4), high_variance_confounds):
        with pytest.raises(DataError, match="volume_part"):
            use(path)


def test_volumes_and_surfaces_do_not_mix(tmp_path, make_image, rng):
    """One kind in a fit, and a mask of the same."""
    runs = write_runs(tmp_path, n_runs=2)
    volume = make_image(rng.normal(size=(4, 4, 4, 60)).astype("f4"))
    mask = make_image(np.ones((4, 4, 4), np.uint8))

    with pytest.raises(DataError, match=r"is a volume, and the first run.*grayordinates"):
        CanICA().fit([*runs, volume])
    with pytest.raises(DataError, match=r"is made of grayordinates, and the first run"):
        CanICA().fit([volume, *runs])
    with pytest.raises(DataError, match="mask of voxels"):
        CanICA(mask=mask).fit(runs)
    with pytest.raises(DataError, match="is a volume, and the mask is made of grayordinates"):
        NiftiMasker(NiftiMasker().fit(runs[0]).mask_img_).fit().transform(volume)
