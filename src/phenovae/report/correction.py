"""Does correction erase biology? Mixing of batches beside mechanisms, before and after."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phenovae.evaluate.scores import METRICS, MIXING, kind_of, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import interval, mapping, percent, signed_points
from phenovae.report.tables import Table
from phenovae.report.words import INTENSITY, MODEL

_OF_WELLS = {"negative_control": "negative controls", "positive_control": "positive controls"}
_VERDICTS = {
    ("more", "better"): "Batches mix better and mechanisms are told better.",
    ("more", "same"): "Mechanisms are told better; how batches mix has not clearly changed.",
    ("more", "worse"): "Mechanisms are told better, though batches lie further apart.",
    ("same", "better"): "Batches mix better, and no biology is clearly lost.",
    ("same", "same"): "Neither mechanisms nor the mixing of batches have clearly changed.",
    ("same", "worse"): "Batches lie further apart, and mechanisms are told no better.",
    (
        "less",
        "better",
    ): "Batches mix better, but mechanisms are told worse: biology went too.",
    ("less", "same"): "Mechanisms are told worse, and batches mix no better: biology was erased.",
    ("less", "worse"): "Mechanisms are told worse, and batches lie further apart.",
}
_DIRECTIONS = {
    "better": "batches mix better",
    "same": "there is no clear change",
    "worse": "batches lie further apart",
}
# An interval is not broken at its dash.
_UNBROKEN = "\N{WORD JOINER}–\N{WORD JOINER}"


@dataclass(frozen=True)
class Corrected:
    """One protocol: what its transforms did in words, and the numbers."""

    headline: str
    sentences: list[str]
    table: Table


@dataclass(frozen=True)
class Correction:
    """All protocols, and what could not be measured."""

    protocols: list[Corrected]
    reasons: list[str]


def correction_part(content: ReportContent) -> Correction | None:
    """Every protocol that was applied to the model; None where mixing was not asked for."""
    mixing = [record for record in content.records if kind_of(record) == MIXING]
    if not mixing:
        return None
    labels = dict.fromkeys(label_of(each) for each in mixing if each["features"] == MODEL)
    protocols = []
    for label in labels:
        records = [
            record
            for record in content.records
            if label_of(record) == label
            and record["features"] in (MODEL, INTENSITY)
            and (record["metric"] in METRICS or kind_of(record) == MIXING)
        ]
        columns = _columns(records)
        if any(kind_of(column) == MIXING for column in columns):
            protocols.append(Corrected(label, _sentences(records), _table(label, records, columns)))
    reasons = [
        f"{_OF_WELLS.get(str(each.get('wells')), 'wells')}: {each['reason']}"
        for each in mixing
        if "reason" in each and each["features"] == MODEL
    ]
    return Correction(protocols, list(dict.fromkeys(reasons)))


def _columns(records: Sequence[Record]) -> list[Record]:
    """The first record with a value of each metric, biology first."""
    found: dict[str, Record] = {}
    for record in records:
        if _number(record.get("value")) is not None:
            found.setdefault(str(record["metric"]), record)
    return sorted(found.values(), key=_order)


def _order(record: Record) -> tuple[bool, bool]:
    return kind_of(record) == MIXING, "chance" in record


def _table(label: str, records: Sequence[Record], columns: Sequence[Record]) -> Table:
    rows, strong = [], set()
    for features in dict.fromkeys(str(record["features"]) for record in records):
        own = {str(each["metric"]): each for each in records if each["features"] == features}
        cells = [own.get(str(column["metric"]), {}) for column in columns]
        before = [mapping(cell.get("before_transforms")) for cell in cells]
        if any(before):
            rows.append((f"{features}, before", *(_cell(each) for each in before)))
        if features == MODEL:
            strong.add(len(rows))
        rows.append((f"{features}, after" if any(before) else features, *map(_cell, cells)))
    return Table(
        f"{label}, before and after its transforms: the share, and its 95 % interval",
        ("profiles", *(_heading(column) for column in columns)),
        rows,
        frozenset(range(1, len(columns) + 1)),
        frozenset(strong),
    )


def _heading(record: Record) -> str:
    if kind_of(record) != MIXING:
        return f"{record['metric']} of {record['total']}"
    chance = _number(record.get("null_mean", record.get("chance")))
    by_chance = f"{percent(chance, 0)} by chance" if chance is not None else ""
    if "k" in record:
        return f"same batch, {_treatment(record)} ({record['k']} neighbours; {by_chance})"
    return f"batch told, {_treatment(record)} ({by_chance})"


def _cell(told: Record) -> str:
    value = _number(told.get("value"))
    if value is None:
        return ""
    return f"{percent(value)} ({interval(told).replace('–', _UNBROKEN)})"


def _sentences(records: Sequence[Record]) -> list[str]:
    """What the transforms did to the model's profiles; nothing where there is no before."""
    own = {str(each["metric"]): each for each in records if each["features"] == MODEL}
    biology = next(
        (own[metric] for metric in ("NSCB", "NSC") if metric in own and _moved(own[metric])), None
    )
    mixed = [each for each in own.values() if kind_of(each) == MIXING and _moved(each)]
    if biology is None or not mixed:
        return []
    # The positive controls fitted nothing: where there are any, the verdict is by them.
    check = next((each for each in mixed if each.get("wells") == "positive_control"), mixed[0])
    verdict = _VERDICTS[_direction(biology, "more", "less"), _direction(check, "worse", "better")]
    by = f"By {biology['metric']}, and by the wells of {_treatment(check)}"
    said = [f"{verdict} ({by}{_otherwise(check, mixed)}.)"]
    before = mapping(biology["before_transforms"])
    said.append(
        f"{biology['metric']}: {before.get('correct', 0):g} of {biology['total']} treatments right "
        f"before the transforms, {biology.get('correct') or 0:g} after ({_change(biology)})."
    )
    for each in mixed:
        first = mapping(each["before_transforms"])
        chance = _number(each.get("null_mean"))
        said.append(
            f"{_treatment(each)} ({_OF_WELLS.get(str(each.get('wells')), 'wells')}, "
            f"{each['total']} wells): of {each.get('k')} neighbours "
            f"{percent(_number(first.get('value')) or 0, 0)} were of the same batch before, "
            f"{percent(_number(each.get('value')) or 0, 0)} are after ({_change(each)})"
            + (f"; by chance {percent(chance, 0)}." if chance is not None else ".")
        )
    return said


