"""Whatever is read from an image file is read to its end, and is what its header promises."""

import gzip
import os

import nibabel as nib
import numpy as np
import pytest

from nbica import CanICA, NiftiLabelsMasker, NiftiMapsMasker, plotting, view_img
from nbica.exceptions import DataError, DataWarning
from nbica.image import frames, index_img, iter_img, mean_img, smooth_img
from nbica.image.files import load_volume, open_image, read_array
from nbica.image.grid import whole
from nbica.image.run import load_run
from nbica.masking import apply_mask, compute_brain_mask, load_mask
from nbica.matching import label

SHAPE = (12, 14, 10)
AFFINE = np.diag([3.0, 3.0, 3.0, 1.0])
FINER = np.diag([1.5, 1.5, 1.5, 1.0])


def an_image(rng, *more, dtype="i2"):
    return nib.Nifti1Image(rng.integers(0, 2, (*SHAPE, *more)).astype(dtype), AFFINE)


def with_one_wrong_bit(img, path, position=-300):
    """The image in a file that can be decompressed, but is not what it was: a stored block."""
    content = bytearray(gzip.compress(img.to_bytes(), 0))
    content[position] ^= 1
    path.write_bytes(content)
    return str(path)


THREE_D = {
    "mask": load_mask,
    "mask of apply_mask": lambda path: apply_mask(an_image(np.random.default_rng(1), 3), path),
    "3D image": lambda path: apply_mask(path, an_image(np.random.default_rng(1))),
    "atlas": lambda path: NiftiLabelsMasker(path).fit(),
    "template": lambda path: compute_brain_mask(
        an_image(np.random.default_rng(1)), template_img=path
    ),
    "smoothed": lambda path: smooth_img(path, 4),
    "mean": mean_img,
    "background": lambda path: view_img(an_image(np.random.default_rng(1), dtype="f4"), path),
    "viewed": view_img,
    "drawn": plotting.plot_stat_map,
    "drawn background": lambda path: plotting.plot_stat_map(
        an_image(np.random.default_rng(1), dtype="f4"), path
    ),
    "regions": plotting.plot_roi,
    "parcellation": lambda path: label(an_image(np.random.default_rng(1), 2), path),
    "of nibabel": lambda path: load_volume(nib.load(path)),
    "mask of a fit": lambda path: CanICA(mask=path).fit(an_image(np.random.default_rng(1), 9)),
}
FOUR_D = {
    "maps": lambda path: NiftiMapsMasker(path).fit(),
    "networks": lambda path: label(an_image(np.random.default_rng(1), 2), path),
    "components": lambda path: label(path, an_image(np.random.default_rng(1), 2)),
    "viewed": view_img,
    "volumes": lambda path: list(iter_img(path)),
    "volume": lambda path: index_img(path, 0),
    "drawn": plotting.plot_prob_atlas,
    "mean": mean_img,
    "smoothed": lambda path: smooth_img(path, 4),
}


@pytest.mark.parametrize("use", THREE_D.values(), ids=THREE_D)
def test_a_wrong_bit_in_a_volume_is_found(rng, tmp_path, use):
    """Mask, atlas, background or map: each is read to gzip's checksum."""
    path = with_one_wrong_bit(an_image(rng), tmp_path / "bad.nii.gz")

    with pytest.raises(DataError, match=r"bad\.nii\.gz cannot be read"):
        use(path)


@pytest.mark.parametrize("use", FOUR_D.values(), ids=FOUR_D)
def test_a_wrong_bit_in_volumes_is_found(rng, tmp_path, use):
    """Also where the one volume that is wanted comes before it."""
    path = with_one_wrong_bit(an_image(rng, 3), tmp_path / "bad.nii.gz")

    with pytest.raises(DataError, match=r"bad\.nii\.gz cannot be read"):
        use(path)


def test_any_wrong_bit_of_a_mask_is_found(rng, tmp_path):
    """Of 300 bits anywhere in the file, none gives another mask."""
    img = an_image(rng)
    content = gzip.compress(img.to_bytes())
    path = tmp_path / "mask.nii.gz"
    for position in rng.integers(10, len(content), 300):
        damaged = bytearray(content)
        damaged[position] ^= 1 << int(rng.integers(8))
        path.write_bytes(damaged)
        try:
            mask = load_mask(path)
        except DataError:
            continue
        np.testing.assert_array_equal(mask.array, img.dataobj)
        np.testing.assert_array_equal(mask.affine, AFFINE)


