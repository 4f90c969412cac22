"""Serve simulated data sets on this machine, until interrupted."""

import argparse
import contextlib

from nbica.datasets.stand_in.contents import Contents
from nbica.datasets.stand_in.server import Mirror


def main():
    parser = argparse.ArgumentParser(prog="python -m nbica.datasets.stand_in", description=__doc__)
    parser.add_argument("--port", type=int, default=8321, help="0 takes a free one")
    parser.add_argument("--subjects", type=int, default=8, help="simulated, used in turn")
    port, n_subjects = vars(parser.parse_args()).values()
    with Mirror(Contents(n_subjects, n_timepoints=120, voxel_size=6.0), port) as mirror:
        print(f"NBICA_MIRROR={mirror.url}", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            mirror.serve_forever()


if __name__ == "__main__":
    main()
