"""What a trained model was found to be like on cells that taught it nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator
from scipy.stats import norm

from phenovae.figures.colours import channel_inks
from phenovae.figures.drawing import (
    ACCENT,
    FAINT,
    INK,
    SECOND,
    SOFT,
    in_house_style,
    name_text,
    new_figure,
)

_IDLE = "#b9bec6"
_BETWEEN = "#9cc3e4"
_DASHES = ("-", "--", "-.", ":")


@in_house_style
def information_bar(kl: float, low: float, high: float, limit: float) -> Figure:
    """The mean KL, divided into what latents tell of a cell and their distance from the prior.

    All in nats a cell: `low` and `high` bound the mutual information, `limit` is the most that so
    many cells can show.
    """
    figure = new_figure(7.4, 1.55)
    axes = figure.subplots()
    parts = (
        (0.0, low, ACCENT, f"{low:.1f} at least told of each"),
        (low, high - low, _BETWEEN, f"{max(high - low, 0.0):.1f} open"),
        (high, kl - high, SECOND, f"{max(kl - high, 0.0):.1f} at least from the prior"),
    )
    for start, width, colour, _ in parts:
        axes.barh(0, max(width, 0.0), left=start, height=0.7, color=colour)
    axes.axvline(limit, color=INK, linewidth=1.0, linestyle=":")
    axes.set_xlim(0, 1.04 * max(kl, limit))
    axes.set_ylim(-0.5, 0.5)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("mean KL [nats a cell]; dotted: the most that so many cells can show")
    figure.legend(
        handles=[Patch(color=colour, label=label) for _, _, colour, label in parts],
        loc="outside upper left",
        ncols=3,
        fontsize=8.5,
    )
    return figure


@in_house_style
def aggregate_posterior(
    mean: Sequence[float],
    variance: Sequence[float],
    active: Sequence[bool],
    probabilities: Sequence[float],
    quantiles: Mapping[int, Sequence[float]],
) -> Figure:
    """All latents together beside the prior, a standard normal.

    Left, mean and variance of every dimension, which would be 0 and 1; right, quantiles of the
    most used dimensions, by their number, against the prior's.
    """
    figure = new_figure(9.4, 3.5)
    left, right = figure.subplots(1, 2)
    means, spreads = np.asarray(mean, dtype=float), np.asarray(variance, dtype=float)
    used = np.asarray(active, dtype=bool)
    for kind, colour, what in ((~used, _IDLE, "idle"), (used, ACCENT, "active")):
        if kind.any():
            left.plot(
                means[kind],
                spreads[kind],
                "o",
                color=colour,
                markersize=4.5,
                markeredgecolor="white",
                markeredgewidth=0.4,
                label=f"{int(kind.sum())} {what}",
            )
    left.axvline(0, color=FAINT, linewidth=0.8, linestyle=":", zorder=0.5)
    left.axhline(1, color=FAINT, linewidth=0.8, linestyle=":", zorder=0.5)
    left.plot([0], [1], "+", color=INK, markersize=11, label="prior")
    reach = 1.15 * max(0.5, float(np.abs(means).max(initial=0)))
    left.set_xlim(-reach, reach)
    left.set_ylim(0, 1.12 * max(1.5, float(spreads.max(initial=0))))
    left.set_title("each latent dimension, over all cells")
    left.set_xlabel("mean")
    left.set_ylabel("variance")
    expected = norm.ppf(np.asarray(probabilities, dtype=float))
    shades = np.linspace(0.0, 0.75, max(len(quantiles), 1))
    for (number, values), shade in zip(quantiles.items(), shades, strict=False):
        right.plot(expected, values, color=_lightened(ACCENT, float(shade)), label=f"z {number}")
    right.plot(expected, expected, color=INK, linewidth=1.0, linestyle=":", label="prior")
    right.set_title("quantiles of the most used dimensions")
    right.set_xlabel("of the prior")
    right.set_ylabel("of the cells")
    for axes in (left, right):
        axes.grid()
        axes.legend(fontsize=8, loc="upper left")
    return figure


def _lightened(colour: str, share: float) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red + share * (1 - red), green + share * (1 - green), blue + share * (1 - blue)


@in_house_style
def importance_curve(
    draws: Sequence[int], nats: Sequence[float], errors: Sequence[float]
) -> Figure:
    """How far the bound on the likelihood rises above the ELBO with more draws [nats a cell].

    `errors` are the standard errors of that rise.
    """
    figure = new_figure(6.0, 2.9)
    axes = figure.subplots()
    rise = np.asarray(nats, dtype=float) - nats[0]
    axes.fill_between(
        draws, rise - errors, rise + np.asarray(errors), color=ACCENT, alpha=0.18, linewidth=0
    )
    axes.plot(draws, rise, color=ACCENT, marker="o", markersize=4)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator([float(each) for each in draws]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0f}"))
    axes.set_ylim(bottom=min(0.0, float(rise.min())))
    axes.grid(axis="y")
    axes.set_xlabel("draws of z a cell")
    axes.set_ylabel("above the ELBO [nats a cell]")
    return figure


@in_house_style
def calibration(
    channels: Sequence[str],
    levels: Sequence[float],
    coverage: Sequence[Sequence[float]],
    edges: Sequence[float],
    histogram: Sequence[Sequence[float]],
) -> Figure:
    """Whether residuals of pixels are of the size that σ says, by channel.

    Left, the share of pixels within central intervals against the share expected; right, the
    density of residuals in units of σ beside the standard normal.
    """
    figure = new_figure(9.4, 3.5)
    left, right = figure.subplots(1, 2)
    inks = channel_inks(channels)
    left.plot([0, 100], [0, 100], color=INK, linewidth=1.0, linestyle=":")
    for number, ink in enumerate(inks):
        dash = _DASHES[number % len(_DASHES)]
        seen = [0.0, *(100 * share for share in coverage[number])]
        left.plot([0.0, *(100 * level for level in levels)], seen, color=ink, linestyle=dash)
        density = np.asarray(histogram[number], dtype=float) / np.diff(edges)
        right.stairs(np.maximum(density, 1e-5), edges, color=ink, linestyle=dash, linewidth=1.4)
    left.set_xlim(0, 100)
    left.set_ylim(0, 100)
    left.set_title("pixels within intervals of σ")
    left.set_xlabel("expected [%]")
    left.set_ylabel("seen [%]")
    _beside_normal(right, np.asarray(edges, dtype=float))
    for axes in (left, right):
        axes.grid()
    handles = [Patch(color=ink, label=str(number)) for number, ink in enumerate(inks)]
    key = figure.legend(
        handles=handles, loc="outside lower left", ncols=min(6, max(len(inks), 1)), fontsize=8.5
    )
    # matplotlib drops entries whose label begins with an underscore; channels may.
    for text, name in zip(key.get_texts(), channels, strict=True):
        text.set_text(name_text(name, 18))
    return figure


def _beside_normal(axes: Axes, edges: npt.NDArray[np.float64]) -> None:
    places = np.linspace(edges[0], edges[-1], 200)
    axes.plot(places, norm.pdf(places), color=INK, linewidth=1.0, linestyle=":")
    axes.set_yscale("log")
    axes.set_ylim(1e-4, None)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_title("residuals of pixels; dotted: as σ says")
    axes.set_xlabel("residual [σ]")
    axes.set_ylabel("density")
    # the house draws no formulas, and powers of ten are some by default
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.tick_params(axis="y", colors=SOFT)
