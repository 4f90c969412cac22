"""A run's header, what a user may pass as images, and the fingerprint."""

import gzip
import os
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from sklearn.utils import Bunch

from nbica.exceptions import DataError
from nbica.image.fingerprint import fingerprint
from nbica.image.grid import Grid
from nbica.image.operations import index_img, iter_img
from nbica.image.run import FileFrames, glob, is_iterator, iter_runs, load_run

SHAPE = (4, 5, 3, 6)


@pytest.fixture
def data(rng):
    return rng.integers(0, 1000, SHAPE).astype(np.int16)


# ---- what may be passed -------------------------------------------------------------------------


def test_a_run_knows_its_header_and_no_data(save_image, data):
    """Shape, affine, number of frames and repetition time; the frames stay in the file."""
    path = save_image(data, t_r=1.5)

    run = load_run(path)

    assert run.name == str(path)
    assert run.grid.shape == SHAPE[:3]
    assert run.n_timepoints == 6
    assert run.t_r == 1.5
    np.testing.assert_array_equal(run.grid.affine, nib.load(path).affine)
    assert isinstance(run.frames, FileFrames)


@pytest.mark.parametrize(
    ("units", "t_r", "seconds"),
    [("sec", 2.0, 2.0), ("msec", 2000.0, 2.0), ("usec", 2e6, 2.0), ("sec", 0.0, None)],
)
def test_repetition_time_is_in_seconds(make_image, data, units, t_r, seconds):
    """Headers may count in seconds or less; a time of 0 is no time."""
    img = make_image(data, t_r=t_r)
    img.header.set_xyzt_units("mm", units)

    assert load_run(img).t_r == seconds


def test_an_unknown_unit_of_time_is_seconds(make_image, data):
    """A header with a code that NIfTI does not define is still a run."""
    img = make_image(data)
    img.header["xyzt_units"] = 120

    assert load_run(img).t_r == 2.0


def test_repetition_time_of_mgh_is_in_milliseconds(tmp_path, data):
    """FreeSurfer's headers count in milliseconds and do not say so."""
    img = nib.MGHImage(data.astype(np.float32), np.eye(4))
    img.header.set_zooms((1, 1, 1, 2000.0))
    nib.save(img, tmp_path / "bold.mgz")

    assert load_run(tmp_path / "bold.mgz").t_r == 2.0


@pytest.mark.parametrize(
    "collect",
    [
        lambda paths: [str(path) for path in paths],
        tuple,
        lambda paths: (path for path in paths),
        lambda paths: Bunch(func=[str(path) for path in paths]),
        lambda paths: str(paths[0].parent / "sub-*_bold.nii.gz"),
        lambda paths: paths[0].parent / "sub-0?_bold.nii.gz",
        lambda paths: [str(paths[0]), str(paths[0].parent / "sub-0[23]_bold.nii.gz")],
        lambda paths: str(paths[0].parent / "**" / "*bold.nii.gz"),
        iter_runs,
    ],
    ids=["str", "Path", "generator", "Bunch", "glob", "Path glob", "mixed", "recursive", "runs"],
)
def test_images_come_in_many_forms(save_image, data, collect):
    """Paths, patterns (their files sorted by name), generators, Bunches, runs."""
    paths = sorted(save_image(data, f"sub-0{i}_bold.nii.gz") for i in (3, 1, 2))

    runs = list(iter_runs(collect(paths)))

    assert [run.name for run in runs] == [str(path) for path in paths]


def test_files_of_a_pattern_are_sorted(save_image, data, monkeypatch):
    """By name, in whatever order the file system gives them."""
    paths = [str(save_image(data, f"sub-0{i}_bold.nii.gz")) for i in (2, 3, 1)]
    monkeypatch.setattr(glob, "glob", lambda *_args, **_kwargs: paths)

    assert [run.name for run in iter_runs("sub-*_bold.nii.gz")] == sorted(paths)


def test_one_image_is_a_list_of_one(save_image, data, make_image):
    """A path, a nibabel image of a file and one in memory need no brackets."""
    path = save_image(data)

    names = [next(iter_runs(img)).name for img in (path, str(path), nib.load(path))]

    assert names == [str(path)] * 3
    assert next(iter_runs(make_image(data))).name == "image 1 (in memory)"


