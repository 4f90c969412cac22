"""What a viewer is given instead of an image: a fitted estimator, or by mistake something else."""

import inspect
from dataclasses import replace

import numpy as np
from sklearn.exceptions import NotFittedError

from nbica.matching.labels import SIGNS_OF_NOISE, flag_noise, label
from nbica.runtime.checks import is_number
from nbica.signal.ties import in_order
from nbica.viewer.scene import anatomy_of, load_scene
from nbica.viewer.state import as_real


def image_of(components, name="img"):
    """The maps of a fitted estimator; what is an image already stays as it is.

    Raises
    ------
    NotFittedError
        For an estimator that is not fitted yet.
    TypeError
        For a class instead of an object of it.
    """
    if inspect.isclass(components):
        msg = (
            f"{name} is the class {components.__name__}; expected an image, or a fitted estimator: "
            f"{components.__name__}(...).fit(imgs)."
        )
        raise TypeError(msg)
    if hasattr(components, "components_img_"):
        return components.components_img_
    if hasattr(components, "fit"):
        msg = f"{name}: this {type(components).__name__} is not fitted yet; call fit(imgs) first."
        raise NotFittedError(msg)
    return components


def scene_of(
    components, bg_img, overlays=None, labels_img=None, labels=None, contours=None, quantum=None
):
    """What a viewer shows of an image or a fitted estimator, whose maps become z-scores.

    Parameters
    ----------
    As :func:`nbica.view_img`.

    Returns
    -------
    scene : Scene
    notices : list of str
    """
    img, factor = image_of(components), z_factor(components)
    if hasattr(components, "runs_"):
        bg_img = anatomy_of(components, bg_img)
    if is_number(quantum) and factor is not None:
        quantum = quantum / factor
    scene, notices = load_scene(img, bg_img, overlays, labels_img, labels, contours, quantum)
    if factor is not None:
        scene = replace(scene, maps=scene.maps.in_z_scores(factor))
    return scene, notices


def z_factor(components):
    """The factor that makes z-scores of an estimator's maps; None for what has no maps of norm 1.

    A map of norm 1 over n voxels, with a mean near 0, has a standard deviation of 1/sqrt(n) before
    it is thresholded.
    """
    maps = getattr(components, "components_", None)
    return None if maps is None else float(np.sqrt(np.shape(maps)[1]))


# ---- what is known of each component ------------------------------------------------------------


def facts_of(components, n_maps, stability=None, networks=None):
    """What is known of each component, to be shown and sorted by.

    Parameters
    ----------
    components : image, or fitted estimator
    n_maps : int
    stability : ndarray of shape (n_maps,), optional
    networks : as :func:`nbica.matching.label` takes them, optional

    Returns
    -------
    dict
        columns: numbers by name, one per component, most first; texts: what is shown of each
        column; suggested: a name for each component, "" where no network is like it; ordered:
        what the fit put its components in order by, "" where that is not known.
    """
    columns, texts, suggested = {}, {}, [""] * n_maps
    if stability is not None:
        columns["stability"] = as_ranks(stability)
        texts["stability"] = [f"stability {value:.2f}" for value in stability]
    if networks is not None:
        table = label(image_of(components), networks)
        suggested = ["" if one == "unlabelled" else one for one in table["label"]]
        columns["match"] = table["r"].abs().tolist()
        texts["match"] = [f"{r.r:.2f} {r.network}".replace("-", "−", 1) for r in table.itertuples()]
    if hasattr(components, "mask_img_"):
        signs = flag_noise(components.components_img_, components.mask_img_)
        share = signs[list(SIGNS_OF_NOISE)] / [SIGNS_OF_NOISE[name] for name in SIGNS_OF_NOISE]
        columns["noise"] = share.max(axis=1).fillna(0).tolist()
        texts["noise"] = [f"edge {value:.1f} × chance" for value in signs["edge"]]
    ordered = getattr(components, "order", "variance") if hasattr(components, "runs_") else ""
    return {"columns": columns, "texts": texts, "suggested": suggested, "ordered": ordered}


def as_ranks(values):
    """Numbers that sort as these do, but alike where they differ by a thousandth or less."""
    ranks = np.empty(len(values))
    ranks[in_order(values, within=1e-3)] = -np.arange(len(values), dtype=float)
    return ranks.tolist()


def checked_stability(stability, n_maps):
    """Stability as an array, one number per component; None where it is not known."""
    if stability is None:
        return None
    stability = as_real(stability, "stability")
    if stability.shape != (n_maps,):
        msg = f"stability has shape {stability.shape}; expected one number for each of {n_maps}"
        raise ValueError(msg)
    return stability
