"""Every compound: a few of its cells at every dose, its verdicts and its nearest neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phenovae.figures.colours import channel_inks
from phenovae.report.anchors import Anchors
from phenovae.report.compound_content import CompoundContent
from phenovae.report.content import ReportContent
from phenovae.report.facts import Facts, plural
from phenovae.report.misses import likeness_text
from phenovae.report.strips import Strip, strips_within
from phenovae.report.unannotated import Known, most_like, nearest_of_unannotated
from phenovae.report.verdicts import Verdict, Verdicts
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import dose_text

_NEAREST = 3
_WORDS = {"right": "right", "wrong": "wrong", "tied": "tied"}


@dataclass(frozen=True)
class Near:
    """A neighbour as it is listed; its name is a link where that leads somewhere."""

    name: str
    mechanism: str
    likeness: str
    right: bool


@dataclass(frozen=True)
class Outcome:
    """What one metric says of a dose: its verdict, the nearest neighbours, the first right one."""

    state: str
    word: str
    nearest: Sequence[Near]
    first_right: str


@dataclass(frozen=True)
class Dose:
    """A dose: its name, what lies behind it, its cells, and an outcome for every metric."""

    name: str
    wells: str
    cells: str
    strip: Strip | None
    alt: str
    outcomes: Sequence[Outcome | None]


@dataclass(frozen=True)
class Compound:
    """A compound's section."""

    anchor: str
    name: str
    mechanism: str
    verdict: str
    state: str
    facts: Facts
    control: Dose | None
    doses: Sequence[Dose]
    caption: str


@dataclass(frozen=True)
class CompoundPart:
    """All compounds, by which metrics and protocol they are judged, and the key of the channels."""

    compounds: Sequence[Compound]
    metrics: Sequence[str]
    label: str
    key: Sequence[tuple[str, str]]
    notes: Sequence[str]


def compound_part(
    content: ReportContent, verdicts: Verdicts, anchors: Anchors
) -> CompoundPart | None:
    """The sections on compounds; None where no compound is known."""
    told = content.compounds
    if not told.compounds:
        return None
    metrics = [metric for metric in ("NSC", "NSCB") if verdicts.by(metric)]
    rows = [
        crops
        for each in told.compounds
        for crops in (each.controls, *(dose.crops for dose in each.doses))
    ]
    unknown = nearest_of_unannotated(content)
    # Without a score there is no column to tell them in.
    columns = metrics or (["nearest"] if unknown else [])
    strips, shown = strips_within(rows)
    asked = max((len(row) for row in rows), default=0)
    at = 0
    found = []
    for each in told.compounds:
        own = strips[at : at + 1 + len(each.doses)]
        at += 1 + len(each.doses)
        found.append(_compound(each, own, columns, verdicts, unknown, anchors, content))
    notes = []
    if shown < asked:
        notes.append(
            f"At most {plural(shown, content.unit)} of a dose are shown, not {asked:,}: the file "
            "would grow too large."
        )
    if not asked:
        notes.append(f"The configuration asks to show no {content.unit}s of compounds.")
    elif any(s is None for s, row in zip(strips, rows, strict=True) if len(row)):
        notes.append("The last compounds are shown without pictures, for the same reason.")
    key = list(zip(told.channels, channel_inks(told.channels), strict=True)) if asked else []
    return CompoundPart(found, columns, verdicts.headline, key, notes)


