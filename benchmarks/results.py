"""What a benchmark found: checks of what was promised, figures in numbers, and how to show them."""

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

import nbica

PACKAGES = ("numpy", "scipy", "scikit-learn", "nibabel", "joblib", "nilearn", "isal")
INTERVALS = ("interval", "interval_shared")
VERDICTS = {True: "yes", False: "NO", None: ""}


@dataclass(frozen=True)
class Check:
    """One thing that was measured, and what was promised of it.

    Attributes
    ----------
    what, target, measured : str
        The target is empty where nothing was promised.
    reached : bool or None
    """

    what: str
    target: str
    measured: str
    reached: bool | None = None


@dataclass
class Row:
    """The result of one benchmark.

    Attributes
    ----------
    title : str
    checks : list of Check
    notes : list of str
        What a reader must know to believe the numbers.
    numbers : dict
        All that was measured, as JSON can hold it.
    figures : list of str
        Names of pictures.
    skipped : str
        Why nothing was measured.
    """

    title: str
    checks: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    numbers: dict = field(default_factory=dict)
    figures: list = field(default_factory=list)
    skipped: str = ""

    def tell(self, what, measured):
        """Record what nothing was promised of."""
        self.checks.append(Check(what, "", measured))

    def judge(self, what, target, measured, reached):
        """Record what was promised, and whether it holds."""
        self.checks.append(Check(what, target, measured, bool(reached)))

    def at_least(self, what, value, least, form="{:.3g}"):
        """Check that a value is no less than promised."""
        self.judge(what, f"≥ {form.format(least)}", form.format(value), value >= least)

    def at_most(self, what, value, most, form="{:.3g}"):
        """Check that a value is no more than promised."""
        self.judge(what, f"≤ {form.format(most)}", form.format(value), value <= most)


def megabytes(n_bytes):
    """Decimal megabytes, as `ram="500MB"` means them."""
    return f"{n_bytes / 1e6:.0f} MB"


def sampling(measurements):
    """A sentence on how memory was seen."""
    kinds = " and ".join(sorted({m.kind for m in measurements}))
    fast, slow = (max(1e3 * getattr(m, n) for m in measurements) for n in INTERVALS)
    return (
        f"Memory: sum of {kinds} over all processes, sampled every {fast:.0f} ms; its part of "
        f"shared pages and mapped files every {slow:.0f} ms (medians, of the slowest)."
    )


def machine():
    """Versions, processor and memory; nothing that names the machine or its user."""
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "cpu": _cpu_model(),
        "cores": len(psutil.Process().cpu_affinity()) if hasattr(psutil.Process, "cpu_affinity")
        else os.cpu_count(),
        "ram_gb": round(psutil.virtual_memory().total / 1e9, 1),
        **versions,
        "nbica": nbica.__version__,
    }  # fmt: skip


def _version(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _cpu_model():
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line
            for line in info.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        if names:
            return names[0].split(":", 1)[1].strip()
    return platform.processor() or "unknown"


def machine_line(found):
    """One line about a machine."""
    versions = ", ".join(f"{name} {found[name]}" for name in ("python", *PACKAGES, "nbica"))
    hardware = f"{found['cpu']}, {found['cores']} cores, {found['ram_gb']} GB, {found['system']}"
    return f"{hardware}; {versions}"


def record(row, size, seconds):
    """A row as JSON keeps it, with when, where and at which size it was measured.

    Only a full benchmark is judged: a smaller one shows the targets beside what it measured.
    """
    day = time.strftime("%Y-%m-%d", time.gmtime())
    if size != "full":
        # The promises are about the full size.
        row.checks = [replace(check, reached=None) for check in row.checks]
    entry = {"size": size, "date": day, "seconds": round(seconds), "machine": machine()}
    return asdict(row) | entry


def load(path):
    """Rows that were kept, by name; none where there is no file."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def save(path, rows):
    """Keep rows, by name; numbers rounded to six digits, in an order that does not change."""
    text = json.dumps(_rounded(rows), indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")


def _rounded(value):
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def as_text(row):
    """A row for a terminal: columns that line up."""
    if row["skipped"]:
        return f"{row['title']}\n  skipped: {row['skipped']}"
    table = [("", "target", "measured", "reached")]
    table += [_cells(check) for check in row["checks"]]
    widths = [max(len(line[column]) for line in table) for column in range(4)]
    lines = [
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)) for line in table
    ]
    return "\n".join([row["title"], *(f"  {line}".rstrip() for line in lines)])


def _cells(check):
    return (check["what"], check["target"], check["measured"], VERDICTS[check["reached"]])


def as_markdown(rows):
    """All rows as a document: one table, then each row's notes and pictures."""
    head = "| row | what | target | measured | reached |\n|---|---|---|---|---|"
    lines = [_markdown_line(name, check) for name, row in rows.items() for check in _checks(row)]
    details = [_details(name, row) for name, row in rows.items()]
    intro = "# Measured\n\nWritten by `python -m benchmarks`; not by hand.\n"
    return "\n".join([intro, head, *lines, "", *details])


def _checks(row):
    skipped = {"what": "skipped", "target": "", "measured": row["skipped"], "reached": None}
    return [skipped] if row["skipped"] else row["checks"]


def _markdown_line(name, check):
    cells = [name, *_cells(check)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _details(name, row):
    lines = [f"## {name}: {row['title']}", ""]
    lines += [f"* {note}" for note in row["notes"]]
    lines += [f"* Measured {row['date']} at size {row['size']} in {row['seconds']} s on "
              f"{machine_line(row['machine'])}.", ""]  # fmt: skip
    lines += [f"![{figure}](figures/{figure})\n" for figure in row["figures"]]
    return "\n".join(lines)
