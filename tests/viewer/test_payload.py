"""What crosses to the browser: codes true to half a quantum, in few bytes."""

import gzip
import json

import numpy as np
import pytest

from nbica.image.world_axes import AlignedGrid
from nbica.viewer import payload, quantise, thresholds

SHAPE = (6, 7, 8)
GRID = AlignedGrid(SHAPE, np.zeros(3), np.full(3, 2.0))


def smooth_maps(rng, n_maps=3):
    from scipy.ndimage import gaussian_filter

    data = gaussian_filter(rng.standard_normal((*SHAPE, n_maps)), (2, 2, 2, 0))
    data[:2] = 0
    return data * 50


def unpack(data):
    """Header and arrays of a payload, as `volume.js` reads them."""
    raw = gzip.decompress(data)
    n = int.from_bytes(raw[:4], "little")
    header = json.loads(raw[4 : 4 + n])
    body = raw[4 + n :]
    volumes = []
    for volume in header["volumes"]:
        arrays = {
            name: np.frombuffer(body[a["at"] : a["at"] + a["size"]], a["type"])
            for name, a in volume["arrays"].items()
        }
        volumes.append(volume | {"arrays": arrays})
    return header | {"volumes": volumes}


def decode_maps(volume):
    """Codes from residuals, one voxel after the other."""
    nx, ny, nz = volume["shape"]
    mask = np.unpackbits(volume["arrays"]["mask"], bitorder="little")[: nx * ny * nz]
    mask = mask.reshape(nz, ny, nx).astype(bool)
    rest = volume["arrays"]["residuals"].reshape(len(volume["scales"]), -1)
    out = np.zeros((len(rest), *mask.shape), np.int8)
    for k, row in enumerate(rest):
        at = np.zeros((nz + 1, ny + 1, nx + 1), int)
        for (z, y, x), r in zip(np.argwhere(mask), row, strict=True):
            beside = at[z + 1, y + 1, x] + at[z + 1, y, x + 1] + at[z, y + 1, x + 1]
            across = at[z + 1, y, x] + at[z, y + 1, x] + at[z, y, x + 1]
            code = (2 * beside - across) // 3 + int(r)
            at[z + 1, y + 1, x + 1] = (code + 128) % 256 - 128
        out[k] = at[1:, 1:, 1:]
    return out.transpose(3, 2, 1, 0)


def test_maps_come_back_within_half_a_quantum(rng):
    """After packing and unpacking, a value is true to half its map's quantum, and 0 is 0."""
    data = smooth_maps(rng)

    packed = unpack(payload.pack([quantise.maps(data, GRID)]))["volumes"][0]
    back = decode_maps(packed) * packed["scales"]

    assert (np.abs(back - data) <= np.array(packed["scales"]) / 2 * (1 + 1e-9)).all()
    assert (back[:2] == 0).all()


def test_gaps_are_told_from_zero(rng):
    """NaN and Inf come back as "no data", and only they."""
    data = smooth_maps(rng)
    data[3, 3, 3] = [np.nan, np.inf, -np.inf]

    packed = unpack(payload.pack([quantise.maps(data, GRID)]))["volumes"][0]

    assert packed["gaps"]
    np.testing.assert_array_equal(decode_maps(packed) == payload.NO_DATA, ~np.isfinite(data))


@pytest.mark.parametrize("dtype", [bool, np.int64, np.uint8, np.int16, ">i2", np.float64, "f2"])
def test_numbers_of_any_type(dtype):
    """int64, bool, big-endian: values are what they were."""
    data = np.zeros((*SHAPE, 2), dtype)
    data[2, 3, 4, 0] = 1
    data[3, 3, 4, 1] = 1

    volume = quantise.maps(data, GRID)
    back = quantise.grey(data[..., 0], GRID)

    assert volume.dense(0)[2, 3, 4] * volume.scales[0] == 1
    assert volume.mask.sum() == 2
    assert back.codes[2, 3, 4] == 255
    assert back.low + 254 * back.quantum == 1


def test_backgrounds_come_back_within_half_a_quantum(rng):
    """A background's codes stand for its values; its gaps are 0 and nothing else is."""
    data = rng.normal(500, 200, SHAPE)
    data[0, 0, 0] = np.nan

    volume = quantise.grey(data, GRID)
    values = volume.low + (volume.codes - 1.0) * volume.quantum

    assert volume.codes[0, 0, 0] == 0
    finite = np.isfinite(data)
    assert (np.abs(values - data)[finite] <= volume.quantum / 2 * (1 + 1e-5)).all()


def test_a_stated_quantum_is_kept_and_one_too_fine_refused(rng):
    """All maps share the quantum asked for; 127 steps must reach the largest value."""
    data = smooth_maps(rng)
    largest = np.abs(data).max()

    volume = quantise.maps(data, GRID, quantum=largest / 50)

    np.testing.assert_allclose(volume.scales, largest / 50)
    assert np.abs(volume.codes.astype(int)).max() == 50
    with pytest.raises(ValueError, match=r"127 reach the largest value, .* or more"):
        quantise.maps(data, GRID, quantum=largest / 200)


