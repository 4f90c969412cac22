"""Bad input, in one table: what is passed, and the error or the warning that it gives.

Every message names the file or the parameter, what was found and what was expected. What warns and
does not stop the fit also stays in `runs_`.
"""

import warnings
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from planted import AFFINE, brain_mask, mask_image, network_maps, run_image, run_signals

from nbica import CanICA
from nbica.exceptions import DataError, DataWarning

MASK = brain_mask()
N_TIMEPOINTS = 30


class Folder:
    """A temporary folder with three good runs in it; bad ones are made on demand."""

    def __init__(self, path):
        self.path = path
        rng = np.random.default_rng(0)
        maps = network_maps(MASK)
        self.images = [run_image(run_signals(rng, maps, N_TIMEPOINTS)[0], MASK) for _ in range(3)]
        self.runs = [
            self.save(img, f"good-{number}.nii.gz") for number, img in enumerate(self.images)
        ]

    def save(self, img, name="bad.nii.gz"):
        """Write an image, and say where."""
        nib.save(img, self.path / name)
        return str(self.path / name)

    def with_bad(self, img):
        """Two good runs and a bad one between them."""
        return {"imgs": [self.runs[0], self.save(img), self.runs[1]]}

    def changed(self, change):
        """Two good runs and one whose array was changed in place."""
        data = self.images[2].get_fdata(dtype=np.float32).copy()
        change(data)
        return self.with_bad(nib.Nifti1Image(data, AFFINE))

    def confounds(self, *tables):
        """Good runs with these confounds."""
        return {"imgs": self.runs, "confounds": list(tables)}


def truncated(folder, name="bad.nii.gz", keep=0.5):
    path = folder.path / name
    nib.save(folder.images[2], path)
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    return {"imgs": [folder.runs[0], str(path)]}


def not_an_image(folder):
    path = folder.path / "bad.nii.gz"
    path.write_text("<html>404 not found</html>")
    return {"imgs": [str(path)]}


def first_voxels(value):
    """A change: this value for ever in ten voxels of the mask."""

    def change(data):
        data[tuple(np.argwhere(MASK)[:10].T)] = value

    return change


def one_value(value):
    """A change: this value in one frame of one voxel."""

    def change(data):
        data[(*np.argwhere(MASK)[5], 7)] = value

    return change


def everything(value):
    def change(data):
        data[:] = value

    return change


def constant_runs(folder):
    imgs = [nib.Nifti1Image(np.full((*MASK.shape, 30), 7, np.int16), AFFINE) for _ in range(2)]
    return {"imgs": imgs}


def far_mask(folder):
    affine = AFFINE.copy()
    affine[0, 3] += 1000
    return {"mask": mask_image(affine=affine)}


def far_run(folder):
    affine = AFFINE.copy()
    affine[0, 3] += 1000
    return folder.with_bad(nib.Nifti1Image(folder.images[2].get_fdata(dtype="f"), affine))


def other_affine(folder):
    affine = AFFINE.copy()
    affine[1, 3] += 2
    return folder.with_bad(nib.Nifti1Image(folder.images[2].get_fdata(dtype="f"), affine))


def other_shape(folder):
    return folder.with_bad(nib.Nifti1Image(folder.images[2].get_fdata(dtype="f")[:-1], AFFINE))


def short_run(folder):
    return folder.with_bad(nib.Nifti1Image(folder.images[2].get_fdata(dtype="f")[..., :4], AFFINE))


def tables(n_rows=N_TIMEPOINTS, n_tables=3):
    rng = np.random.default_rng(0)
    return [rng.standard_normal((n_rows, 2)) for _ in range(n_tables)]


def table_with(value, row):
    table = tables()[0]
    table[row, 1] = value
    return table


class Bad(NamedTuple):
    """One row of the table."""

    name: str
    make: object  # folder -> arguments of fit and parameters, by name
    expected: type
    message: str


def parameter(expected, message, **options):
    name = ", ".join(f"{name}={value!r}" for name, value in options.items())
    return Bad(name, lambda folder: options, expected, message)


EPI = MASK.astype(np.uint8)
LABELS = np.indices(MASK.shape, np.uint8)[0] // 4

