"""A loopback server that offers simulated files in the layout of the real archives.

    python -m nbica.datasets.stand_in              # then, elsewhere:
    NBICA_MIRROR=http://127.0.0.1:8321 jupyter lab

`contents` makes the files, `server` sends them, well-behaved or not.
"""

from nbica.datasets.stand_in.contents import Contents
from nbica.datasets.stand_in.server import Fault, Mirror

__all__ = ["Contents", "Fault", "Mirror"]
