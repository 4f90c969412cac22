"""Frames from files of every kind against nibabel, and what damage looks like."""

import gzip
import threading
import tracemalloc
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from nilearn.image import resample_img

from nbica.exceptions import DataError
from nbica.image import frames, spatial
from nbica.image.frames import iter_blocks
from nbica.image.grid import Grid, whole
from nbica.image.run import FileFrames, load_run

pytestmark = pytest.mark.exact("values are those of the file, to the bit")

SHAPE = (5, 4, 3, 7)

# Of the largest value: the numbers, their slope and their intercept are each rounded to float32.
FLOAT32 = 3e-7


def read(run, grid=None, box=None, n_frames=None):
    """All frames as (nx, ny, nz, n_timepoints), and how many values were not finite."""
    grid = grid or run.grid
    blocks = list(iter_blocks(run, grid, box or whole(grid), n_frames))
    assert [block.start for block in blocks] == list(
        np.cumsum([0, *(len(block.values) for block in blocks[:-1])])
    )
    assert {block.values.dtype for block in blocks} == {np.dtype(np.float32)}
    values = np.concatenate([block.values for block in blocks])
    return values.T, sum(block.n_nonfinite for block in blocks)


def assert_equals_nibabel(path):
    expected = nib.load(path).get_fdata()
    ours, n_nonfinite = read(load_run(path))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=FLOAT32 * np.abs(expected).max())
    assert n_nonfinite == 0


def integers(rng, dtype):
    limit = min(np.iinfo(dtype).max, 2**31)
    lowest = 0 if np.dtype(dtype).kind == "u" else -limit
    return rng.integers(lowest, limit, SHAPE).astype(dtype)


# ---- every kind of file -------------------------------------------------------------------------

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]


@pytest.mark.parametrize("order", ["<", ">"], ids=["little", "big"])
@pytest.mark.parametrize("dtype", [*INTEGERS, "f4", "f8"])
@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_every_type_and_byte_order_is_read(rng, tmp_path, name, dtype, order):
    """Integers and floats of every size, plain and compressed, give nibabel's values."""
    kind = np.dtype(dtype).kind
    data = rng.standard_normal(SHAPE).astype(dtype) if kind == "f" else integers(rng, dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(np.dtype(dtype).newbyteorder(order))
    nib.save(nib.Nifti1Image(data, np.eye(4), header, dtype=dtype), tmp_path / name)

    assert load_run(tmp_path / name).frames.dtype == np.dtype(dtype).newbyteorder(order)
    assert_equals_nibabel(tmp_path / name)


@pytest.mark.parametrize(
    ("slope", "inter"), [(0.01, 0.0), (2.5, -300.0), (1.0, 12.0), (-1.0, 0.0), (1e-3, 32.768)]
)
@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz", "bold.img"])
def test_scaling_is_applied(rng, tmp_path, name, slope, inter):
    """Slope and intercept of the header count, as in nibabel."""
    cls = nib.Nifti1Pair if name.endswith("img") else nib.Nifti1Image
    img = cls(integers(rng, "i2"), np.eye(4))
    img.header.set_slope_inter(slope, inter)
    nib.save(img, tmp_path / name)

    assert load_run(tmp_path / name).frames.slope == pytest.approx(slope)
    assert_equals_nibabel(tmp_path / name)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (nib.Nifti1Image, "bold.nii"),
        (nib.Nifti1Image, "bold.nii.gz"),
        (nib.Nifti1Image, "BOLD.NII.GZ"),
        (nib.Nifti1Image, "bold.nii.bz2"),
        (nib.Nifti1Pair, "bold.img"),
        (nib.Nifti1Pair, "bold.hdr"),
        (nib.Nifti1Pair, "bold.img.gz"),
        (nib.Nifti1Pair, "bold.hdr.gz"),
        (nib.Nifti2Image, "bold.nii"),
        (nib.Nifti2Image, "bold.nii.gz"),
        (nib.Nifti2Pair, "bold.img"),
        (nib.AnalyzeImage, "bold.img"),
        (nib.Spm99AnalyzeImage, "bold.img"),
        (nib.MGHImage, "bold.mgh"),
        (nib.MGHImage, "bold.mgz"),
    ],
)
def test_every_format_is_streamed(rng, tmp_path, cls, name):
    """NIfTI 1 and 2, pairs, Analyze and FreeSurfer files, plain and compressed."""
    data = rng.integers(-1000, 1000, SHAPE).astype(np.int16)
    nib.save(cls(data, np.diag([2.0, 2.0, 2.0, 1.0])), tmp_path / name)

    assert isinstance(load_run(tmp_path / name).frames, FileFrames)
    assert_equals_nibabel(tmp_path / name)


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_header_extensions_are_skipped(rng, tmp_path, name):
    """The data start where the header says, not after 352 bytes."""
    img = nib.Nifti1Image(integers(rng, "i2"), np.eye(4))
    img.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 3000))
    nib.save(img, tmp_path / name)

    assert load_run(tmp_path / name).frames.offset > 3352
    assert_equals_nibabel(tmp_path / name)


