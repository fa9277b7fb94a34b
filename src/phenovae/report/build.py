"""The report: content in, one self-contained HTML file out."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from phenovae.base.files import write_text
from phenovae.report import (
    correction,
    diagnosis,
    facts,
    fields,
    generation,
    limits,
    mechanisms,
    outcomes,
    pictures,
    recall,
    replicates,
    tables,
)
from phenovae.report.content import ReportContent
from phenovae.report.words import method_sentences, summary_sentences

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
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(
        package.joinpath("template.html.j2").read_text(encoding="utf-8")
    )
    # The style sheet is our own file; nothing of the data gets into it.
    style = Markup(package.joinpath("style.css").read_text(encoding="utf-8"))  # noqa: S704
    return template.render(style=style, content=content, **_parts(content)) + "\n"


def _parts(content: ReportContent) -> dict[str, object]:
    journal = content.journal
    seed = journal.get("seed")
    stages = facts.mapping(journal.get("stages"))
    versions = facts.mapping(journal.get("versions"))
    machine = facts.mapping(journal.get("machine"))
    return {
        "version": str(versions.get("phenovae", "of an unrecorded version")),
        "sentences": summary_sentences(
            content.records,
            content.summary,
            synthetic=content.synthetic,
            unit=content.unit,
        ),
        "limits": limits.limit_sentences(content),
        "unit": content.unit,
        "fields": fields.field_part(content),
        "run_facts": facts.run_facts(content),
        "cells": pictures.cell_pictures(content),
        "treatments": outcomes.treatment_pictures(content, seed if isinstance(seed, int) else 0),
        "confusion": outcomes.confusion_pictures(content),
        "scores": outcomes.score_pictures(content),
        "training": pictures.training_pictures(content),
        "flagged": pictures.flagged_pictures(content),
        "score_tables": tables.score_tables(content),
        "recall": recall.probe_recall(content),
        "trained": facts.training_facts(content),
        "mechanisms": mechanisms.mechanism_tables(content),
        "replicates": replicates.replicate_part(content),
        "correction": correction.correction_part(content),
        "published": (
            tables.published_table(content.published)
            if content.published and content.records and not content.synthetic
            else None
        ),
        "misses": tables.misses(content),
        "diagnosis": diagnosis.diagnosis_part(content),
        "generation": generation.generation_part(content),
        "model_facts": facts.model_facts(content),
        "convention": str(content.diagnostics.get("convention", "")),
        "quality_facts": facts.quality_facts(content),
        "refusals": tables.refusal_table(content, _REFUSALS) if content.fields is None else None,
        "design_facts": facts.design_facts(content.design),
        "departures": [str(each) for each in facts.listed(content.design.get("departures"))],
        "method": method_sentences(content),
        "parameters": {
            label: yaml.safe_dump(dict(told), sort_keys=False, allow_unicode=True)
            for label, told in tables.parameters(content).items()
        },
        "provenance": [
            (f"{content.unit}s", content.source),
            ("seed", "not recorded" if seed is None else str(seed)),
            ("versions", ", ".join(f"{name} {number}" for name, number in versions.items())),
            ("machine", ", ".join(str(part) for part in machine.values())),
        ],
        "stages": tables.stage_table(content),
        "checksums": tables.checksum_table(content),
        "warnings": [
            str(warning)
            for stage in stages.values()
            for warning in facts.listed(facts.mapping(stage).get("warnings"))
        ],
    }
