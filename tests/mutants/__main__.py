"""Run the notebook that should notice, for each mutant; print what came of it."""

import re
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.mutants import BY_NAME, MUTANTS, linked_cohorts, notebook_of, run_strictly


def main(names):
    """Return how many mutants no notebook noticed."""
    n_alive = 0
    with TemporaryDirectory(prefix="nbica-mutants-") as folder:
        for mutant in [BY_NAME[name] for name in names] or MUTANTS:
            start, path = time.monotonic(), notebook_of(mutant.notebook)
            # A copy: what it caches beside itself must be its own.
            copy = Path(folder, mutant.name.replace(" ", "-"), path.name)
            copy.parent.mkdir()
            copy.write_bytes(path.read_bytes())
            data = linked_cohorts(copy.parent / "data")
            _, failed, output = run_strictly(copy, data, "-x", mutant=mutant)
            n_alive += not failed
            verdict = f"noticed in cell {failed[0]}: {_why(output)}" if failed else "NOT NOTICED"
            seconds = time.monotonic() - start
            print(f"{mutant.name:<42} {path.stem:<34} {seconds:4.0f} s  {verdict}", flush=True)
    return n_alive


def _why(output):
    """What a report says of the first cell that failed, in a line."""
    output = re.sub(r"\x1b\[[\d;]*m", "", output)
    for sign in (r"the picture of .*", r"-+> +\d+ +(.*)", r"mismatch .*|\w+ output fields .*"):
        if found := re.search(sign, output):
            return found[found.lastindex or 0].strip()[:80]
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
