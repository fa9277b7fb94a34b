"""How nuclei and cell bodies are told from what is around them.

What drops objects (`smallest`, `visibility`, `debris`) is of the classical method; limits in µm and
cell bodies go with any.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from phenovae.base.options import Options


class SegmentationOptions(Options):
    """Settings of the segmentation. None is in pixels or grey levels: the image gives the scale."""

    method: Literal["classical", "cellpose", "instanseg"] = Field(
        "classical",
        description="how nuclei are found: classical needs no weights, cellpose and instanseg are "
        "models of others, each an extra",
    )
    model: str = Field(
        "",
        description="cellpose, instanseg: name of a model, or path of its weights; empty: the "
        "method's own for nuclei",
    )
    download_weights: bool = Field(
        default=False,
        description="cellpose, instanseg: let the library download weights that are not on disk",
    )
    device: Literal["auto", "cpu"] = Field(
        "auto", description="cellpose, instanseg: where the model runs; auto: on a GPU if there is"
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
        if self.method == "classical" and self.model:
            raise ValueError(f"the classical method takes no model, not {self.model!r} either")
        return self
