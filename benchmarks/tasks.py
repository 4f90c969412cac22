"""What is measured: functions that a fresh process calls; JSON in, JSON out, arrays as files."""

import time

import numpy as np

BUFFER_BYTES = 4 << 20


def nbica_fit(runs, mask, maps_to=None, **parameters):
    """Fit nbica's CanICA.

    Parameters
    ----------
    runs : list of str
    mask : str
    maps_to : str, optional
        File for the maps.
    **parameters
        Of the estimator, beside those of :func:`settings`.

    Returns
    -------
    dict
        seconds of the fit, without imports; start, seconds since the process was started.
    """
    from nbica import CanICA

    return _fit(CanICA(**settings(mask, parameters)), runs, maps_to)


def nilearn_fit(runs, mask, maps_to=None, **parameters):
    """Fit nilearn's CanICA; see :func:`nbica_fit`."""
    from nilearn.decomposition import CanICA

    return _fit(CanICA(**settings(mask, parameters)), runs, maps_to)


def nbica_dictionary(runs, mask, maps_to=None, **parameters):
    """Fit nbica's DictLearning; see :func:`nbica_fit`."""
    estimator = _dictionary_of("nbica")(**_dictionary_settings(mask, parameters))
    return _fit(estimator, runs, maps_to)


def nilearn_dictionary(runs, mask, maps_to=None, **parameters):
    """Fit nilearn's DictLearning; see :func:`nbica_fit`."""
    estimator = _dictionary_of("nilearn")(**_dictionary_settings(mask, parameters))
    return _fit(estimator, runs, maps_to)


def dictionary_agreement(who, runs, mask, halves, **parameters):
    """Fit real runs with two seeds, and both halves of some splits, in one process.

    Parameters
    ----------
    who : {"nbica", "nilearn"}
    runs, mask
        As :func:`nbica_fit` takes them.
    halves : list of pairs of lists of int
        Numbers of the runs in either half.
    **parameters
        Of the estimator.

    Returns
    -------
    dict
        seeds: :func:`matched` maps of two seeds; halves: their mean |r| for each split.
    """

    def maps(some, seed=0):
        options = _dictionary_settings(mask, parameters | {"random_state": seed})
        return _dictionary_of(who)(**options).fit(some).components_

    seeds = matched(maps(runs, 0), maps(runs, 1))
    pairs = [[maps([runs[i] for i in half]) for half in both] for both in halves]
    return {"seeds": seeds, "halves": [matched(*pair)["mean_r"] for pair in pairs]}


def dictionary_planted(who, n_subjects, n_timepoints, **parameters):
    """Fit the embedded cohort; how well its networks are found, and in how many seconds."""
    from nbica import datasets
    from nbica.masking import apply_mask
    from nbica.signal.confounds import load_confounds

    cohort = datasets.simulate_group(n_subjects, n_timepoints)
    # Read by us, for both: nilearn takes no table with an empty first row of derivatives.
    tables = [load_confounds(path, n_timepoints, path) for path in cohort.confounds]
    estimator = _dictionary_of(who)(**_dictionary_settings(cohort.mask_img, parameters))
    start = time.perf_counter()
    estimator.fit(cohort.func, confounds=tables)
    seconds = time.perf_counter() - start
    truth = apply_mask(cohort.maps_img, cohort.mask_img)
    return {"seconds": seconds} | matched(estimator.components_, truth)


def _dictionary_of(who):
    if who == "nbica":
        from nbica import DictLearning
    else:
        from nilearn.decomposition import DictLearning
    return DictLearning


def _dictionary_settings(mask, parameters):
    return {"mask": mask, "n_components": 20, "random_state": 0, "n_jobs": 2} | parameters


def nbica_surfaces(runs, mask=None, **parameters):
    """Fit nbica's CanICA to CIFTI runs; :func:`nbica_fit`, and the peak that was planned."""
    from nbica import CanICA

    options = settings(mask, parameters) | {"smoothing_fwhm": None, "n_jobs": 1}
    ica = CanICA(**options)
    return _fit(ica, runs, None) | {"predicted": ica.plan_.peak}


def nilearn_surfaces(runs, n_vertices):
    """Fit nilearn's CanICA to the cortex of CIFTI runs, which nibabel reads for it."""
    from nilearn.decomposition import CanICA
    from nilearn.maskers import MultiSurfaceMasker

    start = time.perf_counter()
    images = [_cortex_of(path, n_vertices) for path in runs]
    mask = images[0].data.parts
    kept = {side: part.any(axis=1) for side, part in mask.items()}
    masker = MultiSurfaceMasker(
        type(images[0])(images[0].mesh, kept), standardize="zscore_sample", detrend=True
    )
    options = settings(masker, {}) | {"smoothing_fwhm": None, "n_jobs": 1}
    CanICA(**options | {"standardize": "zscore_sample"}).fit(images)
    return {"seconds": time.perf_counter() - start}


def _cortex_of(path, n_vertices):
    """Both hemispheres of a CIFTI run as a SurfaceImage, on a mesh of no shape."""
    import nibabel as nib
    from nilearn.surface import InMemoryMesh, PolyMesh, SurfaceImage

    img = nib.load(path)
    values, parts = np.asarray(img.dataobj), {}
    for name, columns, axis in img.header.get_axis(1).iter_structures():
        if name in axis.nvertices:
            side = name.rpartition("_")[2].lower()
            parts[side] = np.zeros((n_vertices, len(values)), np.float32)
            parts[side][axis.vertex] = values[:, columns].T
    flat = InMemoryMesh(np.zeros((n_vertices, 3)), np.arange(3).reshape(1, 3))
    return SurfaceImage(PolyMesh(left=flat, right=flat), parts)


def settings(mask, parameters):
    """What both are asked for: no threshold, so that whole maps can be compared."""
    common = {
        "mask": mask, "n_components": 20, "smoothing_fwhm": 6.0, "detrend": True,
        "standardize": True, "threshold": None, "random_state": 0, "n_jobs": 2,
    }  # fmt: skip
    return common | parameters


def _fit(canica, runs, maps_to):
    start = time.perf_counter()
    canica.fit(runs)
    seconds = time.perf_counter() - start
    if maps_to is not None:
        np.save(maps_to, canica.components_)
    return {"seconds": seconds}


def decompress(runs, n_jobs=2):
    """The floor: read the same files with igzip, in as many processes, and throw all away."""
    from joblib import Parallel, delayed

    start = time.perf_counter()
    sizes = Parallel(n_jobs=n_jobs)(delayed(read_through)(path) for path in runs)
    return {"seconds": time.perf_counter() - start, "n_bytes": int(sum(sizes))}


def read_through(path):
    """Read a file to its end, decompressed if it is compressed; the number of bytes."""
    from isal import igzip

    buffer = bytearray(BUFFER_BYTES)
    n_bytes = 0
    with igzip.open(path, "rb") if str(path).endswith(".gz") else open(path, "rb") as file:  # noqa: PTH123
        while n_new := file.readinto(buffer):
            n_bytes += n_new
    return n_bytes


def matched(maps, references):
    """Mean and smallest |r| of the best one-to-one pairs."""
    from nbica.matching import match

    r = np.abs(match(maps, references).correlations)
    return {"mean_r": float(r.mean()), "min_r": float(r.min())}
