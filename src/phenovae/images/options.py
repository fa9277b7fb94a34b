"""How the light over fields is told, and when a field counts as failed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from phenovae.base.options import Options

if TYPE_CHECKING:
    from phenovae.images.illumination_statistics import IlluminationStatistics


class IlluminationOptions(Options):
    """How the light of a plate is told from its fields, and whether it is corrected for."""

    method: Literal["retrospective", "none"] = Field(
        "retrospective",
        description="retrospective: from the fields of a plate; none: light is taken as even",
    )
    fields: int = Field(
        8,
        ge=4,
        description="fewest fields of a channel and plate from which a function is made; with "
        "fewer all fields of the plate's batch make it, or the light counts as flat [fields]",
    )
    sample: int = Field(
        256, ge=8, description="fields of a channel and plate that are looked at [fields]"
    )
    blocks: int = Field(
        80, ge=16, le=256, description="blocks along the longer side of a field [blocks]"
    )
    degrees: tuple[Annotated[int, Field(ge=1, le=8)], ...] = Field(
        (2, 4, 6),
        min_length=1,
        description="degrees of the polynomial among which fields that were held out choose",
    )
    dark_level: float | None = Field(
        None,
        ge=0,
        description="what the camera gives without light, where it is known; told from the fields "
        "otherwise [grey levels]",
    )

    def statistics(self) -> IlluminationStatistics:
        """Statistics without a field yet, kept as these options say."""
        from phenovae.images.illumination_statistics import IlluminationStatistics

        return IlluminationStatistics(self.sample, self.blocks)


class FieldQualityOptions(Options):
    """When a field is flagged and left out."""

    fields: int = Field(
        8,
        ge=3,
        description="fewest fields that say what is usual on a plate; with fewer, only bounds that "
        "hold for any plate are used [fields]",
    )
    deviations: float = Field(
        5.0,
        gt=0,
        description="how far outside the usual a field must lie to be flagged by comparison "
        "[robust standard deviations]",
    )
    noise: float = Field(
        2.5,
        gt=1,
        description="flag `noise`: a channel's noise is so many times the usual, and its share in "
        "the variance even further from it [ratio]",
    )
    noise_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="flag `noise`: even in the clearest channel noise makes up more of the "
        "variance [share]",
    )
    focus: float = Field(
        0.75,
        gt=0,
        lt=1,
        description="flag `out_of_focus`: focus of the nuclei is below this part of the usual, and "
        "that of the other channels is low too; of all channels where none is of nuclei [ratio]",
    )
    focus_of_nuclei: float = Field(
        3.5,
        ge=0,
        description="flag `out_of_focus`: focus of the nuclei is lower, whatever is usual (2.8 "
        "where nothing is sharp; fields in focus of known screens have 3.5 to 7) [1]",
    )
    size_of_nuclei: float = Field(
        8.0,
        ge=0,
        description="that bound on focus holds where nuclei are larger than twice this; smaller "
        "ones are as blurred by the pixels themselves [px]",
    )
    saturated: float = Field(
        0.01,
        gt=0,
        le=1,
        description="flag `saturated`: a larger part of a channel's pixels has the camera's "
        "highest value [share]",
    )
    contrast: float = Field(
        6.0,
        ge=0,
        description="flag `empty`: in no channel do the brightest blocks stand further above the "
        "median [standard deviations of the noise]",
    )
    debris_length: float = Field(
        8.0,
        gt=0,
        description="flag `debris`: a region far brighter than cells is longer, as a fibre is "
        "[sizes of the channel's structures]",
    )
    debris_area: float = Field(
        12.0,
        gt=0,
        description="flag `debris`: a region far brighter than cells is larger [squared sizes of "
        "the channel's structures]",
    )
    many_cells: float = Field(
        3.0,
        gt=1,
        description="flag `cell_count`: so many times the usual number of nuclei [ratio]",
    )
    few_cells: float = Field(
        0.2,
        ge=0,
        lt=1,
        description="flag `cell_count`: a negative control has less than this part of the usual "
        "number of nuclei; a treated well only where it has none [ratio]",
    )
