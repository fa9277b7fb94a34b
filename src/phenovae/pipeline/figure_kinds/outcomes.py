"""How well the run did: scores with their intervals, and mechanisms taken for each other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from phenovae.base.file_names import readable
from phenovae.evaluate.records import MECHANISM, kind_of, label_of
from phenovae.figures.confusion import confusion_matrix
from phenovae.figures.scores import score_intervals
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Record
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import counted
from phenovae.pipeline.journal import Journal
from phenovae.report.facts import mapping
from phenovae.report.words import MODEL


def _cells(record: Record) -> int:
    count = record.get("cells")
    return count if isinstance(count, int) else 0


def _scores(run: Gathered) -> Iterator[Drawn]:
    told = [
        record
        for record in run.scores
        if kind_of(record) == MECHANISM
        and "k" not in record
        and all(isinstance(record.get(key), int | float) for key in ("value", "low", "high"))
    ]
    if not told:
        raise CannotDrawError("no treatment was scored")
    cells = max(map(_cells, told))
    yield Drawn(
        "scores",
        score_intervals(told),
        "Scores by protocol with 95 % intervals over compounds; those of different protocols are "
        f"different quantities. At most {counted(cells, 'cell')} stand behind one.",
        cells,
    )


def _confusion(run: Gathered) -> Iterator[Drawn]:
    entry = Journal.open(run.run, run.config.seed).stages.get("evaluate")
    found = {} if entry is None else mapping(entry.facts.get("confusion"))
    drawn = 0
    for name, split in found.items():
        table = mapping(split)
        data, index = table.get("data"), table.get("index")
        if not isinstance(data, list) or not isinstance(index, list) or not index:
            continue
        drawn += 1
        total, right = int(np.sum(data)), int(np.trace(np.asarray(data)))
        cells = next(
            (
                _cells(record)
                for record in run.scores
                if record["features"] == MODEL and f"{label_of(record)} {record['metric']}" == name
            ),
            0,
        )
        yield Drawn(
            f"confusion-{readable(name)}",
            confusion_matrix(pd.DataFrame(data, index=index, columns=index)),
            f"{counted(total, 'treatment')} of {counted(cells, 'cell')} by mechanism (row) and "
            f"that of the nearest neighbour (column), {name}. Framed: right, {right} in all. "
            "Shades are shares of a row.",
            cells,
            leading=drawn == 1,
        )
    if not drawn:
        raise CannotDrawError("no treatment of the model was scored")


SCORES = Kind("scores", "scores by protocol with their intervals, beside chance", _scores)
CONFUSION = Kind("confusion", "which mechanism was taken for which", _confusion)
