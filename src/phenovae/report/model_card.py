"""The card of a model that is shared: what it is, what it learned from, how good it is, its limits.

Markdown with the front matter of model hubs (Mitchell et al. 2019 say what such a card is for).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import yaml

from phenovae.evaluate.scores import MECHANISM, kind_of, label_of
from phenovae.report.content import Record, ReportContent
from phenovae.report.facts import (
    design_facts,
    interval,
    mapping,
    model_facts,
    percent,
    plural,
    split_words,
    training_facts,
)
from phenovae.report.limits import limit_sentences
from phenovae.report.method import method_sentences
from phenovae.report.summary import summary_paragraphs
from phenovae.report.words import MODEL

_FEW_CELLS = 10_000
_LEAST = 5
"""Treatments below which a score says next to nothing."""


@dataclass(frozen=True)
class SharedModel:
    """What the card says besides what the run's report shows.

    `labels` are those that training saw; `shape` is (channel, height, width) of what the model
    sees; `raw` the crops it was trained on, in words; `scaling` how they are normalised;
    `dimension` that of an embedding; `readout` what it is; `files` what lies in the folder, by
    name; `onnx` what was compared, or that there is none.
    """

    name: str
    license: str
    labels: str
    seed: int
    shape: tuple[int, int, int]
    raw: str
    scaling: Sequence[str]
    dimension: int
    readout: str
    split_hash: str
    weights: str
    onnx: str
    files: Mapping[str, str]
    versions: Mapping[str, str]
    warnings: Sequence[str] = field(default=())


def model_card(content: ReportContent, model: SharedModel) -> str:
    """The card as Markdown, ending in a newline."""
    parts = [
        _front(model),
        f"# {_plain(model.name)}",
        _opening(content, model),
        "## How to use it",
        _usage(content, model),
        "## What it learned from",
        _table(_data(content, model)),
        "## Scores",
        *_scores(content),
        "## Limits",
        _bullets(_limits(content, model)),
        "## The model",
        _table([*model_facts(content), *_making(model)]),
        "## Files",
        _table(list(model.files.items())),
    ]
    return "\n\n".join(parts) + "\n"


def _front(model: SharedModel) -> str:
    told: dict[str, object] = {
        "library_name": "phenovae",
        "pipeline_tag": "image-feature-extraction",
        "tags": ["microscopy", "high-content-screening", "variational-autoencoder"],
    }
    if model.license:
        told = {"license": model.license, **told}
    return f"---\n{yaml.safe_dump(told, sort_keys=False, allow_unicode=True)}---"


def _opening(content: ReportContent, model: SharedModel) -> str:
    said = (
        f"A variational autoencoder that turns a picture of one {content.unit} "
        f"({', '.join(content.channels)}) into {plural(model.dimension, 'number')}: "
        f"{model.readout}. It was trained with phenovae, {_labels(model)}."
    )
    balance = mapping(content.options.get("sampling")).get("balance")
    if balance not in (None, "none"):
        said += f" How often {content.unit}s were drawn was evened out by {balance}."
    if content.synthetic:
        said += " **The cells it learned from are synthetic, drawn by a program.**"
    if not model.license:
        said += (
            "\n\nNo licence was chosen for these weights. Ask who gave them to you what you may do."
        )
    return said


def _labels(model: SharedModel) -> str:
    if model.labels == "none":
        return "and neither a mechanism nor the name of a compound was given to it"
    return (
        f"**weakly supervised**: it learned to tell {model.labels}s apart, and its scores share no "
        "column with those of models that saw no labels; no mechanism was given to it"
    )


def _usage(content: ReportContent, model: SharedModel) -> str:
    channels = ", ".join(content.channels)
    return (
        "```sh\nphenovae embed --model FOLDER --crops CROPS -o embeddings.parquet\n```\n\n"
        f"FOLDER is this folder, CROPS one of `.npy` files, a file a {content.unit}: "
        f"{model.raw}, "
        f"axes height × width × channel, channels in the order {channels}. Files of other "
        "channels, sizes or bit depths are refused. The table has a row a file: `Metadata_File`, "
        f"and `z_000` to `z_{model.dimension - 1:03d}`.\n\n{model.onnx}"
    )


def _data(content: ReportContent, model: SharedModel) -> list[tuple[str, str]]:
    cells = content.imported.get("imported")
    found = [("data", content.source)]
    if isinstance(cells, int):
        left = f", {content.flagged_total:,} of them flagged and left out"
        found.append((f"{content.unit}s", f"{cells:,}{left if content.flagged_total else ''}"))
    found += design_facts(content.design)
    found += [
        ("channels", ", ".join(content.channels) + ", in this order"),
        ("crops", model.raw),
        ("what the model sees", " × ".join(str(side) for side in model.shape)
         + " (channel, height, width), float32 in [0, 1]"),
        ("normalisation", "; ".join(model.scaling)),
        ("split", f"{split_words(content.splits)}; hash `{model.split_hash}`"),
    ]  # fmt: skip
    return found


def _scores(content: ReportContent) -> list[str]:
    if not content.records:
        why = content.skipped.get("evaluate")
        return [f"Nothing was scored{f': {why}' if why else ' by the run that this came from'}."]
    said = [f"**{each.topic}.** {_plain(each.text)}" for each in summary_paragraphs(content)]
    rows, reasons = _score_rows(content.records)
    found = ["\n\n".join(said)]
    if rows:
        found.append(rows)
    if reasons:
        found.append("Not scored: " + "; ".join(reasons) + ".")
    found.append(" ".join(method_sentences(content)))
    stated = [f"{features}: {text}" for features, text in training_facts(content)]
    found.append("Training of the features: " + ". ".join(stated) + ".")
    return found


def _score_rows(records: Sequence[Record]) -> tuple[str, list[str]]:
    mechanism = [r for r in records if kind_of(r) == MECHANISM or r.get("metric") == "probe"]
    features = list(dict.fromkeys(str(r["features"]) for r in mechanism))
    features.sort(key=lambda name: name != MODEL)
    cells: dict[tuple[str, str], dict[str, Record]] = {}
    reasons: list[str] = []
    for record in mechanism:
        key = (label_of(record), str(record["metric"]))
        if isinstance(record.get("value"), int | float):
            cells.setdefault(key, {}).setdefault(str(record["features"]), record)
        elif "reason" in record and record["features"] == MODEL:
            reasons.append(f"{key[1]} by {key[0]} ({record['reason']})")
    if not cells:
        return "", reasons
    names = ["this model" if name == MODEL else name.replace("_", " ") for name in features]
    lines = [
        _row(["protocol", "measure", *names, "by chance"]),
        _row(["---"] * (len(names) + 3)),
    ]
    for (label, metric), by_features in cells.items():
        first = next(iter(by_features.values()))
        chance = first.get("null_mean", first.get("chance"))
        lines.append(
            _row(
                [
                    label,
                    metric,
                    *(_value(by_features.get(name)) for name in features),
                    percent(chance) if isinstance(chance, int | float) else "",
                ]
            )
        )
    return "\n".join(lines), reasons


def _value(record: Record | None) -> str:
    if record is None:
        return "–"
    value, correct, total = record["value"], record.get("correct"), record.get("total")
    count = f" ({correct:g} of {total})" if isinstance(correct, int | float) else ""
    share = percent(value) if isinstance(value, int | float) else "–"
    span = interval(record)
    return f"{share}{count}{f', 95 % {span}' if span else ''}".replace("95 %", "95\u00a0%")


def _limits(content: ReportContent, model: SharedModel) -> list[str]:
    said = list(limit_sentences(content))
    taught = content.training.get("trained_on")
    if isinstance(taught, int) and taught < _FEW_CELLS:
        said.append(
            f"It learned from {plural(taught, content.unit)}, which are few for a network of this "
            "kind."
        )
    said.append(
        f"One training, with seed {model.seed}: another seed gives other weights and other scores, "
        "by how much was not measured here."
    )
    totals = [
        int(r["total"])  # type: ignore[call-overload]
        for r in content.records
        if r["features"] == MODEL and r.get("metric") == "NSC" and r.get("value") is not None
    ]
    if totals and max(totals) < _LEAST:
        said.append(f"Scores rest on {plural(max(totals), 'treatment')}, and say next to nothing.")
    said.append(
        "It knows one screen: other stains, cell lines, magnifications and microscopes were not "
        "tried. Scores above are of that screen."
    )
    said.append(
        "Crops of plates that it does not know are normalised by their own grey levels, or, with "
        "`--scale model`, as the training screen was: the same crop then has other numbers."
    )
    said += [f"The training warned: {text}." for text in model.warnings]
    return said


def _making(model: SharedModel) -> list[tuple[str, str]]:
    return [
        ("embedding", f"{plural(model.dimension, 'number')}: {model.readout}"),
        ("seed", str(model.seed)),
        ("weights, SHA-256", f"`{model.weights}`"),
        ("made with", ", ".join(f"{name} {version}" for name, version in model.versions.items())),
    ]


def _table(rows: Sequence[tuple[str, str]]) -> str:
    return "\n".join(["| | |", "|---|---|", *(_row([name, text]) for name, text in rows)])


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(_plain(cell) for cell in cells) + " |"


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(each.split())}" for each in sentences)


def _plain(text: str) -> str:
    """Text on one line that breaks no table."""
    return " ".join(text.split("\n")).replace("|", "\\|")
