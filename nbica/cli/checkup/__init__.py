"""Is this installation ready for a course? `facts` looks, `judge` says what it means.

The door is :func:`doctor`; `nbica doctor` prints what it returns.
"""

from __future__ import annotations

import time

from nbica.cli.checkup import facts, judge
from nbica.cli.checkup.finding import Checkup, Finding

__all__ = ["Checkup", "Finding", "doctor"]


def doctor(*, offline: bool = False) -> Checkup:
    """Look at this installation and say what to do where something is missing.

    Costs 2 to 5 seconds, most of them imports and, at most 2 s of them, the hosts of the data sets;
    reads no image, writes nothing that stays.

    Parameters
    ----------
    offline : bool
        Ask no host.

    Returns
    -------
    Checkup
        Printed, one line per check, and below what can be done; a notebook shows the same.
        `diagnosis.problems` is empty where all is well enough to work.

    Examples
    --------
    >>> import nbica
    >>> diagnosis = nbica.doctor(offline=True)
    >>> {finding.state for finding in diagnosis.findings} <= {"ok", "note", "problem"}
    True
    >>> print(nbica.doctor())  # doctest: +SKIP
    """
    start = time.perf_counter()
    hosts = facts.HostsAsked(() if offline else facts.addresses())
    findings = [_finding(name, look) for name, look in _LOOKS.items()]
    findings.append(_finding("network", lambda: judge.network(hosts.answers(), facts.mirror())))
    return Checkup(tuple(findings), time.perf_counter() - start)


# In the order in which they would keep a person from working.
_LOOKS = {
    "Python": lambda: judge.python(*facts.python()),
    "packages": lambda: judge.packages(*facts.packages()),
    "imports": lambda: judge.imports(facts.imports()),
    "JupyterLab": lambda: judge.lab(**facts.lab()),
    "kernel": lambda: judge.kernel(**facts.kernel()),
    "threads": lambda: judge.threads(*facts.threads()),
    "memory": lambda: judge.memory(*facts.memory()),
    "data folder": lambda: judge.folder(facts.data_folder(), judge.DATA_NEEDS, "NBICA_DATA"),
    "scratch": lambda: judge.folder(facts.scratch_folder(), judge.SCRATCH_NEEDS, "NBICA_SCRATCH"),
    "simulation": lambda: judge.simulation(facts.cohort()),
}


def _finding(name, look):
    """What one check found; a check that fails itself is a finding too, not the end of all."""
    try:
        state, found, remedy = look()
    except Exception as error:
        remedy = "Please report this line: the check itself failed."
        return Finding(name, "problem", f"{type(error).__name__}: {error}", remedy)
    return Finding(name, state, found, remedy)
