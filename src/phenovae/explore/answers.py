"""Everything that a page asks of a run, as plain values: the same for a server and for files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError
from phenovae.explore.colours import channel_palettes, number_palette
from phenovae.explore.columns import column_list, is_names, missing, ordered, styles, texts
from phenovae.explore.decoding import Decoder
from phenovae.explore.fields import field_told
from phenovae.explore.levels import LEVELS, Level, LevelName, Points
from phenovae.explore.nearness import nearest_cells
from phenovae.explore.opening import OpenedRun
from phenovae.explore.packing import Json, name_column, number_column, packed
from phenovae.explore.pictures import Pictures, Planes
from phenovae.explore.planes import Plane, principal_plane, umap_installed, umap_plane
from phenovae.explore.verdicts import profile_values, read_verdicts, treatment_names
from phenovae.explore.waiting import Later
from phenovae.report.facts import percent, plural
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import Role

SLIDERS = 8
_MEANS = "posterior means of the shown cells"


class Answers:
    """A run that is being explored. `wait` is how long an answer may take before it comes later."""

    def __init__(self, opened: OpenedRun, points: Points, *, wait: float | None = 0.2) -> None:
        self.opened = opened
        self.points = points
        self.pictures = Pictures(opened, points)
        self.decoder = Decoder(opened, points, self.pictures)
        self.verdicts = read_verdicts(opened, points.levels["wells"].table)
        self._wait = wait
        self._planes: Later[tuple[Plane, Json]] = Later()
        self._means: Later[npt.NDArray[np.float32]] = Later()

    def close(self) -> None:
        """Begin nothing more."""
        self._planes.close()
        self._means.close()

    # What a page begins with.

    def start(self) -> Json:
        """What there is: levels, planes, columns, channels, latents, treatments."""
        return {
            "run": self.opened.name,
            "synthetic": self.opened.synthetic,
            "channels": list(self.opened.store.channels),
            "side": self.pictures.side,
            "micrometres": self._micrometres,
            "palettes": channel_palettes(self.opened.store.channels),
            "numbers": number_palette(),
            "levels": {name: self._level_told(self.points.levels[name]) for name in LEVELS},
            "latents": [
                {"latent": number, "kl": kl} for number, kl in self.decoder.usage
            ],
            "sliders": SLIDERS,
            "scorings": self.verdicts.scorings,
            "unscored": self.verdicts.missing,
            "ways": self._ways,
            "controls": int((self.decoder.control_rows & ~self.points.flagged).sum()),
        }  # fmt: skip

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
        here = self.points.levels[level]
        if name == "pca":
            plane, told = self._planes.get(
                f"{level} pca", "principal components", lambda: self._pca(here), wait=None
            )
        elif name == "umap":
            plane, told = self._umap(here)
        elif name.startswith("profiles:") and level == "treatments":
            plane, told = self._of_profiles(name.removeprefix("profiles:"))
        elif name.startswith("z:"):
            plane, told = self._of_latents(here, name)
        else:
            raise InputError(f"there is no plane {name!r} of {level}")
        return {"x": packed(plane[:, 0], "f4"), "y": packed(plane[:, 1], "f4"), **told}

    def column(self, level: LevelName, name: str) -> Json:
        """One column of a level. Raises StillWorkingError, InputError."""
        here = self.points.levels[level]
        if name.startswith("z:"):
            return number_column(self._latent(here, name.removeprefix("z:")))
        if name.startswith("verdict:"):
            return self._verdict_column(here, name.removeprefix("verdict:"))
        if name not in here.table:
            raise InputError(f"there is no column {name!r} of {level}")
        values = here.table[name]
        if not is_names(here.table, name):
            return number_column(values.to_numpy(dtype=float))
        told = texts(values, name)
        names = ordered(told)
        return {**name_column(told, names), "styles": styles(names), "missing": missing(name)}

    # What is asked of a single cell.

    def cell(self, row: int) -> Json:
        """What is known of one shown cell: metadata, neighbours, its treatment and the verdicts."""
        place = self._place(row)
        table = self.points.cells.table
        cell = table.iloc[place]
        (treatment,) = treatment_names(table.iloc[[place]])
        return {
            "row": row,
            "metadata": {
                name: _plain(cell[name])
                for name in table.columns
                if name.startswith(("Metadata_", "Quality_", "Split", "Position_"))
            },
            "measures": {
                name: _plain(cell[name]) for name in table.columns if name.startswith("Measure_")
            },
            "neighbours": [
                {**each, **self._name_of(int(str(each["row"])))}
                for each in nearest_cells(self.points.cells, place)
            ],
            "among": len(self.points.cells),
            "dimensions": int(self.points.cells.values.shape[1]),
            "treatment": treatment,
            "treatment_place": self._treatment_place(row),
            "well_place": self._well_place(cell),
            "profile": self._profile(row),
            "verdicts": self.verdicts.told(treatment)
            if cell["Metadata_Role"] == str(Role.TREATMENT)
            else [],
            "why_no_verdict": self._why_no_verdict(cell),
        }

    def field(self, row: int) -> Json:
        """The field of a shown cell, with its place, or why there is none."""
        return field_told(self.opened, self.points.cells.table.iloc[self._place(row)])

    def latents(self, row: int) -> Json:
        """The posterior mean of a shown cell, and how far each slider goes."""
        self._place(row)
        mean = self.decoder.encode([row])[0]
        return {
            "mean": [round(float(each), 4) for each in mean],
            "ranges": [round(each, 3) for each in self.decoder.ranges()],
        }

    def decoded(
        self, row: int, offsets: Mapping[int, float], toward: int | None, share: float
    ) -> Planes:
        """The picture (channel, side, side), 8 bits, of a cell with some latents set and moved.

        `toward` is a treatment by its number in the run, `share` how far the cell is moved from
        control toward it. Raises InputError where a latent or treatment is not there.
        """
        self._place(row)
        if not all(math.isfinite(each) for each in (*offsets.values(), share)):
            raise InputError("a latent is set to a number")
        mean = self.decoder.encode([row])[0]
        way = None if toward is None or share == 0 else self.decoder.toward(toward)
        moved = self.decoder.moved(mean, offsets, way, share)
        return self.pictures.planes(self.decoder.decode(moved[None], [row])[0])

    def png(self, row: int) -> bytes:
        """One cell of the store as a grey PNG, its channels one below the other."""
        if not 0 <= row < self.points.cells_in_run:
            raise InputError(f"the run has {self.points.cells_in_run} cells, and no row {row}")
        return self.pictures.png(row)

    # How these are put together.

    @property
    def _micrometres(self) -> float | None:
        size = self.opened.store.pixel_size_um
        if size is None:
            return None
        whole = self.opened.view.options.fit == "resize"
        return size * (self.opened.store.crop_size[0] if whole else self.pictures.side)

    def _level_told(self, level: Level) -> Json:
        name = level.name
        said = plural(level.total, name.removesuffix("s"))
        if len(level) < level.total and name == "cells":
            said = (
                f"{len(level):,} of {level.total:,} cells, every treatment its even share: "
                "a page holds no more"
            )
        elif len(level) < level.total:
            gone = level.total - len(level)
            said = f"{len(level):,} of {level.total:,} {name}; {gone:,} have no usable cell"
        return {
            "count": len(level),
            "said": said,
            "planes": self._plane_list(level),
            "columns": [*self._verdict_columns(level), *column_list(level)],
        }

    def _plane_list(self, level: Level) -> list[Json]:
        found: list[Json] = [{"name": "pca", "label": "PCA of embeddings"}]
        if umap_installed():
            found.append({"name": "umap", "label": "UMAP of embeddings"})
        if level.name == "treatments":
            found += [
                {"name": f"profiles:{label}", "label": f"PCA of profiles, {label}"}
                for label in dict.fromkeys(self.verdicts.profiles["Profile_Protocol"])
            ]
        return found

    def _verdict_columns(self, level: Level) -> list[Json]:
        del level
        return [
            {
                "name": f"verdict:{scoring}",
                "label": f"nearest neighbour, {scoring}",
                "is": "names",
                "colour": True,
            }
            for scoring in self.verdicts.scorings
        ]

    @cached_property
    def _ways(self) -> list[Json]:
        """Treatments that a cell can be moved toward, by their number in the run."""
        numbers = self._numbers_of_treatments
        table = self.points.levels["treatments"].table
        names = treatment_names(table)
        return [
            {
                "treatment": int(numbers[at]),
                "name": names[at],
                "compound": str(row.Metadata_Compound),
                "dose": float(row.Metadata_Concentration),
                "moa": _plain(row.Metadata_MoA),
            }
            for at, row in enumerate(table.itertuples())
            if row.Metadata_Role != str(Role.NEGATIVE_CONTROL)
        ]

    @cached_property
    def _numbers_of_treatments(self) -> npt.NDArray[np.int64]:
        """The number in the run of each treatment that is a point."""
        return np.unique(self.points.treatment_of[~self.points.flagged])

    def _treatment_place(self, row: int) -> int | None:
        numbers = self._numbers_of_treatments
        mine = int(self.points.treatment_of[row])
        at = int(np.searchsorted(numbers, mine))
        return at if at < len(numbers) and numbers[at] == mine else None

    def _well_place(self, cell: pd.Series) -> int | None:
        return self._wells.get((str(cell["Metadata_Plate"]), str(cell["Metadata_Well"])))

    @cached_property
    def _wells(self) -> dict[tuple[str, str], int]:
        table = self.points.levels["wells"].table
        names = zip(table["Metadata_Plate"], table["Metadata_Well"], strict=True)
        return {(str(plate), str(well)): at for at, (plate, well) in enumerate(names)}

    def _place(self, row: int) -> int:
        place = self.points.place_of(row)
        if place is None:
            raise InputError(f"no cell of row {row} is shown")
        return place

    def _name_of(self, row: int) -> Json:
        cell = self.points.cells.table.iloc[self._place(row)]
        compound, dose = str(cell["Metadata_Compound"]), float(cell["Metadata_Concentration"])
        return {
            "treatment": treatment_text(compound, dose),
            "moa": _plain(cell["Metadata_MoA"]),
            "well": f"{cell['Metadata_Plate']} {cell['Metadata_Well']}",
        }

    def _profile(self, row: int) -> Json:
        place = self._treatment_place(row)
        if place is None:
            return {"cells": 0, "wells": 0}
        told = self.points.levels["treatments"].table.iloc[place]
        found: Json = {"cells": int(told["Cells"]), "wells": int(told["Wells"])}
        profiles = self.verdicts.profiles
        if len(profiles):
            label = str(profiles["Profile_Protocol"].iloc[0])
            here, values = profile_values(profiles, label)
            same = (here["Metadata_Compound"] == told["Metadata_Compound"]) & (
                here["Metadata_Concentration"] == told["Metadata_Concentration"]
            )
            if same.any() and told["Metadata_Role"] == str(Role.TREATMENT):
                found["protocol"] = label
                found["values"] = [float(f"{each:.4g}") for each in values[np.argmax(same)]]
        return found

    def _why_no_verdict(self, cell: pd.Series) -> str:
        if cell["Metadata_Role"] != str(Role.TREATMENT):
            return "This well is a control: controls are not scored."
        return self.verdicts.missing

    def _pca(self, level: Level) -> tuple[Plane, Json]:
        plane, shares = principal_plane(level.values, level.usable)
        return plane, _pca_told(shares)

    def _umap(self, level: Level) -> tuple[Plane, Json]:
        if not umap_installed():
            raise InputError("UMAP needs umap-learn: pip install 'phenovae[umap]'")
        seed = self.opened.config.seed

        def make() -> tuple[Plane, Json]:
            return umap_plane(level.values, seed, cosine=False), {
                "labels": ["UMAP 1 (no unit)", "UMAP 2 (no unit)"],
                "note": "Near neighbours mean something here, distances between far groups little.",
                "equal": False,
            }

        what = f"UMAP of {plural(len(level), level.name.removesuffix('s'))}"
        return self._planes.get(f"{level.name} umap", what, make, wait=self._wait)

    def _of_profiles(self, label: str) -> tuple[Plane, Json]:
        here, values = profile_values(self.verdicts.profiles, label)
        if not len(here):
            raise InputError(f"there are no profiles by {label!r}")
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        unit = values / np.maximum(lengths, 1e-12)
        flat, shares = principal_plane(unit, np.ones(len(unit), bool))
        places = {
            treatment_text(str(compound), float(dose)): at
            for at, (compound, dose) in enumerate(
                zip(here["Metadata_Compound"], here["Metadata_Concentration"], strict=True)
            )
        }
        names = treatment_names(self.points.levels["treatments"].table)
        plane = np.full((len(names), 2), np.nan, np.float32)
        for at, name in enumerate(names):
            if name in places:
                plane[at] = flat[places[name]]
        told = _pca_told(shares)
        told["note"] = f"{len(here)} treatments have a profile; controls and unknowns have none."
        return plane, told

    def _of_latents(self, level: Level, name: str) -> tuple[Plane, Json]:
        _, first, second = [*name.split(":"), "", ""][:3]
        plane = np.stack([self._latent(level, first), self._latent(level, second)], axis=1)
        return plane.astype(np.float32), {
            "labels": [f"latent {first}", f"latent {second}"],
            "note": "Posterior means"
            + ("." if level.name == "cells" else ", averaged over the shown cells."),
            "equal": False,
        }

    def _latent(self, level: Level, text: str) -> npt.NDArray[np.float32]:
        if not text.isascii() or not text.isdigit() or int(text) >= self.decoder.latent:
            raise InputError(f"the model has no latent {text!r}")
        number = int(text)
        means = self.posterior_means()
        if level.name == "cells":
            return means[:, number]
        return self._group_means(level, means[:, number])

    def posterior_means(self) -> npt.NDArray[np.float32]:
        """Posterior means (n, latent) of the shown cells. Raises StillWorkingError."""
        if self.opened.embedding_is_posterior:
            return self.points.cells.values
        rows = self.points.cells.rows
        what = f"{_MEANS}, {len(rows):,} of them"
        return self._means.get("all", what, lambda: self.decoder.encode(rows), wait=self._wait)

    def _group_means(
        self, level: Level, values: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        cells = self.points.cells
        keys = ["Metadata_Plate", "Metadata_Well"]
        if level.name == "treatments":
            keys = ["Metadata_Compound", "Metadata_Concentration", "Metadata_Role"]
        used = cells.table.loc[cells.usable, keys].assign(value=values[cells.usable])
        means = used.groupby(keys, observed=True)["value"].mean()
        found = means.reindex(pd.MultiIndex.from_frame(level.table[keys]))
        return found.to_numpy(dtype=np.float32)

    def _verdict_column(self, level: Level, scoring: str) -> Json:
        if scoring not in self.verdicts.scorings:
            raise InputError(f"there is no scoring {scoring!r}")
        words = self.verdicts.column(scoring, treatment_names(level.table))
        names = [name for name in ("right", "tied", "wrong", "not scored") if name in set(words)]
        # Blue, orange and grey stay apart in every common colour blindness, and shapes go with them.
        known = {
            "right": ("#0a78e0", "o"), "tied": ("#8a6d00", "D"), "wrong": ("#d4501c", "X"),
            "not scored": ("#808080", "s"),
        }  # fmt: skip
        return {**name_column(words, names), "styles": [known[name] for name in names]}


def _pca_told(shares: tuple[float, float]) -> Json:
    return {
        "labels": [
            f"component {number + 1} ({percent(share, 0)} of the variance)"
            for number, share in enumerate(shares)
        ],
        "note": "",
        "equal": True,
    }


def _plain(value: object) -> object:
    """A value of a table as JSON has it; nothing for what is missing."""
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return str(value)
