"""Run the notebook that should notice, for each mutant; print what came of it."""

import re
import shutil
import sys
import time
from pathlib import Path

from tools.mutants import BY_NAME, MUTANTS, linked_cohorts, net_of, run_strictly, workplace


def main(names):
    """Return how many mutants no notebook noticed."""
    n_alive = 0
    for mutant in [BY_NAME[name] for name in names] or MUTANTS:
        start, path = time.monotonic(), net_of(mutant)
        with workplace() as folder:
            if path.suffix == ".ipynb":  # a copy: what it caches beside itself must be its own
                path = Path(shutil.copy(path, folder))
            data = linked_cohorts(folder / "data")
            _, failed, output = run_strictly(path, data, "-x", mutant=mutant)
        n_alive += not failed
        verdict = f"noticed in {failed[0]}: {_why(output)}" if failed else "NOT NOTICED"
        seconds = time.monotonic() - start
        print(f"{mutant.name:<42} {path.stem:<34} {seconds:4.0f} s  {verdict}", flush=True)
    return n_alive


def _why(output):
    """What a report says of the first cell that failed, in a line."""
    output = re.sub(r"\x1b\[[\d;]*m", "", output)
    for sign in (
        r"the picture of .*",
        r"-+> +\d+ +(.*)",
        r"mismatch .*|\w+ output fields .*",
        r"^E +(.*)",
    ):
        if found := re.search(sign, output, re.MULTILINE):
            return found[found.lastindex or 0].strip()[:80]
    return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
