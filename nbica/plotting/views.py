"""Ways to look at a volume: a slice, or a projection through all of it."""

from typing import NamedTuple

import numpy as np

from nbica.image.slicing import STEP, on_world_grid, slice_at, strongest


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
    def letter(self):
        """What the panel is called."""
        return "xyz"[self.axis]

    @property
    def label(self):
        """Where it lies."""
        return f"{'xyz'[self.axis]} = {in_mm(self.mm)}"

    def prepare(self, volume, bounds):
        """What :meth:`picture` takes: here, the volume as it is."""
        del bounds
        return volume

    def is_mirrored(self, radiological):
        """Whether the first axis of the picture runs to the left."""
        return radiological and self.axis != 0

    def picture(self, volume, bounds, order=1):
        """Values on the plane, as :func:`nbica.image.slicing.slice_at` returns them."""
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
    def letter(self):
        """What the panel is called."""
        return self.side or "xyz"[self.axis]

    @property
    def label(self):
        """From where one looks."""
        return {"l": "left", "r": "right"}.get(self.side, "")

    def is_mirrored(self, radiological):
        """Whether the first axis of the picture runs to the left."""
        return self.side == "l" or (radiological and self.axis != 0)

    def prepare(self, volume, bounds):
        """What :meth:`picture` takes: the volume on a grid along the axes, once for all views."""
        return on_world_grid(*volume, bounds, self.step)

    def picture(self, world, bounds, order=1):
        """Values with the largest magnitude; 0 where there are none."""
        del order
        return strongest(self._seen(world, bounds), self.axis)

    def thickness(self, world, bounds):
        """Length of each line of sight in what is 1, in mm."""
        return self.step * self._seen(world, bounds).sum(axis=self.axis).T

    def near(self, points):
        """Which of some points, in mm, are seen."""
        x = points[:, 0]
        return {"l": x <= 0, "r": x >= 0}.get(self.side, np.full(len(points), True))

    def _seen(self, world, bounds):
        x = bounds[0, 0] + self.step * np.arange(len(world))
        return world[{"l": x <= 0, "r": x >= 0}.get(self.side, slice(None))]
