"""What a report shows of every compound: plain data, gathered by the pipeline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Painted = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DoseContent:
    """One dose of a compound [µM]: what lies behind it, and a few of its cells.

    `crops` (n, height, width, 3) are 8-bit colour pictures, at most as many as there are cells.
    """

    concentration: float
    wells: int
    cells: int
    crops: Painted


@dataclass(frozen=True)
class CompoundContent:
    """A compound with its doses, lowest first, and negative controls to see them beside.

    `mechanism` is empty where it is not known. `controls` are crops (n, height, width, 3) of
    `control`, on the plate `beside`, painted alike; none where the screen has no controls.
    """

    compound: str
    mechanism: str
    batches: tuple[str, ...]
    plates: int
    doses: Sequence[DoseContent]
    controls: Painted
    control: str = ""
    beside: str = ""

    @property
    def cells(self) -> int:
        """Cells of all doses."""
        return sum(dose.cells for dose in self.doses)


@dataclass(frozen=True)
class CompoundsContent:
    """All compounds in the order of their names, and the colours that their cells are painted in.

    `scaled` says in words what full brightness is.
    """

    compounds: Sequence[CompoundContent] = field(default=())
    channels: tuple[str, ...] = ()
    scaled: str = ""
