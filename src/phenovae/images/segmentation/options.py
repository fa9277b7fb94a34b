"""How nuclei and cell bodies are told from what is around them."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from phenovae.base.options import Options


class SegmentationOptions(Options):
    """Settings of the segmentation. None is in pixels or grey levels: the image gives the scale."""

    method: Literal["classical"] = Field(
        "classical", description="how nuclei are found; classical needs no weights"
    )
    minimum_diameter_um: float | None = Field(
        None, gt=0, description="smallest nucleus [µm]; needs the pixel size of the screen"
    )
    maximum_diameter_um: float | None = Field(
        None, gt=0, description="largest nucleus [µm]; needs the pixel size of the screen"
    )
    smallest: float = Field(
        0.08,
        ge=0,
        le=1,
        description="area below which an object is a crumb [share of the typical nucleus]",
    )
    visibility: float = Field(
        5.0,
        ge=0,
        description="least height of a nucleus above its surroundings "
        "[standard deviations of the smoothed background]",
    )
    debris: bool = Field(
        default=True, description="drop objects that are too faint, small, ragged, blurred or sharp"
    )
    bodies: bool = Field(
        default=True, description="find the cell around every nucleus on the other channels"
    )
    body_reach: float = Field(
        2.0, gt=0, le=20, description="farthest a cell reaches from its nucleus [nuclear diameters]"
    )
    body_visibility: float = Field(
        3.0,
        ge=0,
        description="least height of a cell above the background "
        "[standard deviations of the background]",
    )

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        low, high = self.minimum_diameter_um, self.maximum_diameter_um
        if low is not None and high is not None and low >= high:
            raise ValueError(
                f"minimum_diameter_um ({low}) must be below maximum_diameter_um ({high})"
            )
        return self
