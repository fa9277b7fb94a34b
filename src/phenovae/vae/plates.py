"""Plates by number, for a decoder that is told the plate of a cell: 0 is no plate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from phenovae.base.errors import TrainingError
from phenovae.vae.augment import own_part
from phenovae.vae.data import Rows
from phenovae.vae.labels import learned_classes

NO_PLATE = 0


def told_plates(
    plates: Rows | None, names: Sequence[str], rows: Rows
) -> tuple[Rows, tuple[str, ...]]:
    """The code of every image's plate, from 1, and the plates' names in the order of the codes.

    `plates` number the plate of every image, by row, and `names` are those of the numbers; `rows`
    are those that are trained on. A plate that only other images have is coded as none. Raises
    TrainingError where plates are not known.
    """
    if plates is None or not len(names):
        raise TrainingError(
            "the decoder is to be told the plate of a cell, and plates are not known",
            mend="set model.plates.code to 0",
        )
    codes = learned_classes(plates, rows)[0] + 1
    return codes, tuple(str(names[number]) for number in np.unique(plates[rows]))


def codes_of(plates: Sequence[str], known: Sequence[str]) -> Rows:
    """The codes (n,) of plates by name; a plate that is not known is coded as none."""
    places = {name: place for place, name in enumerate(known, start=1)}
    return np.array([places.get(str(name), NO_PLATE) for name in plates], dtype=np.int64)


def partly_untold(
    codes: Tensor, share: float, random: torch.Generator, part: tuple[int, int] = (0, 1)
) -> Tensor:
    """Codes (n,) of which a share, drawn by a CPU generator, is put to none.

    They are those of process `part[0]` of `part[1]`, for all of which is drawn.
    """
    untold = own_part(torch.rand(part[1] * len(codes), generator=random), part) < share
    return codes.masked_fill(untold.to(codes.device), NO_PLATE)
