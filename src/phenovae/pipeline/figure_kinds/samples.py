"""What the model makes of latents drawn from the prior, and from the cells of treatments."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from phenovae.figures import crops
from phenovae.figures.samples import Samples, prior_samples, treatment_samples
from phenovae.pipeline.figure_kinds.choosing import controls, treatments
from phenovae.pipeline.figure_kinds.gathered import CannotDrawError, Gathered, Rows
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import counted, together_and_alone, usual_brightness

_ENCODED = 500
_TREATMENTS = 3


def _prior(run: Gathered) -> Iterator[Drawn]:
    latents = run.trained.draw(2 * crops.COLUMNS, run.random("samples", "prior"))
    codes = run.trained.model.codebooks is not None
    yield Drawn(
        "samples-prior",
        prior_samples(run.trained.decode(latents), run.channels, run.limits, run.palette),
        f"{counted(len(latents), 'image')} that the model makes of latents drawn from the prior"
        f"{' (every code as likely)' if codes else ''}: all channels together, then each channel "
        f"of the first row. Where they look unlike cells, cells do not lie where the prior has "
        f"them. {usual_brightness(run)}",
        0,
    )


def _treatments(run: Gathered) -> Iterator[Drawn]:
    groups: list[tuple[str, Rows]] = []
    if not run.wanted.treatments:
        try:
            rows = controls(run)
            groups.append((str(run.table["Metadata_Compound"].iloc[rows[0]]), rows))
        except CannotDrawError:
            pass
    groups += [(each.name, each.rows) for each in treatments(run, _TREATMENTS)]
    shown, behind = [], 0
    for name, rows in groups:
        random = run.random("samples", name)
        some = np.sort(random.choice(rows, min(_ENCODED, len(rows)), replace=False))
        found = run.encode(some)
        real = np.sort(random.choice(some, min(crops.COLUMNS, len(some)), replace=False))
        plates = run.plates(np.resize(some, crops.COLUMNS))
        drawn = run.trained.decode(found.draw(crops.COLUMNS, random), plates)
        shown.append(Samples(name, len(some), run.pixels(real), drawn))
        behind += len(some)
    codes = run.trained.model.codebooks is not None
    how = "the codes of a cell drawn by chance" if codes else "a draw of a cell's posterior"
    for called, channels, alone in together_and_alone(run, "samples-treatments"):
        yield Drawn(
            called,
            treatment_samples(shown, run.channels, run.limits, run.palette, channels),
            "Of each treatment, real cells above images that the model makes of its aggregate "
            f"posterior: {how}, of {behind:,} cells in all. {usual_brightness(run)}{alone}",
            behind,
            leading=channels is None,
        )


def _draw(run: Gathered) -> Iterator[Drawn]:
    yield from _prior(run)
    yield from _treatments(run)


KIND = Kind("samples", "what the model makes of the prior and of treatments", _draw)
