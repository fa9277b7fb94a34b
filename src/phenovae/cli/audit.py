"""`phenovae audit`: what a screen's design can answer, and what a run's training has seen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from phenovae.cli.findings import (
    FOUND,
    JsonFile,
    tell_facts,
    tell_findings,
    tell_table,
    write_findings,
)

if TYPE_CHECKING:
    from phenovae.screen.audit import StructureAudit


def command(
    screen: Annotated[
        Path,
        typer.Argument(
            metavar="SCREEN",
            help="A run's folder, a sites.parquet, the BBBC021 image table, a plate map, or a "
            "configuration in YAML.",
        ),
    ],
    moa: Annotated[
        Path | None,
        typer.Option("--moa", metavar="CSV", help="Known mechanisms, for the BBBC021 image table."),
    ] = None,
    json: JsonFile = None,
) -> None:
    """Audit a screen's structure before any training; of a trained run, also what was seen.

    Exit 3 where there is a fault or a warning; notes alone are no reason.

    Example: phenovae audit BBBC021_v1_image.csv --moa BBBC021_v1_moa.csv
    """
    from phenovae.base.findings import as_records, calls_for_action
    from phenovae.pipeline.leaks import audit_leaks
    from phenovae.pipeline.named_screen import read_named_screen
    from phenovae.screen.audit import audit_structure

    structure = audit_structure(read_named_screen(screen, moa))
    leaks = audit_leaks(screen) if screen.is_dir() else None
    _tell_structure(structure)
    typer.echo("\nstructure")
    tell_findings(structure.findings)
    if leaks is not None:
        typer.echo("\nwhat training saw")
        tell_facts(leaks.facts)
        if leaks.shared:
            typer.echo("\ntwo sides of the split share")
            tell_table(("sides", *leaks.units), leaks.shared)
        typer.echo("\nleaks")
        tell_findings(leaks.findings)
    findings = (*structure.findings, *(leaks.findings if leaks is not None else ()))
    write_findings(
        json,
        {
            "screen": str(screen),
            "structure": structure.as_dict(),
            "leaks": None if leaks is None else leaks.as_dict(),
            "findings": as_records(findings),
        },
    )
    if calls_for_action(findings):
        raise typer.Exit(FOUND)


def _tell_structure(found: StructureAudit) -> None:
    from phenovae.report.facts import design_facts

    tell_facts(design_facts(found.design.as_dict())[:3])
    own, every = found.annotated, found.all_treatments
    typer.echo("")
    tell_table(
        ("treatments", "all", "1 batch", "1 layout", "1 plate", "1 position"),
        [
            (
                name,
                *(
                    f"{count:,}"
                    for count in (
                        each.treatments,
                        each.in_one_batch,
                        each.in_one_layout,
                        each.in_one_plate,
                        each.in_one_position,
                    )
                ),
            )
            for name, each in (
                ("of known mechanism", own),
                ("  with control wells", found.with_control_wells),
                ("all", every),
            )
        ],
    )
    typer.echo("")
    tell_table(
        ("rule", "can be right", "one partner only", "chance"),
        [
            (
                rule.rule.replace("-", " "),
                f"{rule.scorable}/{rule.treatments}",
                str(len(rule.one_partner)),
                "none" if rule.chance is None else f"{rule.chance:.4f}",
            )
            for rule in found.rules
        ],
    )
    typer.echo("\nlying whole in one group of a split, so new when that group is held out")
    units = ("plate", "batch", "treatment", "compound", "mechanism")
    tell_table(
        ("a split by", "groups", *(f"{unit}s" if unit != "batch" else "batches" for unit in units)),
        [
            (
                split.by,
                f"{split.groups:,}",
                *(f"{split.whole[unit]:,}/{split.of[unit]:,}" for unit in units),
            )
            for split in found.splits
        ],
    )
