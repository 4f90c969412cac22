"""The command line: `nbica demo`, `run`, `plan`, ...; or `python -m nbica ...`."""

import os
import sys

_HOME = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
if __name__ == "__main__" and not sys.flags.safe_path and sys.path[0] != _HOME:
    # `python -m` looks for modules in the working folder first, and so would the workers of a fit:
    # what lies beside data of others is no code of ours.
    del sys.path[0]
    os.environ["PYTHONSAFEPATH"] = "1"

import argparse
import io
import warnings

import nbica
from nbica.cli import cache, class_report, demo, doctor, fit, plan
from nbica.exceptions import printable

_EXAMPLES = """examples:
  nbica demo                                        a simulated group, its networks in demo/
  nbica plan 'data/*_bold.nii.gz'                   what a fit would take: memory, disk, time
  nbica run 'data/*_bold.nii.gz' -o out -n 20 -j 2  maps, report, record in out/
  nbica run derivatives/fmriprep --task rest        the same of a BIDS folder, as a derivative
  nbica run --again out/record.json -o again        the same fit again
  nbica cache info out/cache                        what is in a cache
  nbica class-report handed_in                      which learners' notebooks pass
  nbica doctor                                      is this installation ready to work
  nbica COMMAND --help                              all options of a command
"""


def main(arguments=None):
    """Run one of the commands and return its exit status.

    Parameters
    ----------
    arguments : list of str, optional
        By default those of the process.
    """
    parser = argparse.ArgumentParser(
        prog="nbica", description=nbica.__doc__.split("\n")[0], epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--version", action="version", version=f"nbica {nbica.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in (demo, fit, plan, cache, class_report, doctor):
        command.add(commands)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a pipe of Windows takes few signs
            stream.reconfigure(errors="replace")
    options = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            return options.run(options)
    except (ValueError, TypeError, OSError, MemoryError, ImportError) as error:
        print(printable(f"nbica: {error}"), file=sys.stderr)
        return 1
    except KeyboardInterrupt as stopped:
        said = str(stopped) or "stopped; what is done is kept, the same command goes on"
        print(printable(f"nbica: {said}"), file=sys.stderr)
        return 130


def _show_warning(message, category, filename, lineno, file=None, line=None):
    """One line, without the place in the code and without what would move the cursor."""
    del filename, lineno, line
    print(printable(f"nbica: {category.__name__}: {message}"), file=file or sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
