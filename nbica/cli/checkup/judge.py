"""What facts about an installation mean: pure functions to (state, what was found, what to do)."""

import sys

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from nbica.datasets.download.addresses import shown
from nbica.runtime.budget import make_plan
from nbica.runtime.units import human
from nbica.runtime.workload import Workload

PIP = f"{sys.executable} -m pip install"
# The embedded cohort takes 120 MB; a few subjects of an open data set, half a GB.
DATA_NEEDS = (150e6, 2e9)
# One run of the longest sort that goes through a file.
SCRATCH_NEEDS = (100e6, 2e9)
WIDGETS = "@jupyter-widgets/jupyterlab-manager"
# Two runs that people have, by their headers: 3 mm of ADHD-200's, and a resting run of the HCP.
SORTS = {
    "ADHD-200": Workload(40, 176, 7040, 47_000, 338_752, 2, 2_900_000_000, 0, 20, 96,
                         True, True, False, False),
    "HCP": Workload(40, 1200, 48_000, 235_000, 902_629, 4, 44_000_000_000, 0, 20, 96,
                    True, True, False, False),
}  # fmt: skip


def python(version, wanted, where):
    """The interpreter, against `requires-python`.

    Parameters
    ----------
    version, wanted : str
        Such as "3.12.1" and ">=3.11"; None where the package does not tell.
    where : str
        The interpreter's path.
    """
    found = f"{version} ({where})"
    if wanted is None or SpecifierSet(wanted).contains(version, prereleases=True):
        return "ok", found, ""
    return "problem", found, f"nbica needs Python {wanted}: make an environment with that."


def packages(requirements, installed):
    """Versions of the dependencies, against the lower bounds that nbica itself declares.

    Parameters
    ----------
    requirements : list of str or None
        As `importlib.metadata.requires` has them; None where nbica is a folder on the path.
    installed : dict
        Versions by name; None where a package is missing.
    """
    if requirements is None:
        return "note", "nbica is on the path, not installed: bounds unknown", f"{PIP} -e ."
    found = list(map(Requirement, requirements))
    needed = [requirement for requirement in found if _is_needed(requirement)]
    extras = [r for r in found if not _is_needed(r) and installed.get(r.name) is not None]
    wrong = [r for r in needed if not _is_met(r, installed)]
    if wrong:
        said = ", ".join(f"{r.name} {installed.get(r.name) or 'is missing'}" for r in wrong)
        return "problem", said, _install(wrong)
    if old := {r.name: r for r in extras if not _is_met(r, installed)}:
        said = ", ".join(f"{name} {installed[name]}" for name in old)
        return "note", f"older than nbica's extras want: {said}", _install(old.values())
    return "ok", f"{len(needed)} packages, none older than nbica needs", ""


def _is_needed(requirement):
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _is_met(requirement, installed):
    version = installed.get(requirement.name)
    return version is not None and requirement.specifier.contains(version, prereleases=True)


def _install(requirements):
    wanted = " ".join(f"'{r.name}{r.specifier}'" for r in requirements)
    return f"{PIP} --upgrade {wanted}"


def imports(failed):
    """Whether what is installed can be loaded.

    Parameters
    ----------
    failed : dict
        Error messages by module.
    """
    if not failed:
        return "ok", "the estimators and the viewers load", ""
    said = "; ".join(f"{name}: {error}" for name, error in failed.items())
    return "problem", said, f"{PIP} --upgrade --force-reinstall the package that is named."


def lab(version, extensions, server_prefix, prefix, in_colab):
    """Whether widgets will be shown.

    Parameters
    ----------
    version : str or None
        Version of jupyterlab in this environment.
    extensions : list of str
        Prebuilt extensions where this environment's JupyterLab looks.
    server_prefix : str or None
        Environment of the server that started this kernel, where there is one.
    prefix : str
        This environment.
    in_colab : bool
    """
    if in_colab:
        remedy = "from google.colab import output; output.enable_custom_widget_manager()"
        return "note", "Colab: a viewer turns custom widgets on, a FitPanel needs them on", remedy
    if server_prefix and server_prefix != prefix:
        found = f"the server runs in another environment, {server_prefix}"
        remedy = f"Where viewers stay empty, install ipywidgets and anywidget in {server_prefix}."
        return "note", found, remedy
    if version is None:
        return "note", "not installed: scripts work, notebooks need it", f"{PIP} 'jupyterlab>=4.2'"
    if WIDGETS not in extensions:
        remedy = f"{PIP} --force-reinstall jupyterlab_widgets, and reload the page."
        return "problem", f"{version}, without the extension that shows widgets", remedy
    return "ok", f"{version} shows widgets", ""


