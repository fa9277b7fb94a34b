"""Findings of a check on the terminal: counted, the gravest first, wrapped to 80 columns."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer

from phenovae.base.findings import Finding, Severity, counted

FOUND = 3
_WIDEST = 80
_NAMES = 8

JsonFile = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Write all that was found as JSON, for machines."),
]


def tell_findings(findings: Sequence[Finding]) -> None:
    """Print the findings and how many there are of each kind."""
    for finding in findings:
        tell_wrapped(f"{finding.severity.value}: ", finding.what)
        if finding.names:
            tell_wrapped("    ", _listed(finding.names))
        if finding.mend:
            tell_wrapped("    mend: ", finding.mend)
    kinds = [(kind, sum(each.severity is kind for each in findings)) for kind in Severity]
    told = ", ".join(counted(count, kind.value) for kind, count in kinds if count)
    typer.echo(told or "nothing found")


def tell_wrapped(head: str, text: str) -> None:
    """Print a text after its head, wrapped, later lines under the text."""
    for line in textwrap.wrap(
        text,
        width(),
        initial_indent=head,
        subsequent_indent=" " * max(4, min(len(head), 10)),
        break_on_hyphens=False,
        break_long_words=False,
    ):
        typer.echo(line)


def tell_facts(facts: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns, values wrapped."""
    indent = max((len(name) for name, _ in facts), default=0) + 2
    for name, text in facts:
        lines = textwrap.wrap(
            text, max(width() - indent, 20), break_on_hyphens=False, break_long_words=False
        )
        for number, line in enumerate(lines or [""]):
            typer.echo(f"{'' if number else name:<{indent}}{line}".rstrip())


def tell_table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> None:
    """Print a table: `left` columns of words on the left, then numbers on the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    for line in lines:
        cells = (
            text.ljust(wide) if number < left else text.rjust(wide)
            for number, (text, wide) in enumerate(zip(line, widths, strict=True))
        )
        typer.echo("  ".join(cells).rstrip())


def write_findings(path: Path | None, told: Mapping[str, object]) -> None:
    """Write what was found as JSON, if a file is named."""
    from phenovae.base.files import write_json

    if path is not None:
        write_json(path, told)


def width() -> int:
    """Columns of text: those of the terminal, 80 at most."""
    return max(40, min(shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST))


def _listed(names: Sequence[str]) -> str:
    rest = len(names) - _NAMES
    return ", ".join(names[:_NAMES]) + (f" and {rest:,} more" if rest > 0 else "")
