"""Large volumes are drawn without copies, and the picture is that of the small ones."""

import tracemalloc

import nibabel as nib
import numpy as np
import pytest

from nbica import plotting
from nbica.plotting import large
from nbica.plotting.cuts import Seen
from nbica.plotting.scales import scale_of
from nbica.plotting.volumes import Volume


def blob(shape=(60, 70, 50), order="C"):
    """A brain of noise with one strong place, NaN outside."""
    grid = np.indices(shape) / np.reshape(shape, (3, 1, 1, 1)) - 0.5
    radius = np.sqrt((grid**2).sum(axis=0))
    place = np.exp(-60 * ((grid - np.reshape([0.2, -0.1, 0.1], (3, 1, 1, 1))) ** 2).sum(axis=0))
    noise = np.random.default_rng(0).standard_normal(shape)
    data = np.where(radius < 0.4, 0.1 * noise + 5 * place, 0)
    data[radius > 0.45] = np.nan
    return np.array(data, np.float32, order=order)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("flip", [1, -1])
def test_what_is_found_slab_by_slab(order, flip):
    """Extremes are numpy's, in whatever order the array lies in memory."""
    data = blob(order=order)[::flip, :, ::-1]
    magnitude = np.abs(np.nan_to_num(data))

    assert large.limits(data) == (np.nanmin(data), np.nanmax(data))
    assert large.largest(data) == magnitude.max()
    assert large.smallest(data) == magnitude[magnitude > 0].min()
    assert sum(slab.size for slab in large.slabs(data)) == data.size
    assert large.limits(np.full((2, 2, 2), np.nan)) == (0, 0)
    assert large.smallest(np.zeros((2, 2, 2))) is None


def test_what_is_sought_from_afar_is_where_it_is(monkeypatch):
    """The cut through a large volume is within two coarse voxels of that through a small one."""
    volume = Volume(blob(), np.diag([-2.0, 2, 2, 1]))
    near = Seen(volume, 0.0, 20).centre()
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(large, "_COARSE", volume.data.size / 27)

    coarse = Volume(*large.outline(*volume))

    assert coarse.data.shape == (20, 24, 17)
    assert coarse.data.max() == np.nanmax(np.abs(volume.data))
    assert np.abs(Seen(coarse, 0.0, 20).centre() - near).max() <= 12


def test_a_large_map_is_not_copied(monkeypatch):
    """Beyond the volume itself, drawing it takes less than its size again."""
    data = np.nan_to_num(blob((160, 160, 160)))
    plotting.plot_stat_map(nib.Nifti1Image(blob(), np.eye(4)))  # what is loaded once
    monkeypatch.setattr(large, "LARGE", 1_000_000)
    monkeypatch.setattr(large, "_COARSE", 200_000)
    monkeypatch.setattr(large, "_SLAB", 100_000)
    img = nib.Nifti1Image(data, np.eye(4))

    def without_template(img):
        return plotting.plot_stat_map(img, None)

    for draw in (without_template, plotting.plot_anat, plotting.plot_epi):
        tracemalloc.start()
        draw(img)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < data.nbytes


def test_the_scale_of_a_large_map_is_that_of_a_small_one(monkeypatch):
    """Threshold, ends and signs; "auto" is estimated from a sample of the voxels."""
    maps = blob()[np.newaxis]
    small = [scale_of(maps, cmap="gray", threshold=t) for t in (0.5, None, "auto")]
    monkeypatch.setattr(large, "LARGE", 1)
    monkeypatch.setattr(large, "_COARSE", maps.size / 8)

    found = [scale_of(maps, cmap="gray", threshold=t) for t in (0.5, None, "auto")]

    for one, other in zip(found[:2], small[:2], strict=True):
        assert (one.threshold, one.vmin, one.vmax, one.shown) == (
            other.threshold, other.vmin, other.vmax, other.shown,
        )  # fmt: skip
    assert found[2].threshold == pytest.approx(small[2].threshold, rel=0.1)
