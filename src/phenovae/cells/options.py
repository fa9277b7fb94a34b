"""How cells are taken out of fields."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from phenovae.base.options import Options


class CropOptions(Options):
    """Which squares of a field become crops, and of which pixels."""

    layout: Literal["nuclei", "grid", "positions"] = Field(
        "nuclei",
        description="nuclei: one crop around each nucleus; grid: tiles side by side, where nuclei "
        "cannot be told apart; positions: around those that input.positions gives",
    )
    pixels: Literal["raw", "corrected"] = Field(
        "raw",
        description="raw: as the camera gave them; corrected: divided by the illumination",
    )
    mask: Literal["none", "nucleus", "cell"] = Field(
        "none", description="what of a crop is kept, all else becomes 0: everything, or one cell"
    )
    small: float = Field(
        0.4,
        ge=0,
        description="nuclei below this share of the field's usual diameter are left out as `small`",
    )
    large: float = Field(
        2.5,
        gt=1,
        description="nuclei above this many usual diameters are left out as `large`",
    )
    small_um: float = Field(
        0.0, ge=0, description="nuclei below this diameter are `small` too [µm]; needs a pixel size"
    )
    large_um: float = Field(
        0.0,
        ge=0,
        description="nuclei above this diameter are `large` too [µm]; 0: no such limit",
    )
    touching: Literal["drop", "keep"] = Field(
        "drop", description="nuclei that the border of the field cuts through"
    )
    flagged_fields: Literal["drop", "keep"] = Field(
        "drop", description="cells of fields that failed quality control"
    )