def _compound(
    told: CompoundContent,
    strips: Sequence[Strip | None],
    metrics: Sequence[str],
    verdicts: Verdicts,
    unknown: Mapping[str, Sequence[Known]],
    anchors: Anchors,
    content: ReportContent,
) -> Compound:
    names = [treatment_text(told.compound, dose.concentration) for dose in told.doses]
    unit = content.unit
    control = None
    if strips[0] is not None:
        control = Dose(
            told.control,
            "",
            "",
            strips[0],
            f"{plural(strips[0].count, unit)} of {told.control}, the negative control",
            (),
        )
    doses = [
        Dose(
            f"{dose_text(dose.concentration)} µM",
            f"{dose.wells:,}",
            f"{dose.cells:,}",
            shown,
            f"{plural(shown.count, unit)} of {name}" if shown else "",
            [
                _outcome(verdicts.by(metric).get(name), anchors)
                or (_guess(unknown.get(name, ()), anchors) if metric == metrics[0] else None)
                for metric in metrics
            ],
        )
        for name, dose, shown in zip(names, told.doses, strips[1:], strict=True)
    ]
    state, verdict = _verdict(names, metrics, verdicts)
    alike = most_like([unknown[name] for name in names if name in unknown])
    if state == "none" and alike:
        verdict = alike
    return Compound(
        anchor=anchors.of_compound(told.compound),
        name=told.compound,
        mechanism=told.mechanism or "mechanism not known",
        verdict=verdict,
        state=state,
        facts=[
            ("mechanism", told.mechanism or "not known"),
            ("doses", f"{len(told.doses):,}; {plural(told.cells, unit)}"),
            ("plates", f"{told.plates:,}, of {', '.join(told.batches)}"),
        ],
        control=control,
        doses=doses,
        caption=_caption(told, strips, content),
    )


def _verdict(names: Sequence[str], metrics: Sequence[str], verdicts: Verdicts) -> tuple[str, str]:
    """How many of its doses were right by the first metric: a state, and words."""
    if not metrics:
        return "none", "not scored"
    own = [found for name in names if (found := verdicts.by(metrics[0]).get(name)) is not None]
    if not own:
        return "none", "not scored"
    right = sum(each.right for each in own)
    state = "right" if right == len(own) else "wrong" if right == 0 else "mixed"
    return state, f"{right:.3g} of {len(own)} right"


def _guess(nearest: Sequence[Known], anchors: Anchors) -> Outcome | None:
    """What a treatment of no known mechanism is most like; no verdict can be given."""
    if not nearest:
        return None
    near = [
        Near(
            anchors.link(each.treatment), each.mechanism, likeness_text(each.likeness), right=False
        )
        for each in nearest[:_NEAREST]
    ]
    return Outcome("none", "mechanism not known; most like", near, "")


def _outcome(verdict: Verdict | None, anchors: Anchors) -> Outcome | None:
    if verdict is None:
        return None
    ranking = verdict.ranking
    if ranking is None:
        near = [
            Near(
                anchors.link(verdict.neighbour),
                verdict.predicted,
                likeness_text(verdict.likeness),
                verdict.predicted == verdict.mechanism,
            )
        ]
        return Outcome(verdict.state, _WORDS[verdict.state], near, "")
    near = [
        Near(anchors.link(each.treatment), each.mechanism, likeness_text(each.likeness), each.right)
        for each in ranking.nearest[:_NEAREST]
    ]
    beyond = ranking.rank is not None and ranking.rank > _NEAREST
    first = (
        f"first of its mechanism: {ranking.first_right.treatment}, number {ranking.rank:,} of "
        f"{ranking.allowed:,} ({likeness_text(ranking.first_right.likeness)})"
        if beyond and ranking.first_right is not None
        else ""
    )
    return Outcome(verdict.state, _WORDS[verdict.state], near, first)


def _caption(told: CompoundContent, strips: Sequence[Strip | None], content: ReportContent) -> str:
    if not any(strips):
        return ""
    unit = content.unit
    shown = sum(each.count for each in strips[1:] if each is not None)
    wide = f", each {content.crop_um:.0f} µm wide" if content.crop_um else ""
    above = f", below {told.control} on {told.beside}" if told.beside else ""
    return (
        f"{shown:,} of its {plural(told.cells, unit)}{above}{wide}; spread evenly over its wells, "
        f"not chosen by eye. {content.compounds.scaled}."
    )
