"""Moves of sliders that are decoded beforehand: of some cells, by one latent, and to drugs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError
from phenovae.base.files import write_text
from phenovae.explore.answers import Answers
from phenovae.explore.packing import Json
from phenovae.explore.pictures import Planes
from phenovae.explore.sheets import sheet_address

_STARTS, _STEPS = 24, 7
_SHARES = (0.0, 0.5, 1.0, 1.5)
_WAYS = 120


class Moves:
    """What a page of files shows when a slider is moved.

    `starts` are rows of cells from which latents were moved; every other cell shows the moves of
    the one that is nearest to it in the embedding.
    """

    LATENTS = 6

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        cells = answers.points.cells
        places = np.flatnonzero(cells.usable)
        # Spread over the treatments, which follow each other once sorted.
        order = np.argsort(answers.points.treatment_of[cells.rows[places]], kind="stable")
        chosen = np.linspace(0, len(places) - 1, min(_STARTS, len(places))).round().astype(int)
        self._places = places[order[chosen]]
        self._latents = [number for number, _ in answers.decoder.usage[: self.LATENTS]]
        self._ranges = answers.decoder.ranges()
        self._means = answers.decoder.encode(cells.rows[self._places])

    def start(self) -> Json:
        """What of the page's beginning is otherwise than on a server."""
        usage = self._answers.decoder.usage[: self.LATENTS]
        return {
            "latents": [{"latent": number, "kl": kl} for number, kl in usage],
            "ways": self._ways,
            "ways_note": (
                "Precomputed, from one control cell that is near the mean of the controls: "
                "z + t · (mean of the dose − mean of the negative controls)."
            ),
            "share_step": _SHARES[1] - _SHARES[0],
            "moves": {
                "steps": _STEPS,
                "latents": self._latents,
                "ranges": [self._ranges[each] for each in self._latents],
                "shares": list(_SHARES),
                "starts": [int(self._answers.points.cells.rows[each]) for each in self._places],
                "means": [
                    [round(float(z), 4) for z in mean[self._latents]] for mean in self._means
                ],
            },
        }

    def of_cell(self, row: int) -> Json:
        """The start whose moves a cell shows, by its number."""
        cells = self._answers.points.cells
        place = self._answers.facts.place(row)
        apart = cells.values[self._places] - cells.values[place]
        away = np.nan_to_num(np.einsum("nd,nd->n", apart, apart), nan=np.inf)
        return {"start": int(np.argmin(away))}

    def write(self, data: Path, script: Callable[[str, Mapping[str, object]], str]) -> None:
        """Write the sheets: one a start, with a row a latent, and one of the ways to drugs."""
        for number in range(len(self._places)):
            key = f"moves-{number:03d}"
            sheet: Json = {"address": sheet_address(self._moved(number), _STEPS)}
            write_text(data / f"{key}.js", script(key, sheet))
        ways = self._walked
        sheet = {"address": sheet_address(ways, len(_SHARES)) if ways else ""}
        write_text(data / "ways.js", script("ways", sheet))

    def _moved(self, number: int) -> list[Planes]:
        """The start as it is, in the first row, then a row of steps for each latent."""
        mean = self._means[number]
        latents = np.repeat(mean[None], _STEPS * (1 + len(self._latents)), axis=0)
        for at, latent in enumerate(self._latents):
            reach = self._ranges[latent]
            steps = slice(_STEPS * (1 + at), _STEPS * (2 + at))
            latents[steps, latent] = np.linspace(-reach, reach, _STEPS)
        return self._decoded(latents, int(self._answers.points.cells.rows[self._places[number]]))

    @cached_property
    def _ways(self) -> list[Json]:
        """Treatments that can be reached; none without controls."""
        if not self._answers.decoder.control_rows.any():
            return []
        ways = self._answers.ways
        places = np.linspace(0, len(ways) - 1, min(_WAYS, len(ways))).round().astype(int)
        return [ways[place] for place in places]

    @cached_property
    def _walked(self) -> list[Planes]:
        """A typical control cell on its way to every treatment, a row each."""
        answers = self._answers
        shown = answers.points.cells
        controls = np.flatnonzero(answers.decoder.control_rows[shown.rows] & shown.usable)
        if not self._ways or not len(controls):
            return []
        values = shown.values[controls]
        apart = values - np.nanmean(values, axis=0)
        row = int(shown.rows[controls[np.argmin(np.einsum("nd,nd->n", apart, apart))]])
        mean = answers.decoder.mean_of(row)
        found: list[Planes] = []
        for way in self._ways:
            try:
                step = answers.decoder.toward(int(str(way["treatment"])))
            except InputError:
                step = np.zeros_like(mean)
            latents = np.stack([mean + np.float32(share) * step for share in _SHARES])
            found += self._decoded(latents, row)
        return found

    def _decoded(self, latents: npt.NDArray[np.float32], row: int) -> list[Planes]:
        images = self._answers.decoder.decode(latents.astype(np.float32), [row] * len(latents))
        return [self._answers.pictures.planes(image) for image in images]