def test_several_gzip_members_are_one_stream(rng, tmp_path):
    """What was compressed in pieces (bgzip, pigz) is read to its end."""
    raw = nib.Nifti1Image(integers(rng, "i2"), np.eye(4)).to_bytes()
    pieces = [gzip.compress(raw[start : start + 300]) for start in range(0, len(raw), 300)]
    (tmp_path / "bold.nii.gz").write_bytes(b"".join(pieces))

    assert_equals_nibabel(tmp_path / "bold.nii.gz")


def test_zeros_after_the_end_of_a_gzip_file_are_padding(rng, tmp_path):
    """Tapes and some servers pad files; gzip itself reads over that."""
    raw = nib.Nifti1Image(integers(rng, "i2"), np.eye(4)).to_bytes()
    (tmp_path / "bold.nii.gz").write_bytes(gzip.compress(raw) + bytes(512))

    assert_equals_nibabel(tmp_path / "bold.nii.gz")


@pytest.mark.parametrize(
    "open_image",
    [
        nib.load,
        lambda path: nib.Nifti1Image(nib.load(path).dataobj, np.eye(4)),
        lambda path: nib.load(path).slicer[..., 0:7],
        lambda path: nib.Nifti1Image(nib.load(path).get_fdata(), np.eye(4)),
        lambda path: nib.Nifti1Image.from_bytes(gzip.decompress(path.read_bytes())),
        lambda path: nib.Nifti1Image(np.asfortranarray(nib.load(path).dataobj), np.eye(4)),
    ],
    ids=["lazy", "proxy", "sliced", "array", "bytes", "fortran"],
)
def test_images_in_memory_are_read(rng, save_image, open_image):
    """Loaded lazily, sliced, made of arrays or of bytes: the same values."""
    path = save_image(integers(rng, "i2"))

    ours, _ = read(load_run(open_image(path)))

    np.testing.assert_array_equal(ours, nib.load(path).get_fdata())


def test_blocks_are_ours_to_overwrite(rng, make_image):
    """An image in memory is as it was, whatever is done to its blocks."""
    data = rng.standard_normal(SHAPE).astype(np.float32)
    run = load_run(make_image(data.copy()))

    for block in iter_blocks(run, run.grid, whole(run.grid)):
        block.values[...] = 0

    np.testing.assert_array_equal(read(run)[0], data)


# ---- blocks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz", None])
@pytest.mark.parametrize("n_frames", [1, 2, 3, 7, 100])
def test_frames_per_block_do_not_matter(rng, save_image, make_image, name, n_frames):
    """One frame at a time, blocks that do not divide the run, all at once."""
    data = rng.standard_normal(SHAPE).astype(np.float32)
    run = load_run(save_image(data, name) if name else make_image(data))

    np.testing.assert_array_equal(read(run, n_frames=n_frames)[0], data)


def test_only_the_box_is_handed_on(rng, save_image):
    """Blocks are cropped along x, y and z."""
    data = rng.standard_normal(SHAPE).astype(np.float32)
    box = spatial.Box(slice(1, 4), slice(0, 2), slice(2, 3))
    run = load_run(save_image(data))

    np.testing.assert_array_equal(read(run, box=box)[0], data[box])


def test_a_block_is_some_4_megabytes():
    """However large a frame is, there is at least one; the sizes of small ones add up."""
    assert frames.frames_per_block((64, 64, 40)) == 6
    assert frames.frames_per_block((500, 500, 500)) == 1