def test_steps_get_coarser_only_where_maps_do_not_fit(rng):
    """The quantum is the finest that fits the bytes allowed."""
    data = rng.standard_normal((*SHAPE, 4))

    fine = quantise.maps(data, GRID)
    coarse = quantise.maps(data, GRID, most_bytes=1000)

    assert np.abs(fine.codes.astype(int)).max() == 127
    assert np.abs(coarse.codes.astype(int)).max() == 31
    sizes = [len(payload.squeeze(payload.residuals(v).tobytes())) for v in (coarse, fine)]
    assert sizes[0] < 0.85 * sizes[1]


def test_smooth_maps_pack_smaller_than_their_codes(rng):
    """What the neighbours do not say is less than the codes themselves."""
    volume = quantise.maps(smooth_maps(rng, 8), GRID)

    assert len(gzip.compress(payload.residuals(volume).tobytes())) < 0.8 * len(
        gzip.compress(volume.codes.tobytes())
    )


def test_packing_is_repeatable(rng):
    """The same images give the same bytes, so that a saved page has no needless change."""
    data = smooth_maps(rng)

    assert payload.pack([quantise.maps(data, GRID)]) == payload.pack([quantise.maps(data, GRID)])


def test_a_series_is_a_mean_and_what_differs(rng):
    """Frames of a run come back as baseline plus deviation, within half a quantum."""
    data = rng.normal(1000, 100, (*SHAPE, 1)) + rng.normal(0, 10, (*SHAPE, 30))
    assert quantise.is_series(data)
    assert not quantise.is_series(rng.standard_normal((*SHAPE, 30)))

    packed = unpack(payload.pack([quantise.series(data, GRID)]))["volumes"][0]
    mean = packed["arrays"]["baseline"].reshape(SHAPE[::-1]).T[..., np.newaxis]
    back = mean + decode_maps(packed) * packed["scales"][0]

    # The mean is kept in float32.
    assert (np.abs(back - data) <= packed["scales"][0] / 2 + 1e-3).all()
    assert packed["scales"][0] < 1


def test_too_large_volumes_are_shrunk(rng, monkeypatch):
    """More values than a page wants become means over blocks, at the same mm."""
    monkeypatch.setattr(quantise, "MOST_MAP_VALUES", 300)
    monkeypatch.setattr(quantise, "MOST_GREY_VALUES", 100)
    data = np.ones((*SHAPE, 2))

    volume, background = quantise.maps(data, GRID), quantise.grey(data[..., 0], GRID)

    assert volume.codes.size <= 300
    assert background.codes.size <= 100
    assert (volume.codes == 127).all()
    assert volume.grid.mm_of([0, 0, 0]).tolist() == [1, 1, 1]


def test_peaks_are_apart_and_sorted():
    """Peaks come by absolute value, at least 15 mm from each other; an empty map has its middle."""
    data = np.zeros((20, 20, 20, 2))
    data[3, 4, 5, 0], data[3, 4, 6, 0], data[15, 4, 5, 0] = 5, 4, -3
    grid = AlignedGrid((20, 20, 20), np.zeros(3), np.full(3, 2.0))

    volume = quantise.maps(data, grid)

    assert [mm.tolist() for mm in volume.peaks_of(0, 3)] == [[6, 8, 10], [30, 8, 10]]
    assert volume.peak_of(1).tolist() == [19, 19, 19]


def test_nothing_to_show_is_no_error():
    """Maps of zeros or of NaN alone have codes, peaks and a threshold."""
    for value in (0.0, np.nan):
        volume = quantise.maps(np.full((*SHAPE, 2), value), GRID)

        assert volume.peaks.tolist() == [0, 0]
        assert thresholds.auto_threshold(volume) == 0
        assert unpack(payload.pack([volume]))["volumes"][0]["peaks"] == [0, 0]


def test_the_threshold_shows_what_stands_out(rng):
    """2 percent of the image in a dense map; all of maps that are sparse already."""
    dense = rng.standard_normal((*SHAPE, 3))
    sparse = np.where(np.abs(dense) > 1.5, dense, 0)

    shown = np.abs(dense) >= thresholds.auto_threshold(quantise.maps(dense, GRID))
    threshold = thresholds.auto_threshold(quantise.maps(sparse, GRID))

    assert shown.mean() == pytest.approx(0.02, abs=0.01)
    assert 0 < threshold < 1.5


def test_regions_are_whole_numbers(rng):
    """Names by number or in order; anything else than whole numbers is refused with its range."""
    data = rng.integers(0, 4, SHAPE).astype(float)

    assert quantise.labels(data, GRID, regions=["a", "b"]).regions == {1: "a", 2: "b"}
    assert quantise.labels(data, GRID, regions={7: "x"}).regions == {7: "x"}
    assert quantise.labels(data * 100, GRID).codes.dtype == np.uint16
    for wrong in (data - 1, data + 0.5, data * 1e6):
        with pytest.raises(ValueError, match="expected whole numbers from 0 to 65535"):
            quantise.labels(wrong, GRID, "atlas")
