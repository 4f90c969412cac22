"""Bytes and durations as people write and read them."""

import re


def parse_ram(ram, name="ram", default="what is free"):
    """Bytes of a budget as a user writes it.

    Parameters
    ----------
    ram : None, number of bytes, or str such as "1.5GB", "800 MB", "2GiB"
    name, default : str
        Name and default of the parameter, for messages.

    Returns
    -------
    int or None
        None stays None: what the machine allows.

    Raises
    ------
    ValueError
    """
    if ram is None:
        return None
    found = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([kmgt]?)(i?)b?\s*", str(ram), re.IGNORECASE)
    if not found or isinstance(ram, bool):
        raise ValueError(_message_for_bytes(ram, name, default))
    power = " KMGT".index(found[2].upper() or " ")
    n_bytes = int(float(found[1]) * (1024 if found[3] else 1000) ** power)
    if n_bytes < 1:
        raise ValueError(_message_for_bytes(ram, name, default))
    return n_bytes


def _message_for_bytes(n_bytes, name, default):
    return f"{name} is {n_bytes!r}; expected bytes, a text such as '1.5GB', or None for {default}."


def human(n_bytes):
    """Bytes as a person reads them: "1.1 GB"."""
    if n_bytes <= 0:
        return "-"
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            number = n_bytes / size
            return f"{number:.0f} {unit}" if number >= 10 else f"{number:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"


def duration(seconds):
    """Seconds as a person reads them: "40 s", "3 min", "2.5 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
