"""What tests share: a generator of random numbers, tiny images on disk, the real images."""

import os
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

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


@pytest.fixture(scope="session")
def real_data():
    """The folder of real images; tests that need it are marked `real` and skip without it."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("NBICA_REAL_DATA", beside))
    if not folder.is_dir():
        pytest.skip("no real images: set NBICA_REAL_DATA to their folder")
    return folder
