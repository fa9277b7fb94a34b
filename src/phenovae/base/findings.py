"""What a check found: how grave, a sentence, the rows or names concerned, and what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How grave a finding is; the gravest first."""

    FAULT = "fault"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found.

    A fault makes results wrong, a warning may mislead, a note is a limit to know of. `names` has
    all rows, wells, treatments or files concerned.
    """

    severity: Severity
    what: str
    names: tuple[str, ...] = ()
    mend: str = ""


def fault(what: str, names: Iterable[str] = (), mend: str = "") -> Finding:
    """A finding that makes results wrong."""
    return Finding(Severity.FAULT, what, tuple(names), mend)


def warning(what: str, names: Iterable[str] = (), mend: str = "") -> Finding:
    """A finding that may mislead."""
    return Finding(Severity.WARNING, what, tuple(names), mend)


def note(what: str, names: Iterable[str] = (), mend: str = "") -> Finding:
    """A limit to know of."""
    return Finding(Severity.NOTE, what, tuple(names), mend)


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings in order of gravity, otherwise in the order in which they came."""
    order = list(Severity)
    return tuple(sorted(findings, key=lambda finding: order.index(finding.severity)))


def calls_for_action(findings: Sequence[Finding]) -> bool:
    """Whether any finding is more than a note."""
    return any(finding.severity is not Severity.NOTE for finding in findings)


def as_records(findings: Iterable[Finding]) -> list[Mapping[str, object]]:
    """The findings as JSON."""
    return [asdict(finding) for finding in findings]


def counted(count: int, one: str, many: str | None = None) -> str:
    """`1 well`, `2 wells`, `1,200 wells`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
