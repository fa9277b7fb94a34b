"""The report: content in, one self-contained HTML file out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from phenovae.base.files import write_text
from phenovae.report import facts, sections
from phenovae.report.content import ReportContent
from phenovae.report.words import MODEL, summary_sentences

_REFUSALS = 50


def write_report(content: ReportContent, path: Path) -> int:
    """Write the report; return its size in bytes. Equal content gives equal bytes."""
    text = render(content)
    write_text(path, text)
    return len(text.encode())


def render(content: ReportContent) -> str:
    """The report as HTML. Every name that comes from data is escaped."""
    package = files("phenovae.report")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=False, lstrip_blocks=True
    )
    template = environment.from_string(
        package.joinpath("template.html.j2").read_text(encoding="utf-8")
    )
    # The style sheet is our own file; nothing of the data gets into it.
    style = Markup(package.joinpath("style.css").read_text(encoding="utf-8"))  # noqa: S704
    return template.render(style=style, content=content, **_parts(content)) + "\n"


def _parts(content: ReportContent) -> dict[str, object]:
    seed = content.journal.get("seed")
    rows = sections.score_rows(content.records)
    tables: dict[str, list[sections.ScoreRow]] = {}
    for row in rows:
        tables.setdefault(row.protocol, []).append(row)
    stages = facts.mapping(content.journal.get("stages"))
    refusals = content.imported.get("refusals")
    return {
        "sentences": summary_sentences(
            content.records, content.summary, synthetic=content.synthetic
        ),
        "cell_pictures": sections.cell_pictures(content),
        "treatment_pictures": sections.treatment_pictures(
            content, seed if isinstance(seed, int) else 0
        ),
        "confusion_picture": sections.confusion_picture(content),
        "score_picture": sections.score_picture(content),
        "training_pictures": sections.training_pictures(content),
        "flagged_picture": sections.flagged_picture(content),
        "tables": tables,
        "summaries": _summaries(content),
        "missed": _missed(content),
        "model_facts": facts.model_facts(content),
        "quality_facts": facts.quality_facts(content),
        "design_facts": facts.design_facts(content.design),
        "split_words": facts.split_words(content.splits),
        "parameters": _parameters(content),
        "refusals": refusals[:_REFUSALS] if isinstance(refusals, list) else [],
        "versions": facts.mapping(content.journal.get("versions")),
        "machine": facts.mapping(content.journal.get("machine")),
        "stages": stages,
        "warnings": [
            warning
            for stage in stages.values()
            for warning in facts.listed(facts.mapping(stage).get("warnings"))
        ],
    }


def _missed(content: ReportContent) -> list[Mapping[str, object]]:
    return [
        record for record in content.records if record["features"] == MODEL and "misses" in record
    ]


def _described(content: ReportContent) -> dict[str, Mapping[str, object]]:
    return {
        f"{record['protocol']}@{record['version']}": facts.mapping(record["parameters"])
        for record in content.records
        if "parameters" in record
    }


def _summaries(content: ReportContent) -> dict[str, str]:
    return {label: str(told.get("summary", "")) for label, told in _described(content).items()}


def _parameters(content: ReportContent) -> dict[str, str]:
    return {
        label: yaml.safe_dump(dict(told), sort_keys=False, allow_unicode=True)
        for label, told in _described(content).items()
    }
