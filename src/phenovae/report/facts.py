"""Pairs of name and value for the lists of a report."""

from __future__ import annotations

from collections.abc import Mapping

from phenovae.report.content import ReportContent

Facts = list[tuple[str, str]]


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[object]:
    """The value if it is a list or a tuple, as a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def model_facts(content: ReportContent) -> Facts:
    """What the trained model is like."""
    summary, told = content.summary, content.diagnostics
    if not summary:
        return []
    sigma = mapping(told.get("sigma"))
    error = mapping(told.get("squared_error"))
    found: Facts = [
        ("epochs", f"{summary['epochs']}; weights of epoch {summary['kept_epoch']} kept"),
        ("chosen by", str(summary["kept_by"])),
        (
            "ELBO",
            f"{_number(summary['elbo']):,.0f} nats a cell, "
            f"{_number(summary['bits_per_dimension']):.3f} bits per dimension",
        ),
        ("KL", f"{_number(summary['kl']):.1f} nats a cell"),
    ]
    if told:
        found.append(("active units", f"{told.get('active_units')} of {told.get('latent')}"))
    if sigma:
        bound = " (at its lower bound)" if told.get("sigma_at_bound") else ""
        found.append(("σ of a pixel", _by_name(sigma, "{:.4f}") + bound))
    if error:
        found.append(("mean squared error", _by_name(error, "{:.5f}")))
    return found


def quality_facts(content: ReportContent) -> Facts:
    """What became of the inputs."""
    told = content.imported
    found: Facts = []
    for key, name in (
        ("found", "files found"),
        ("positions", "positions given"),
        ("imported", "cells in the store"),
        ("at_border", "cut by a border"),
        ("in_lost_fields", "in unreadable fields"),
        ("refused", "inputs refused"),
        ("rows_without_file", "rows without a file"),
    ):
        if isinstance(told.get(key), int):
            found.append((name, f"{told[key]:,}"))
    found += [("join", str(sentence)) for sentence in listed(told.get("joins"))]
    reasons = mapping(told.get("refused_by_reason"))
    if reasons:
        found.append(("refused for", _by_name(reasons, "{}")))
    flags = content.flagged
    found.append(("crops flagged and left out", f"{flags.total if flags else 0:,}"))
    found += [
        (f"cells: {name}", f"{count:,}")
        for name, count in mapping(content.splits.get("cells")).items()
        if isinstance(count, int)
    ]
    return found


def design_facts(design: Mapping[str, object]) -> Facts:
    """What the screen is like."""
    if not design:
        return []
    found: Facts = [
        (
            "plates",
            f"{_whole(design, 'plates')} in {_whole(design, 'batches')} batches; "
            f"{_whole(design, 'wells')} wells, {_whole(design, 'sites')} fields",
        ),
        (
            "annotated",
            f"{_whole(design, 'annotated_treatments')} treatments of "
            f"{_whole(design, 'annotated_compounds')} compounds and "
            f"{_whole(design, 'mechanisms')} mechanisms, "
            f"in {_whole(design, 'annotated_wells')} wells",
        ),
        (
            "controls",
            f"{_whole(design, 'negative_control_wells')} negative, "
            f"{_whole(design, 'positive_control_wells')} positive control wells",
        ),
        (
            "usual",
            f"{design['usual_replicates']} wells × {design['usual_sites']} fields × "
            f"{len(listed(design['channels'])) or 1} channels = {design['usual_images']} images a "
            "treatment",
        ),
        (
            "confounded",
            f"{design['in_one_batch']} treatments lie in one batch only, "
            f"{design['in_one_position']} in one well position only",
        ),
    ]
    for each in listed(design.get("scorable")):
        told = mapping(each)
        rule = str(told.get("rule", "")).replace("-", " ")
        text = f"{told.get('scorable')} of {told.get('total')}"
        mechanisms = listed(told.get("mechanisms"))
        if mechanisms:
            text += f"; the others are of {', '.join(str(name) for name in mechanisms)}"
        found.append((f"can be right by “{rule}”", text))
    return found


def split_words(splits: Mapping[str, object]) -> str:
    """How many cells taught and how many chose the checkpoint."""
    cells = mapping(splits.get("cells"))
    parts = [f"{count:,} {name}" for name, count in cells.items() if isinstance(count, int)]
    return ", ".join(parts) or "no splits recorded"


def _by_name(values: Mapping[str, object], shape: str) -> str:
    return ", ".join(f"{name} {shape.format(value)}" for name, value in values.items())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _whole(design: Mapping[str, object], key: str) -> str:
    value = design[key]
    return f"{value:,}" if isinstance(value, int) else str(value)