# fmt: off
TABLE = [
    # ---- images
    Bad("missing file", lambda f: {"imgs": [f.runs[0], "no/such.nii.gz"]},
        FileNotFoundError, r"No such file: 'no/such.nii.gz' \(looked from "),
    Bad("a string that is no path", lambda f: {"imgs": "adhd"},
        FileNotFoundError, r"No such file: 'adhd'"),
    Bad("a pattern without files", lambda f: {"imgs": str(f.path / "sub-*.nii")},
        FileNotFoundError, r"No file matches '.*sub-\*\.nii'"),
    Bad("a folder", lambda f: {"imgs": [str(f.path)]},
        (DataError, OSError), r"cannot be read|is a folder"),
    Bad("truncated .nii.gz", truncated,
        DataError, r"bad.nii.gz cannot be read after \d+ of 30 frames.*copy or download it again"),
    Bad(".nii.gz without its last bytes", lambda f: truncated(f, keep=0.999),
        DataError, r"bad.nii.gz cannot be read"),
    Bad("truncated .nii", lambda f: truncated(f, "bad.nii"),
        DataError, r"bad.nii cannot be read.*30 frames"),
    Bad("truncated header", lambda f: truncated(f, "bad.nii", 0.00001),
        DataError, r"bad.nii cannot be read as an image"),
    Bad("not an image", not_an_image,
        DataError, r"bad.nii.gz cannot be read as an image"),
    Bad("empty list", lambda f: {"imgs": []},
        DataError, r"No images: the list is empty"),
    Bad("empty generator", lambda f: {"imgs": iter([])},
        DataError, r"No images: the list is empty"),
    Bad("3D image", lambda f: {"imgs": [f.images[0].slicer[..., 0]]},
        DataError, r"3D image of shape \(18, 20, 16\).*concat_images"),
    Bad("5D image", lambda f: {"imgs": [nib.Nifti1Image(np.zeros((4, 4, 4, 2, 3), "f"), AFFINE)]},
        DataError, r"5 dimensions \(4, 4, 4, 2, 3\); a run has 4"),
    Bad("no frames", lambda f: {"imgs": [nib.Nifti1Image(np.zeros((4, 4, 4, 0), "f"), AFFINE)]},
        DataError, r"no voxels or no frames"),
    Bad("complex numbers",
        lambda f: {"imgs": [nib.Nifti1Image(np.zeros((4, 4, 4, 2), np.complex64), AFFINE)]},
        DataError, r"numbers of type complex64"),
    Bad("plain array", lambda f: {"imgs": np.zeros((4, 4, 4, 9))},
        TypeError, r"array, which does not say where its voxels are.*Nifti1Image\(array, affine\)"),
    Bad("list of arrays", lambda f: {"imgs": [np.zeros((4, 4, 4, 9))]},
        TypeError, r"is a ndarray; expected a path or a nibabel image"),
    Bad("a number", lambda f: {"imgs": 3},
        TypeError, r"Expected images or paths, got int"),
    Bad("None", lambda f: {"imgs": None},
        TypeError, r"Expected images or paths, got NoneType"),

    # ---- what the images hold
    Bad("NaN in one frame", lambda f: f.changed(one_value(np.nan)),
        DataWarning, r"bad.nii.gz: 1 values were NaN or infinite; set to 0"),
    Bad("Inf in one frame", lambda f: f.changed(one_value(-np.inf)),
        DataWarning, r"bad.nii.gz: 1 values were NaN or infinite"),
    Bad("NaN voxels", lambda f: f.changed(first_voxels(np.nan)),
        DataWarning, r"300 values were NaN or infinite; set to 0; 10 of 1952 voxels are constant"),
    Bad("NaN everywhere", lambda f: f.changed(everything(np.nan)),
        DataWarning, r"bad.nii.gz: .*the run adds nothing"),
    Bad("constant voxels", lambda f: f.changed(first_voxels(42.0)),
        DataWarning, r"bad.nii.gz: 10 of 1952 voxels are constant"),
    Bad("all-zero run", lambda f: f.changed(everything(0)),
        DataWarning, r"1 of 3 runs: .*bad.nii.gz: .*the run adds nothing"),
    Bad("all runs constant", constant_runs,
        DataError, r"None of the 2 runs varies .*do not overlap.*constant"),
    Bad("short run", short_run,
        DataWarning, r"bad.nii.gz: spans only \d dimensions of the 5 wanted"),
    Bad("one frame", lambda f: f.with_bad(f.images[2].slicer[..., :1]),
        DataWarning, r"bad.nii.gz: .*[Oo]ne timepoint"),
    Bad("another affine", other_affine,
        DataWarning, r"1 of 3 runs: .*bad.nii.gz: .*resampled to \(18, 20, 16\)"),
    Bad("another shape", other_shape,
        DataWarning, r"1 of 3 runs: .*bad.nii.gz: .*\(17, 20, 16\).*resampled to \(18, 20, 16\)"),
    Bad("one run outside of the mask", far_run,
        DataWarning, r"bad.nii.gz: .*resampled.*the run adds nothing"),

    # ---- mask
    Bad("empty mask", lambda f: {"mask": mask_image(MASK & False)},
        DataError, r"is empty: no voxel"),
    Bad("mask that misses the data", far_mask,
        DataError, r"None of the 3 runs varies .*mask and the runs do not overlap"),
    Bad("mask with labels", lambda f: {"mask": nib.Nifti1Image(EPI * LABELS, AFFINE)},
        DataError, r"a mask holds 0 and one other value"),
    Bad("4D mask", lambda f: {"mask": f.images[0]},
        DataError, r"good-0.nii.gz has 4 dimensions \(18, 20, 16, 30\); expected a 3D image"),
    Bad("missing mask", lambda f: {"mask": "no_mask.nii"},
        FileNotFoundError, r"No such file: 'no_mask.nii'"),
    Bad("mask as an array", lambda f: {"mask": EPI},
        TypeError, r"mask.*ndarray.*expected a path or a nibabel image"),
    Bad("mask of few voxels",
        lambda f: {"mask": mask_image(np.indices(MASK.shape).sum(0) == 1)},
        ValueError, r"n_components is 5, but the mask has only 3 voxels"),

    # ---- confounds
    Bad("confounds of the wrong length", lambda f: f.confounds(*tables(n_rows=29)),
        ValueError, r"confounds of .*good-0.nii.gz have 29 rows but the run has 30 timepoints"),
    Bad("NaN in confounds", lambda f: f.confounds(*tables(n_tables=2), table_with(np.nan, 5)),
        ValueError, r"confounds of .*good-2.nii.gz hold nan in column 1, row 5"),
    Bad("Inf in the first row of confounds",
        lambda f: f.confounds(*tables(n_tables=2), table_with(np.inf, 0)),
        ValueError, r"hold inf in column 1, row 0"),
    Bad("too few confounds", lambda f: f.confounds(*tables(n_tables=2)),
        ValueError, r"Got 3 runs and 2 confounds"),
    Bad("too many confounds", lambda f: f.confounds(*tables(n_tables=4)),
        ValueError, r"Got 3 runs and 4 confounds"),
    Bad("too few confounds for a generator",
        lambda f: {"imgs": iter(f.runs), "confounds": tables(n_tables=2)},
        ValueError, r"Got 2 confounds but at least 3 runs"),
    Bad("too many confounds for a generator",
        lambda f: {"imgs": iter(f.runs), "confounds": iter(tables(n_tables=4))},
        ValueError, r"Got 3 runs but at least 4 confounds"),
    Bad("one table for three runs", lambda f: {"confounds": pd.DataFrame(tables()[0])},
        ValueError, r"Got 3 runs and 1 confounds"),
    Bad("missing table", lambda f: f.confounds("no.tsv", None, None),
        FileNotFoundError, r"confounds of .*good-0.nii.gz \(.*no.tsv\) were not found"),
    Bad("words in confounds",
        lambda f: f.confounds(pd.DataFrame({"who": ["me"] * 30}), None, None),
        ValueError, r"a column that is not numeric: 'who'"),
    Bad("as many confounds as timepoints", lambda f: f.confounds(np.eye(30), None, None),
        ValueError, r"nothing is left of the signals"),

    # ---- parameters
    parameter(ValueError, r"n_components is 0; expected a whole number from 1", n_components=0),
    parameter(ValueError, r"n_components is -3; expected a whole number", n_components=-3),
    parameter(ValueError, r"n_components is True; expected a whole number", n_components=True),
    parameter(ValueError, r"n_components is 5.0; expected a whole number", n_components=5.0),
    parameter(ValueError, r"n_components is '20'; expected a whole number", n_components="20"),
    parameter(DataError, r"n_components is 100, but .* 3 runs together span only \d+ dimensions",
              n_components=100),
    parameter(ValueError, r"n_components is 5000, but the mask has only 1952", n_components=5000),
    parameter(ValueError, r"n_init is 0; expected a whole number from 1", n_init=0),
    parameter(ValueError, r"n_init is 'many'; expected a whole number from 1", n_init="many"),
    parameter(ValueError, r"max_iter is 2.5; expected a whole number", max_iter=2.5),
    parameter(ValueError, r"tol is 0; expected a small number above 0", tol=0),
    parameter(ValueError, r"tol is 'small'; expected a small number", tol="small"),
    parameter(ValueError, r"need the repetition time in seconds: pass t_r", low_pass=0.1),
    parameter(ValueError, r"need the repetition time", high_pass=0.01),
    parameter(ValueError, r"low_pass=0.3 Hz is not below 0.25 Hz", low_pass=0.3, t_r=2.0),
    parameter(ValueError, r"high_pass=0.2 must lie below low_pass=0.1", low_pass=0.1,
              high_pass=0.2, t_r=2.0),
    parameter(ValueError, r"t_r=-2 must be a positive number", t_r=-2),
    parameter(ValueError, r"mask_strategy is 'brain'; expected one of", mask_strategy="brain"),
    parameter(ValueError, r"standardize='zscore' is unknown; use one of", standardize="zscore"),
    parameter(ValueError, r"threshold is 'high'; expected None, 'auto' or a ratio",
              threshold="high"),
    parameter(ValueError, r"threshold is -1.0; expected", threshold=-1.0),
    parameter(ValueError, r"smoothing_fwhm is -4; give a width in mm", smoothing_fwhm=-4),
    parameter(ValueError, r"smoothing_fwhm is 'fast'; give a width", smoothing_fwhm="fast"),
    parameter(ValueError, r"random_state is 'seed'; expected None, a whole number",
              random_state="seed"),
    parameter(ValueError, r"dtype is 'auto'; expected float32, float64", dtype="auto"),
    parameter(ValueError, r"dtype is <class 'int'>; expected float32", dtype=int),
    parameter(TypeError, r"memory is a int; expected a folder", memory=5),
    parameter(TypeError, r"memory is a dict; expected a folder", memory={}),
    parameter(ValueError, r"target_shape needs a target_affine", target_shape=(4, 4, 4)),
    parameter(ValueError, r"n_jobs is 0; expected a number of processes", n_jobs=0),
    parameter(ValueError, r"n_jobs is '2'; expected a number of processes", n_jobs="2"),
    parameter(ValueError, r"consensus is 'False'; expected True or False", consensus="False"),
    parameter(ValueError, r"detrend is 'False'; expected True or False", detrend="False"),
    parameter(ValueError, r"standardize_confounds is 2; expected True or False",
              standardize_confounds=2),
    parameter(ValueError, r"standardize='True' is unknown; use one of True, False",
              standardize="True"),
    parameter(ValueError, r"do_cca is 'False'; expected True, False or", do_cca="False"),
    parameter(ValueError, r"smoothing_fwhm is True; give a width in mm", smoothing_fwhm=True),
    parameter(ValueError, r"smoothing_fwhm is \[6, True, 6\]; give a width",
              smoothing_fwhm=[6, True, 6]),
    parameter(ValueError, r"smoothing_fwhm is 6000; give a width in mm", smoothing_fwhm=6000),
    parameter(ValueError, r"tol is inf; expected a small number above 0", tol=np.inf),
    parameter(ValueError, r"tol is True; expected a small number above 0", tol=True),
    parameter(ValueError, r"threshold is nan; expected None", threshold=np.nan),
    parameter(ValueError, r"threshold is inf; expected None", threshold=np.inf),
    parameter(ValueError, r"threshold is 50: 50 x n_voxels values, of which 5 maps have only 5",
              threshold=50),
    parameter(TypeError, r"callback is .print.; expected a function", callback="print"),
    parameter(TypeError, r"mask_args is a list; expected a dict", mask=None, mask_args=[1]),
    parameter(ValueError, r"mask_args has openin; compute_epi_mask takes .*opening", mask=None,
              mask_args={"openin": 1}),
    parameter(ValueError, r"target_affine must be an invertible", target_affine="3mm"),
    parameter(ValueError, r"target_affine must be an invertible", target_affine=[[1, 2], [3]]),
    parameter(ValueError, r"target_affine must be an invertible", target_affine=np.eye(4) * np.nan),
    parameter(ValueError, r"target_shape is 5; expected three numbers of voxels",
              target_affine=np.eye(4), target_shape=5),
    parameter(ValueError, r"target_shape is 'abc'; expected three numbers of voxels",
              target_affine=np.eye(4), target_shape="abc"),
    parameter(ValueError, r"target_shape is \(4, 4, 2\.5\); expected three",
              target_affine=np.eye(4), target_shape=(4, 4, 2.5)),
    parameter(TypeError, r"unexpected keyword argument 'n_component'", n_component=5),
    parameter(TypeError, r"unexpected keyword argument 'confound'", confound=[]),
]
# fmt: on

