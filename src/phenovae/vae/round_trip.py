"""Round trips: a point of the latent space decoded, and what the encoder says of the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phenovae.vae.latent_paths import Latents
from phenovae.vae.model_files import TrainedModel

Doubles = npt.NDArray[np.float64]

_BATCH = 128


@dataclass(frozen=True)
class RoundTrip:
    """Points and what came back of them, both (n, latent), and the unit of every dimension.

    In a latent space of codes it is the codes nearest to a point that are decoded.
    """

    there: Latents
    back: Latents
    spread: Doubles

    def __len__(self) -> int:
        return len(self.there)

    def distances(self, dimensions: npt.NDArray[np.integer]) -> Doubles:
        """How far each point came back from where it was (n,), see `apart`."""
        return apart(self.there, self.back, self.spread, dimensions)

    def kept(self) -> Doubles:
        """Share of the variance of each dimension that came back (latent,), 1 - error / variance.

        It is negative where the mean of all would be nearer; of a dimension in which the points do
        not differ it is NaN.
        """
        there, back = self.there.astype(np.float64), self.back.astype(np.float64)
        variance = there.var(axis=0)
        error = ((back - there) ** 2).mean(axis=0)
        share: Doubles = 1 - error / np.where(variance > 0, variance, np.nan)
        return share


def round_trip(
    trained: TrainedModel,
    there: Latents,
    spread: Doubles,
    plates: Sequence[str] | None = None,
) -> RoundTrip:
    """Decode points (n, latent) and encode what comes out; `plates` as for `decode`."""
    back = [np.zeros((0, there.shape[1]), np.float32)]
    for at in range(0, len(there), _BATCH):
        told = None if plates is None else plates[at : at + _BATCH]
        back.append(trained.encode(trained.decode(there[at : at + _BATCH], told))[0])
    return RoundTrip(there, np.concatenate(back), spread)


def apart(
    one: Latents, other: Latents, spread: Doubles, dimensions: npt.NDArray[np.integer]
) -> Doubles:
    """Root mean squared distance of points (n, latent) over some dimensions, in their spreads."""
    away = (np.float64(other) - one)[:, dimensions] / spread[dimensions]
    distance: Doubles = np.sqrt((away**2).mean(axis=1))
    return distance


def of_two_cells(
    points: Latents,
    spread: Doubles,
    dimensions: npt.NDArray[np.integer],
    random: np.random.Generator,
) -> Doubles:
    """What `apart` gives for every point and another one of them, drawn by chance (n,).

    Raises ValueError for fewer points than two.
    """
    count = len(points)
    if count < 2:
        raise ValueError("two cells differ where there are two")
    others = (np.arange(count) + random.integers(1, count, size=count)) % count
    return apart(points, points[others], spread, dimensions)
