"""Ways to look at a volume: a slice, or a projection through all of it."""

from typing import NamedTuple

import numpy as np

from nbica.slicing import STEP, planes, slice_at, strongest


def plane_of(axis):
    """World axes to the right and upwards, in a picture across an axis."""
    return tuple(other for other in range(3) if other != axis)


def in_mm(mm):
    """A coordinate as text: whole numbers where they are, a true minus sign."""
    rounded = f"{mm:.1f}".removesuffix(".0")
    return ("0" if rounded == "-0" else rounded).replace("-", "−")


class Slice(NamedTuple):
    """A plane across a world axis: sagittal (0), coronal (1) or axial (2)."""

    axis: int
    mm: float

    step = STEP
    shows_sides = property(lambda self: self.axis != 0)

    @property
    def label(self):
        """Where it lies."""
        return f"{'xyz'[self.axis]} = {in_mm(self.mm)}"

    def is_mirrored(self, radiological):
        """Whether the first axis of the picture runs to the left."""
        return radiological and self.axis != 0

    def picture(self, volume, bounds, order=1):
        """Values on the plane, as :func:`nbica.slicing.slice_at` returns them."""
        return slice_at(*volume, self.axis, self.mm, bounds, self.step, order)

    def near(self, points, within=3.0):
        """Which of some points, in mm, lie on the plane."""
        return np.abs(points[:, self.axis] - self.mm) <= within


class Projection(NamedTuple):
    """The strongest value along each line of sight; of one hemisphere, where a side is given."""

    axis: int
    side: str | None = None  # "l" or "r": seen from there

    step = 2.0
    shows_sides = property(lambda self: self.axis != 0)

    @property
    def label(self):
        """From where one looks."""
        return {"l": "left", "r": "right"}.get(self.side, "")

    def is_mirrored(self, radiological):
        """Whether the first axis of the picture runs to the left."""
        return self.side == "l" or (radiological and self.axis != 0)

    def picture(self, volume, bounds, order=1):
        """Values with the largest magnitude; 0 where there are none."""
        del order
        return strongest(self.planes(volume, bounds))

    def planes(self, volume, bounds):
        """Slices through what is seen."""
        return planes(*volume, self.axis, self._half(bounds), self.step)

    def near(self, points):
        """Which of some points, in mm, are seen."""
        x = points[:, 0]
        return {"l": x <= 0, "r": x >= 0}.get(self.side, np.full(len(points), True))

    def _half(self, bounds):
        bounds = np.array(bounds, dtype=float)
        if self.side == "l":
            bounds[0, 1] = 0
        elif self.side == "r":
            bounds[0, 0] = 0
        return bounds
