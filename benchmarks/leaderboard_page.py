"""The leaderboard's page in Markdown, written from the records of runs and of tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

Record = Mapping[str, object]

PUBLISHED = Path(__file__).with_name("published_scores.yaml")
METRICS = ("NSC", "NSCB", "NSC mAP", "NSCB mAP")
_NOTHING = "–"


@dataclass(frozen=True)
class Row:
    """One line of every table: what was scored, and all its records."""

    name: str
    records: Sequence[Record]


@dataclass(frozen=True)
class Board:
    """One set of data: its title, what to know of it, its rows.

    With `one_table` the rows are protocols that score the same features, and what is compared are
    the protocols; else every protocol has a table of its own.
    """

    title: str
    words: str
    rows: Sequence[Row]
    one_table: bool = False


def page(boards: Iterable[Board], command: str) -> str:
    """The whole page."""
    parts = [
        "# Leaderboard",
        _filled(
            "Every model of phenovae and its baselines, by every protocol, on the data that were "
            "at hand, written by"
        ),
        f"```sh\n{command}\n```",
        _filled(
            "Each table is one protocol, since scores of different protocols do not compare "
            "([protocols.md](protocols.md)). Counts are treatments whose nearest neighbour has "
            "their mechanism, of those that can be asked; mAP is the mean average precision of "
            "the same question; in brackets the 95 % interval over compounds. One seed a row: "
            "another training of the same model differs by a few treatments, so neighbours in a "
            "table are often not different (`phenovae compare` tells)."
        ),
    ]
    parts += [_board(board) for board in boards]
    parts.append(_published())
    return "\n\n".join(parts) + "\n"


def _board(board: Board) -> str:
    parts = [f"## {board.title}", _filled(board.words)]
    if board.one_table:
        parts.append(
            _table([(row.name, _by_metric(row.records)) for row in board.rows], "protocol")
        )
    else:
        for protocol in _protocols(board.rows):
            own = [
                (row.name, _by_metric(each for each in row.records if _label(each) == protocol))
                for row in board.rows
            ]
            parts += [f"### `{protocol}`", _table([pair for pair in own if pair[1]], "features")]
    if probes := _probes(board.rows):
        parts += ["### Cell probe", probes]
    return "\n\n".join(parts)


def _by_metric(records: Iterable[Record]) -> dict[str, Record]:
    return {str(each["metric"]): each for each in records}


def _protocols(rows: Sequence[Row]) -> list[str]:
    """Labels of the protocols that score by neighbours, in the order of the records."""
    found: dict[str, None] = {}
    for row in rows:
        for record in row.records:
            if record["metric"] in METRICS:
                found[_label(record)] = None
    return list(found)


def _label(record: Record) -> str:
    return f"{record['protocol']}@{record['version']}"


def _table(rows: Sequence[tuple[str, Mapping[str, Record]]], what: str) -> str:
    metrics = [name for name in METRICS if any(name in found for _, found in rows)]
    falling = sorted(rows, key=lambda row: -_value(row[1].get(metrics[0])))
    lines = [_line([what, *metrics]), _line(["---", *("---:" for _ in metrics)])]
    lines += [
        _line([name, *(_cell(found.get(metric)) for metric in metrics)]) for name, found in falling
    ]
    reasons = {
        str(each["reason"]): None
        for _, found in rows
        for metric, each in found.items()
        if metric in metrics and each.get("value") is None and each.get("reason")
    }
    return "\n\n".join(["\n".join(lines), *(_filled(f"{_NOTHING}: {each}.") for each in reasons)])


def _value(record: Record | None) -> float:
    value = record.get("value") if record is not None else None
    return float(value) if isinstance(value, int | float) else -1.0


def _cell(record: Record | None) -> str:
    if record is None or record.get("value") is None:
        return _NOTHING
    low, high = record.get("low"), record.get("high")
    counted = record.get("correct") is not None and record.get("headline", "micro") == "micro"
    told = f"{record['correct']}/{record['total']}" if counted else _share(record["value"])
    if record["metric"] in ("NSC", "NSCB") and not counted:
        told += " of compounds"
    return f"{told} [{_share(low)}, {_share(high)}]" if low is not None else told


def _share(value: object) -> str:
    return f"{float(value):.2f}".lstrip("0") if isinstance(value, int | float) else _NOTHING


def _probes(rows: Sequence[Row]) -> str:
    found = [
        (row.name, record)
        for row in rows
        for record in row.records
        if record["metric"] == "probe" and record.get("value") is not None
    ]
    if not found:
        return ""
    found.sort(key=lambda pair: -_value(pair[1]))
    chance = _share(found[0][1]["chance"])
    lines = [_line(["features", f"balanced accuracy (chance {chance})"]), _line(["---", "---:"])]
    return "\n".join([*lines, *(_line([name, _cell(record)]) for name, record in found)])


def _published() -> str:
    works = yaml.safe_load(PUBLISHED.read_text(encoding="utf-8"))
    lines = [
        _line(["work", "NSC [%]", "NSCB [%]", "read in", "remark"]),
        _line(["---", "---:", "---:", "---", "---"]),
    ]
    lines += [
        _line(
            [
                work["work"],
                work["nsc"],
                work["nscb"] or _NOTHING,
                work["read"],
                work.get("remark", ""),
            ]
        )
        for work in works
    ]
    words = (
        "All of BBBC021's annotated treatments, each by its authors' own protocol: denominators, "
        "masks and transforms differ, so these do not compare with the tables above, nor strictly "
        "with each other. *Abstract*: read in the paper's own abstract; *output*: printed by the "
        "authors' code or log; *table*: in somebody else's table; *memory*: as it is quoted, not "
        "checked in print."
    )
    return "\n\n".join(["## Published figures", _filled(words), "\n".join(lines)])


def _filled(words: str) -> str:
    return textwrap.fill(words, 104, break_long_words=False, break_on_hyphens=False)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
