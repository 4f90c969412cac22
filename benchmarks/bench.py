"""What every row gets: a size, a place for pictures, and a measure that tells its progress."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks import data
from benchmarks.measure import measure
from benchmarks.results import megabytes


@dataclass(frozen=True)
class Bench:
    """One call of the benchmarks.

    Attributes
    ----------
    size : {"full", "quick", "tiny"}
    out : Path
        Folder of results.
    """

    size: str
    out: Path

    @property
    def adhd(self):
        """Shape of an ADHD run, or what stands for it in a check of the machinery."""
        return self._shape({"full": "adhd", "quick": "adhd"})

    @property
    def hcp(self):
        """Shape of an HCP run; a short one in a quick benchmark."""
        return self._shape({"full": "hcp", "quick": "hcp-short"})

    def adhd_runs(self, n_runs):
        """So many ADHD-shaped runs, links to a few distinct ones; a `data.Group`."""
        return data.group(self.adhd, n_runs, n_distinct=8 if self.size == "full" else 4)

    def _shape(self, names):
        return data.SHAPES[names.get(self.size, "tiny")]

    def figure(self, name):
        """Path of a picture."""
        return self.out / "figures" / name

    def measure(self, target, label, **kwargs):
        """Measure a function, and say what it took; see `measure.measure`."""
        print(f"  {label} …", flush=True)
        found = measure(target, label, **kwargs)
        fitted = (
            f", of which the call {found.value['seconds']:.1f} s"
            if "seconds" in found.value
            else ""
        )
        what = f"failed: {found.error[:120]}" if found.error else "done"
        took = f"{found.seconds:.1f} s{fitted}, {found.cpu_seconds:.1f} CPU s"
        print(f"    {what}: {took}, {megabytes(found.peak)} ({found.kind})", flush=True)
        return found
