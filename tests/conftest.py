"""What tests share: a generator of random numbers, tiny images on disk, the real images."""

import os
import socket
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from nbica.image import frames

# Anisotropic, flipped along x as most scanners have it, and shifted, so that a mixed-up axis shows.
AFFINE = np.array(
    [[-3.0, 0.0, 0.0, 30.0], [0.0, 2.5, 0.0, -25.0], [0.0, 0.0, 4.0, -20.0], [0.0, 0.0, 0.0, 1.0]]
)


@pytest.fixture
def rng():
    """Random numbers, the same in every test."""
    return np.random.default_rng(0)


@pytest.fixture
def make_image():
    """A function: array to a NIfTI image in memory."""

    def make_image(data, affine=AFFINE, t_r=2.0):
        img = nib.Nifti1Image(data, affine, dtype=data.dtype)
        if data.ndim == 4:
            img.header.set_zooms((*img.header.get_zooms()[:3], t_r))
            img.header.set_xyzt_units("mm", "sec")
        return img

    return make_image


@pytest.fixture
def save_image(tmp_path, make_image):
    """A function: array to a file, whose path it returns."""

    def save_image(data, name="bold.nii.gz", affine=AFFINE, t_r=2.0):
        path = tmp_path / name
        nib.save(make_image(data, affine, t_r), path)
        return path

    return save_image


@pytest.fixture
def n_reads(monkeypatch):
    """Names of the runs whose frames were read: a list that grows."""
    names = []
    iter_blocks = frames.iter_blocks

    def counted(run, *args, **kwargs):
        names.append(run.name)
        return iter_blocks(run, *args, **kwargs)

    monkeypatch.setattr(frames, "iter_blocks", counted)
    return names


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images; tests that need it are marked `real` and skip without it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NBICA_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real images: set NBICA_REAL_DATA to their folder")
    return folder


@pytest.fixture(scope="session")
def contents():
    """Simulated files of all data sets, small."""
    from nbica.datasets.stand_in import Contents

    return Contents()  # its cohort is made once, in the tests' common data folder


@pytest.fixture
def only_loopback(monkeypatch):
    """No connection leaves this machine: one that would is an error of the test."""
    connect = socket.socket.connect

    def checked(self, address):
        if self.family != getattr(socket, "AF_UNIX", None) and address[0] != "127.0.0.1":
            pytest.fail(f"a test connects to {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", checked)


@pytest.fixture
def no_copies(tmp_path, monkeypatch, only_loopback):
    """A data folder of one's own, and neither nilearn's copies, a mirror nor a proxy to be seen."""
    for name in ("NILEARN_DATA", "NILEARN_SHARED_DATA", "NBICA_MIRROR", "HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NBICA_DATA", str(tmp_path / "data"))
    monkeypatch.setattr("nbica.datasets.download.fetch.FIRST_PAUSE", 0.01)
    return tmp_path / "data"


@pytest.fixture
def mirror(contents, no_copies, monkeypatch):
    """A loopback server of simulated data sets, from which all is fetched."""
    from nbica.datasets.stand_in import Mirror

    with Mirror(contents) as server:
        monkeypatch.setenv("NBICA_MIRROR", server.url)
        yield server.start()
        server.shutdown()
