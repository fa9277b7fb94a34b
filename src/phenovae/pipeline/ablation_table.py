"""The table of an ablation, and the records that it is made of."""

from __future__ import annotations

import logging
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from phenovae.base.files import read_json, write_json, write_text
from phenovae.evaluate.provenance import Training
from phenovae.pipeline.ablation_rows import Ablation

logger = logging.getLogger(__name__)

TABLE = "ablation.md"
RECORDS = "ablation.json"
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("probe", "cell-probe", "probe"),
    ("NSC", "cells-mean", "NSC"),
    ("NSCB", "cells-mean", "NSCB"),
    ("whitened NSC", "cells-mean-whitened", "NSC"),
    ("whitened NSCB", "cells-mean-whitened", "NSCB"),
)
"""Columns of the table: title, protocol, metric."""

LABEL_FREE = Training(labels="none").track

_NOTHING = "–"


@dataclass(frozen=True)
class Scored:
    """One run of one row. `scores` by title of the column: value, low, high, correct, total.

    `track` says which labels training saw; `settings` is equal for runs of the same configuration
    on the same table of cells, wherever these lie.
    """

    entry: str
    seed: int
    scores: Mapping[str, Mapping[str, float | int | None]]
    elbo: float | None
    steps: int
    batch: int
    track: str = LABEL_FREE
    settings: str = ""


def recorded(out: Path) -> list[Scored]:
    """What earlier commands wrote into a folder; nothing where that was another version."""
    if not (out / RECORDS).exists():
        return []
    found = read_json(out / RECORDS)
    try:
        return [Scored(**each) for each in found] if isinstance(found, list) else []
    except TypeError:
        logger.warning("%s was written by another version and is left out", RECORDS)
        return []


def write_table(
    out: Path, ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str]
) -> None:
    """Write the table and its records; rows that wait for a setting are told as not run."""
    write_text(out / TABLE, table_text(ablation, done, waiting))
    write_json(out / RECORDS, [asdict(each) for each in done])


def table_text(ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str] = ()) -> str:
    """The tables in Markdown, one a track of training, that without labels first.

    Means over seeds, and the interval over compounds of the first.
    """
    others = sorted({each.track for each in done} - {LABEL_FREE})
    lines = _table(ablation, [each for each in done if each.track == LABEL_FREE], waiting)
    for track in others:
        lines += ["", f"**{track}**: shares no column with the table above", ""]
        lines += _table(ablation, [each for each in done if each.track == track])
    remarks = [f"- {each.name}: {each.remark}" for each in ablation.entries if each.remark]
    return "\n".join([*lines, *([""] if remarks else []), *remarks]) + "\n"


def _table(ablation: Ablation, done: Sequence[Scored], waiting: Sequence[str] = ()) -> list[str]:
    titles = [title for title, _, _ in COLUMNS]
    heads = ["", *titles, "ELBO", "cells seen", "seeds"]
    lines = [_line(heads), _line(["---", *("---:" for _ in heads[1:])])]
    for entry in ablation.entries:
        own = sorted(
            (each for each in done if each.entry == entry.name), key=lambda each: each.seed
        )
        if own:
            elbos = [each.elbo for each in own if each.elbo is not None]
            lines.append(
                _line(
                    [
                        entry.name,
                        *(_cell([each.scores.get(title, {}) for each in own]) for title in titles),
                        f"{statistics.mean(elbos):,.0f}" if elbos else _NOTHING,
                        f"{own[0].steps * own[0].batch:,}",
                        ", ".join(str(each.seed) for each in own),
                    ]
                )
            )
        elif entry.name in waiting:
            told = f"not run: {entry.needs} was not given"
            lines.append(_line([entry.name, told, *("" for _ in heads[2:])]))
    return lines


def _cell(found: Sequence[Mapping[str, float | int | None]]) -> str:
    told = [each for each in found if each.get("value") is not None]
    if not told:
        return _NOTHING
    first = told[0]
    if first.get("correct") is not None:
        counts = [float(each["correct"] or 0) for each in told]
        mean = f"{statistics.mean(counts):.1f}/{first['total']}"
    else:
        mean = f"{statistics.mean(float(each['value'] or 0) for each in told):.3f}"
    low, high = first.get("low"), first.get("high")
    return f"{mean} [{low:.2f}, {high:.2f}]" if low is not None and high is not None else mean


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
