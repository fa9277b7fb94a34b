"""Everything that a page asks of a run, as plain values: the same for a server and for files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

from phenovae.base.errors import InputError
from phenovae.explore.cell_facts import CellFacts, plain
from phenovae.explore.colours import channel_palettes, number_palette
from phenovae.explore.columns import column_list, column_told, verdict_column
from phenovae.explore.decoding import Decoder
from phenovae.explore.fields import field_told
from phenovae.explore.latent_values import LatentValues
from phenovae.explore.levels import LEVELS, Level, LevelName, Points
from phenovae.explore.maps import LATENTS, Maps
from phenovae.explore.opening import OpenedRun
from phenovae.explore.packing import Json, number_column, packed
from phenovae.explore.pictures import Pictures, Planes
from phenovae.explore.verdicts import read_verdicts, treatment_names
from phenovae.report.facts import plural
from phenovae.screen.sites import Role

SLIDERS = 8
_VERDICT = "verdict:"


class Answers:
    """A run that is being explored.

    `wait` [s] is how long an answer may take before it comes later; None: however long it takes.
    """

    def __init__(self, opened: OpenedRun, points: Points, *, wait: float | None = 0.2) -> None:
        self.opened = opened
        self.points = points
        self.pictures = Pictures(opened, points)
        self.decoder = Decoder(opened, points, self.pictures)
        self.verdicts = read_verdicts(opened, points.levels["wells"].table)
        self.facts = CellFacts(points, self.verdicts)
        self.latent_values = LatentValues(
            points, self.decoder, embedded=opened.embedding_is_posterior, wait=wait
        )
        self.maps = Maps(
            points, self.verdicts, self.latent_values, seed=opened.config.seed, wait=wait
        )

    def warm_up(self) -> None:
        """Load the model and decode once, so that the first picture does not wait for it."""
        row = int(self.points.cells.rows[0])
        self.latents(row)
        toward = int(str(self.ways[0]["treatment"])) if self.ways else None
        able = self.decoder.control_rows.any()
        self.decoded(row, {}, toward if able else None, 1.0)

    def close(self) -> None:
        """Begin nothing more."""
        self.maps.close()
        self.latent_values.close()

    def start(self) -> Json:
        """What there is: levels, maps, columns, channels, latents, treatments."""
        return {
            "run": self.opened.name,
            "synthetic": self.opened.synthetic,
            "channels": list(self.opened.store.channels),
            "side": self.pictures.side,
            "micrometres": self._micrometres,
            "palettes": channel_palettes(self.opened.store.channels),
            "numbers": number_palette(),
            "levels": {name: self.level_told(self.points.levels[name]) for name in LEVELS},
            "latents": [{"latent": number, "kl": kl} for number, kl in self.decoder.usage],
            "sliders": SLIDERS,
            "ways": self.ways,
            "controls": int((self.decoder.control_rows & ~self.points.flagged).sum()),
        }

    def level(self, name: LevelName) -> Json:
        """The points of a level: store rows of cells, examples of wells and treatments."""
        level = self.points.levels[name]
        return {
            "count": len(level),
            "rows": packed(level.rows, "i4"),
            "examples": packed(level.examples, "i4"),
            "across": int(level.examples.shape[1]),
        }

    def plane(self, level: LevelName, name: str) -> Json:
        """Where the points of a level lie. Raises StillWorkingError, InputError."""
        return self.maps.told(self.points.levels[level], name)

    def column(self, level: LevelName, name: str) -> Json:
        """One column of a level. Raises StillWorkingError, InputError."""
        here = self.points.levels[level]
        if name.startswith(LATENTS):
            return number_column(self.latent_values.of(here, name.removeprefix(LATENTS)))
        if name.startswith(_VERDICT):
            words = self.verdicts.column(name.removeprefix(_VERDICT), treatment_names(here.table))
            return verdict_column(words)
        return column_told(here, name)

    def cell(self, row: int) -> Json:
        """What is known of a shown cell. Raises InputError where it is not shown."""
        return self.facts.told(row)

    def field(self, row: int) -> Json:
        """The field of a shown cell, with its place, or why there is none."""
        return field_told(self.opened, self.points.cells.table.iloc[self.facts.place(row)])

    def latents(self, row: int) -> Json:
        """The posterior mean of a shown cell, and how far each slider goes."""
        self.facts.place(row)
        mean = self.decoder.mean_of(row)
        return {
            "mean": [round(float(each), 4) for each in mean],
            "ranges": [round(each, 3) for each in self.decoder.ranges()],
        }

    def decoded(
        self, row: int, latents: Mapping[int, float], toward: int | None, share: float
    ) -> Planes:
        """The picture (channel, side, side), 8 bits, of a cell with some latents set and moved.

        `toward` is a treatment by its number in the run, `share` how far the cell is moved from
        control toward it. Raises InputError where a latent or treatment is not there.
        """
        self.facts.place(row)
        if not all(math.isfinite(each) for each in (*latents.values(), share)):
            raise InputError("a latent is set to a number")
        way = None if toward is None or share == 0 else self.decoder.toward(toward)
        moved = self.decoder.moved(self.decoder.mean_of(row), latents, way, share)
        return self.pictures.planes(self.decoder.decode(moved[None], [row])[0])

    def png(self, row: int) -> bytes:
        """One cell of the store as a grey PNG, its channels one below the other."""
        if not 0 <= row < self.points.cells_in_run:
            raise InputError(f"the run has {self.points.cells_in_run} cells, and no row {row}")
        return self.pictures.png(row)

    @cached_property
    def ways(self) -> list[Json]:
        """Treatments that a cell can be moved toward, by their number in the run."""
        table = self.points.levels["treatments"].table
        numbers, names = self.facts.treatment_numbers, treatment_names(table)
        return [
            {
                "treatment": int(numbers[at]),
                "name": names[at],
                "compound": str(row.Metadata_Compound),
                "dose": float(str(row.Metadata_Concentration)),
                "moa": plain(row.Metadata_MoA),
            }
            for at, row in enumerate(table.itertuples())
            if row.Metadata_Role != str(Role.NEGATIVE_CONTROL)
        ]

    @property
    def _micrometres(self) -> float | None:
        """The width of a picture [µm], where it is known."""
        size = self.opened.store.pixel_size_um
        if size is None:
            return None
        whole = self.opened.view.options.fit == "resize"
        return size * (self.opened.store.crop_size[0] if whole else self.pictures.side)

    def level_told(self, level: Level) -> Json:
        """How many points a level has, and what maps and columns."""
        return {
            "count": len(level),
            "said": _said(level),
            "planes": self.maps.listed(level),
            "columns": self.columns_of(level),
        }

    def columns_of(self, level: Level) -> list[Json]:
        """Every column of a level but latents, the verdicts first."""
        verdicts: list[Json] = [
            {
                "name": _VERDICT + scoring,
                "label": f"nearest neighbour, {scoring}",
                "is": "names",
                "colour": True,
            }
            for scoring in self.verdicts.scorings
        ]
        return [*verdicts, *column_list(level)]


def _said(level: Level) -> str:
    name = level.name
    if len(level) == level.total:
        return plural(level.total, name.removesuffix("s"))
    told = f"{len(level):,} of {level.total:,} {name}"
    if name == "cells":
        return f"{told}, every treatment with its even share: a page holds no more"
    return f"{told}; the others have no usable cell"
