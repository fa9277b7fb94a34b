"""What the user sees while work goes on: bars on a terminal, plain lines elsewhere, or JSON lines.

Results go to standard output; everything here goes to standard error.
"""

from __future__ import annotations

import json
import logging
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import TYPE_CHECKING, Self

from phenovae.base.progress import SILENT, Bar, Progress

if TYPE_CHECKING:
    from rich.console import Console as RichConsole
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

_SECONDS_BETWEEN_LINES = 15.0


class Style(StrEnum):
    """How progress and messages are shown."""

    TERMINAL = "terminal"
    PLAIN = "plain"
    JSON = "json"
    QUIET = "quiet"


@dataclass(frozen=True)
class Console:
    """How this command talks to its user."""

    style: Style
    progress: Progress = SILENT


def open_console(*, log_json: bool = False, quiet: bool = False, verbose: bool = False) -> Console:
    """Set up messages and progress for one command."""
    if log_json:
        style = Style.JSON
    elif quiet:
        style = Style.QUIET
    else:
        style = Style.TERMINAL if sys.stderr.isatty() else Style.PLAIN
    level = logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO
    logger = logging.getLogger("phenovae")
    logger.setLevel(level)
    logger.propagate = False
    logger.handlers = [_handler(style)]
    if style is Style.TERMINAL:
        return Console(style, TerminalProgress(_rich_console()))
    if style is Style.QUIET:
        return Console(style, SILENT)
    return Console(style, LineProgress())


def _rich_console() -> RichConsole:
    from rich.console import Console as RichConsole

    return RichConsole(stderr=True)


class JsonFormatter(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """The record with its time, level, logger, message and figures."""
        told: dict[str, object] = {
            "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        figures = getattr(record, "figures", None)
        if isinstance(figures, Mapping):
            told.update({name: _finite(value) for name, value in figures.items()})
        if record.exc_info and record.exc_info[0] is not None:
            told["traceback"] = self.formatException(record.exc_info)
        return json.dumps(told, ensure_ascii=False, allow_nan=False)


def _finite(value: object) -> object:
    # JSON knows no NaN, and a loss may be one.
    return value if not isinstance(value, float) or math.isfinite(value) else None


class PlainFormatter(logging.Formatter):
    """The message alone, with its level when it is more than information."""

    def format(self, record: logging.LogRecord) -> str:
        """The message as a person reads it."""
        text = record.getMessage()
        if record.levelno >= logging.WARNING:
            text = f"{record.levelname.lower()}: {text}"
        if record.exc_info and record.exc_info[0] is not None:
            text = f"{self.formatException(record.exc_info)}\n{text}"
        return text


class _StderrNow(logging.Handler):
    """Writes to standard error as it is at the time, so that a live bar stays below the text."""

    def emit(self, record: logging.LogRecord) -> None:
        sys.stderr.write(self.format(record) + "\n")
        sys.stderr.flush()


def _handler(style: Style) -> logging.Handler:
    handler = _StderrNow()
    handler.setFormatter(JsonFormatter() if style is Style.JSON else PlainFormatter())
    return handler


def _figures(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


class LineProgress:
    """Tells of progress in lines, not oftener than every fifteen seconds."""

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        """Begin a piece of work told of in lines."""
        return _LineBar(label, total, done)


class _LineBar:
    def __init__(self, label: str, total: int, done: int) -> None:
        self._label, self._total, self._done = label, total, done
        self._told = self._started = time.monotonic()
        self._values: dict[str, float] = {}

    def advance(self, steps: int = 1, **values: float) -> None:
        self._done += steps
        self._values.update(values)
        now = time.monotonic()
        if now - self._told >= _SECONDS_BETWEEN_LINES:
            self._told = now
            self._tell()

    def _tell(self) -> None:
        logging.getLogger("phenovae.progress").info(
            "%s: %d of %d  %s",
            self._label,
            self._done,
            self._total,
            _figures(self._values),
            extra={"figures": {"done": self._done, "total": self._total, **self._values}},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if time.monotonic() - self._started >= _SECONDS_BETWEEN_LINES:
            self._tell()


class TerminalProgress:
    """Bars on a terminal."""

    def __init__(self, console: RichConsole) -> None:
        self._console = console

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        """Begin a bar."""
        return _TerminalBar(self._console, label, total, done)


class _TerminalBar:
    def __init__(self, console: RichConsole, label: str, total: int, done: int) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            TextColumn,
            TimeRemainingColumn,
        )
        from rich.progress import Progress as RichProgress

        self._rich: RichProgress = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[figures]}"),
            console=console,
            transient=True,
        )
        self._task: TaskID = self._rich.add_task(label, total=total, completed=done, figures="")
        self._values: dict[str, float] = {}

    def advance(self, steps: int = 1, **values: float) -> None:
        self._values.update(values)
        self._rich.update(self._task, advance=steps, figures=_figures(self._values))

    def __enter__(self) -> Self:
        self._rich.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rich.stop()