@pytest.mark.parametrize(
    ("cls", "name"),
    [
        (nib.Nifti1Image, "a.nii"),
        (nib.Nifti1Image, "a.nii.gz"),
        (nib.Nifti1Image, "a.nii.bz2"),
        (nib.Nifti2Image, "a.nii.gz"),
        (nib.Nifti1Pair, "a.img"),
        (nib.Nifti1Pair, "a.hdr.gz"),
        (nib.Spm99AnalyzeImage, "a.img"),
        (nib.MGHImage, "a.mgz"),
        (nib.MGHImage, "a.mgh"),
    ],
)
@pytest.mark.parametrize("shape", [SHAPE, (*SHAPE, 3)])
def test_values_are_those_of_nibabel(rng, tmp_path, cls, name, shape):
    """Numbers, their type and their order, whatever the format."""
    data = rng.integers(-1000, 1000, shape).astype(np.int16)
    nib.save(cls(data, AFFINE), tmp_path / name)
    img = nib.load(tmp_path / name)

    ours = read_array(*open_image(str(tmp_path / name)))

    np.testing.assert_array_equal(ours, img.dataobj)
    assert ours.dtype == np.asanyarray(img.dataobj).dtype


@pytest.mark.parametrize("stored", ["u1", "<i2", ">i2", "<f4", ">f8"])
@pytest.mark.parametrize("scaling", [(1, 0), (0.1, -7), (3, 0)])
def test_scaled_values_are_those_of_nibabel(rng, tmp_path, stored, scaling):
    """Slope and intercept of the header, as nibabel applies them."""
    header = nib.Nifti1Header(endianness=stored[0] if stored[0] in "<>" else "<")
    header.set_data_dtype(stored)
    img = nib.Nifti1Image(rng.integers(0, 200, SHAPE).astype(stored), AFFINE, header)
    img.header.set_slope_inter(*scaling)
    nib.save(img, tmp_path / "a.nii.gz")

    ours = read_array(*open_image(tmp_path / "a.nii.gz"))

    np.testing.assert_array_equal(ours, nib.load(tmp_path / "a.nii.gz").dataobj)


def read(run):
    return list(frames.iter_blocks(run, run.grid, whole(run.grid)))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("change", ["shape", "dtype", "slope"])
def test_a_file_that_was_replaced_gives_no_garbage(rng, tmp_path, name, change):
    """Where its header is another than the one that was read, an image is not read by it."""
    nib.save(an_image(rng, 8), tmp_path / name)
    run, img = load_run(tmp_path / name), nib.load(tmp_path / name)
    other = an_image(rng, 16 if change == "shape" else 8, dtype="f4" if change == "dtype" else "i2")
    if change == "slope":
        other.header.set_slope_inter(2, 0)
    nib.save(other, tmp_path / name)

    for use in (
        lambda: read(run),
        lambda: view_img(img),
        lambda: mean_img(img),
        lambda: index_img(img, 0),
        lambda: list(iter_img(img)),
    ):
        with pytest.raises(DataError, match=r"cannot be read.*changed since it was opened"):
            use()


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_file_cut_short_while_it_is_read_ends_in_an_error(rng, tmp_path, name, monkeypatch):
    """The process lives: pages of a file that are gone would have ended it."""
    monkeypatch.setattr(frames, "BLOCK_BYTES", 1)
    path = tmp_path / name
    data = rng.integers(-9999, 9999, (*SHAPE, 2000)).astype("i2")  # more than is buffered
    nib.save(nib.Nifti1Image(data, AFFINE), path)
    run = load_run(path)
    blocks = frames.iter_blocks(run, run.grid, whole(run.grid))
    next(blocks)
    os.truncate(path, 1000)

    with pytest.raises(DataError, match=r"cannot be read after \d+ of 2000 frames"):
        list(blocks)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_what_lies_behind_the_promised_frames_is_said(rng, tmp_path, name):
    """A header of 4 frames over a file of 6 gives 4, and a word of the other two."""
    img = an_image(rng, 6)
    raw = bytearray(img.to_bytes())
    raw[48:50] = np.int16(4).tobytes()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    path, mask = str(tmp_path / name), nib.Nifti1Image(np.ones(SHAPE, "u1"), AFFINE)
    said = rf"{name}.*{2 * 2 * np.prod(SHAPE)} bytes lie behind the 4 frames of"

    with pytest.warns(DataWarning, match=said):
        signals = apply_mask(path, mask)
    np.testing.assert_array_equal(signals, img.get_fdata()[..., :4].reshape(-1, 4).T)
    for use in (lambda: smooth_img(path, 3), lambda: mean_img(path), lambda: view_img(path)):
        with pytest.warns(DataWarning, match=said):
            use()
    ica = CanICA(mask=mask, n_components=1, smoothing_fwhm=None, n_init=1)
    with pytest.warns(DataWarning, match=said):
        ica.fit(path)
    assert "bytes lie behind" in ica.runs_["warnings"][0]