def test_a_file_whose_name_looks_like_a_pattern_is_itself(save_image, data):
    """Brackets are a pattern only where there is no such file."""
    path = save_image(data, "sub[1]_bold.nii.gz")

    assert [run.name for run in iter_runs(path)] == [str(path)]


def test_home_is_expanded(save_image, data, monkeypatch):
    """A tilde stands for the home folder."""
    path = save_image(data)
    monkeypatch.setenv("HOME", str(path.parent))

    assert next(iter_runs("~/bold.nii.gz")).name == str(path)


def test_a_generator_is_consumed_as_runs_are_asked_for(make_image, data):
    """Nothing is made before it is needed."""
    made = []

    def generate():
        for i in range(5):
            made.append(i)
            yield make_image(data)

    runs = iter_runs(generate())
    next(runs)
    next(runs)

    assert made == [0, 1]


def test_only_generators_can_be_gone_through_once():
    """Lists, paths and Bunches can be gone through again."""
    assert is_iterator(path for path in ["a.nii"])
    assert not is_iterator(["a.nii"])
    assert not is_iterator("a.nii")


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("imgs", "error", "message"),
    [
        ([], DataError, "the list is empty"),
        (iter([]), DataError, "the list is empty"),
        (Bunch(func=[]), DataError, "the list is empty"),
        (np.zeros(SHAPE), TypeError, "does not say where its voxels are"),
        (None, TypeError, "Expected images or paths, got NoneType"),
        (5, TypeError, "Expected images or paths, got int"),
        ([None], TypeError, r"image 1 \(in memory\) is a NoneType; expected a path or a nibabel"),
        ([["a.nii"]], TypeError, r"image 1 \(in memory\) is a list"),
        ("nowhere.nii.gz", FileNotFoundError, r"No such file: 'nowhere\.nii\.gz' \(looked from"),
        ("nowhere*.nii.gz", FileNotFoundError, r"No file matches 'nowhere\*\.nii\.gz'"),
    ],
)
def test_what_is_no_image_is_refused(imgs, error, message):
    """The message says what was found and what was expected."""
    with pytest.raises(error, match=message):
        list(iter_runs(imgs))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((4, 5, 3), r"a 3D image of shape \(4, 5, 3\); .*concat_images"),
        ((4, 5, 3, 1, 2), r"has 5 dimensions \(4, 5, 3, 1, 2\); a run has 4"),
        ((4, 5, 3, 0), r"has shape \(4, 5, 3, 0\): no voxels or no frames"),
        ((4, 0, 3, 6), r"has shape \(4, 0, 3, 6\): no voxels or no frames"),
    ],
)
def test_an_image_without_frames_is_refused(make_image, shape, message):
    """3D, 5D and empty images say their shape and the way out."""
    with pytest.raises(DataError, match=message):
        load_run(make_image(np.zeros(shape, np.float32)))


