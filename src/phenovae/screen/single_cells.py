"""What the import of single cells must know of their screen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from phenovae.screen.roles import RoleRules


@dataclass(frozen=True)
class CropColumns:
    """Columns of a table of single cells: `file` and the place of a well go by several names.

    `plate_well` has `<plate>_<well>` and stands in for `plate` and `well`.
    """

    file: tuple[str, ...]
    plate: str
    well: str
    plate_well: str
    replicate: str
    compound: str
    concentration: str
    mechanism: str

    @property
    def known(self) -> tuple[str, ...]:
        """All of them."""
        return (
            *self.file, self.plate, self.well, self.plate_well, self.compound, self.concentration,
            self.mechanism, self.replicate,
        )  # fmt: skip


@dataclass(frozen=True)
class SingleCellScreen:
    """How one screen names fields and plates, and which tables it has.

    `field_id` gives what identifies a field in the whole screen, from its name; `site_of` its site
    in the well (raises InputError where it is no field); `batch_of_plate` and `concentration` [µM]
    give None where the text is none. `sites_of_table` reads a table of fields (with one of
    mechanisms) into `SITES`, and gives None for a table of another form. `tables` tells a person
    which tables there are.
    """

    columns: CropColumns
    roles: RoleRules
    channels: tuple[str, ...]
    field_id: Callable[[str], str]
    site_of: Callable[[str], int]
    batch_of_plate: Callable[[str], str | None]
    concentration: Callable[[str], float | None]
    sites_of_table: Callable[[Path, Path | None], pd.DataFrame | None]
    tables: str
