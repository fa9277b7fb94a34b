"""What mechanisms do to cells: shifts of the parameters that cells are drawn from."""

from __future__ import annotations

import functools
import importlib.resources
from typing import Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import Field

from phenovae.base.options import Options

Vector = npt.NDArray[np.float64]

STATES = ("mitosis", "monoaster", "death", "multinucleate")


class Parameter(Options):
    """One trait of a cell: its middle, its spread between cells and the scale of both."""

    base: float = Field(gt=0, description="middle of the untreated cells, in its own unit")
    spread: float = Field(ge=0, description="standard deviation between cells, on the scale")
    scale: Literal["log", "logit"] = Field(description="scale on which shifts add up")
    unit: str = Field(description="unit of the value")
    meaning: str = Field(description="what the value says")


class PositiveControl(Options):
    """The compound of the positive control wells."""

    compound: str = Field(description="its name, as the screen writes it")
    concentration: float = Field(gt=0, description="its concentration [µM]")
    half_dose: float = Field(gt=0, description="dose of half its effect [µM]")
    mechanism: str = Field(description="what it does")


class Phenotypes(Options):
    """All parameters and what every mechanism shifts."""

    parameters: dict[str, Parameter]
    mechanisms: dict[str, dict[str, float]]
    positive_control: PositiveControl
    single_batch: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in order."""
        return tuple(self.parameters)

    def shift(self, mechanism: str) -> Vector:
        """Shift of every parameter at full dose; zero where the mechanism leaves it alone."""
        moved = self.mechanisms[mechanism]
        return np.array([moved.get(name, 0.0) for name in self.names])

    def spreads(self) -> Vector:
        """Spread of every parameter between cells; 0.3 for probabilities, which have none."""
        return np.array([parameter.spread or 0.3 for parameter in self.parameters.values()])

    def values(self, shifts: Vector, noise: Vector) -> dict[str, Vector]:
        """Values of every parameter, (cells,).

        `shifts` and `noise` are (cells, parameters); noise is standard normal.
        """
        values: dict[str, Vector] = {}
        for column, (name, parameter) in enumerate(self.parameters.items()):
            moved = shifts[:, column] + parameter.spread * noise[:, column]
            if parameter.scale == "log":
                values[name] = parameter.base * np.exp(moved)
            else:
                odds = parameter.base / (1 - parameter.base) * np.exp(moved)
                values[name] = odds / (1 + odds)
        return values


@functools.cache
def phenotypes() -> Phenotypes:
    """The parameters and mechanisms that ship with the package."""
    text = importlib.resources.files("phenovae.twin").joinpath("phenotypes.yaml")
    return Phenotypes.model_validate(yaml.safe_load(text.read_text(encoding="utf-8")))


def hill(concentration: float, half_dose: float, slope: float = 1.5) -> float:
    """Share of the full effect at a concentration, in [0, 1)."""
    return float(concentration**slope / (concentration**slope + half_dose**slope))
