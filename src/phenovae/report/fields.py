"""Whole fields in a report: what became of them and of what was found in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from phenovae.report.content import ReportContent
from phenovae.report.facts import Facts, percent, plural
from phenovae.report.field_content import FieldContent
from phenovae.report.field_pictures import light_pictures, outline_pictures, thrown_pictures
from phenovae.report.pictures import Shown
from phenovae.report.tables import Table

FATES = {
    "kept": "kept",
    "border": "cut by the border of a field",
    "small": "too small",
    "large": "too large",
    "field": "in fields that were thrown out",
}
_ROWS = 50
_NAMED = 5


@dataclass(frozen=True)
class FieldPart:
    """The section on fields: facts, pictures, tables; None for a table without a row."""

    facts: Facts
    outlines: Shown
    thrown: Shown
    light: Shown
    flatness: Table | None
    even: list[str]
    rules: Table | None
    notes: list[str]
    unmatched: Table | None
    errors: Table | None


def field_part(content: ReportContent) -> FieldPart | None:
    """All that the report says of fields; None where the run did not begin with them."""
    told = content.fields
    if told is None:
        return None
    return FieldPart(
        facts=field_facts(told),
        outlines=outline_pictures(told),
        thrown=thrown_pictures(told),
        light=light_pictures(told, content.skipped.get("illuminate", "")),
        flatness=flatness_table(told),
        even=even_sentences(told),
        rules=_rule_table(told),
        notes=list(told.notes),
        unmatched=unmatched_table(told),
        errors=error_table(told),
    )


def field_facts(told: FieldContent) -> Facts:
    """What became of every field, and of every nucleus or tile; parts add up to their whole."""
    found: Facts = []
    if told.tabled is not None:
        found.append(("fields in the tables", f"{told.tabled:,}"))
    found += [
        ("fields with images", f"{told.found:,}"),
        ("fields read", f"{told.read:,}"),
        ("fields that could not be used", f"{len(told.errors):,}"),
        (_flagged_words(told), f"{told.flagged:,}{in_brackets(told.flags)}"),
        (f"{told.noun[1]} found", f"{told.nuclei:,}"),
    ]
    for fate, words in FATES.items():
        count = told.fates.get(fate, 0)
        if count or fate == "kept":
            share = f" ({percent(count / told.nuclei)})" if told.nuclei else ""
            found.append((f"of these, {words}", f"{count:,}{share}"))
    return found


def _flagged_words(told: FieldContent) -> str:
    return "fields flagged, and kept" if told.flagged_kept else "fields thrown out"


def in_brackets(counts: Mapping[str, int]) -> str:
    """`: empty 2, focus and noise 1` in brackets, or nothing."""
    if not counts:
        return ""
    each = (f"{name.replace(', ', ' and ')} {count:,}" for name, count in counts.items())
    return f" ({', '.join(each)})"


def flatness_table(told: FieldContent) -> Table | None:
    """How uneven fields are before and after correction, by channel: medians over plates."""
    if told.light is None:
        return None
    table = told.light.table
    known = table.loc[table["Light_Fallback"] == ""]
    names = [f"Light_Flatness{when}" for when in ("Before", "After", "Chance")]
    rows = [
        (str(channel), f"{len(here):,}", *(percent(float(here[name].median())) for name in names))
        for channel, here in known.groupby("Channel", sort=False)
    ]
    if not rows:
        return None
    return Table(
        "How uneven the mean of a plate's fields is, 95th less 5th percentile by the mean: medians "
        "over plates. Where cells are few, their lie alone makes it uneven; correction is not to "
        "take that away.",
        ("channel", "plates", "before", "corrected", "by the lie of cells alone"),
        rows,
        frozenset(range(1, 5)),
    )


def even_sentences(told: FieldContent) -> list[str]:
    """Which light is not the plate's own, or taken as even: a sentence for each reason."""
    if told.light is None:
        return []
    table = told.light.table
    return [
        f"{how}, for {len(here):,} of {_pairs(len(table))}: {reason} ({_some(here)})."
        for how, column in (
            ("That of the whole batch", "Light_Lent"),
            ("Taken as even", "Light_Fallback"),
        )
        for reason, here in table.loc[table[column] != ""].groupby(column, sort=True)
    ]


def _pairs(count: int) -> str:
    return plural(count, "channel of a plate", "channels of plates")


def _some(rows: pd.DataFrame) -> str:
    names = [
        f"{plate} {channel}"
        for plate, channel in zip(rows["Metadata_Plate"], rows["Channel"], strict=True)
    ]
    more = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {more:,} more" if more > 0 else "")


def _rule_table(told: FieldContent) -> Table | None:
    if not told.dropped:
        return None
    return Table(
        "What each rule left out when images and tables were brought together",
        ("rule", "left out"),
        [(rule, f"{count:,}") for rule, count in told.dropped.items()],
        frozenset({1}),
    )


def unmatched_table(told: FieldContent, at_most: int = _ROWS) -> Table | None:
    """What of the screen has no partner; the rows beyond the first are counted."""
    table = told.unmatched
    if not len(table):
        return None
    total = int(table["Count"].sum())
    rest = (
        f"; the first {at_most} of {len(table):,} rows, unmatched.parquet has all"
        if len(table) > at_most
        else ""
    )
    columns = ("Kind", "Plate", "Well", "Site", "File", "Channel", "Count", "Reason")
    rows = [
        tuple(_text(row[name]) for name in columns) for _, row in table.head(at_most).iterrows()
    ]
    empty = [at for at, name in enumerate(columns) if name in _MAY_LACK and _all_empty(rows, at)]
    kept = [at for at in range(len(columns)) if at not in empty]
    return Table(
        f"What has no partner: {total:,} in all{rest}",
        tuple(_HEADS[columns[at]] for at in kept),
        [tuple(row[at] for at in kept) for row in rows],
        frozenset(n for n, at in enumerate(kept) if columns[at] in ("Site", "Count")),
    )


_MAY_LACK = ("File", "Channel")
_HEADS = {
    "Kind": "what",
    "Plate": "plate",
    "Well": "well",
    "Site": "site",
    "File": "file",
    "Channel": "channel",
    "Count": "count",
    "Reason": "reason",
}


def error_table(told: FieldContent, at_most: int = _ROWS) -> Table | None:
    """Fields that could not be used; the rows beyond the first are counted."""
    table = told.errors
    if not len(table):
        return None
    rest = f"; the first {at_most}, errors.parquet has all" if len(table) > at_most else ""
    columns = ("Plate", "Well", "Site", "Reason")
    return Table(
        f"{plural(len(table), 'field')} that could not be used{rest}",
        tuple(_HEADS[name] for name in columns),
        [tuple(_text(row[name]) for name in columns) for _, row in table.head(at_most).iterrows()],
        frozenset({2}),
    )


def _all_empty(rows: list[tuple[str, ...]], at: int) -> bool:
    return not any(row[at] for row in rows)


def _text(value: object) -> str:
    if value is None or value is pd.NA or value != value:
        return ""
    if isinstance(value, float | int):
        return f"{int(value):,}"
    return str(value)
