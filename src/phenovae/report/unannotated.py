"""Treatments of no known mechanism: what they are most like, as the report tells it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.report.content import ReportContent
from phenovae.report.facts import percent, plural
from phenovae.report.words import MODEL, find, headline, number


@dataclass(frozen=True)
class Known:
    """A known treatment, its mechanism, and how alike it is."""

    treatment: str
    mechanism: str
    likeness: float


def nearest_of_unannotated(content: ReportContent) -> Mapping[str, Sequence[Known]]:
    """The most alike known treatments, nearest first, by the name of a treatment of no mechanism.

    By the headline's protocol, or, where nothing could be scored, the first that made profiles.
    """
    table = content.unannotated
    if not len(table):
        return {}
    label = headline(content.records)
    if label not in set(table["Protocol"]):
        label = str(table["Protocol"].iloc[0])
    rows = table.loc[table["Protocol"] == label].sort_values("Rank", kind="stable")
    found: dict[str, list[Known]] = {}
    for name, neighbour, mechanism, likeness in zip(
        *(rows[each] for each in ("Treatment", "Neighbour", "Neighbour_MoA", "Similarity")),
        strict=True,
    ):
        known = Known(str(neighbour), str(mechanism), float(likeness))
        found.setdefault(str(name), []).append(known)
    return found


def most_like(nearest: Sequence[Sequence[Known]]) -> str:
    """Which mechanism the doses of a compound are nearest to, in words; empty without doses."""
    first = [each[0].mechanism for each in nearest if each]
    if not first:
        return ""
    (mechanism, count), *_ = Counter(first).most_common(1)
    if first[1:] and count == 1:
        return "no two doses most like one mechanism"
    return f"most like {mechanism}" + (f" ({count} of {len(first)} doses)" if first[1:] else "")


def unannotated_sentence(content: ReportContent) -> str:
    """How many treatments have no known mechanism, and how far to trust their neighbours."""
    count = len(nearest_of_unannotated(content))
    if not count:
        return ""
    said = (
        f"{plural(count, 'treatment')} of no known mechanism: what each is most like stands under "
        "its compound. Nothing can say whether that is right."
    )
    nsc = find(content.records, MODEL, "NSC", headline(content.records))
    if nsc is not None:
        said += (
            f" Of treatments whose mechanism is known it is for {percent(number(nsc, 'value'))}, "
            "and one that does something else than all known ones has a nearest neighbour, too."
        )
    return said