OF_FIT = {"imgs", "confounds", "confound"}


def fit(folder, make, **options):
    """Fit with what a row of the table makes, in place of good arguments and parameters."""
    given = {"imgs": folder.runs} | make(folder)
    arguments = {name: value for name, value in given.items() if name in OF_FIT}
    options |= {name: value for name, value in given.items() if name not in OF_FIT}
    defaults = {"mask": mask_image(), "n_components": 5, "smoothing_fwhm": None, "random_state": 0}
    return CanICA(**(defaults | options)).fit(**arguments)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return Folder(tmp_path_factory.mktemp("bad"))


def rows(*, warn):
    chosen = [row for row in TABLE if (row.expected is DataWarning) == warn]
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in chosen])


@rows(warn=False)
def test_error(folder, row):
    """What cannot be used is an error that says what was found, what was expected, and where."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)
        with pytest.raises(row.expected, match=row.message) as caught:
            fit(folder, row.make)

    # The rest of the message is for a person: no lone word, no array printed in full.
    assert 15 < len(str(caught.value)) < 600


@rows(warn=True)
def test_warning_stays_in_the_result(folder, row):
    """What does not stop the fit warns, stays in `runs_`, and leaves no NaN in the maps."""
    with pytest.warns(DataWarning, match=row.message) as caught:
        ica = fit(folder, row.make)

    noted = ica.runs_.set_index("path")["warnings"]
    assert len([w for w in caught if issubclass(w.category, DataWarning)]) == 1
    assert noted[str(folder.path / "bad.nii.gz")]
    assert (noted[folder.runs[:2]] == "").all()
    assert noted[str(folder.path / "bad.nii.gz")] in str(caught[0].message)
    assert np.isfinite(ica.components_).all()


def test_errors_come_through_processes(folder):
    """An error in a worker process arrives with its type and message."""
    row = next(row for row in TABLE if row.name == "truncated .nii.gz")

    with pytest.raises(row.expected, match=row.message):
        fit(folder, row.make, n_jobs=2)


def test_an_error_leaves_the_cache_usable(folder, tmp_path):
    """Runs reduced before an error are kept, and the fit goes on from there."""
    truncated(folder, "late.nii.gz")
    with pytest.raises(DataError):
        fit(
            folder,
            lambda folder: {"imgs": [*folder.runs[:2], str(folder.path / "late.nii.gz")]},
            memory=tmp_path / "cache",
        )

    ica = fit(folder, lambda folder: {}, memory=tmp_path / "cache")

    assert list(ica.runs_["cached"]) == [True, True, False]