@pytest.mark.parametrize("dtype", ["c8", [("R", "u1"), ("G", "u1"), ("B", "u1")]])
def test_numbers_that_are_not_real_are_refused(save_image, dtype):
    """Complex and colour images name their type."""
    path = save_image(np.zeros(SHAPE, dtype))

    with pytest.raises(DataError, match=r"bold\.nii\.gz holds numbers of type .*; expected real"):
        load_run(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.nii.gz", b""),
        ("empty.nii", b""),
        ("page.nii.gz", gzip.compress(b"<!doctype html><title>404</title>" * 50, mtime=0)),
        ("page_not_zipped.nii.gz", b"<!doctype html><title>404</title>" * 50),
        ("page.nii", b"<!doctype html><title>404</title>" * 50),
        ("head.nii.gz", gzip.compress(b"\x5c\x01\x00\x00" + b"\x00" * 500, mtime=0)[:12]),
        ("short.nii", b"\x5c\x01\x00\x00" + b"\x00" * 100),
        ("text.txt", b"hello"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_no_image_is_named(tmp_path, name, content):
    """An empty file, a web page under the name of an image, a cut header."""
    (tmp_path / name).write_bytes(content)

    with pytest.raises(DataError, match=rf"{name} cannot be read as an image"):
        load_run(tmp_path / name)


def test_a_folder_is_no_image(tmp_path):
    """The message shows the pattern that takes all files in the folder."""
    with pytest.raises(DataError, match=r"is a folder; expected a file.*\*\.nii\.gz"):
        load_run(tmp_path)


@pytest.mark.parametrize("affine", [np.zeros((4, 4)), np.diag([2.0, np.nan, 2.0, 1.0])])
def test_an_image_that_is_nowhere_is_refused(data, affine):
    """An affine that cannot be inverted places no voxel."""
    img = nib.Nifti1Image(data, np.eye(4))
    img.affine[...] = affine

    with pytest.raises(DataError, match="does not say where its voxels are: its affine is"):
        load_run(img)


# ---- grids --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "is_same"),
    [
        (np.zeros((4, 4)), True),
        (np.diag([1e-6, 0, 0, 0]), True),  # float32 in a header
        (np.diag([1e-3, 0, 0, 0]), False),  # 0.1 mm at the other end
        (np.outer([1, 0, 0, 0], [0, 0, 0, 0.02]), True),
        (np.outer([1, 0, 0, 0], [0, 0, 0, 0.1]), False),
        (np.outer([0, 1, 0, 0], [0, 0, 1e-2, 0]), False),
    ],
)
def test_grids_are_the_same_where_their_voxels_are(change, is_same):
    """A hundredth of a voxel anywhere in the volume makes two grids differ."""
    shape, affine = (100, 100, 100), np.diag([3.0, 3.0, 3.0, 1.0])

    assert Grid(shape, affine).same_as(Grid(shape, affine + change)) is is_same
    assert not Grid(shape, affine).same_as(Grid((100, 100, 99), affine))


# ---- fingerprints -------------------------------------------------------------------------------


def touch_later(path):
    """Move the time of the last change, as a copy or a download does."""
    later = path.stat().st_mtime_ns + 10**9
    os.utime(path, ns=(later, later))


@pytest.mark.parametrize("name", ["bold.nii.gz", "bold.nii"])
def test_fingerprint_survives_rename_copy_and_time(save_image, data, tmp_path, name):
    """A file is known by its content."""
    path = save_image(data, name)
    before = fingerprint(load_run(path))
    (tmp_path / "elsewhere").mkdir()
    copy = shutil.copy(path, tmp_path / "elsewhere" / f"other{''.join(path.suffixes)}")
    touch_later(Path(copy))

    assert fingerprint(load_run(copy)) == before
    assert fingerprint(load_run(nib.load(path))) == before


def test_fingerprint_that_trusts_the_time_sees_it(save_image, data, monkeypatch):
    """With "ends" nothing covers the middle of a .nii, so the time of its last change counts."""
    monkeypatch.setenv("NBICA_FINGERPRINT", "ends")
    path = save_image(data, "bold.nii")
    before = fingerprint(load_run(path))
    renamed = path.rename(path.with_name("other.nii"))

    assert fingerprint(load_run(renamed)) == before
    touch_later(renamed)
    assert fingerprint(load_run(renamed)) != before


def big(rng):
    """Frames that hardly compress and fill more than the two ends that are read."""
    return rng.integers(0, 30000, (30, 30, 20, 12)).astype(np.int16)


@pytest.mark.parametrize("name", ["bold.nii.gz", "bold.nii", "bold.img", "bold.img.gz"])
@pytest.mark.parametrize("change", ["voxel", "affine", "slope", "inter", "dtype", "frame"])
def test_fingerprint_changes_with_the_content(rng, tmp_path, name, change):
    """One voxel in the middle, the affine, the scaling, the type or one more frame."""
    data, affine, slope, inter = big(rng), np.eye(4), 2.0, 1.0

    def save():
        cls = nib.Nifti1Image if ".nii" in name else nib.Nifti1Pair
        img = cls(data, affine)
        img.header.set_slope_inter(slope, inter)
        nib.save(img, tmp_path / name)
        return fingerprint(load_run(tmp_path / name))

    before = save()
    if change == "voxel":
        data[15, 15, 10, 6] += 1
    elif change == "affine":
        affine[0, 3] = 1e-3
    elif change == "slope":
        slope = 2.5
    elif change == "inter":
        inter = 0.0
    elif change == "dtype":
        data = data.view(np.uint16)
    else:
        data = np.concatenate([data, data[..., -1:]], axis=-1)

    assert save() != before


def test_fingerprint_of_a_pair_sees_the_type_in_its_header(rng, tmp_path):
    """The same bytes read as other numbers are another run, whatever the data file's time."""
    data = big(rng).astype("<i2")
    nib.save(nib.Nifti1Pair(data, np.eye(4)), tmp_path / "bold.img")
    before = fingerprint(load_run(tmp_path / "bold.img"))
    time = (tmp_path / "bold.img").stat().st_mtime_ns
    nib.save(nib.Nifti1Pair(data.view("<u2"), np.eye(4)), tmp_path / "bold.img")
    os.utime(tmp_path / "bold.img", ns=(time, time))

    assert fingerprint(load_run(tmp_path / "bold.img")) != before


def test_fingerprint_of_several_gzip_members_sees_all_of_them(rng, tmp_path):
    """A checksum covers one member only; no end of the file tells of a change in another."""
    path = tmp_path / "bold.nii.gz"
    raw = bytearray(nib.Nifti1Image(big(rng), np.eye(4)).to_bytes())
    half = len(raw) // 2
    prints = []
    for _ in range(2):
        path.write_bytes(gzip.compress(raw[:half], 0) + gzip.compress(raw[half:], 0))
        os.utime(path, (1e9, 1e9))
        prints.append(fingerprint(load_run(path)))
        raw[half // 2] ^= 1

    assert prints[0] != prints[1]


def test_fingerprint_of_an_image_in_memory_is_its_content(make_image, data):
    """The same numbers give the same text; another number or affine another."""
    other = data.copy()
    other[0, 0, 0, 0] += 1
    before = fingerprint(load_run(make_image(data)))

    assert fingerprint(load_run(make_image(data.copy()))) == before
    assert fingerprint(load_run(make_image(other))) != before
    assert fingerprint(load_run(make_image(data, np.eye(4)))) != before


def test_fingerprint_reads_only_the_ends_of_a_file(rng, tmp_path):
    """The middle of a .nii.gz is left alone: its checksum stands for it, however long it is."""
    path = tmp_path / "bold.nii.gz"
    nib.save(nib.Nifti1Image(big(rng), np.eye(4)), path)
    run = load_run(path)
    before = fingerprint(run)
    content = bytearray(path.read_bytes())
    content[1 << 16 : -(1 << 16)] = bytes(len(content) - (1 << 17))
    path.write_bytes(content)

    assert len(content) > 1 << 18
    assert fingerprint(run) == before


def test_volumes_of_an_image_one_by_one(rng, save_image):
    """In order, 3D, with the affine; one by its number, several by a slice."""
    data = rng.standard_normal((3, 4, 5, 6)).astype(np.float32)
    path = save_image(data)

    volumes = list(iter_img(path))

    assert [volume.shape for volume in volumes] == [(3, 4, 5)] * 6
    np.testing.assert_array_equal(np.stack([v.get_fdata() for v in volumes], axis=-1), data)
    np.testing.assert_array_equal(volumes[0].affine, nib.load(path).affine)
    np.testing.assert_array_equal(index_img(path, -1).get_fdata(), data[..., 5])
    np.testing.assert_array_equal(index_img(str(path), slice(1, 3)).get_fdata(), data[..., 1:3])
    assert [volume.shape for volume in iter_img(volumes)] == [(3, 4, 5)] * 6


def test_volumes_that_are_not_there(rng, make_image):
    """The number and what there is; a 3D image has no volumes."""
    img = make_image(rng.standard_normal((3, 4, 5, 6)).astype(np.float32))

    with pytest.raises(IndexError, match="has volumes 0 to 5; there is no 6"):
        index_img(img, 6)
    with pytest.raises(DataError, match="3D image"):
        index_img(img.slicer[..., 0], 0)
    with pytest.raises(DataError, match="3D image"):
        list(iter_img(img.slicer[..., 0]))