def kernel(command, executable):
    """Whether notebooks run in this environment.

    Parameters
    ----------
    command : str or None
        What the kernel named python3 starts; None without ipykernel.
    executable : str
        This interpreter.
    """
    if command is None:
        return "note", "no kernel for notebooks here", f"{PIP} ipykernel"
    if command == executable:
        return "ok", "notebooks run in this environment", ""
    remedy = f"{executable} -m ipykernel install --sys-prefix, or choose this one in the notebook."
    return "note", f"the kernel python3 starts {command}", remedy


def threads(libraries, allowed):
    """Whether a linear algebra library is there, and takes no more threads than it may.

    Parameters
    ----------
    libraries : list of (str, int)
        Name and threads of each.
    allowed : int
        Threads that this process may keep busy.
    """
    if not libraries:
        return "note", "no BLAS found: sums are slow", f"{PIP} --force-reinstall numpy scipy"
    names = ", ".join(f"{name} × {n}" for name, n in libraries)
    found = f"{names}; {allowed} may be busy"
    if max(n for _, n in libraries) > allowed:
        remedy = f"Set OMP_NUM_THREADS={allowed} before Python starts: more only wait."
        return "note", found, remedy
    return "ok", found, ""


def memory(ram, base, folder):
    """What fits into the memory that is free by every limit.

    Parameters
    ----------
    ram, base : int
        Bytes that this process may take, and has.
    folder : path
        For scratch files.
    """
    ways = {name: _way(work, ram, base, folder) for name, work in SORTS.items()}
    found = f"{human(ram)} for a fit; " + ", ".join(f"{n} runs {way}" for n, way in ways.items())
    if all(way == "do not fit" for way in ways.values()):
        remedy = "Shut down other kernels (the square in Lab's sidebar), or ask for more memory."
        return "problem", found, remedy
    return "ok", found, ""


def _way(workload, ram, base, folder):
    try:
        plan = make_plan(workload, 1, ram, base, folder)
    except MemoryError:
        return "do not fit"
    return "in RAM" if plan.in_ram else "through a scratch file"


def folder(found, needs, variable):
    """Whether a folder can be written to and has room.

    Parameters
    ----------
    found : (path, int, str)
        The folder, bytes free, and why it cannot be written to, or "".
    needs : (float, float)
        Bytes below which it is a problem, and a note.
    variable : str
        That would choose another.
    """
    path, free, error = found
    remedy = f"Set {variable} to a folder with room, before Python starts."
    if error:
        return "problem", f"{path}: {error}", remedy
    said = f"{path}, {human(free)} free"
    least, comfortable = needs
    state = "problem" if free < least else "note" if free < comfortable else "ok"
    return state, said, "" if state == "ok" else remedy


def simulation(path):
    """Whether the embedded cohort is there already."""
    if path is None:
        remedy = "python -c 'from nbica import datasets; datasets.simulate_group()' does it now."
        return "note", "the embedded cohort will be simulated once, 5 to 20 s", remedy
    return "ok", "the embedded cohort is there", ""


def network(answers, mirror):
    """Where data can come from.

    Parameters
    ----------
    answers : dict
        Whether each address answered; empty where none was asked.
    mirror : str or None
        The value of NBICA_MIRROR.
    """
    rest = {address: answered for address, answered in answers.items() if address != mirror}
    n_there = sum(rest.values())
    hosts = f"{n_there} of {len(rest)} hosts of data sets answer" if rest else "hosts not asked"
    if mirror is not None and not answers.get(mirror, True):
        remedy = "Correct or unset NBICA_MIRROR: a folder, or the address of one that is served."
        return "problem", f"the mirror {shown(mirror)} is not there; {hosts}", remedy
    if mirror is not None:
        return "ok", f"data come from the mirror {shown(mirror)}; {hosts}", ""
    if rest and not n_there:
        found = "no host answers: offline; embedded data and what was fetched before work"
        return "note", found, "For data of others without a network: NBICA_MIRROR, a copied folder."
    if silent := [address for address, answered in rest.items() if not answered]:
        return "note", hosts, f"Not now: {', '.join(silent)}. The others are not affected."
    return "ok", hosts, ""