def _otherwise(check: Record, mixed: Sequence[Record]) -> str:
    """Wells that say something else of the batches than those that the verdict goes by."""
    told = _direction(check, "worse", "better")
    others = {
        f"; among those of {_treatment(each)} {_DIRECTIONS[_direction(each, 'worse', 'better')]}"
        for each in mixed
        if each.get("wells") != check.get("wells") and _direction(each, "worse", "better") != told
    }
    return "".join(sorted(others))


def _treatment(record: Record) -> str:
    """What the wells hold; a control without a dose by its name alone."""
    return str(record.get("treatment", "unknown")).removesuffix(" 0 µM")


def _moved(record: Record) -> bool:
    return _number(mapping(record.get("before_transforms")).get("difference_low")) is not None


def _direction(record: Record, up: str, down: str) -> str:
    told = mapping(record["before_transforms"])
    if (_number(told.get("difference_low")) or 0) > 0:
        return up
    return down if (_number(told.get("difference_high")) or 0) < 0 else "same"


def _change(record: Record) -> str:
    told = mapping(record["before_transforms"])
    moved, low, high = (
        signed_points(_number(told.get(key)) or 0.0)
        for key in ("difference", "difference_low", "difference_high")
    )
    return f"{moved} points, 95 % interval {low} to {high}"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
