"""`nbica class-report`: which learners' notebooks pass."""

import sys
from pathlib import Path

_WARNING = "Running the learners' notebooks: their code runs here, with your rights.\n"


def add(commands):
    """Declare the command."""
    about = "list which learners' notebooks pass the questions of the tutorials"
    report = commands.add_parser("class-report", help=about, description=about)
    report.add_argument("folder", help="a folder per learner, or a notebook per learner")
    report.add_argument("-o", "--csv", type=Path, metavar="FILE",
                        help="write the table too: .csv, or .tsv with tabs")  # fmt: skip
    report.add_argument("--run", dest="run_again", action="store_true",
                        help="run the notebooks instead of believing their saved outputs; this "
                             "runs the learners' code, so use a container")  # fmt: skip
    report.add_argument("--timeout", type=float, default=300.0, metavar="S",
                        help="seconds a cell may take with --run (default: 300)")  # fmt: skip
    report.set_defaults(run=run)


def run(options):
    """Print the table; returns 0."""
    from nbica.teaching import class_report

    if options.run_again:
        sys.stderr.write(_WARNING)
    report = class_report(options.folder, run=options.run_again, timeout=options.timeout)
    print(report)
    if options.csv:
        report.to_csv(options.csv)
    return 0
