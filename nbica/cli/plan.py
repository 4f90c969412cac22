"""`nbica plan`: what a fit would take, from headers alone."""

import argparse

from nbica.cli import bids
from nbica.cli.fit import add_parameters, parameters_of


def add(commands):
    """Declare the command."""
    about = "say how much memory, disk and time a fit would take; reads headers only"
    plan = commands.add_parser(
        "plan", help=about, description=about, argument_default=argparse.SUPPRESS
    )
    plan.add_argument(
        "imgs", nargs="+", metavar="IMG", help="4D images, patterns in quotes, or a BIDS folder"
    )
    add_parameters(plan)
    bids.add(plan)
    plan.set_defaults(run=run)


def run(options):
    """Print the plan; returns 0."""
    from nbica import CanICA

    imgs, confounds, parameters = options.imgs, getattr(options, "confounds", None), {}
    if bids.is_asked_for(options):
        group = bids.find(options)
        imgs, confounds, parameters = group.data, None, {"mask": bids.masks_of(group)}
    print(CanICA(**(parameters | parameters_of(options))).plan(imgs, confounds))
    return 0
