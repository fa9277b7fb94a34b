"""The summary: what was asked, what was found, how sure that is, and against what baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phenovae.evaluate.baselines import CELL_COUNT
from phenovae.evaluate.scores import MECHANISM, METRICS, kind_of, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import listed, mapping, percent, plural, tally
from phenovae.report.unannotated import unannotated_sentence
from phenovae.report.words import (
    INTENSITY,
    MODEL,
    against,
    find,
    headline,
    interval_text,
    number,
    verdict,
)

_NAMED = 3


@dataclass(frozen=True)
class Paragraph:
    """A few sentences on one thing."""

    topic: str
    text: str


@dataclass(frozen=True)
class KeyFigure:
    """A score to be seen first [%], beside chance and the baseline where they are known."""

    name: str
    value: str
    counted: str
    at: float
    low: float
    high: float
    chance: float | None
    baseline: float | None
    title: str


def summary_paragraphs(content: ReportContent) -> list[Paragraph]:
    """What the run found, in words; warnings first."""
    records = content.records
    said: list[Paragraph] = []
    if content.synthetic:
        said.append(
            Paragraph(
                "Synthetic",
                "The cells of this run are synthetic: they were drawn by a program, and the scores "
                "say nothing about real drugs.",
            )
        )
    labels = list(dict.fromkeys(label_of(r) for r in records if r["metric"] == "NSC"))
    scored = [label for label in labels if find(records, MODEL, "NSC", label) is not None]
    if scored:
        said += _of_protocol(content, scored[0])
    said += _of_probe(records, content.unit)
    if len(scored) > 1:
        said.append(_of_others(records, scored[1:]))
    if unknown := unannotated_sentence(content):
        said.append(Paragraph("Not known", unknown))
    if not scored and find(records, MODEL, "probe") is None:
        mechanisms = [record for record in records if kind_of(record) == MECHANISM]
        reasons = sorted({str(r["reason"]) for r in mechanisms if "reason" in r})
        why = f": {'; '.join(reasons)}." if reasons else "."
        said.append(Paragraph("Found", "No treatment could be scored" + why))
    said += _of_training(content)
    return said


def key_figures(content: ReportContent) -> list[KeyFigure]:
    """NSC and NSCB of the model by the first protocol, and the cell probe."""
    first = headline(content.records)
    found = []
    for metric, label, name in (
        ("NSC", first, "NSC"),
        ("NSCB", first, "NSCB, across batches"),
        ("probe", None, f"Single {content.unit}s"),
    ):
        record = find(content.records, MODEL, metric, label)
        if record is None:
            continue
        base = find(content.records, INTENSITY, metric, label)
        counted = (
            "balanced accuracy, unseen compounds"
            if metric == "probe"
            else f"{tally(number(record, 'correct'))} of {record['total']} treatments right"
        )
        found.append(_figure(name, counted, record, base))
    return found


def _figure(name: str, counted: str, record: Record, base: Record | None) -> KeyFigure:
    chance = record.get("null_mean", record.get("chance"))
    known = float(chance) if isinstance(chance, int | float) else None
    beside = number(base, "value") if base is not None else None
    title = f"{interval_text(record)}"
    if known is not None:
        title += f"; by chance {percent(known, 0)}"
    if beside is not None:
        title += f"; intensity alone {percent(beside)}"
    return KeyFigure(
        name,
        percent(number(record, "value")),
        counted,
        _place(number(record, "value")),
        _place(number(record, "low")),
        _place(number(record, "high")),
        None if known is None else _place(known),
        None if beside is None else _place(beside),
        title,
    )


def _place(share: float) -> float:
    return round(100 * min(max(share, 0.0), 1.0), 1)


def _of_protocol(content: ReportContent, label: str) -> list[Paragraph]:
    records = content.records
    nsc = find(records, MODEL, "NSC", label)
    if nsc is None:
        return []
    nscb = find(records, MODEL, "NSCB", label)
    cells = nsc.get("cells")
    behind = f", made of {plural(cells, content.unit)}" if isinstance(cells, int) and cells else ""
    asked = (
        f"Which drugs do the same thing to {content.unit}s? Each of {nsc['total']} treatments with "
        f"a known mechanism looks for its nearest neighbour among the treatments of other "
        f"compounds, by their profiles{behind}. It is right where that one has the same mechanism. "
        f"Profiles and neighbours are those of the protocol {label}."
    )
    found = f"Right for {_counted(nsc)}. "
    found += (
        f"Where the neighbour must come from other batches as well, for {_counted(nscb)}."
        if nscb is not None
        else "No treatment can be scored across batches."
    )
    said = [
        Paragraph("Asked", asked),
        Paragraph("Found", found + _mechanisms(nsc)),
        Paragraph("How sure", _sure(nsc, nscb)),
    ]
    beside = _baselines(records, label, nsc, nscb)
    return [*said, Paragraph("Against the baseline", beside)] if beside else said


def _counted(record: Record) -> str:
    return (
        f"{tally(number(record, 'correct'))} of {record['total']} treatments "
        f"({record['metric']} {percent(number(record, 'value'))})"
    )


def _mechanisms(nsc: Record) -> str:
    """Which mechanisms were found whole, and which not at all."""
    told = [mapping(each) for each in listed(nsc.get("by_moa"))]
    asked = [each for each in told if isinstance(each.get("support"), int | float)]
    asked = [each for each in asked if each["support"]]
    whole = [each for each in asked if each.get("right") == each["support"]]
    none = [each for each in asked if not each.get("right")]
    said = f" Told without a miss: {_names(whole)}." if whole else ""
    return said + (f" Never told: {_names(none)}." if none else "")


def _names(told: Sequence[Record]) -> str:
    """The mechanisms with most treatments by name, the others counted."""
    order = sorted(told, key=lambda each: (-_support(each), str(each.get("moa"))))
    names = [f"{each.get('moa')} ({_support(each):g})" for each in order[:_NAMED]]
    more = len(order) - len(names)
    if more:
        return f"{', '.join(names)} and {plural(more, 'other mechanism')}"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _support(told: Record) -> float:
    value = told.get("support")
    return float(value) if isinstance(value, int | float) else 0.0


def _sure(nsc: Record, nscb: Record | None) -> str:
    said = f"Over compounds, NSC has the {interval_text(nsc)}"
    said += f" and NSCB the {interval_text(nscb)}" if nscb is not None else ""
    chance, p_value = nsc.get("null_mean"), nsc.get("p_value")
    if isinstance(chance, int | float):
        said += f". By chance NSC would be {percent(chance, 0)}"
        if isinstance(p_value, int | float):
            said += f" (p {p_value:.2g})"
    return (
        f"{said}. The interval tells how much hangs on the compounds that happen to be in the "
        "screen. It does not cover the noise of training: another seed moves the numbers too."
    )


def _baselines(records: Sequence[Record], label: str, nsc: Record, nscb: Record | None) -> str:
    said = []
    base = find(records, INTENSITY, "NSC", label)
    if base is not None:
        text = f"From intensity alone, without a model, it is {against(nsc, base)}"
        other = find(records, INTENSITY, "NSCB", label)
        if nscb is not None and other is not None:
            text += f". Across batches it is {against(nscb, other)}"
        said.append(f"{text}.")
    counts = find(records, CELL_COUNT, "NSC")
    if counts is not None:
        said.append(
            f"The number of cells alone, by {label_of(counts)}, gives "
            f"{tally(number(counts, 'correct'))} of {counts['total']} "
            f"(NSC {percent(number(counts, 'value'))})."
        )
    return " ".join(said)


def _of_probe(records: Sequence[Record], unit: str) -> list[Paragraph]:
    probe = find(records, MODEL, "probe")
    if probe is None:
        return []
    text = (
        f"A linear classifier tells the mechanism of a single {unit} of a compound it has not seen "
        f"with a balanced accuracy of {percent(number(probe, 'value'))} ({interval_text(probe)}; "
        f"by chance {percent(number(probe, 'chance'))})"
    )
    base = find(records, INTENSITY, "probe")
    if base is not None:
        text += f"; from intensity alone, {percent(number(base, 'value'))}: {verdict(probe, base)}"
    return [Paragraph(f"Single {unit}s", f"{text}.")]


def _of_others(records: Sequence[Record], labels: Sequence[str]) -> Paragraph:
    said = []
    for label in labels:
        scores = [
            f"{metric} {tally(number(found, 'correct'))} of {found['total']}"
            for metric in METRICS
            if (found := find(records, MODEL, metric, label)) is not None
        ]
        said.append(f"{label}: {', '.join(scores)}")
    return Paragraph(
        "By other protocols",
        f"{'; '.join(said)}. Each protocol’s scores are a quantity of its own.",
    )


def _of_training(content: ReportContent) -> list[Paragraph]:
    said = []
    if content.summary.get("collapsed"):
        said.append(
            "The posterior collapsed: most latent dimensions carry nothing. A learned σ, a KL "
            "warm-up or free bits are the remedies."
        )
    if content.summary.get("sigma_at_bound"):
        said.append("σ met its lower bound in a channel: likelihoods there are a lower limit.")
    return [Paragraph("Mind", " ".join(said))] if said else []
