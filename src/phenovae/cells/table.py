"""The table of a cell store: one row for every crop, in the order of the pixels."""

from __future__ import annotations

from phenovae.base.tables import Column, OpenColumns, Schema
from phenovae.screen.sites import SITE_COLUMNS

CELL_COLUMNS: tuple[Column, ...] = (
    *SITE_COLUMNS,
    Column("Metadata_Cell", "int64", "number of the cell within its field"),
    Column("Metadata_File", "string", "file name of the crop in the single-cell layout"),
)

CELLS = Schema(
    name="cells",
    version=1,
    columns=(
        *CELL_COLUMNS,
        Column("Store_Shard", "int64", "number of the shard that holds the crop"),
        Column("Store_Offset", "int64", "row of the crop within its shard"),
        Column("Position_Row", "float64", "centre of the cell in its field", "px", nullable=True),
        Column(
            "Position_Column", "float64", "centre of the cell in its field", "px", nullable=True
        ),
        Column(
            "Quality_Noise", "float64", "share of noise in the variance of the clearest channel"
        ),
        Column(
            "Quality_Signal",
            "float64",
            "how far the brightest pixels stand out",
            "σ of the noise",
        ),
        Column("Quality_Flag", "string", "why the crop is not used, or empty"),
    ),
    open=(
        OpenColumns(r"Intensity_.+", "float32", "intensity statistic of the raw crop"),
        OpenColumns(r"Measure_.+", "float64", "measurement of the cell", nullable=True),
    ),
)

CELL_METADATA = tuple(column.name for column in CELL_COLUMNS)

EMBEDDINGS = Schema(
    name="embeddings",
    version=1,
    columns=CELL_COLUMNS,
    open=(OpenColumns(r"z_\d{3,}", "float32", "posterior mean of a latent dimension"),),
)
