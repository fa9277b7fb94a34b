"""Misses explained: what was nearer than the right neighbour, and how far behind that one stood."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.evaluate.scores import label_of
from phenovae.report.anchors import Anchors
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import listed, mapping, plural
from phenovae.report.tables import Table
from phenovae.report.verdicts import Verdict, Verdicts
from phenovae.report.words import MODEL

_NEAR = 5
_PAIRS = 3


@dataclass(frozen=True)
class Misses:
    """The misses of one score: a headline, what they have in common, a table, who is left out."""

    headline: str
    sentences: Sequence[str]
    table: Table
    unscorable: str


def misses(content: ReportContent, verdicts: Verdicts, anchors: Anchors) -> list[Misses]:
    """Every treatment of the model that was missed, by score."""
    found = []
    for record in content.records:
        if record["features"] != MODEL or "misses" not in record:
            continue
        missed = [mapping(each) for each in listed(record["misses"])]
        known = verdicts.by(str(record["metric"]), label_of(record))
        unscorable = [str(name) for name in listed(record.get("unscorable"))]
        what = f"{record['metric']} by {label_of(record)}"
        found.append(
            Misses(
                f"{what}: {len(missed)} of {record['total']} treatments missed",
                _sentences(missed, known),
                _table(what, _likeness(record), missed, known, anchors),
                f"Cannot be scored, for want of an allowed neighbour of their mechanism: "
                f"{', '.join(unscorable)}."
                if unscorable
                else "",
            )
        )
    return found


def _sentences(missed: Sequence[Record], known: Mapping[str, Verdict]) -> list[str]:
    """How near the right ones were, and which mechanisms are taken for which."""
    if not missed:
        return []
    said = []
    ranks = [
        ranking.rank
        for each in missed
        if (verdict := known.get(str(each.get("treatment")))) is not None
        and (ranking := verdict.ranking) is not None
        and ranking.rank is not None
    ]
    if ranks:
        second = sum(rank <= 2 for rank in ranks)
        near = sum(rank <= _NEAR for rank in ranks)
        middle = sorted(ranks)[(len(ranks) - 1) // 2]
        said.append(
            f"Of {plural(len(ranks), 'miss', 'misses')}, {second:,} had a treatment of the right "
            f"mechanism as second neighbour and {near:,} among the first {_NEAR}; the median place "
            f"of the first right one is {middle:,}."
        )
    pairs = Counter((str(each.get("moa")), str(each.get("predicted"))) for each in missed)
    common = [(pair, count) for pair, count in _most(pairs) if count > 1][:_PAIRS]
    if common:
        taken = "; ".join(f"{a} for {b} ({count:,} times)" for (a, b), count in common)
        said.append(f"Taken most often: {taken}.")
    return said


def _most(pairs: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(pairs.items(), key=lambda each: (-each[1], each[0]))


def _table(
    what: str,
    likeness: str,
    missed: Sequence[Record],
    known: Mapping[str, Verdict],
    anchors: Anchors,
) -> Table:
    return Table(
        f"Treatments missed in {what}: the neighbour that was nearer than any of their own "
        f"mechanism, and the first of that one with its place among all allowed neighbours. "
        f"{likeness}",
        (
            "treatment",
            "mechanism",
            "nearest neighbour",
            "its mechanism",
            "likeness",
            "first of the right mechanism",
            "likeness",
            "place",
        ),
        [_row(each, known.get(str(each.get("treatment"))), anchors) for each in missed],
        frozenset({4, 6, 7}),
    )


def _likeness(record: Record) -> str:
    metric = mapping(record.get("parameters")).get("metric")
    if metric == "euclidean":
        return "Likeness is minus the Euclidean distance: larger is more alike."
    if metric == "pearson":
        return "Likeness is Pearson’s correlation: 1 is alike."
    return "Likeness is the cosine of the angle between profiles: 1 is alike."


def _row(miss: Record, verdict: Verdict | None, anchors: Anchors) -> tuple[str, ...]:
    ranking = verdict.ranking if verdict is not None else None
    first = ranking.first_right if ranking is not None else None
    return (
        anchors.link(str(miss.get("treatment", ""))),
        str(miss.get("moa", "")),
        anchors.link(str(miss.get("neighbour", ""))),
        str(miss.get("predicted", "")),
        likeness_text(miss.get("similarity")),
        anchors.link(first.treatment) if first is not None else "not known",
        likeness_text(first.likeness) if first is not None else "",
        f"{ranking.rank:,} of {ranking.allowed:,}"
        if ranking is not None and ranking.rank is not None
        else "",
    )


def likeness_text(likeness: object) -> str:
    """A likeness with three digits; nothing where it is none."""
    return f"{likeness:.3f}".replace("-", "−") if isinstance(likeness, int | float) else ""
