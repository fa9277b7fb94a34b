"""Groups of the configuration that are about a run as a whole: where cells come from, scoring."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from phenovae.base.options import Options


class InputOptions(Options):
    """Where the cells come from."""

    source: Literal["crops", "raw", "twin"] = Field(
        "crops",
        description="crops: single-cell .npy files; raw: whole fields; twin: a synthetic screen, "
        "drawn here",
    )
    images: Path | None = Field(
        None, description="raw: folder of the images, with its plates in it"
    )
    crops: Path | None = Field(None, description="folder of <field>_<cell>.npy files")
    metadata: Path | None = Field(
        None,
        description="CSV: one row a crop (the single-cell table), or the official image table, "
        "which is then joined by the unique id in the names; raw: the official image table, or a "
        "CellProfiler LoadData CSV",
    )
    platemap: Path | None = Field(
        None,
        description="raw: CSV of what each well was treated with: plate, well, compound, "
        "concentration [µM], moa, role",
    )
    pattern: str = Field(
        "",
        description="raw, without a table of images: how plate, well, site and channel stand in "
        "the images' paths, as in {plate}/{well}_s{site}_w{channel}.tif, or a regular expression "
        "with these groups",
    )
    channel_tags: dict[str, str] = Field(
        default_factory=dict,
        description="raw: what stands for each channel in the pattern's {channel}",
    )
    planes: dict[str, int] = Field(
        default_factory=dict,
        description="raw: plane of each channel, from 0, where one file has several (RGB: red 0, "
        "green 1, blue 2)",
    )
    batch_pattern: str = Field(
        "",
        description="raw: regular expression whose first group, in a plate's name, is its batch; "
        "empty: the plate map's column batch",
    )
    negative_controls: tuple[str, ...] = Field(
        ("DMSO",),
        description="raw: compounds that are negative controls, where no column role says so",
    )
    nuclei: str = Field("", description="raw: channel that shows nuclei; empty: the first one")
    labels: Path | None = Field(
        None,
        description="raw: folder of label images of nuclei made elsewhere, named as the nucleus "
        "images; nothing is segmented then",
    )
    positions: Path | None = Field(
        None,
        description="raw, with cells.layout=positions: table of cells found elsewhere (CSV or "
        "Parquet): Metadata_Field, Metadata_Cell, Position_Row, Position_Column [px]",
    )
    moa: Path | None = Field(
        None, description="CSV of known mechanisms, used with the official image table"
    )
    channels: tuple[str, ...] = Field(
        (),
        description="channels in the order that crops have them; empty: those of the screen, if it "
        "is one that phenovae knows",
    )
    pixel_size_um: Annotated[float, Field(gt=0)] | None = Field(
        None, description="size of a pixel [µm], if known"
    )
    crop_size: int = Field(68, ge=8, le=1024, description="side of a crop cut from a field [px]")


class EvaluateOptions(Options):
    """How treatments are scored."""

    protocols: tuple[str, ...] = Field(
        ("cells-mean", "cells-mean-whitened", "caicedo2018"),
        description="protocols by name, or paths of YAML files that define one",
    )
    cells: Literal["all", "train", "validation", "test"] = Field(
        "all",
        description="cells that are scored, controls with them: all that are not flagged, or one "
        "side of the splits that the model was trained with",
    )
    fit_on: Literal["auto", "negative_controls", "all_wells"] = Field(
        "auto",
        description="wells that transforms are fitted on; auto: negative controls, or all wells "
        "where there are none, which the protocol's name then says (`+fit-all`)",
    )
    plates_are_batches: bool = Field(
        default=False,
        description="score NSCB even where every batch is a single plate; without it such a screen "
        "has no NSCB, for plates of one day would count as different batches",
    )
    probe: bool = Field(
        default=True, description="also run the cell-level leave-compound-out probe"
    )
    well_probe: bool = Field(
        default=True, description="also run the probe of wells, each the mean of its cells"
    )
    votes: tuple[Annotated[int, Field(ge=2)], ...] = Field(
        (3,),
        description="for each of these numbers, also score treatments by the mechanism that most "
        "of so many nearest neighbours have; empty: none",
    )
    replicates: bool = Field(
        default=True,
        description="also measure how early the replicates of a treated well stand among the "
        "negative controls of its plate",
    )
    mixing: tuple[Annotated[int, Field(ge=3)], ...] = Field(
        (10,),
        description="for each of these numbers, also measure how batches mix among so many nearest "
        "neighbours of control wells; empty: none. It is no score, and joins none",
    )
    batch_classifier: bool = Field(
        default=True,
        description="also ask whether the batch of a plate that was left out can be told from its "
        "control wells",
    )
    before_transforms: bool = Field(
        default=True,
        description="also score and measure without the transforms of a protocol, to see what "
        "these give and take",
    )
    draws: int = Field(10_000, ge=100, description="draws of the bootstrap and the permutation")
