"""Several files under way at once: a bar each on a terminal, one line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

from phenovae.base.progress import SILENT, Bar, Progress
from phenovae.cli.console import Console, Style

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

_SECONDS_BETWEEN_LINES = 15.0
_UNITS = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True)
class Transfers:
    """Bars of files, told in bytes, and bars of anything that is counted."""

    files: Progress = SILENT
    steps: Progress = SILENT


@contextmanager
def transfers(console: Console) -> Iterator[Transfers]:
    """Bars that go side by side, as the console shows progress."""
    if console.style is Style.QUIET:
        yield Transfers()
    elif console.style is Style.TERMINAL:
        with _rich_progress() as rich:
            yield Transfers(_RichBars(rich, of_bytes=True), _RichBars(rich, of_bytes=False))
    else:
        lines = _Lines()
        yield Transfers(_LineBars(lines, of_bytes=True), _LineBars(lines, of_bytes=False))


def bytes_text(count: float) -> str:
    """Bytes as a person writes them: `839 MB`."""
    unit = 0
    while count >= 999.5 and unit < len(_UNITS) - 1:
        count /= 1000
        unit += 1
    digits = 1 if unit and count < 9.95 else 0
    return f"{count:.{digits}f} {_UNITS[unit]}"


def _amount(done: float, total: float, *, of_bytes: bool) -> str:
    if of_bytes:
        return f"{bytes_text(done)} of {bytes_text(total)}" if total else bytes_text(done)
    return f"{done:.0f} of {total:.0f}"


def _rich_progress() -> RichProgress:
    from rich.console import Console as RichConsole
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class Amount(ProgressColumn):
        """How much of how much, and how fast where it is bytes."""

        def render(self, task: Task) -> Text:
            of_bytes = bool(task.fields["of_bytes"])
            text = _amount(task.completed, task.total or 0, of_bytes=of_bytes)
            speed = task.speed if of_bytes else None
            return Text(text + (f", {bytes_text(speed)}/s" if speed else ""))

    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        Amount(),
        TimeRemainingColumn(),
        console=RichConsole(stderr=True),
        transient=True,
        # Results go to where standard output leads, not between the bars.
        redirect_stdout=sys.stdout.isatty(),
    )


class _RichBars:
    def __init__(self, rich: RichProgress, *, of_bytes: bool) -> None:
        self._rich, self._of_bytes = rich, of_bytes

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        return _RichBar(self._rich, label, total, done, of_bytes=self._of_bytes)


class _RichBar:
    def __init__(
        self, rich: RichProgress, label: str, total: int, done: int, *, of_bytes: bool
    ) -> None:
        self._rich = rich
        self._task = rich.add_task(label, total=total or None, completed=done, of_bytes=of_bytes)

    def advance(self, steps: int = 1, **values: float) -> None:
        del values
        self._rich.update(self._task, advance=steps)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._rich.remove_task(self._task)


class _Lines:
    """All bars under way, told of together in one line, not oftener than every fifteen seconds."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._bars: list[_LineBar] = []
        self._told = time.monotonic()
        self._came = 0

    def add(self, bar: _LineBar) -> None:
        with self._lock:
            self._bars.append(bar)

    def remove(self, bar: _LineBar) -> None:
        with self._lock:
            self._bars.remove(bar)

    def advance(self, moved: _LineBar, steps: int) -> None:
        with self._lock:
            moved.done += steps
            self._came += max(steps, 0) if moved.of_bytes else 0
            now = time.monotonic()
            passed = now - self._told
            if passed < _SECONDS_BETWEEN_LINES:
                return
            speed = self._came / passed
            self._told, self._came = now, 0
            parts = [bar.told() for bar in self._bars]
            figures = {bar.label: bar.done for bar in self._bars} | {"bytes_per_s": round(speed)}
        logging.getLogger("phenovae.progress").info(
            "%s; %s/s", ", ".join(parts), bytes_text(speed), extra={"figures": figures}
        )


class _LineBars:
    def __init__(self, lines: _Lines, *, of_bytes: bool) -> None:
        self._lines, self._of_bytes = lines, of_bytes

    def bar(self, label: str, total: int, done: int = 0) -> Bar:
        return _LineBar(self._lines, label, total, done, of_bytes=self._of_bytes)


class _LineBar:
    def __init__(self, lines: _Lines, label: str, total: int, done: int, *, of_bytes: bool) -> None:
        self._lines = lines
        self.label, self.total, self.done, self.of_bytes = label, total, done, of_bytes

    def told(self) -> str:
        """How far it is, in words."""
        return f"{self.label} {_amount(self.done, self.total, of_bytes=self.of_bytes)}"

    def advance(self, steps: int = 1, **values: float) -> None:
        del values
        self._lines.advance(self, steps)

    def __enter__(self) -> Self:
        self._lines.add(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lines.remove(self)
