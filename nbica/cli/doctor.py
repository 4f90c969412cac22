"""`nbica doctor`: look at this installation and say what to do."""

import json


def add(commands):
    """Declare the command."""
    about = "check Python, packages, widgets, memory, folders and network, and say what to do"
    doctor = commands.add_parser("doctor", help=about, description=about)
    doctor.add_argument("--json", action="store_true", help="for programs and bug reports")
    doctor.add_argument("--offline", action="store_true", help="ask no host")
    doctor.set_defaults(run=run)


def run(options):
    """Print the diagnosis; returns 1 if something keeps from working, else 0."""
    from nbica import doctor

    diagnosis = doctor(offline=options.offline)
    print(json.dumps(diagnosis.as_json(), indent=1) if options.json else diagnosis)
    return 1 if diagnosis.problems else 0
