"""The cells of one field: where they grow and which parameters each one has."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from phenovae.twin.phenotypes import Phenotypes, Vector

MARGIN = 40
_ISLAND_SCALE = 85.0
_BARE_GROUND = 0.46
_TRIES = 40
_AREA_BY_CONTENT = 0.6


class State(IntEnum):
    """What a cell is doing."""

    INTERPHASE = 0
    METAPHASE = 1
    MONOASTER = 2
    DEAD = 3
    MULTINUCLEATE = 4


@dataclass(frozen=True)
class Condition:
    """What was done to the cells of a field.

    `responding` and `all_cells` are shifts of the parameters, (parameters,).
    """

    responding: Vector
    all_cells: Vector
    penetrance: float


@dataclass(frozen=True)
class Cells:
    """The cells of one field and its margin, in the order of their labels from 1.

    `row` and `column` [px] count from the corner of the margin; `angle` is that of the nucleus,
    `content` the DNA content (1 to 2), `amount` the cell's own share of stain (middle 1).
    """

    row: Vector
    column: Vector
    angle: Vector
    content: Vector
    amount: Vector
    responds: npt.NDArray[np.bool_]
    state: npt.NDArray[np.int64]
    values: dict[str, Vector]

    def __len__(self) -> int:
        return len(self.row)

    @property
    def nuclear_area(self) -> Vector:
        """Area of all nuclei of a cell [px]: grows with its DNA content."""
        return np.asarray(self.values["nucleus_area"] * self.content**_AREA_BY_CONTENT)

    @property
    def nuclear_radius(self) -> Vector:
        """Radius of a disc of the cell's nuclear area [px]."""
        return np.sqrt(self.nuclear_area / np.pi)

    @property
    def rounded(self) -> npt.NDArray[np.bool_]:
        """Which cells have let go of the ground: in mitosis or dead."""
        return np.isin(self.state, (State.METAPHASE, State.MONOASTER, State.DEAD))


def grow(
    rng: np.random.Generator,
    condition: Condition,
    phenotypes: Phenotypes,
    shape: tuple[int, int],
    density: float,
) -> Cells:
    """Draw the cells of a field of `shape` (height, width) [px], with a margin around it.

    `density` counts untreated nuclei in a million pixels.
    """
    size = (shape[0] + 2 * MARGIN, shape[1] + 2 * MARGIN)
    survival = float(
        np.exp(_of("survival", condition.responding + condition.all_cells, phenotypes))
    )
    expected = density * size[0] * size[1] / 1e6 * survival
    wanted = max(1, round(expected * float(np.exp(0.12 * rng.standard_normal()))))
    noise = rng.standard_normal((wanted, len(phenotypes.names)))
    responds = rng.random(wanted) < condition.penetrance
    strength = responds * np.clip(1 + 0.25 * rng.standard_normal(wanted), 0.2, 1.8)
    shifts = condition.all_cells + strength[:, None] * condition.responding
    values = phenotypes.values(shifts, noise)
    state = _states(rng, values)
    content = _dna_content(rng, wanted)
    radius = np.sqrt(values["nucleus_area"] * content**_AREA_BY_CONTENT / np.pi)
    spread = np.sqrt(values["cell_area"] / np.pi)
    row, column = _places(rng, size, 1.12 * radius + 0.12 * spread)
    kept = slice(0, len(row))
    return Cells(
        row=row,
        column=column,
        angle=rng.uniform(0, np.pi, wanted)[kept],
        content=content[kept],
        amount=np.exp(0.2 * rng.standard_normal(wanted))[kept],
        responds=responds[kept],
        state=state[kept],
        values={name: value[kept] for name, value in values.items()},
    )


def _of(name: str, shifts: Vector, phenotypes: Phenotypes) -> float:
    return float(shifts[phenotypes.names.index(name)])


def _states(rng: np.random.Generator, values: dict[str, Vector]) -> npt.NDArray[np.int64]:
    """One state a cell; where several come up, the one that hides the others wins."""
    state = np.full(len(values["mitosis"]), State.INTERPHASE, dtype=np.int64)
    for name, code in (
        ("multinucleate", State.MULTINUCLEATE),
        ("mitosis", State.METAPHASE),
        ("monoaster", State.MONOASTER),
        ("death", State.DEAD),
    ):
        state[rng.random(len(state)) < values[name]] = code
    return state


def _dna_content(rng: np.random.Generator, cells: int) -> Vector:
    """DNA content through the cell cycle: a peak before, a bridge during, a peak after S phase."""
    phase = rng.random(cells)
    bridge = rng.uniform(1.0, 2.0, cells)
    content = np.where(phase < 0.55, 1.0, np.where(phase < 0.78, bridge, 2.0))
    return content * np.exp(0.05 * rng.standard_normal(cells))


def _places(
    rng: np.random.Generator, size: tuple[int, int], reach: Vector
) -> tuple[Vector, Vector]:
    """Throw cells one after another onto islands, never nearer than their reaches add up to.

    Cells that find no room after some tries are left out from the end.
    """
    coarse = tuple(max(4, int(np.ceil(side / 16))) for side in size)
    hills = ndimage.gaussian_filter(rng.standard_normal(coarse), _ISLAND_SCALE / 16, mode="reflect")
    chance = np.clip(hills - np.quantile(hills, _BARE_GROUND), 0, None)
    chance = np.minimum(chance, np.quantile(chance, 0.8)) + 0.03 * chance.max()
    flat = np.cumsum(chance.ravel() / chance.sum())
    tries = len(reach) * _TRIES
    cell = np.searchsorted(flat, rng.random(tries)).clip(0, len(flat) - 1)
    rows = (cell // coarse[1] + rng.random(tries)) * size[0] / coarse[0]
    columns = (cell % coarse[1] + rng.random(tries)) * size[1] / coarse[1]
    row, column = np.empty(len(reach)), np.empty(len(reach))
    placed = 0
    for candidate_row, candidate_column in zip(rows, columns, strict=True):
        apart = reach[:placed] + reach[placed]
        gap = np.hypot(row[:placed] - candidate_row, column[:placed] - candidate_column)
        if (gap > apart).all():
            row[placed], column[placed] = candidate_row, candidate_column
            placed += 1
            if placed == len(reach):
                break
    return row[:placed], column[:placed]
