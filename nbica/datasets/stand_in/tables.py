"""The tables of the real archives, simulated: separators, ids, gaps and blanks as in them."""

import numpy as np
import pandas as pd

from nbica.datasets.registry import dataset

ADHD_TABLE = "ADHD200_40subs_motion_parameters_and_phenotypics.csv"
ADHD_IDS = [path[7:14] for path in dataset("adhd").files if path[7:14].isdecimal()]
_ADHD_COLUMNS = ["MeanFD", "site", "age", "sex", "handedness", "full_4_iq", "tdc", "adhd", "notes"]
_ADHD_REGRESSORS = [
    "csf", "constant", "linearTrend", "wm", "global", "motion-pitch", "motion-roll", "motion-yaw",
    "motion-x", "motion-y", "motion-z", "gm", "compcor1", "compcor2", "compcor3", "compcor4",
    "compcor5",
]  # fmt: skip


def adhd_phenotypic():
    """Ids are integers, so that zeros in front are lost; the first column has no name."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(ADHD_IDS))
    table = pd.DataFrame({"Subject": [int(ADHD_IDS[i]) for i in order], "Rest.Scan": "rest_1"})
    for column in _ADHD_COLUMNS:
        table[column] = rng.integers(0, 20, len(order))
    table["notes"] = "moves, and is tired"
    return table.to_csv(lineterminator="\n").encode()


def adhd_regressors(n_timepoints, seed):
    """Called .csv, separated by tabs."""
    values = np.random.default_rng(seed).standard_normal((n_timepoints, len(_ADHD_REGRESSORS)))
    table = pd.DataFrame(values, columns=_ADHD_REGRESSORS)
    table["constant"], table["linearTrend"] = 1.0, np.arange(n_timepoints)
    return table.to_csv(sep="\t", index=False, lineterminator="\n").encode()


def development_participants():
    """122 children, then 33 adults; more columns than are kept."""
    rng = np.random.default_rng(0)
    is_child = np.arange(155) < 122
    age = np.where(is_child, rng.uniform(3.5, 12.3, 155), rng.uniform(18, 39, 155)).round(2)
    table = {
        "participant_id": [f"sub-pixar{i + 1:03d}" for i in range(155)],
        "Age": age,
        "AgeGroup": np.where(is_child, [f"{int(a)}yo" for a in age], "Adult"),
        "Child_Adult": np.where(is_child, "child", "adult"),
        "Gender": rng.choice(["F", "M"], 155),
        "Handedness": "R",
        "ToM Booklet-Matched": np.where(is_child, 0.5, np.nan),
    }
    frame = pd.DataFrame(table)
    return frame.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n").encode()


def haxby_labels(n_timepoints):
    """What was shown in each frame, as Haxby's table has it."""
    kinds = ["rest", "face", "house", "cat", "bottle", "scissors", "shoe", "chair", "scrambledpix"]
    lines = [f"{kinds[i // 2 % 9]} {12 * i // n_timepoints}" for i in range(n_timepoints)]
    return ("labels chunks\n" + "\n".join(lines) + "\n").encode()


def abide_phenotypic():
    """The first column has no name, a field holds commas, some people have no files."""
    header = ",Unnamed: 0,SUB_ID,X,subject,SITE_ID,FILE_ID,DX_GROUP,AGE_AT_SCAN,SEX,"
    header += "qc_rater_1,qc_notes_rater_1,qc_anat_rater_2,qc_func_rater_2,qc_anat_rater_3,"
    header += "qc_func_rater_3"
    sites = ["PITT", "NYU", "UM_1"]
    lines = [header]
    for i in range(12):
        site = sites[i % 3]
        number = 50001 + i
        file_id = "no_filename" if i == 3 else f"{site.title()}_00{number}"
        quality = "fail" if i == 5 else "OK"
        fields = [i, i, number, i, number, site, file_id, 1 + i % 2, 10.5 + i, 1 + i // 6 % 2]
        fields += [quality, '"blurred, moved"', "maybe", "OK", "OK", "OK"]
        lines.append(",".join(map(str, fields)))
    return ("\n".join(lines) + "\n").encode()


def abide_regions(seed):
    """Signals of regions, as ABIDE's .1D files have them."""
    values = np.random.default_rng(seed).standard_normal((20, 5))
    lines = ["\t".join(f"#{2001 + i}" for i in range(5))]
    lines += ["\t".join(f"{value:.5f}" for value in row) for row in values]
    return ("\n".join(lines) + "\n").encode()


def msdl_labels():
    """Names carry blanks at their ends."""
    lines = ["x,y,z,name,net name"]
    lines += [f"{i - 20}.5,{-i},{i / 2}, Region {i} ,{' Net ' + str(i // 4)}" for i in range(39)]
    return ("\n".join(lines) + "\n").encode()


def yeo_colors(n_networks):
    """The lookup table of Yeo's atlas."""
    lines = ["  0            NONE   0   0   0   0"]
    lines += [
        f"  {i}     {n_networks}Networks_{i}  {10 * i}  18 134   0"
        for i in range(1, n_networks + 1)
    ]
    return ("\n".join(lines) + "\n").encode()


def schaefer_labels(n_parcels, n_networks):
    """The lookup table of Schaefer's atlas."""
    lines = [
        f"{i}\t{n_networks}Networks_{'LR'[2 * i > n_parcels]}H_Vis_{i}\t{i % 256}\t18\t131\t0"
        for i in range(1, n_parcels + 1)
    ]
    return ("\n".join(lines) + "\n").encode()


def difumo_labels(n_modes):
    """Columns begin with capitals."""
    table = pd.DataFrame({"Component": range(1, n_modes + 1)})
    table["Difumo_names"] = [f"Mode {i}" for i in table["Component"]]
    for column in ("Yeo_networks7", "Yeo_networks17"):
        table[column] = "VisCent"
    for column in ("GM", "WM", "CSF"):
        table[column] = 0.3
    return table.to_csv(index=False, lineterminator="\n").encode()


HARVARD_OXFORD = (
    ("cort", "Cortical", 6),
    ("cortl", "Cortical-Lateralized", 12),
    ("sub", "Subcortical", 4),
)


def harvard_oxford_xml(part, n_regions):
    """Two spellings that are mended, indices from 0."""
    names = [f"Region {i}" for i in range(n_regions)]
    names[0] = "Lateral Ventrical" if part == "sub" else "Frontal Operculum Cortex"
    labels = [
        f'<label index="{i}" x="48" y="94" z="35">{name}</label>' for i, name in enumerate(names)
    ]
    body = "\n".join(labels)
    return (
        '<?xml version="1.0" encoding="ISO-8859-1"?>\n<atlas version="1.0">\n'
        f"<header><name>Harvard-Oxford</name></header>\n<data>\n{body}\n</data>\n</atlas>\n"
    ).encode()
