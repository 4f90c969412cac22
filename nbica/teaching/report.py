"""Which learners' notebooks pass: a table for the teacher."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from nbica.runtime.atomic import to_write, write_text
from nbica.runtime.text import for_spreadsheets, on_one_line
from nbica.teaching import handins, questions, rerun
from nbica.teaching.judging import PASSED, STATES, TRIED, UNANSWERED

if TYPE_CHECKING:
    from nbica.hints import AnyPath

# Questions that no tutorial asks and that a notebook may check all the same.
_MOST_UNKNOWN = 20
_COLUMNS = {"learner", "passed", "n_passed", "troubles"}  # of the table itself
_MARKS = {PASSED: "+", TRIED: "~", UNANSWERED: "."}


@dataclass(frozen=True, eq=False)
class ClassReport:
    """Which learner passed which question.

    Attributes
    ----------
    table : pandas.DataFrame
        A row per learner, a column per question: "passed", "tried" or "not answered".
    troubles : pandas.DataFrame
        Columns learner, notebook and trouble: what could not be read or run, and what the saved
        outputs said that a new run does not.

    See Also
    --------
    class_report : makes one.

    Examples
    --------
    >>> import pandas as pd
    >>> from nbica.teaching import ClassReport
    >>> table = pd.DataFrame({"1.1": ["passed", "tried"]}, index=["ada", "bob"])
    >>> troubles = pd.DataFrame(columns=["learner", "notebook", "trouble"])
    >>> report = ClassReport(table, troubles)
    >>> report.to_csv("class.csv")
    >>> (report.table["1.1"] == "passed").sum().item()
    1
    """

    table: pd.DataFrame
    troubles: pd.DataFrame

    def __repr__(self):
        told = [_line(row) for row in self.troubles.itertuples(index=False)]
        return "\n".join([self._grid(), "", "+ passed   ~ tried   . not answered", *told])

    def _grid(self):
        """The table in marks, with the number of those that pass on two sides."""
        is_passed = self.table == PASSED
        marks = self.table.map(_MARKS.__getitem__)
        marks["passed"] = [f"{n} of {self.table.shape[1]}" for n in is_passed.sum(axis=1)]
        marks.loc[f"{len(self.table)} learners"] = [*is_passed.sum().astype(str), ""]
        return marks.to_string()

    def to_csv(self, path: AnyPath) -> None:
        """Write the table, with the troubles of each learner in a last column; whole or not at all.

        Parameters
        ----------
        path : path
            Separated by tabs if it ends in .tsv, else by commas.
        """
        table, path = self.table.copy(), to_write(path)
        table.insert(0, "n_passed", (self.table == PASSED).sum(axis=1))
        told = {name: [] for name in table.index}
        for row in self.troubles.itertuples(index=False):
            told[row.learner].append(_line(row))
        table["troubles"] = ["; ".join(told[name]) for name in table.index]
        separator = "\t" if path.suffix == ".tsv" else ","
        write_text(path, for_spreadsheets(table).to_csv(sep=separator, index_label="learner"))


def class_report(folder: AnyPath, *, run: bool = False, timeout: float = 300.0) -> ClassReport:
    """List which learners' notebooks pass.

    Reads files only, some 10 ms for a notebook with pictures: what saved outputs of `check` say.
    These hold for what ran last before saving, and whoever edits a file can write what he likes.
    `run=True` **runs the learners' code, with your rights**, in a new kernel per notebook and a
    folder that is thrown away, and tells where the saved outputs said otherwise: do that in a
    container or an account that has nothing to lose. It costs what the notebooks cost.

    Parameters
    ----------
    folder : path
        A folder per learner, with notebooks anywhere in it; or notebooks, named after learners.
    run : bool
        Run the notebooks instead of believing them.
    timeout : float
        Seconds that a cell may take in such a run.

    Returns
    -------
    ClassReport

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ValueError
        If there is no notebook in it.
    ImportError
        With `run`, if nbclient is not installed.

    See Also
    --------
    nbica.check : what the notebooks call.

    Examples
    --------
    >>> from pathlib import Path
    >>> import nbformat
    >>> import nbica
    >>> from nbica import teaching
    >>> cell = nbformat.v4.new_code_cell('nbica.check("1.1", ...)')
    >>> bundle = nbica.check("1.1", ...)._repr_mimebundle_()
    >>> cell.outputs = [nbformat.v4.new_output("execute_result", bundle)]
    >>> Path("class/ada").mkdir(parents=True)
    >>> nbformat.write(nbformat.v4.new_notebook(cells=[cell]), "class/ada/01.ipynb")
    >>> report = teaching.class_report("class")
    >>> report.table.loc["ada"].to_dict()
    {'1.1': 'not answered'}
    """
    found = handins.find(folder)
    if not any(paths for _, paths in found):
        msg = f"No notebooks (*.ipynb) in {folder}; expected one or more for each learner."
        raise ValueError(msg)
    parts = [_hand_in(learner, path, run, timeout) for learner, paths in found for path in paths]
    _tell_twins(parts)
    empty = [(learner, "", "no notebook in this folder") for learner, paths in found if not paths]
    base = Path(folder).expanduser()
    told = [(p.learner, str(p.path.relative_to(base)), t) for p in parts for t in p.troubles]
    troubles = pd.DataFrame(
        [tuple(map(on_one_line, row)) for row in told + empty],
        columns=["learner", "notebook", "trouble"],
    )
    return ClassReport(_table([learner for learner, _ in found], parts), troubles)


def _hand_in(learner, path, run, timeout):
    """One notebook, read or run; a broken one is reported, not raised."""
    part = handins.HandIn(learner, path)
    try:
        _look(part, run, timeout)
    except ImportError:  # of what runs notebooks: none can be run
        raise
    except (OSError, ValueError) as error:
        part.troubles.append(str(error))
    except Exception as error:  # whatever is in this file, the others are looked at
        part.troubles.append(f"cannot be looked at ({type(error).__name__}: {error})")
    return part


def _look(part, run, timeout):
    """Note what a notebook was saved with, and with `run` what it gives now."""
    notebook = handins.read(part.path)
    part.digest = handins.digest(notebook)
    part.states = handins.states(notebook)
    if run:
        notebook, part.troubles = rerun.run(notebook, timeout)
        saved, part.states = part.states, handins.states(notebook)
        part.troubles += _differences(saved, part.states)
    unknown = set(part.states) - set(questions.load())
    if len(unknown) > _MOST_UNKNOWN or unknown & _COLUMNS:
        part.troubles.append(f"checks {len(unknown)} names that are no questions: left out")
        part.states = {name: s for name, s in part.states.items() if name not in unknown}


def _tell_twins(parts):
    """Say of whose notebook each is a copy, if anything is answered in it."""
    answered = [part for part in parts if set(part.states.values()) - {UNANSWERED}]
    for part in answered:
        twins = [other for other in answered if other.digest == part.digest]
        others = sorted({other.learner for other in twins} - {part.learner})
        if others:
            part.troubles.append(f"the same, cell by cell, as that of {', '.join(others)}")


def _differences(saved, again):
    """Where saved outputs and a new run do not agree."""
    for name, state in saved.items():
        if state != again.get(name, UNANSWERED):
            yield f"{name} is saved as {state}, but is {again.get(name, UNANSWERED)} when run"


def _table(learners, parts):
    """The best state of each question for each learner."""
    asked = {name for part in parts for name in part.states}
    known = list(questions.load())
    columns = sorted(asked, key=lambda name: (known.index(name) if name in known else 1e9, name))
    table = pd.DataFrame(UNANSWERED, index=learners, columns=columns, dtype=object)
    for part in parts:
        for name, state in part.states.items():
            table.loc[part.learner, name] = max(
                table.loc[part.learner, name], state, key=STATES.index
            )
    table.index = [on_one_line(name) for name in table.index]
    return table


def _line(row):
    return f"{row.notebook or row.learner}: {row.trouble}"
