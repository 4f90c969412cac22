"""`nbica cache info` and `nbica cache clear`."""


def add(commands):
    """Declare the command."""
    about = "tell what is in a cache, or empty it"
    cache = commands.add_parser("cache", help=about, description=about)
    actions = cache.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = actions.add_parser("info", help="what is there: run, parameters, size, last use")
    clear = actions.add_parser("clear", help="remove entries; other files stay")
    for action in (info, clear):
        action.add_argument("folder", help="what was given as memory=, or OUT/cache of nbica run")
    clear.add_argument(
        "--run", dest="pattern", metavar="PATTERN", help="only runs of this name, such as 'sub-01*'"
    )
    clear.add_argument("--older-than", type=float, metavar="DAYS",
                       help="only what was not used for so many days")  # fmt: skip
    info.set_defaults(run=run_info)
    clear.set_defaults(run=run_clear)


def run_info(options):
    """Print what is there; returns 0."""
    from nbica import cache_info

    print(cache_info(options.folder))
    return 0


def run_clear(options):
    """Remove entries and say how many; returns 0."""
    from nbica import cache_clear
    from nbica.runtime.units import human

    removed = cache_clear(options.folder, run=options.pattern, older_than=options.older_than)
    print(f"Removed {len(removed)} entries, {human(removed.n_bytes)}, from {removed.location}")
    return 0
