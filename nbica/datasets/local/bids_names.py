"""Names of BIDS: what they say of a run, and which runs are meant."""

from pathlib import Path

from nbica.exceptions import DataError

# Of one subject: no group can be made of them.
_INDIVIDUAL = ("native", "T1w", "T2w", "boldref", "func")
# Entities that can be asked for by name, beside subject, session, task, space and resolution.
ENTITIES = ("acq", "ce", "chunk", "cohort", "den", "desc", "dir", "echo", "part", "rec", "run")
# The same acquisition stands in several files that differ in one of these.
_VARIANTS = ("echo", "part", "rec")


def entities(path):
    """The entities of a BIDS name and its suffix: sub, task, … and "suffix"."""
    *pairs, suffix = Path(path).name.partition(".")[0].split("_")
    return dict(pair.split("-", 1) for pair in pairs if "-" in pair) | {"suffix": suffix}


def without(names, *others):
    """Entities without some, as a set that can be compared."""
    return frozenset(item for item in names.items() if item[0] not in others)


def check_labels(labels):
    """Raise TypeError for an entity that cannot be asked for."""
    unknown = sorted(set(labels) - set(ENTITIES))
    if unknown:
        msg = (
            f"find_bids knows no {unknown[0]!r}; beside its parameters it takes the entities "
            f"{', '.join(ENTITIES)}."
        )
        raise TypeError(msg)


def choose(runs, *, task, space, res, subjects, sessions, labels):
    """Paths of one task, space and resolution, each acquisition once.

    Parameters
    ----------
    runs : dict of Path to dict
        Entities by path.
    task, space, res, subjects, sessions
        As :func:`bids.find_bids` takes them.
    labels : dict of str to str
        Values of other entities.

    Returns
    -------
    list of Path

    Raises
    ------
    DataError
        If there is none; the message tells what is there.
    ValueError
        If there are several and none is chosen.
    """
    runs = _of(runs, "sub", subjects)
    runs = _of(runs, "ses", sessions)
    runs = _narrowed(runs, "task", task)
    runs = _narrowed(runs, "space", space or _common_space(runs))
    for entity, label in {"cohort": None, "den": None, "res": res, **labels}.items():
        runs = _narrowed(runs, entity, label)
    if "echo" not in labels:
        runs = _combined(runs)
    for entity in _VARIANTS:
        _check_once(runs, entity)
    return list(runs)


def _of(runs, entity, wanted):
    """The runs whose entity has one of the labels that are wanted."""
    if wanted is None:
        return runs
    wanted = [wanted] if isinstance(wanted, str | int) else wanted
    there = labels_of(runs, entity)
    labels = [_label(one, entity, there) for one in wanted]
    if not labels:
        msg = f"No label of {entity} to take: pass a list of some of {', '.join(sorted(there))}."
        raise ValueError(msg)
    lacking = [label for label in labels if label not in there]
    if lacking:
        msg = f"There are no runs of {entity}-{lacking[0]}; there are {', '.join(sorted(there))}."
        raise DataError(msg)
    return {path: names for path, names in runs.items() if names.get(entity) in labels}


def _label(wanted, entity, there):
    """The label that a user means: 1 is "01" where nobody is called "1"."""
    label = str(wanted).removeprefix(f"{entity}-")
    if label in there or not label.isdecimal():
        return label
    alike = [known for known in there if known.isdecimal() and int(known) == int(label)]
    return alike[0] if len(alike) == 1 else label


def _narrowed(runs, entity, wanted):
    """The runs with one label of an entity: the wanted, or the only one."""
    there = labels_of(runs, entity)
    wanted = None if wanted is None else str(wanted).removeprefix(f"{entity}-")
    if wanted is not None and wanted not in there:
        msg = f"There are no runs of {entity} {wanted!r}; there are {_counted(there)}."
        raise DataError(msg)
    if wanted is None and len(there) > 1:
        raise ValueError(_message_for_several(entity, there))
    label = next(iter(there)) if wanted is None else wanted
    return {path: names for path, names in runs.items() if names.get(entity, "") == label}


def _combined(runs):
    """Without single echoes of what is there with its echoes combined."""
    whole = {without(names) for names in runs.values() if "echo" not in names}
    return {
        path: names for path, names in runs.items()
        if "echo" not in names or without(names, "echo") not in whole
    }  # fmt: skip


def _check_once(runs, entity):
    """Raise ValueError if the same acquisition is there under several labels of an entity."""
    acquisitions = {without(names, entity) for names in runs.values()}
    if len(acquisitions) < len(runs) and len(labels_of(runs, entity)) > 1:
        several = _message_for_several(entity, labels_of(runs, entity))
        msg = f"The same acquisitions are there more than once. {several}"
        raise ValueError(msg)


def _message_for_several(entity, there):
    return f"There are several of {entity}: {_counted(there)}. Choose one with {entity}=..."


def _counted(there):
    return ", ".join(f"{label or 'none'} ({n} runs)" for label, n in there.items())


def labels_of(runs, entity):
    """Labels of an entity, and how many runs have each; "" for none."""
    labels = [names.get(entity, "") for names in runs.values()]
    return {label: labels.count(label) for label in sorted(set(labels))}


def _common_space(runs):
    """The one standard space of the runs; None where a user has to choose."""
    there = labels_of(runs, "space")
    standard = [label for label in there if label not in _INDIVIDUAL]
    if standard:
        return standard[0] if len(standard) == 1 else None
    msg = (
        f"All runs are in a space of their own subject ({', '.join(there)}); a group needs a "
        "common one: run fMRIPrep with --output-spaces MNI152NLin2009cAsym."
    )
    raise DataError(msg)
