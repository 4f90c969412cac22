"""How a run becomes signals: masked, smoothed, cleaned, and walked by blocks of voxels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import joblib
import numpy as np

from nbica.image.spatial import smoothing_sigma
from nbica.masking.extract import notices_of, read_into
from nbica.masking.mask import Mask
from nbica.runtime.scratch import DiskSignals, RamSignals
from nbica.runtime.stopwatch import Stopwatch
from nbica.signal.cleaning import Cleaner, Cleaning, clean_parts
from nbica.signal.confounds import load_confounds

if TYPE_CHECKING:
    from nbica.hints import Confounds, SampleMask
    from nbica.image.run import Run


@dataclass(frozen=True, eq=False)
class Preparation:
    """How a run becomes signals: the mask, the smoothing, the cleaning.

    Attributes
    ----------
    mask : Mask
    smoothing_fwhm : float, three floats or None
        In mm.
    cleaning : Cleaning
    """

    mask: Mask
    smoothing_fwhm: float | Sequence[float] | None
    cleaning: Cleaning

    def key(self) -> tuple:
        """What determines the signals, besides the run: hashable by joblib."""
        mask = joblib.hash(self.mask.identity)
        # In one spelling: 6, 6.0 and (6, 6, 6) are one width, None and 0 another.
        width = smoothing_sigma(self.smoothing_fwhm, np.eye(4))
        return mask, tuple(width.tolist()), astuple(self.cleaning.check())


class PreparedRun:
    """The signals of one run, cleaned while they are walked for the first time.

    Peak memory is n_timepoints x n_voxels x 4 B and a few blocks of frames; with a scratch folder
    it is those and a few blocks of 4096 voxels, and the matrix is on disk. The file is read once.

    Parameters
    ----------
    run : Run
    preparation : Preparation
    confounds : ndarray, DataFrame, path, list of these or None
    scratch_folder : path, optional
        Keep the matrix in a file there instead of in RAM.

    Attributes
    ----------
    watch : stopwatch.Stopwatch
        Seconds spent to "read", "smooth" and "clean".
    """

    def __init__(self, run, preparation, confounds=None, scratch_folder=None):
        shape = (run.n_kept, preparation.mask.n_voxels)
        self._run, self._mask = run, preparation.mask
        confounds = load_confounds(confounds, run.n_timepoints, run.name)
        self._cleaner = Cleaner(preparation.cleaning, confounds, run.n_timepoints, kept=run.kept)
        self._is_clean = False
        self._signals = (
            DiskSignals(*shape, scratch_folder) if scratch_folder else RamSignals(*shape)
        )
        self.watch = Stopwatch()
        try:
            self._read = read_into(
                self._signals, run, self._mask, preparation.smoothing_fwhm, self.watch,
                less_baseline=True,
            )  # fmt: skip
        except BaseException:
            self.close()
            raise

    @property
    def n_timepoints(self):
        """Number of frames that are kept."""
        return self._signals.shape[0]

    @property
    def n_voxels(self):
        """Number of voxels in the mask."""
        return self._signals.shape[1]

    def walk(self):
        """Cleaned signals by blocks of voxels, as often as wanted, each time to the end.

        Yields
        ------
        voxels : slice
        block : ndarray of float32, shape (n_timepoints, n_block)
        """
        if self._is_clean:
            yield from self._signals.walk()
            return
        for voxels, block in self._signals.walk(change=True):
            with self.watch.stage("clean"):
                self._cleaner.clean(block, self._read.baseline[voxels])
            yield voxels, block
        self._is_clean = True

    def notices(self):
        """What was noticed about the run, once it was walked: a list of str."""
        cleaner = self._cleaner
        counts = self._read.n_nonfinite, cleaner.n_constant
        noticed = notices_of(self._run, self._mask, *counts, cleaner.cleaning.t_r)
        return [*noticed, *cleaner.notices()]

    def close(self):
        """Free the memory or the file."""
        self._signals.close()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


def prepare(
    run: Run, preparation: Preparation, confounds: Confounds = None,
    parts: np.ndarray | None = None, sample_masks: SampleMask = None,
) -> tuple[np.ndarray, list[str]]:  # fmt: skip
    """Signals of a run, smoothed, masked and cleaned, as one array.

    Peak memory is n_timepoints x n_voxels x 4 B and a few blocks of frames; twice that where frames
    are left out of parts.

    Parameters
    ----------
    run : Run
    preparation : Preparation
    confounds : ndarray, DataFrame, path, list of these or None
    parts : ndarray of shape (n_timepoints,), optional
        Labels of the parts of a run that were recorded apart; each is cleaned by itself.
    sample_masks : list of ndarray, optional
        Frames to keep of each part; for a run without parts, `run.kept` says it.

    Returns
    -------
    signals : ndarray of float32, shape (n_kept, n_voxels)
    notices : list of str
        What was noticed about the run.
    """
    mask, cleaning = preparation.mask, preparation.cleaning
    confounds = load_confounds(confounds, run.n_timepoints, run.name)
    matrix = RamSignals(run.n_kept, mask.n_voxels)
    read = read_into(matrix, run, mask, preparation.smoothing_fwhm, less_baseline=True)
    signals = matrix.array
    if parts is None:
        cleaners = [Cleaner(cleaning, confounds, run.n_timepoints, kept=run.kept)]
        cleaners[0].clean(signals, read.baseline)
    else:
        signals, cleaners = clean_parts(
            signals, cleaning, confounds, parts, sample_masks, read.baseline
        )
    n_constant = min(cleaner.n_constant for cleaner in cleaners) if run.n_kept > 1 else 0
    noticed = [notice for cleaner in cleaners for notice in cleaner.notices()]
    return signals, notices_of(run, mask, read.n_nonfinite, n_constant, cleaning.t_r) + noticed
