"""How much each latent dimension carries."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from phenovae.figures.drawing import ACCENT, FAINT, axes_of, new_figure


def latent_usage(kl: Sequence[float], active: int) -> Figure:
    """KL of every latent dimension, largest first, with the number of active ones [nats a cell]."""
    ordered = np.sort(np.asarray(kl, dtype=float))[::-1]
    figure = new_figure(6.2, 2.6)
    axes = axes_of(figure)
    places = np.arange(1, len(ordered) + 1)
    axes.fill_between(places, ordered, step="mid", color=ACCENT, alpha=0.85, linewidth=0)
    axes.axvline(active + 0.5, color=FAINT, linewidth=0.9, linestyle="--")
    right = active > 0.7 * len(ordered)
    axes.annotate(
        f"{active} active of {len(ordered)}",
        (active + 0.5, 0.92),
        xycoords=("data", "axes fraction"),
        xytext=(-6 if right else 6, 0),
        textcoords="offset points",
        ha="right" if right else "left",
        color="#444444",
        fontsize=8,
    )
    axes.set_xlim(0.5, len(ordered) + 0.5)
    axes.set_ylim(0, max(float(ordered[0]) * 1.18, 0.1))
    axes.set_xlabel("latent dimension, by KL")
    axes.set_ylabel("KL [nats a cell]")
    return figure
