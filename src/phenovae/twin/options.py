"""How large the synthetic screen is and how hard it is to read."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from phenovae.base.options import Options

ROWS_OF_COMPOUNDS = "BCDEFG"
MECHANISMS = 12


class TwinOptions(Options):
    """Size and difficulty of the synthetic screen. The defaults draw about 5,000 whole cells."""

    batches: int = Field(4, ge=1, le=99, description="weeks, each with its own gain and blur")
    layouts: int = Field(1, ge=1, le=9, description="plate layouts a batch, six compounds each")
    replicates: int = Field(3, ge=1, le=9, description="plates of every layout")
    compounds: int = Field(2, ge=1, le=20, description="annotated compounds a mechanism")
    unannotated: int = Field(0, ge=0, description="further compounds, of no known mechanism")
    doses: int = Field(2, ge=1, le=8, description="doses a compound, along the columns")
    annotated_doses: int = Field(2, ge=1, le=8, description="doses with a mechanism, from the top")
    sites: int = Field(1, ge=1, le=9, description="fields of view a well")
    negative_controls: int = Field(3, ge=1, le=6, description="DMSO wells a plate")
    positive_controls: int = Field(1, ge=0, le=6, description="taxol wells a plate")
    height: int = Field(480, ge=128, le=4096, description="height of a field [px]")
    width: int = Field(576, ge=128, le=4096, description="width of a field [px]")
    density: float = Field(
        145.0, gt=0, le=400, description="untreated nuclei in a million pixels of field"
    )
    effect: float = Field(
        1.0, ge=0, le=3, description="strength of the mechanisms; 0 plants a world without them"
    )
    penetrance: float = Field(
        0.75, ge=0, le=1, description="share of cells that can respond to a compound"
    )
    compound_variation: float = Field(
        0.3, ge=0, le=3, description="how far compounds of one mechanism differ [spreads of a cell]"
    )
    batch_effect: float = Field(
        1.0, ge=0, le=3, description="how far gain, offset and blur differ between batches"
    )
    illumination: float = Field(
        0.15, ge=0, le=0.5, description="unevenness of the light, from the middle to a corner"
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        rows = self.batches * self.layouts * len(ROWS_OF_COMPOUNDS)
        wanted = MECHANISMS * self.compounds + self.unannotated
        if wanted > rows:
            raise ValueError(
                f"{wanted} compounds need as many rows of plates, and there are {rows}: "
                "more batches or layouts, or fewer compounds"
            )
        if self.annotated_doses > self.doses:
            raise ValueError("annotated_doses cannot be more than doses")
        return self
