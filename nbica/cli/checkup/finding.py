"""What a check found, and all of it as text, as JSON and as a notebook shows it."""

from __future__ import annotations

import html
from dataclasses import asdict, dataclass

from nbica import __version__

STATES = ("ok", "note", "problem")


@dataclass(frozen=True)
class Finding:
    """One line of a diagnosis.

    Attributes
    ----------
    name : str
        Name of the check.
    state : {"ok", "note", "problem"}
        A note limits something; a problem keeps nbica from working.
    found : str
    remedy : str
        What to do; empty where nothing needs doing.

    See Also
    --------
    Checkup : holds several.

    Examples
    --------
    >>> from nbica.cli.checkup import Finding
    >>> print(Finding("disk", "note", "2 GB are free", "Make room, or set NBICA_DATA."))
    note     disk         2 GB are free
                          → Make room, or set NBICA_DATA.
    """

    name: str
    state: str
    found: str
    remedy: str = ""

    def __str__(self):
        line = f"{self.state:<9}{self.name:<13}{self.found}"
        return f"{line}\n{'':<22}→ {self.remedy}" if self.remedy else line


@dataclass(frozen=True)
class Checkup:
    """All findings of a check of the installation; `print` it.

    Attributes
    ----------
    findings : tuple of Finding
    seconds : float
        That the checks took.

    See Also
    --------
    nbica.doctor : makes one.

    Examples
    --------
    >>> from nbica.cli.checkup import Checkup, Finding
    >>> findings = Finding("numpy", "ok", "2.3"), Finding("disk", "problem", "full")
    >>> diagnosis = Checkup(findings, seconds=0.1)
    >>> diagnosis
    <Checkup: 2 checks, 1 problems>
    >>> [finding.name for finding in diagnosis.problems]
    ['disk']
    """

    findings: tuple
    seconds: float

    @property
    def problems(self) -> list[Finding]:
        """The findings that keep nbica from working."""
        return [finding for finding in self.findings if finding.state == "problem"]

    def as_json(self) -> dict:
        """The same as JSON can hold it."""
        return {
            "nbica": __version__,
            "problems": len(self.problems),
            "seconds": round(self.seconds, 2),
            "findings": [asdict(finding) for finding in self.findings],
        }

    def __str__(self):
        lines = [f"nbica {__version__}, {len(self.findings)} checks in {self.seconds:.1f} s"]
        names = ", ".join(finding.name for finding in self.problems)
        end = f"To mend: {names}." if names else "Ready to work."
        return "\n".join([*lines, *map(str, self.findings), end])

    def __repr__(self):
        """No figure of this moment: a saved notebook compares it."""
        return f"<Checkup: {len(self.findings)} checks, {len(self.problems)} problems>"

    def _repr_html_(self):
        return f"<pre>{html.escape(str(self))}</pre>"
