"""The runner: `python -m benchmarks [--quick] [ROW ...]`."""

import argparse
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks import data, results
from benchmarks.bench import Bench

# Time and memory of a fit: what `--quick` measures, in less than five minutes.
FIT = [
    "cold_fit", "no_mask", "scale", "long_run", "transient", "plan", "ica_stage", "subspace",
    "memory_curves", "profile", "warm", "talk", "surfaces",
]  # fmt: skip
ROWS = [*FIT, "reproducibility", "split_half", "dictionary", "oracle", "viewer", "notebooks"]


def main(arguments=None):
    options = _parse(arguments)
    bench = Bench(options.size, options.out or default_folder(options.size))
    print(f"nbica benchmarks, {options.size}: {', '.join(options.rows)}")
    print(results.machine_line(results.machine()))
    failed = []
    for number, name in enumerate(options.rows, start=1):
        print(f"\n[{number}/{len(options.rows)}] {name}", flush=True)
        try:
            print(results.as_text(measure_row(bench, name)), flush=True)
        except (RuntimeError, OSError) as error:
            # The other rows have been waited for long enough to be worth measuring.
            print(f"{name} FAILED: {error}", flush=True)
            failed.append(name)
    print(f"\nWritten: {bench.out / 'RESULTS.md'}, results.json, figures/")
    return f"failed: {', '.join(failed)}" if failed else 0


def measure_row(bench, name):
    """Measure one row and keep it beside the others."""
    row_of = import_module(f"benchmarks.{name}")
    start = time.perf_counter()
    row = row_of.run(bench, **row_of.SIZES[bench.size])
    entry = results.record(row, bench.size, time.perf_counter() - start)
    path = bench.out / "results.json"
    rows = results.load(path) | {name: entry}
    rows = {name: rows[name] for name in ROWS if name in rows}
    results.save(path, rows)
    (bench.out / "RESULTS.md").write_text(results.as_markdown(rows), encoding="utf-8")
    return entry


def default_folder(size):
    """Full benchmarks are kept beside the code; others must not write over them."""
    return Path(__file__).parent if size == "full" else data.folder() / "results" / size


def _parse(arguments):
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "rows",
        nargs="*",
        metavar="ROW",
        help=f"of {', '.join(ROWS)}; all if none, with --quick up to {FIT[-1]}",
    )
    parser.add_argument("--size", choices=["full", "quick", "tiny"], default="full",
                        help="tiny checks the machinery only")  # fmt: skip
    parser.add_argument("--quick", dest="size", action="store_const", const="quick",
                        help="a few minutes: fewer and shorter runs, fits alone")  # fmt: skip
    parser.add_argument("--out", type=Path, help="folder for the results")
    options = parser.parse_args(arguments)
    unknown = sorted(set(options.rows) - set(ROWS))
    if unknown:
        parser.error(f"unknown: {', '.join(unknown)}; the rows are {', '.join(ROWS)}")
    options.rows = options.rows or (FIT if options.size == "quick" else ROWS)
    return options


if __name__ == "__main__":
    sys.exit(main())
