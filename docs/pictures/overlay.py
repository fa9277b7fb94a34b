"""Draw docs/pictures/overlay.jpg: what was found in a field, over the field.

    phenovae run examples/bbbc021_raw.yaml --set input.images=FOLDER … --out RUN
    python docs/pictures/overlay.py RUN FIELD FOLDER docs/pictures/overlay.jpg

FIELD is the field's name in RUN/fields.parquet, or its beginning; FOLDER that of the images.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from PIL import Image

from phenovae.base.tables import read_table
from phenovae.cells.field_parts import files_of_site, label_path
from phenovae.cells.nuclei import NUCLEI
from phenovae.figures.drawing import to_bytes
from phenovae.figures.overlays import overlay, overlay_of
from phenovae.images.label_files import read_own_labels
from phenovae.images.reading import read_site
from phenovae.pipeline import paths
from phenovae.screen.sites import SITES

CHANNELS = ("DAPI", "Actin", "Tubulin")
SIDE = 640


def main(run: Path, name: str, images: Path, target: Path) -> None:
    """Draw one field."""
    sites = read_table(run / paths.SITES, SITES)
    site = sites.loc[sites["Metadata_Field"].str.startswith(name)].iloc[0]
    field, plate = str(site["Metadata_Field"]), str(site["Metadata_Plate"])
    nuclei = read_table(run / paths.NUCLEI, NUCLEI)
    here = nuclei.loc[nuclei["Metadata_Field"] == field]
    pixels = read_site(images, files_of_site(site, CHANNELS))
    found = overlay_of(
        dict(zip(CHANNELS, pixels, strict=True)),
        CHANNELS,
        read_own_labels(label_path(run / paths.SEGMENTATION, plate, field, "nuclei")),
        read_own_labels(label_path(run / paths.SEGMENTATION, plate, field, "cells")),
        set(here.loc[here["Fate"] == "kept", "Metadata_Cell"]),
        SIDE,
    )
    picture = Image.open(io.BytesIO(to_bytes(overlay(found, CHANNELS), "png"))).convert("RGB")
    picture.save(target, quality=82)
    print(f"{len(here)} nuclei, {(here['Fate'] == 'kept').sum()} kept: {target}")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