def test_endless_zeros_behind_the_last_frame_are_not_read(rng, tmp_path):
    """A few kB may stand for any number of zeros: more than the frames took is refused."""
    img = an_image(rng, 6)
    raw = img.to_bytes()
    # 64 MB in one member, again and again: 4 GB in a file of 4 MB.
    zeros = gzip.compress(bytes(1 << 26)) * 64
    (tmp_path / "a.nii.gz").write_bytes(gzip.compress(raw) + zeros)
    run = load_run(tmp_path / "a.nii.gz")

    with pytest.raises(DataError, match=r"more than \d+ bytes follow behind what the header"):
        read(run)
    with pytest.raises(DataError, match=r"more than \d+ bytes follow behind what the header"):
        read_array(*open_image(tmp_path / "a.nii.gz"))


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_header_cannot_claim_more_than_its_file_holds(rng, tmp_path, name):
    """10¹² voxels in a small file are no matter of memory."""
    raw = bytearray(an_image(rng, 2).to_bytes())
    raw[40:56] = np.array([4, 10000, 10000, 100, 100, 1, 1, 1], "<i2").tobytes()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)
    path = str(tmp_path / name)

    for use in (CanICA().plan, CanICA().fit, view_img, mean_img, lambda p: index_img(p, 0)):
        with pytest.raises(DataError, match=rf"{name} cannot be read: its header promises 2,000,0"):
            use(path)


def test_a_footer_of_freesurfer_is_none_of_the_frames(rng, tmp_path):
    """MGH files end in tags, which are expected there."""
    img = nib.MGHImage(an_image(rng, 3).get_fdata().astype("f4"), AFFINE)
    (tmp_path / "a.mgz").write_bytes(gzip.compress(img.to_bytes() + b"tags" * 999))

    run = load_run(tmp_path / "a.mgz")

    assert not run.notice
    assert sum(len(block.values) for block in read(run)) == 3


# ---- what is no volume ---------------------------------------------------------------------------


def test_surfaces_are_called_surfaces(rng, tmp_path):
    """GIFTI and CIFTI files, and nibabel's images of them, are refused where volumes are asked."""
    gii = nib.gifti.GiftiImage(darrays=[nib.gifti.GiftiDataArray(np.zeros(10, np.float32))])
    axes = nib.cifti2.BrainModelAxis.from_mask(np.ones((4, 4, 4), bool), "thalamus_left", np.eye(4))
    series = nib.cifti2.SeriesAxis(0, 2, 5)
    cifti = nib.Cifti2Image(np.zeros((5, 64), "f4"), (series, axes))
    nib.save(gii, tmp_path / "lh.func.gii")
    nib.save(cifti, tmp_path / "x.dtseries.nii")
    mask = an_image(rng)

    for surface in (tmp_path / "lh.func.gii", tmp_path / "x.dtseries.nii", gii, cifti):
        for use in (view_img, mean_img, lambda img: apply_mask(img, mask)):
            with pytest.raises(
                (DataError, TypeError), match=r"not surfaces|one hemisphere|volumes only|of voxels"
            ):
                use(surface)
        with pytest.raises(DataError, match=r"mask of voxels|one hemisphere"):
            CanICA(mask=mask).fit([surface])


def test_a_name_that_says_the_wrong_thing_is_told(rng, tmp_path):
    """A plain file called .nii.gz, and the reverse: rename it; nothing is damaged."""
    raw = an_image(rng).to_bytes()
    (tmp_path / "plain.nii.gz").write_bytes(raw)
    (tmp_path / "zipped.nii").write_bytes(gzip.compress(raw))

    with pytest.raises(DataError, match=r"rename it to 'plain\.nii'"):
        load_mask(tmp_path / "plain.nii.gz")
    with pytest.raises(DataError, match=r"rename it to 'zipped\.nii\.gz'"):
        load_mask(tmp_path / "zipped.nii")


