"""Opening a run to look at: what must be there, and which stage makes what is not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.tables import column_names
from phenovae.cells.store import CARD as STORE_CARD
from phenovae.cells.store import CellStore
from phenovae.cells.view import View
from phenovae.pipeline import paths
from phenovae.pipeline.config import Config
from phenovae.pipeline.execute import config_of_run, existing_run
from phenovae.pipeline.journal import Journal
from phenovae.report.facts import mapping
from phenovae.vae.file_names import CARD as MODEL_CARD


@dataclass(frozen=True)
class OpenedRun:
    """A finished run: its folder, configuration, cells, the view that its model has of them.

    `latents` are the names of the embedding's columns. `embedding_is_posterior` says that they are
    the posterior means themselves, not a readout in coordinates of its own.
    """

    run: Path
    config: Config
    store: CellStore
    view: View
    latents: tuple[str, ...]
    embedding_is_posterior: bool

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.run.resolve().name

    @property
    def synthetic(self) -> bool:
        """Whether its cells were drawn."""
        return self.config.input.source == "twin"


def open_run(run: Path) -> OpenedRun:
    """Open a run. Raises InputError naming the stage to run where cells, model or embeddings lack.

    The pixels stay on disk and no model is loaded.
    """
    existing_run(run)
    config = config_of_run(run, None, [])
    if not (run / paths.CELLS / STORE_CARD).is_file():
        verb = "import" if config.input.source == "crops" else "crop"
        raise _lacks(run, "cells", verb)
    if not (run / paths.MODEL / MODEL_CARD).is_file():
        raise _no_model(run, config)
    if not (run / paths.EMBEDDINGS).is_file():
        raise _lacks(run, "embeddings", "embed")
    card = mapping(read_json(run / paths.MODEL / MODEL_CARD))
    origin = mapping(card.get("origin"))
    recipe = mapping(mapping(card.get("recipe")).get("model"))
    readout = mapping(recipe.get("readout"))
    latents = tuple(name for name in column_names(run / paths.EMBEDDINGS) if name.startswith("z_"))
    return OpenedRun(
        run=run,
        config=config,
        store=CellStore.open(run / paths.CELLS),
        view=View.from_json(dict(mapping(origin.get("view")))),
        latents=latents,
        embedding_is_posterior=(
            readout.get("take", "mean") == "mean"
            and readout.get("views", 1) == 1
            and not readout.get("components")
        ),
    )


def _no_model(run: Path, config: Config) -> InputError:
    if config.backbone.alone:
        return InputError(
            "this run has a frozen backbone and no model of its own, so nothing can be decoded",
            where=run,
            mend="explore a run with backbone.alone=false",
        )
    entry = Journal.open(run, config.seed).stages.get("train")
    if entry is not None and entry.skipped:
        return InputError(f"this run has no model: {entry.skipped}", where=run)
    return _lacks(run, "model", "train")


def _lacks(run: Path, what: str, verb: str) -> InputError:
    return InputError(
        f"this run has no {what} to explore: the stage {verb} has not been finished",
        where=run,
        mend=f"phenovae {verb} --run {run}, or phenovae run for all stages in order",
    )
