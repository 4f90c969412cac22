"""What only shows when the runs of a fit are looked at together: twins, and other TRs."""

from collections import Counter

from nbica.image.run import FileFrames
from nbica.image.twins import place_of


class RunComparison:
    """The runs of one fit, in their order, compared with each other.

    Parameters
    ----------
    inputs : list of dict
        Those of runs that were fitted before, as `provenance.input_of` gives them.
    """

    def __init__(self, inputs):
        self._seen = {one["fingerprint"]: row for row, one in enumerate(inputs)}
        self._seen.pop(None, None)
        self._keys, self._t_rs, self._n_done = [], [], 0

    def add(self, run, fingerprint):
        """Take note of a run that is to be reduced."""
        keys = [fingerprint] if fingerprint else []
        if isinstance(run.frames, FileFrames):
            keys.append(place_of(run.frames.path))
        self._keys.append(keys)
        self._t_rs.append(run.t_r)

    def look_for_twin(self, row, place, reduction):
        """Say in the row of the next run, at a place in the table, where there is the same run.

        Links, copies and compressed copies are the same, and so is what has the same singular
        values to the last bit.
        """
        keys = self._keys[self._n_done]
        self._n_done += 1
        if reduction is None:
            return
        if len(reduction.singular_values):
            keys = [*keys, (reduction.n_timepoints, reduction.singular_values.tobytes())]
        twin = next((self._seen[key] for key in keys if key in self._seen), None)
        if twin is not None:
            _add(row, f"the same run as that in row {twin} of runs_: it counts twice")
        for key in keys:
            self._seen.setdefault(key, place)

    def compare_repetition_times(self, rows):
        """Say in the rows of these runs, the last of the table, which have another TR than most."""
        known = [round(t_r, 4) for t_r in self._t_rs if t_r]
        if len(set(known)) < 2:
            return
        usual = Counter(known).most_common(1)[0][0]
        for row, t_r in zip(rows[len(rows) - len(self._t_rs) :], self._t_rs, strict=True):
            if t_r and abs(t_r / usual - 1) > 0.01:
                _add(row, f"{t_r:g} s between frames, where most of the runs have {usual:g} s")


def _add(row, text):
    row["warnings"] = "; ".join(filter(None, [row["warnings"], text]))
