"""What is known of a fit, for a person: words, squares and pictures; all text is escaped.

Pure functions; the panel (`fit.py`) decides when.
"""

import html

import numpy as np

from nbica.image.display import display_threshold
from nbica.masking.extract import unmask
from nbica.runtime.units import human
from nbica.viewer import poster
from nbica.viewer.render import Layer, Look
from nbica.viewer.scene import load_scene

_TINTS = {"computed": "#4c8fe0", "cached": "#3aa66a", "to come": "#8a939e", "failed": "#d64545"}


def plan_in_words(plan):
    """One sentence: runs, RAM, disk and minutes.

    Parameters
    ----------
    plan : budget.Plan

    Returns
    -------
    str
    """
    minutes = sum(plan.seconds.values()) / 60
    took = "less than a minute" if minutes < 1 else f"about {minutes:.0f} minutes"
    disk = plan.scratch + plan.copies + plan.cached
    return (
        f"{plan.workload.n_runs or 'any number of'} runs. It will take {took}, "
        f"{human(plan.peak)} of RAM (the budget is {human(plan.ram)}) and up to {human(disk)} "
        "of disk."
    )


def other_fits_in_words(fits):
    """That other fits are running, as after a cell that was run again, and where they stand.

    Parameters
    ----------
    fits : list of background.RunningFit

    Returns
    -------
    str
    """
    which = "; ".join(f"{fit.progress.task} ({fit.progress or 'starting'})" for fit in fits)
    return (
        f"{len(fits)} more running in this kernel, perhaps of a cell that was run again: {which}. "
        "All share its memory and cores: wait, or stop what is no longer wanted with "
        "[fit.stop() for fit in nbica.runtime.background.running_fits()]."
    )


def describe(event, seconds, budget):
    """Where a fit stands, in words.

    Parameters
    ----------
    event : progress.Event
    seconds : float
        Since this stage began.
    budget : int or None
        Bytes of RAM.

    Returns
    -------
    str
    """
    words = [str(event) or "starting"]
    if event.total and event.done:
        left = seconds / event.done * (event.total - event.done)
        if left >= 1:
            words.append(
                f"about {left:.0f} s left" if left < 90 else f"about {left / 60:.0f} min left"
            )
    if event.memory is not None:
        of = f" of {human(budget)}" if budget else ""
        words.append(f"{human(event.memory)}{of} of RAM")
    return " · ".join(words)


def runs_as_html(runs, n_total):
    """A square for each run, and how many were computed or came from the cache.

    Parameters
    ----------
    runs : list of (name, kind)
    n_total : int or None

    Returns
    -------
    str
    """
    rest = [("", "to come")] * max(0, (n_total or 0) - len(runs))
    squares = "".join(
        f'<span title="{html.escape(f"{name} {kind}".strip(), quote=True)}" style="display:'
        f"inline-block;width:11px;height:11px;margin:1px;border-radius:2px;"
        f'background:{_TINTS[kind]}{";opacity:.35" if kind == "to come" else ""}"></span>'
        for name, kind in [*runs, *rest]
    )
    kinds = [kind for _, kind in runs]
    counts = ", ".join(
        f"{kinds.count(kind)} {kind}" for kind in ("computed", "cached") if kind in kinds
    )
    return f'<div aria-label="Runs: {counts}">{squares} <span>{counts}</span></div>'


def maps_as_png(state, bg_img):
    """The maps so far, each at its peak, as the bytes of a PNG.

    Parameters
    ----------
    state : group_fit.GroupState
        What an estimator's callback is given.
    bg_img : image, path, "auto" or None

    Returns
    -------
    bytes
    """
    maps = state.maps()
    largest = float(np.abs(maps).max()) or 1.0
    scene, _ = load_scene(unmask(maps, state.mask_img), bg_img, quantum=largest / 127)
    sizes = np.abs(maps)
    threshold = display_threshold(sizes, int(np.prod(state.mask_img.shape)))
    vmax = max(float(np.median(sizes.max(axis=1))), 1.01 * threshold)
    window = tuple(scene.background.window) if scene.background else (0.0, 1.0)
    looks = [
        Look(((scene.maps, Layer(k, threshold, vmax)),), window, outlines=False)
        for k in range(len(maps))
    ]
    places = [scene.maps.peak_of(k) for k in range(len(maps))]
    names = [f"IC {k}" for k in range(len(maps))]
    return poster.png(poster.contact_sheet(scene, looks, places, names, n_columns=7, coarse=2))


def escaped(text, strong=False):
    """A line of text that screen readers announce, as HTML."""
    tag = "b" if strong else "span"
    return f'<div role="status"><{tag}>{html.escape(text)}</{tag}></div>'


def list_as_html(title, lines):
    """Lines below their number, to fold, as HTML."""
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines)
    return (
        f"<details open><summary>{len(lines)} {title.lower()}</summary><ul>{items}</ul></details>"
    )
