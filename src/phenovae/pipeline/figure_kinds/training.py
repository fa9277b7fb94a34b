"""How training went."""

from __future__ import annotations

from collections.abc import Iterator

from phenovae.figures.curves import training_curves
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import counted
from phenovae.pipeline.journal import Journal


def _draw(run: Gathered) -> Iterator[Drawn]:
    history = run.history
    if not len(history):
        raise CannotDrawError("the history of the training is empty")
    summary = run.trained.card.summary
    entry = Journal.open(run.run, run.config.seed).stages.get("train")
    facts = {} if entry is None else entry.facts
    taught, measured = (
        count if isinstance(count := facts.get(key), int) else 0
        for key in ("trained_on", "validated_on")
    )
    cells = f", {counted(taught, 'cell')} taught" if taught else ""
    cells += (
        f", {counted(measured, 'cell')} measured the ELBO of the validation" if measured else ""
    )
    yield Drawn(
        "training",
        training_curves(history, summary.kept_epoch),
        f"Training by epoch{cells}. The dotted line marks the epoch whose weights were kept, "
        f"chosen by: {summary.kept_by}.",
        taught + measured,
    )


KIND = Kind("training", "ELBO, KL and σ by epoch", _draw)
