"""What a run holds, opened when a picture asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import InputError, PhenovaeError, UsageError, nearest
from phenovae.base.files import read_json
from phenovae.base.progress import SILENT, Progress
from phenovae.base.seeds import generator
from phenovae.base.tables import read_table
from phenovae.cells.splits import LEFT_OUT, TRAIN, VALIDATION, read_splits
from phenovae.cells.store import CellStore
from phenovae.cells.table import EMBEDDINGS
from phenovae.cells.view import View
from phenovae.figures.colours import Palette, bright
from phenovae.figures.planes import Method
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.screen.sites import concentration_key, dose_text
from phenovae.vae.file_names import DIAGNOSTICS, HISTORY, WEIGHTS

if TYPE_CHECKING:
    from phenovae.vae.data import StoreImages
    from phenovae.vae.latent_space import Posteriors
    from phenovae.vae.model_files import TrainedModel

Rows = npt.NDArray[np.int64]
Pixels = npt.NDArray[np.float32]
Record = dict[str, object]


_MEASURED = 2000
_SEEN = 64


class CannotDrawError(PhenovaeError):
    """A picture has no meaning for a run, or the run lacks what it needs; the message says why."""


@dataclass(frozen=True)
class Wanted:
    """What a person asked of the pictures.

    `treatments` are compounds, or a compound and its concentration [µM] as `compound@dose`;
    `cells` are rows of the store or names of crop files. `by` are what maps are coloured by and
    plate maps show, `maps` the ways to the plane, `plates` the plates of plate maps. Where there
    are none, kinds choose.
    """

    seed: int = 0
    palette: Palette = "field"
    treatments: tuple[str, ...] = ()
    cells: tuple[str, ...] = ()
    by: tuple[str, ...] = ()
    maps: tuple[Method, ...] = ()
    plates: tuple[str, ...] = ()


class Gathered:
    """A run's config, cells, model and tables, each read once, when it is first asked for.

    All properties raise CannotDrawError where the run lacks what they name, and InputError where a
    file is damaged.
    """

    def __init__(
        self, run: Path, config: Config, wanted: Wanted, progress: Progress = SILENT
    ) -> None:
        self.run = run
        self.config = config
        self.wanted = wanted
        self.progress = progress

    @property
    def palette(self) -> Palette:
        """In which colours channels are painted."""
        return self.wanted.palette

    @property
    def channels(self) -> tuple[str, ...]:
        """Names of the channels, in the order of the pixels."""
        return self.store.channels

    def random(self, *names: str | int) -> np.random.Generator:
        """The random stream of a kind under the seed that was asked for."""
        return generator(self.wanted.seed, "figures", *names)

    @cached_property
    def store(self) -> CellStore:
        """The cell store."""
        self._need(paths.CELLS, "no cells yet")
        store = CellStore.open(self.run / paths.CELLS)
        if not len(store):
            raise CannotDrawError("the store has no cell")
        return store

    @property
    def table(self) -> pd.DataFrame:
        """One row a cell, as `CELLS` declares."""
        return self.store.table

    @cached_property
    def usable(self) -> Rows:
        """Rows of the cells that no quality flag bars."""
        rows = np.flatnonzero((self.table["Quality_Flag"] == "").to_numpy())
        if not len(rows):
            raise CannotDrawError("every cell is flagged")
        return rows

    @cached_property
    def sides(self) -> npt.NDArray[np.object_]:
        """The side of the split of every cell; all `left-out` where there are no splits."""
        path = self.run / paths.SPLITS
        if not path.exists():
            return np.full(len(self.store), LEFT_OUT, dtype=object)
        return read_splits(path, len(self.store))["Split"].to_numpy(dtype=object)

    @cached_property
    def held_out(self) -> tuple[Rows, str]:
        """Rows of usable cells that did not teach the model, and what they are called.

        Where there are none, those that did, and then all.
        """
        for side, name in ((VALIDATION, "held-out "), (TRAIN, "training ")):
            rows = self.usable[self.sides[self.usable] == side]
            if len(rows):
                return rows, name
        return self.usable, ""

    @cached_property
    def trained(self) -> TrainedModel:
        """The trained model."""
        from phenovae.vae.model_files import load_model

        self._need(f"{paths.MODEL}/{WEIGHTS}", "no trained model")
        return load_model(self.run / paths.MODEL, self.config.embed.device)

    @cached_property
    def view(self) -> View:
        """The view that the model was trained with, known to every plate of the store."""
        return View.from_json(self.trained.view).extended(self.store, self.trained.card.seed)

    @cached_property
    def images(self) -> StoreImages:
        """The crops as the model sees them, float32 in [0, 1]."""
        from phenovae.vae.data import StoreImages

        return StoreImages(self.store, self.view)

    @cached_property
    def embeddings(self) -> pd.DataFrame:
        """The embedding of every cell, as `EMBEDDINGS` declares, in the order of the store."""
        self._need(paths.EMBEDDINGS, "no embeddings")
        found = read_table(self.run / paths.EMBEDDINGS, EMBEDDINGS)
        if len(found) != len(self.store):
            raise InputError(
                f"{paths.EMBEDDINGS} has {len(found)} rows, the store {len(self.store)} cells",
                where=self.run,
                mend="phenovae embed --run RUN --again",
            )
        return found

    @cached_property
    def embedded(self) -> npt.NDArray[np.float32]:
        """The numbers of `embeddings` (cell, dimension), in the order of the store."""
        table = self.embeddings
        names = [name for name in table.columns if str(name).startswith("z_")]
        return table[names].to_numpy(dtype=np.float32)

    def usual(self, rows: Rows) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Mean and standard deviation of the embeddings of some cells, each (dimension,)."""
        values = self.embedded[rows].astype(np.float64)
        spread = values.std(axis=0)
        return values.mean(axis=0), np.where(spread > 0, spread, 1.0)

    @cached_property
    def profiles(self) -> pd.DataFrame:
        """Profiles of treatments by every protocol, as the stage `profile` left them."""
        from phenovae.pipeline.stages.evaluate import PROFILES

        self._need(paths.PROFILES, "no profiles")
        return read_table(self.run / paths.PROFILES, PROFILES)

    @cached_property
    def neighbours(self) -> pd.DataFrame:
        """The nearest neighbour of every treatment, as the stage `evaluate` left them."""
        from phenovae.pipeline.stages.evaluate import NEIGHBOURS

        self._need(paths.NEIGHBOURS, "no scores")
        return read_table(self.run / paths.NEIGHBOURS, NEIGHBOURS)

    @cached_property
    def scores(self) -> list[Record]:
        """The records of `scores.json`."""
        self._need(paths.SCORES, "no scores")
        told = read_json(self.run / paths.SCORES)
        if not isinstance(told, list):
            raise InputError(f"{paths.SCORES} is no list of scores", where=self.run)
        return [record for record in told if isinstance(record, dict)]

    @cached_property
    def history(self) -> pd.DataFrame:
        """The history of the training, one row an epoch."""
        self._need(f"{paths.MODEL}/{HISTORY}", "no history of a training")
        return pd.read_csv(self.run / paths.MODEL / HISTORY)

    @cached_property
    def diagnostics(self) -> Record:
        """What the end of the training measured (`diagnostics.json`)."""
        return self._record(f"{paths.MODEL}/{DIAGNOSTICS}", "no diagnostics of a model")

    @cached_property
    def diagnosis(self) -> Record:
        """The model put to the test (`diagnosis.json`)."""
        return self._record(paths.DIAGNOSIS, "no diagnosis of the model")

    @cached_property
    def latents(self) -> Posteriors:
        """Posteriors of up to 2,000 of the cells of `held_out`, drawn by chance."""
        rows = self.held_out[0]
        some = self.random("latents").choice(rows, min(_MEASURED, len(rows)), replace=False)
        return self.encode(np.sort(some))

    @cached_property
    def limits(self) -> npt.NDArray[np.float64]:
        """The value of each channel at full brightness, over up to 64 cells of `held_out`."""
        rows = self.held_out[0]
        some = self.random("brightness").choice(rows, min(_SEEN, len(rows)), replace=False)
        return bright(self.pixels(np.sort(some)))

    def encode(self, rows: Rows) -> Posteriors:
        """Posteriors of the cells of some rows."""
        from phenovae.vae.latent_space import posteriors

        return posteriors(self.trained, self.images, rows)

    def cells(self, kind: str, count: int, rows: Rows | None = None) -> Rows:
        """Rows of the cells to show: those that were asked for, else `count` drawn by chance.

        They are drawn of `rows`, by default of `held_out`, one of every compound before a second of
        any, and come in the order of the store.
        """
        if self.wanted.cells:
            return self._named(self.wanted.cells)
        some = self.held_out[0] if rows is None else rows
        mixed = self.random(kind, "cells").permutation(some)
        compounds = self.table["Metadata_Compound"].iloc[mixed]
        rank = compounds.groupby(compounds).cumcount().to_numpy()
        return np.sort(mixed[np.argsort(rank, kind="stable")[:count]])

    def pixels(self, rows: Rows) -> Pixels:
        """Crops (n, channel, height, width) as the model sees them, float32 in [0, 1]."""
        return self.images.images(rows)

    def plates(self, rows: Rows) -> list[str] | None:
        """The plate of each cell for a decoder that is told of plates, else None."""
        if not self.trained.card.plates:
            return None
        return [str(name) for name in self.table["Metadata_Plate"].to_numpy(dtype=object)[rows]]

    def picture_um(self) -> float | None:
        """The side of what the model sees of a crop, in µm, where it is known."""
        size = self.store.pixel_size_um
        options = self.view.options
        side = self.store.crop_size[-1] if options.fit == "resize" else options.size
        return None if size is None else size * side

    def of_treatment(self, wanted: str) -> npt.NDArray[np.bool_]:
        """Which cells (cell,) had a treatment: a compound, or `compound@dose` [µM].

        Raises UsageError where no cell had it.
        """
        compounds = self.table["Metadata_Compound"].to_numpy(dtype=object)
        there: npt.NDArray[np.bool_] = compounds == wanted
        if there.any():
            return there
        name, _, dose = wanted.rpartition("@")
        there = compounds == name
        if there.any():
            doses = self.table["Metadata_Concentration"].to_numpy(dtype=float)
            chosen: npt.NDArray[np.bool_] = there & (doses == _dose_of(dose))
            if chosen.any():
                return chosen
            known = sorted(set(doses[there].tolist()))
            raise UsageError(
                f"no cell had {dose} µM of {name}",
                mend=f"its concentrations [µM] are {', '.join(dose_text(each) for each in known)}",
            )
        raise UsageError(
            f"no cell had the treatment {wanted}",
            mend=nearest(wanted, {str(each) for each in compounds}),
        )

    def _named(self, names: Sequence[str]) -> Rows:
        files = {str(name): row for row, name in enumerate(self.table["Metadata_File"])}
        rows: list[int] = []
        for name in names:
            row = int(name) if name.isascii() and name.isdigit() else files.get(name, -1)
            if not 0 <= row < len(self.store):
                raise UsageError(
                    f"there is no cell {name}",
                    mend=f"give a row of the store, 0 to {len(self.store) - 1}, or the name of a "
                    "crop file as Metadata_File has it",
                )
            rows.append(row)
        return np.array(rows, dtype=np.int64)

    def _need(self, name: str, lacking: str) -> None:
        if not (self.run / name).exists():
            raise CannotDrawError(f"the run has {lacking}", where=self.run / name)

    def _record(self, name: str, lacking: str) -> Record:
        self._need(name, lacking)
        told = read_json(self.run / name)
        if not isinstance(told, dict):
            raise InputError(f"{name} holds no keys", where=self.run)
        return told


def _dose_of(text: str) -> float:
    try:
        return concentration_key(float(text))
    except ValueError:
        return float("nan")
