"""Latents of cells, what is decoded of them, and the way from control to drug.

The model is loaded when it is first asked for something; posterior means of all shown cells are
computed only where two latents are to be a plane or a colour, and the embedding is not made of
them.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from phenovae.base.errors import InputError
from phenovae.base.files import read_json
from phenovae.base.seeds import generator
from phenovae.explore.levels import Points
from phenovae.explore.opening import OpenedRun
from phenovae.explore.pictures import Pictures
from phenovae.pipeline import paths
from phenovae.report.facts import listed, mapping
from phenovae.screen.sites import Role
from phenovae.vae.file_names import CARD, DIAGNOSTICS

if TYPE_CHECKING:
    from phenovae.vae.model_files import TrainedModel

Latents = npt.NDArray[np.float32]

_BATCH = 128
_OF_TREATMENT, _OF_CONTROLS, _FOR_RANGES = 128, 256, 256
_RECENT = 64
_WIDE = 3.0


class Decoder:
    """The model of a run, asked about single cells."""

    def __init__(self, opened: OpenedRun, points: Points, pictures: Pictures) -> None:
        self._opened = opened
        self._points = points
        self._pictures = pictures
        self._lock = threading.Lock()
        self._loaded: TrainedModel | None = None
        self._means: dict[int, Latents] = {}
        self._recent: dict[int, Latents] = {}
        self._controls: Latents | None = None
        self._ranges: list[float] | None = None

    @property
    def model(self) -> TrainedModel:
        """The trained model, loaded once. Raises InputError where it is damaged."""
        with self._lock:
            if self._loaded is None:
                from phenovae.vae.model_files import load_model

                config = self._opened.config
                self._loaded = load_model(self._opened.run / paths.MODEL, config.embed.device)
            return self._loaded

    @cached_property
    def latent(self) -> int:
        """How many latent dimensions the model has. Raises InputError where no card says it."""
        card = mapping(read_json(self._opened.run / paths.MODEL / CARD))
        found = mapping(mapping(card.get("recipe")).get("model")).get("latent")
        if not isinstance(found, int):
            raise InputError("the model's card does not say how many latents it has")
        return found

    @cached_property
    def usage(self) -> list[tuple[int, float | None]]:
        """Latent dimensions from the most used to the least, with their KL [nats a cell]."""
        path = self._opened.run / paths.MODEL / DIAGNOSTICS
        told = mapping(read_json(path)) if path.is_file() else {}
        kl = [
            float(each) for each in listed(told.get("kl_per_dimension"))
            if isinstance(each, int | float)
        ]  # fmt: skip
        if len(kl) != self.latent:
            return [(number, None) for number in range(self.latent)]
        order = np.argsort(-np.asarray(kl), kind="stable")
        return [(int(each), kl[int(each)]) for each in order]

    def encode(self, rows: npt.ArrayLike) -> Latents:
        """Posterior means (n, latent) of cells by their rows in the store, in bounded memory."""
        wanted = np.asarray(rows, dtype=np.int64)
        found = [
            self.model.encode(self._pictures.images(wanted[at : at + _BATCH]))[0]
            for at in range(0, len(wanted), _BATCH)
        ]
        return np.concatenate(found) if found else np.zeros((0, self.latent), np.float32)

    def mean_of(self, row: int) -> Latents:
        """The posterior mean (latent,) of one cell; the last few are kept for moves of sliders."""
        found = self._recent.get(row)
        if found is None:
            (found,) = self.encode([row])
            if len(self._recent) >= _RECENT:
                self._recent.clear()
            self._recent[row] = found
        return found

    def decode(self, latents: Latents, rows: npt.ArrayLike) -> npt.NDArray[np.float32]:
        """Pictures (n, channel, side, side) of latents, on the plates of these rows."""
        plates = self._points.plates[np.asarray(rows, np.int64)].astype(object).tolist()
        return self.model.decode(latents, plates)

    def ranges(self) -> list[float]:
        """How far each slider goes to either side: three standard deviations of posterior means.

        At least half the prior's own three, so that a latent at rest can still be tried.
        """
        if self._ranges is None:
            rows = self._points.cells.rows[self._points.cells.usable]
            random = generator(self._opened.config.seed, "explore", "ranges")
            some = random.choice(rows, size=min(_FOR_RANGES, len(rows)), replace=False)
            means = self.encode(np.sort(some))
            spread = _WIDE * means.std(axis=0) + np.abs(means.mean(axis=0))
            self._ranges = [float(each) for each in np.maximum(spread, _WIDE / 2)]
        return self._ranges

    def toward(self, treatment: int) -> Latents:
        """The way (latent,) from the mean of negative controls to that of a treatment's cells.

        Raises InputError where there are no controls or no usable cell of the treatment.
        """
        if treatment not in self._means:
            rows = self._some(self._points.treatment_of == treatment, _OF_TREATMENT, treatment)
            if not len(rows):
                raise InputError("there is no such treatment, or it has no usable cell")
            self._means[treatment] = self.encode(rows).mean(axis=0)
        if self._controls is None:
            rows = self._some(self.control_rows, _OF_CONTROLS, -1)
            if not len(rows):
                raise InputError("the screen has no negative controls to start from")
            self._controls = self.encode(rows).mean(axis=0)
        way: Latents = self._means[treatment] - self._controls
        return way

    @property
    def control_rows(self) -> npt.NDArray[np.bool_]:
        """Which rows of the store are cells of negative controls."""
        return np.asarray(self._points.roles == str(Role.NEGATIVE_CONTROL))

    def moved(
        self, mean: Latents, values: Mapping[int, float], way: Latents | None, share: float
    ) -> Latents:
        """A latent (latent,) with some dimensions set, and moved a share of a way.

        Raises InputError for a dimension that the model has not.
        """
        found = mean.astype(np.float32).copy()
        for dimension, value in values.items():
            if not 0 <= dimension < len(found):
                raise InputError(f"the model has {len(found)} latents, and no latent {dimension}")
            found[dimension] = value
        return found if way is None else found + np.float32(share) * way

    def _some(self, mask: npt.NDArray[np.bool_], count: int, name: int) -> npt.NDArray[np.int64]:
        rows = np.flatnonzero(mask & ~self._points.flagged)
        random = generator(self._opened.config.seed, "explore", "treatment", name)
        return np.sort(random.choice(rows, size=min(count, len(rows)), replace=False))
