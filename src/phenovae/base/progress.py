"""How long work tells how far it is, without knowing who listens."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self


class Bar(Protocol):
    """One piece of work under way; a context manager."""

    def advance(self, steps: int = 1, **values: float) -> None:
        """Tell of `steps` more done, with figures worth seeing beside the bar."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Progress(Protocol):
    """Makes bars."""

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        """Begin a piece of work of `total` steps, of which `done` are done already."""


class _SilentBar:
    def advance(self, steps: int = 1, **values: float) -> None:
        del steps, values

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None


class Silent:
    """Tells nobody anything."""

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        """Begin a piece of work that nobody watches."""
        del label, total, done
        return _SilentBar()


SILENT = Silent()
