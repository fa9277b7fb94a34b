"""The errors a user may meet: each says what is wrong, where, and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

_SHOWN_FAULTS = 50


class PhenovaeError(Exception):
    """Something went wrong that a user can understand and mend."""

    exit_code: ClassVar[int] = 1

    def __init__(
        self, what: str, *, where: str | Path | None = None, mend: str | None = None
    ) -> None:
        self.what = what
        self.where = where
        self.mend = mend
        super().__init__(what)

    def __reduce__(self) -> tuple[object, ...]:
        # Errors come from worker processes too, whatever arguments their class is made with.
        return _revived, (type(self), self.args, dict(vars(self)))

    def __str__(self) -> str:
        lines = [self.what]
        if self.where is not None:
            lines.append(f"  where: {self.where}")
        if self.mend is not None:
            lines.append(f"  mend:  {self.mend}")
        return "\n".join(lines)


def _revived(
    kind: type[PhenovaeError], args: tuple[object, ...], state: dict[str, object]
) -> PhenovaeError:
    error = kind.__new__(kind)
    error.args = args
    vars(error).update(state)
    return error


class UsageError(PhenovaeError):
    """A command or a configuration asks for something that cannot be."""

    exit_code: ClassVar[int] = 2


class InputError(PhenovaeError):
    """A file or a folder that was named cannot be read or does not hold what it should."""


class StoreError(InputError):
    """A cell store is damaged, unfinished or of a newer format."""


class TrainingError(PhenovaeError):
    """Training cannot go on: NaN, nothing to train on, a checkpoint that does not fit."""


class RunBusyError(PhenovaeError):
    """Another process is at work on the same run, or in the same folder."""


class FetchError(InputError):
    """A file cannot be fetched from where it should be."""


class ArchiveError(InputError):
    """An archive is damaged, or not safe to unpack."""


class MissingExtraError(PhenovaeError):
    """An optional package is absent; the message names the extra that brings it."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs the package {package}, which is not installed",
            mend=f"pip install 'phenovae[{extra}]'",
        )


@dataclass(frozen=True)
class Fault:
    """One thing wrong with one input, precise enough to be mended by hand.

    `row` counts lines of a text file from 1, the header being line 1.
    """

    what: str
    file: str = ""
    row: int | None = None
    column: str = ""
    value: str = ""
    mend: str = ""

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place += f", line {self.row}"
        if self.column:
            place += f", column {self.column}"
        parts = [f"{place}: {self.what}" if place else self.what]
        if self.value:
            parts.append(f"found {self.value!r}")
        if self.mend:
            parts.append(f"mend: {self.mend}")
        return "; ".join(parts)


class FaultsError(InputError):
    """Every fault found in an input, told at once."""

    def __init__(self, what: str, faults: Sequence[Fault]) -> None:
        super().__init__(what)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        shown = [f"  {fault}" for fault in self.faults[:_SHOWN_FAULTS]]
        if len(self.faults) > _SHOWN_FAULTS:
            shown.append(f"  and {len(self.faults) - _SHOWN_FAULTS} more of the same input")
        return "\n".join([f"{self.what} ({len(self.faults)} found)", *shown])


def nearest(name: str, known: Iterable[str]) -> str:
    """Say which known name a misspelt one is closest to, or list them all."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.6)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}"
