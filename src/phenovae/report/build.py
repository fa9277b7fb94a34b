"""The report: content in, one self-contained HTML file out."""

from __future__ import annotations

import base64
import hashlib
import logging
from importlib.resources import files
from pathlib import Path

import yaml
from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from phenovae.base.files import write_text
from phenovae.report import (
    compounds,
    correction,
    diagnosis,
    facts,
    fields,
    generation,
    limits,
    mechanisms,
    misses,
    outcomes,
    pictures,
    plate_maps,
    recall,
    replicates,
    score_plot,
    summary,
    tables,
)
from phenovae.report.anchors import Anchors
from phenovae.report.content import ReportContent
from phenovae.report.marks import SHAPES
from phenovae.report.method import method_sentences
from phenovae.report.verdicts import Verdicts

logger = logging.getLogger(__name__)

LARGEST = 15_000_000
"""Bytes beyond which a report is no longer handed on with ease."""

_REFUSALS = 50


def write_report(content: ReportContent, path: Path) -> int:
    """Write the report; return its size in bytes. Equal content gives equal bytes."""
    text = render(content)
    write_text(path, text)
    size = len(text.encode())
    if size > LARGEST:
        logger.warning(
            "the report has %.1f MB; report.example_cells and report.flagged_cells make it smaller",
            size / 1e6,
        )
    return size


def render(content: ReportContent) -> str:
    """The report as HTML. Every name that comes from data is escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_own),
    )
    # Style and script are our own files; nothing of the data gets into them.
    style, script = Markup(_own("style.css")), Markup(_own("script.js"))  # noqa: S704
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")
    template = environment.get_template("template.html.j2")
    return (
        template.render(
            style=style,
            script=script,
            script_hash=f"sha256-{digest}",
            shapes=SHAPES,
            content=content,
            **_parts(content),
        )
        + "\n"
    )


def _own(name: str) -> str:
    return files("phenovae.report").joinpath(name).read_text(encoding="utf-8")


def _parts(content: ReportContent) -> dict[str, object]:
    journal = content.journal
    seed = journal.get("seed")
    stages = facts.mapping(journal.get("stages"))
    versions = facts.mapping(journal.get("versions"))
    machine = facts.mapping(journal.get("machine"))
    verdicts, anchors = Verdicts(content), Anchors(content)
    return {
        "version": str(versions.get("phenovae", "of an unrecorded version")),
        "paragraphs": summary.summary_paragraphs(content),
        "key_figures": summary.key_figures(content),
        "limits": limits.limit_sentences(content),
        "unit": content.unit,
        "fields": fields.field_part(content),
        "run_facts": facts.run_facts(content),
        "cells": pictures.cell_pictures(content),
        "maps": outcomes.treatment_maps(
            content, verdicts, anchors, seed if isinstance(seed, int) else 0
        ),
        "confusion": outcomes.confusion_pictures(content),
        "scores": score_plot.score_plot(content),
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
        "misses": misses.misses(content, verdicts, anchors),
        "compounds": compounds.compound_part(content, verdicts, anchors),
        "plates": plate_maps.plate_part(content),
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
