"""The simulated cohort on grayordinates: real files, the same bytes, networks that are found."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nbica import CanICA
from nbica.datasets import simulate_group
from nbica.datasets.simulation.hemispheres import icosphere
from nbica.matching import label

SMALL = {"n_timepoints": 100, "space": "surface"}


@pytest.fixture(scope="module")
def cohort(tmp_path_factory):
    return simulate_group(4, data_dir=tmp_path_factory.mktemp("cohort"), **SMALL)


def test_an_icosphere_is_a_closed_sphere():
    """Euler's formula holds, each edge has two faces, which look outward."""
    vertices, faces = icosphere(3)
    sides = np.sort(np.concatenate([np.roll(faces, -k, axis=1)[:, :2] for k in range(3)]), axis=1)
    edges, times = np.unique(sides, axis=0, return_counts=True)

    assert len(vertices) == 642
    assert len(vertices) - len(edges) + len(faces) == 2
    assert (times == 2).all()
    a, b, c = vertices[faces.T]
    assert (np.einsum("ij,ij->i", np.cross(b - a, c - a), a) > 0).all()


def test_runs_are_dense_series(cohort):
    """As nibabel reads them: two hemispheres without a medial wall, and structures below."""
    img = nib.load(cohort.func[0])
    rows, columns = (img.header.get_axis(axis) for axis in (0, 1))

    assert (len(rows), rows.step, rows.unit) == (100, 2.0, "SECOND")
    assert set(columns.nvertices.values()) == {2562}
    assert 2000 < (columns.name == "CIFTI_STRUCTURE_CORTEX_LEFT").sum() < 2562
    assert cohort.maps_img.header.get_axis(1) == columns == cohort.mask_img.header.get_axis(1)


def test_the_same_seed_gives_the_same_bytes(cohort, tmp_path):
    """In another folder, by more processes; a second call writes nothing."""
    again = simulate_group(4, data_dir=tmp_path, n_jobs=2, **SMALL)
    before = [Path(path).stat().st_mtime_ns for path in again.func]
    simulate_group(4, data_dir=tmp_path, **SMALL)

    for one, other in zip(cohort.func, again.func, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()
    assert [Path(path).stat().st_mtime_ns for path in again.func] == before


def test_its_networks_are_found(cohort):
    """Ten of the twelve and more, by their names."""
    ica = CanICA(n_components=14, n_init=5, random_state=0)
    ica.fit(cohort.func, confounds=cohort.confounds)

    found = label(ica.components_img_, cohort.maps_img, one_to_one=True, bar=0.5)

    assert (found["label"] != "unlabelled").sum() >= 10


def test_a_grid_of_voxels_is_refused(tmp_path):
    """Affine and shape are for volumes, and there are two spaces."""
    with pytest.raises(ValueError, match="affine and shape are for volumes"):
        simulate_group(1, space="surface", affine=np.eye(4), shape=(5, 5, 5), data_dir=tmp_path)
    with pytest.raises(ValueError, match="expected 'volume' or 'surface'"):
        simulate_group(1, space="sphere", data_dir=tmp_path)
