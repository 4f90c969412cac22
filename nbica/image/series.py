"""3D images, where a run is expected: one, or a list of them."""

from nbica.exceptions import DataError
from nbica.image.files import checked_affine, open_image
from nbica.image.grid import Grid
from nbica.image.run import (
    Run,
    SomeFrames,
    VolumeFrames,
    is_iterator,
    is_one,
    iter_images,
    load_run,
    run_of_image,
)
from nbica.image.surface_images import is_surface


def run_of_images(imgs):
    """One 4D image as a Run; or 3D images, one or a list, as a run whose frames they are.

    Parameters
    ----------
    imgs : path, glob pattern, nibabel image, Bunch with `func`, or list of these
        One 4D image, or any number of 3D ones on one grid.

    Returns
    -------
    run : Run
    is_volume : bool
        Whether one 3D image was passed, and no list.

    Raises
    ------
    DataError, FileNotFoundError, TypeError, ValueError
        Naming the image, what was found and what was expected.
    """
    listed = list(iter_images(imgs))
    opened = [_opened(img) for img in listed]
    if len(opened) == 1 and len(getattr(opened[0], "shape", "4D")) != 3:
        return load_run(listed[0]), False
    if not opened or not all(map(is_volume, opened)):
        msg = (
            f"Got {len(opened)} images; transform takes one 4D image at a time, or 3D images, a "
            "row for each."
        )
        raise DataError(msg)
    if len(listed) == 1:
        return run_of_image(listed[0])[0], is_one(imgs)
    return _run_of_volumes(listed, opened), False


def runs_of_images(imgs):
    """What a user passes as runs; 3D images become one run, whose frames they are."""
    if imgs is None or is_iterator(imgs):
        return imgs
    listed = list(iter_images(imgs))
    if listed and all(is_volume(_opened(img)) for img in listed):
        return run_of_images(listed)[0]
    return imgs


def _opened(img):
    """A volume as nibabel has it; a run, and what is of surfaces, as it is."""
    return img if isinstance(img, Run | SomeFrames) or is_surface(img) else open_image(img)[0]


def is_volume(img):
    """Whether an opened image is 3D, or has but one frame."""
    if isinstance(img, Run | SomeFrames) or is_surface(img):
        return False
    return len(img.shape) == 3 or (len(img.shape) == 4 and img.shape[3] == 1)


def _run_of_volumes(listed, opened):
    """A run of 3D images on one grid."""
    grids = [
        Grid(img.shape[:3], checked_affine(img, str(name)))
        for name, img in zip(listed, opened, strict=True)
    ]
    for number, grid in enumerate(grids):
        if not grid.same_as(grids[0]):
            msg = (
                f"3D image {number + 1} of {len(grids)} is on another grid than the first: "
                f"{grid.shape}, not {grids[0].shape}, or with another affine. Bring them to one "
                "grid with nbica.image.resample_to_img."
            )
            raise DataError(msg)
    return Run(f"{len(grids)} 3D images", grids[0], len(grids), None, VolumeFrames(tuple(listed)))