def test_content_that_was_not_fetched_is_told(tmp_path):
    """Broken links and pointers of git-annex: the content is elsewhere, nothing is damaged."""
    (tmp_path / "link.nii.gz").symlink_to(".git/annex/objects/x.nii.gz")
    (tmp_path / "pointer.nii.gz").write_text("/annex/objects/MD5E-s999--0a.nii.gz\n")

    with pytest.raises(FileNotFoundError, match=r"is a link to .*, which is not here"):
        load_mask(tmp_path / "link.nii.gz")
    with pytest.raises(FileNotFoundError, match="what git-annex or DataLad leaves in place"):
        load_mask(tmp_path / "pointer.nii.gz")


def test_masked_arrays_and_complex_images_are_refused(rng):
    """A mask that no file holds, and an imaginary part, are not lost in silence."""
    data = rng.standard_normal((*SHAPE, 3))
    masked = nib.Nifti1Image(np.ma.masked_less(data, 0), AFFINE)
    whole_array = nib.Nifti1Image(np.ma.array(data), AFFINE)
    phases = nib.Nifti1Image(data + 1j, AFFINE)
    mask = an_image(rng)

    for use in (mean_img, view_img, lambda img: apply_mask(img, mask), lambda i: smooth_img(i, 3)):
        with pytest.raises(DataError, match=r"masked array, .* of its values masked"):
            use(masked)
        with pytest.raises(DataError, match="complex128; expected real numbers"):
            use(phases)
    np.testing.assert_array_equal(apply_mask(whole_array, mask), apply_mask(
        nib.Nifti1Image(data, AFFINE), mask))  # fmt: skip


def test_values_beyond_float32_are_counted(rng, tmp_path):
    """int16 with a slope of 1e36: what float32 cannot hold is said, not lost."""
    data = rng.integers(10000, 20000, (*SHAPE, 5)).astype("i2")
    raw = bytearray(nib.Nifti1Image(data, AFFINE).to_bytes())
    raw[112:116] = np.float32(1e36).tobytes()  # scl_slope
    (tmp_path / "a.nii").write_bytes(raw)

    with pytest.warns(DataWarning, match="8400 values, scaled, are beyond what float32 holds"):
        apply_mask(tmp_path / "a.nii", nib.Nifti1Image(np.ones(SHAPE, "u1"), AFFINE))


@pytest.mark.parametrize(
    ("offset", "change", "message"),
    [
        (42, np.int16(-6), r"has shape \(-6, 14, 10, 4\), with a negative number of voxels"),
        (48, np.int16(-1), r"negative number|no frames"),
        (108, np.float32(0), "numbers begin within the header"),
        (108, np.float32(1e9), "its header promises"),
        (280, np.zeros(12, np.float32), "does not say where its voxels are"),
    ],
)
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_headers_that_cannot_be_are_refused(rng, tmp_path, name, offset, change, message):
    """Negative sizes, numbers inside of the header or behind the file, no place in space."""
    raw = bytearray(an_image(rng, 4).to_bytes())
    raw[offset : offset + change.nbytes] = change.tobytes()
    (tmp_path / name).write_bytes(gzip.compress(raw) if name.endswith("gz") else raw)

    for use in (mean_img, lambda path: CanICA(mask=an_image(rng)).fit(path)):
        with pytest.raises(DataError, match=message):
            use(str(tmp_path / name))


def test_a_pipe_is_not_read(tmp_path):
    """It would be waited for until the end of days."""
    os.mkfifo(tmp_path / "a.nii")

    with pytest.raises(DataError, match="is a pipe or a device; expected a file"):
        load_mask(tmp_path / "a.nii")


def test_numbers_that_went_away_are_missed_by_their_name(rng, tmp_path):
    """A .hdr without its .img."""
    nib.save(nib.Nifti1Pair(np.zeros(SHAPE, "i2"), AFFINE), tmp_path / "a.img")
    (tmp_path / "a.img").unlink()

    with pytest.raises(FileNotFoundError, match=r"a\.hdr has its numbers in .*a\.img"):
        load_volume(tmp_path / "a.hdr")


def test_an_affine_is_a_map_from_voxels_to_mm(rng):
    """Its last row says so; a row of a projection places nothing."""
    affine = AFFINE.copy()
    affine[3, 2] = 1

    with pytest.raises(DataError, match="does not say where its voxels are"):
        mean_img(nib.Nifti1Image(rng.random(SHAPE), affine))
