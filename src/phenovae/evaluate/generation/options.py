"""How much is looked at when a model's images are judged."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from phenovae.base.options import Options
from phenovae.vae.options import Device

FEWEST = 8
"""Cells without which nothing is judged: two halves of four, the nearest three in each."""


class GenerationOptions(Options):
    """How many cells and images are compared, and in which spaces."""

    cells: int = Field(
        600,
        ge=0,
        description="real cells that images are compared with, at most: held-out ones where there "
        "are enough; 0: images are not judged",
    )
    fewest_held_out: int = Field(
        100,
        ge=FEWEST,
        description="fewer held-out cells than these are not enough: then cells of the training are"
        " taken, and told as such",
    )
    treatment_cells: int = Field(
        16,
        ge=0,
        description="cells of each treatment, held-out ones first, at most; 0: no figures by "
        "treatment",
    )
    treatments: int = Field(
        60,
        ge=0,
        description="treatments that have figures of their own, at most: those of most cells, and "
        "the controls",
    )
    halves: int = Field(
        20, ge=2, description="random divisions of the real cells into halves that are compared"
    )
    neighbours: int = Field(
        3,
        ge=1,
        description="nearest neighbours that span a manifold, for precision and recall",
    )
    draws: int = Field(1000, ge=100, description="draws of the bootstrap over wells")
    batch: int = Field(128, ge=1, description="images encoded, decoded and measured at a time")
    device: Device = Field("auto", description="auto takes CUDA where there is some, else the CPU")
    weights: Path | None = Field(
        None,
        description="safetensors file of a network of timm, for figures in its space too (extra "
        "timm); nothing is downloaded",
    )
    network: str = Field("inception_v3", description="what timm calls the network of these weights")
