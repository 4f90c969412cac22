"""`nbica plan`: what a fit would take, from headers alone."""

import argparse

from nbica.cli.fit import add_parameters, parameters_of


def add(commands):
    """Declare the command."""
    about = "say how much memory, disk and time a fit would take; reads headers only"
    plan = commands.add_parser(
        "plan", help=about, description=about, argument_default=argparse.SUPPRESS
    )
    plan.add_argument("imgs", nargs="+", metavar="IMG", help="4D images, or patterns in quotes")
    add_parameters(plan)
    plan.set_defaults(run=run)


def run(options):
    """Print the plan; returns 0."""
    from nbica import CanICA

    print(CanICA(**parameters_of(options)).plan(options.imgs, getattr(options, "confounds", None)))
    return 0