def test_a_compressed_file_is_opened_once(rng, save_image, monkeypatch):
    """One pass over a run opens its file once, and not before the first block is asked for."""
    opened = []
    open_stream = frames.open_stream
    monkeypatch.setattr(
        frames, "open_stream", lambda path: opened.append(path) or open_stream(path)
    )
    run = load_run(save_image(rng.standard_normal(SHAPE)))
    blocks = iter_blocks(run, run.grid, whole(run.grid), n_frames=2)

    assert opened == []
    assert len(list(blocks)) == 4
    assert len(opened) == 1


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_memory_does_not_grow_with_the_run(rng, save_image, name, monkeypatch):
    """A few blocks are in memory, never the 4D array."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1e5)
    run = load_run(save_image(rng.integers(0, 99, (20, 20, 20, 200)).astype(np.int16), name))

    tracemalloc.start()
    n_frames = sum(len(b.values) for b in iter_blocks(run, run.grid, whole(run.grid)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert n_frames == 200
    assert peak < 1e6  # as float32 the run has 6.4 MB


# ---- another grid -------------------------------------------------------------------------------


def test_a_run_on_another_grid_is_resampled_as_nilearn_does(rng, save_image):
    """Each frame, inside the box of the grid that is wanted."""
    path = save_image(rng.standard_normal((8, 9, 7, 3)).astype(np.float32))
    affine = np.array([[2.2, 0.2, 0, 5], [-0.2, 2.2, 0, -24], [0, 0, 3, -19], [0, 0, 0, 1]])
    grid = Grid((9, 8, 6), affine)
    box = spatial.Box(slice(2, 8), slice(1, 8), slice(0, 5))

    ours, _ = read(load_run(path), grid, box, n_frames=2)

    expected = resample_img(path, affine, grid.shape, clip=False).get_fdata()[box]
    assert np.abs(expected).max() > 1
    # Coefficients of a spline in float32, some three times as large as what they stand for.
    np.testing.assert_allclose(ours, expected, rtol=0, atol=3e-6)


# ---- values that are no numbers -----------------------------------------------------------------


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz", None])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_values_that_are_not_finite_become_zero_and_are_counted(
    rng, save_image, make_image, name, dtype
):
    """NaN, both infinities, also together in one frame."""
    data = rng.standard_normal(SHAPE).astype(dtype)
    data[0, 0, 0, 0] = data[4, 3, 2, 6] = np.nan
    data[1, 1, 1, 0] = np.inf
    data[1, 1, 2, 0] = -np.inf
    run = load_run(save_image(data, name) if name else make_image(data))

    ours, n_nonfinite = read(run, n_frames=2)

    assert n_nonfinite == 4
    np.testing.assert_array_equal(
        ours, np.nan_to_num(data, nan=0, posinf=0, neginf=0).astype(np.float32)
    )


def test_values_beyond_float32_count_as_not_finite(rng, save_image):
    """A float64 image may hold 1e300; that is damage, not data."""
    data = rng.standard_normal(SHAPE)
    data[0, 0, 0, 0] = 1e300

    ours, n_nonfinite = read(load_run(save_image(data)))

    assert n_nonfinite == 1
    assert ours[0, 0, 0, 0] == 0


def test_large_values_are_finite(save_image):
    """That their sum would overflow float32 does not matter."""
    ours, n_nonfinite = read(load_run(save_image(np.full(SHAPE, 1e38, np.float32))))

    assert n_nonfinite == 0
    assert (ours == np.float32(1e38)).all()


def test_values_that_are_not_finite_are_zero_before_resampling(rng, save_image, make_image):
    """One bad voxel does not spread over the frame that a spline is put through."""
    data = rng.standard_normal((8, 9, 7, 1)).astype(np.float32)
    zeroed = data.copy()
    data[4, 4, 4, 0], zeroed[4, 4, 4, 0] = np.nan, 0
    run, clean = load_run(save_image(data)), load_run(make_image(zeroed))
    grid = Grid(run.grid.shape, run.grid.affine @ np.diag([0.8, 0.8, 0.8, 1]))

    ours, n_nonfinite = read(run, grid)

    assert n_nonfinite == 1
    np.testing.assert_array_equal(ours, read(clean, grid)[0])


# ---- damaged files ------------------------------------------------------------------------------


def noise_image(rng):
    """Bytes of an image that hardly compresses."""
    data = rng.integers(-30000, 30000, (20, 20, 10, 8)).astype(np.int16)
    return nib.Nifti1Image(data, np.eye(4)).to_bytes()


def flipped(content, position):
    content = bytearray(content)
    content[position] ^= 0x40
    return bytes(content)


@pytest.mark.parametrize("n_frames", [1, None])
@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("cut.nii.gz", lambda raw: gzip.compress(raw)[:-2000]),
        ("cut_in_its_checksum.nii.gz", lambda raw: gzip.compress(raw)[:-5]),
        ("flipped.nii.gz", lambda raw: flipped(gzip.compress(raw), 30000)),
        ("flipped_stored.nii.gz", lambda raw: flipped(gzip.compress(raw, 0), 30000)),
        ("flipped_checksum.nii.gz", lambda raw: flipped(gzip.compress(raw), -6)),
        ("flipped_length.nii.gz", lambda raw: flipped(gzip.compress(raw), -2)),
        ("short_inside.nii.gz", lambda raw: gzip.compress(raw[:-2])),
        ("second_member_cut.nii.gz", lambda raw: gzip.compress(raw[:9000]) + b"\x1f\x8b\x08\x00"),
        ("cut.nii", lambda raw: raw[:-2]),
        ("header_only.nii", lambda raw: raw[:352]),
    ],
)
def test_a_damaged_file_is_named(rng, tmp_path, name, damage, n_frames):
    """Cut short or with one wrong bit anywhere, it never gives a run."""
    (tmp_path / name).write_bytes(damage(noise_image(rng)))
    run = load_run(tmp_path / name)

    with pytest.raises(DataError, match=rf"{name} cannot be read.*8 frames of \(20, 20, 10\)"):
        list(iter_blocks(run, run.grid, whole(run.grid), n_frames))


def test_a_file_is_checked_to_its_end(rng, tmp_path):
    """The checksum stands behind all bytes, also those that follow the last frame."""
    content = gzip.compress(noise_image(rng) + bytes(3_000_000), 0)
    (tmp_path / "bold.nii.gz").write_bytes(flipped(content, -6))
    run = load_run(tmp_path / "bold.nii.gz")

    with pytest.raises(DataError, match=r"bold\.nii\.gz cannot be read after 8 of 8 frames"):
        list(iter_blocks(run, run.grid, whole(run.grid), n_frames=1))


def test_damage_says_how_many_frames_were_read(rng, tmp_path):
    """The message holds where the file ends."""
    raw = noise_image(rng)
    (tmp_path / "cut.nii.gz").write_bytes(gzip.compress(raw[: 352 + 2 * 4000 * 3 + 10]))
    run = load_run(tmp_path / "cut.nii.gz")

    with pytest.raises(DataError, match="after 3 of 8 frames: the file ends here"):
        list(iter_blocks(run, run.grid, whole(run.grid), n_frames=1))


@pytest.mark.parametrize("name", ["bold.nii", "bold.nii.gz"])
def test_a_file_that_went_away_is_named(rng, save_image, name):
    """Between the header and the data a file may be removed."""
    path = save_image(rng.standard_normal(SHAPE), name)
    run = load_run(path)
    path.unlink()

    with pytest.raises(DataError, match=rf"{name} cannot be read.*No such file"):
        read(run)


# ---- reading ahead ------------------------------------------------------------------------------


def test_reading_ahead_is_one_block_ahead():
    """Blocks come in order, each made by another thread, never more than one that is not used."""
    made, threads = [], set()

    def blocks():
        for number in range(5):
            threads.add(threading.current_thread().name)
            made.append(number)
            yield number

    most_ahead = [made[-1] - number for number in frames.read_ahead(blocks())]

    assert made == [0, 1, 2, 3, 4]
    assert max(most_ahead) <= 1
    assert threading.current_thread().name not in threads


def test_damage_found_ahead_is_told(rng, save_image):
    """What a reading thread finds is raised where its block is used, and the thread ends."""
    path = save_image(rng.standard_normal(SHAPE).astype(np.float32), "bold.nii.gz")
    Path(path).write_bytes(Path(path).read_bytes()[:-200])
    run = load_run(path)

    with pytest.raises(DataError, match=r"bold\.nii\.gz"):
        list(frames.read_ahead(iter_blocks(run, run.grid, whole(run.grid), 1)))
    assert not [thread for thread in threading.enumerate() if "nbica" in thread.name]


def test_reader_ends_with_who_stops_early():
    """A loop that is left leaves no thread behind."""
    blocks = frames.read_ahead(range(1000))
    next(blocks)
    blocks.close()

    assert not [thread for thread in threading.enumerate() if "nbica" in thread.name]
