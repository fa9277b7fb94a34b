"""What training writes down of every epoch: a CSV always, TensorBoard if asked."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from phenovae.base.errors import MissingExtraError
from phenovae.base.files import write_text
from phenovae.vae.state import Record


def write_history(path: Path, history: Sequence[Record]) -> None:
    """Write one row an epoch, whole or not at all; figures with nine significant digits."""
    names = list(dict.fromkeys(name for record in history for name in record))
    text = io.StringIO()
    writer = csv.DictWriter(text, names, restval="", lineterminator="\n")
    writer.writeheader()
    for record in history:
        writer.writerow({name: _shown(value) for name, value in record.items()})
    write_text(path, text.getvalue())


def _shown(value: float | str | None) -> str:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else str(value)


class Board(Protocol):
    """What draws curves."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> object:
        """Add a point to a curve."""

    def close(self) -> object:
        """Write what is left."""


def open_board(folder: Path, step: int) -> Board:
    """A TensorBoard log in a folder, that goes on from a step.

    Raises MissingExtraError where tensorboard is not installed.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise MissingExtraError("tensorboard", "tensorboard", "train.tensorboard") from error
    board: Board = SummaryWriter(str(folder), purge_step=step)
    return board


def show(board: Board, record: Record, step: int) -> None:
    """Put every figure of an epoch's record on the board."""
    for name, value in record.items():
        if isinstance(value, int | float):
            side, _, rest = name.partition("_")
            tag = f"{rest}/{side}" if side in ("train", "validation") else name
            board.add_scalar(tag, value, step)
