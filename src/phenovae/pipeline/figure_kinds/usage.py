"""How much each latent dimension carries."""

from __future__ import annotations

from collections.abc import Iterator

from phenovae.figures.latents import usage_and_variance
from phenovae.pipeline.figure_kinds.gathered import Gathered
from phenovae.pipeline.figure_kinds.kind import Drawn, Kind
from phenovae.pipeline.figure_kinds.words import counted


def _draw(run: Gathered) -> Iterator[Drawn]:
    found = run.latents
    order = found.by_usage
    kl = None if found.kl is None else found.kl[order]
    told = (
        "There is no KL by dimension in a latent space of codes."
        if kl is None
        else "KL of the posterior to the prior, largest first, and in the same order the variance "
        "of the posterior means."
    )
    yield Drawn(
        "usage",
        usage_and_variance(kl, found.variance_of_mean[order], found.active[order], len(found)),
        f"What each of {len(order)} latent dimensions carries, over "
        f"{counted(len(found), f'{run.held_out[1]}cell')}. {told} Active: variance of the "
        "posterior mean over cells > 0.01.",
        len(found),
    )


KIND = Kind("usage", "how much each latent dimension carries", _draw)
