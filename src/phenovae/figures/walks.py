"""Ways through the latent space as pictures: interpolations, traversals, noise."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from phenovae.figures.colours import Palette
from phenovae.figures.drawing import ACCENT, SECOND, SOFT, in_house_style, name_text, new_figure
from phenovae.figures.sheets import Images, Row, painted, sheet

Floats = npt.NDArray[np.floating]


@in_house_style
def interpolations(
    ways: Sequence[tuple[str, Images]],
    ends: Images,
    names: tuple[str, str],
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
) -> Figure:
    """Ways from one cell to another, each (step, channel, height, width) with its name.

    Between the two crops themselves, `ends` (2, channel, height, width), which have `names`. All
    channels together for each way, then each channel by itself along the first.
    """
    steps = len(ways[0][1])
    shares = [f"{100 * step / (steps - 1):.0f} %" for step in range(steps)]
    headings = [_folded(names[0]), *shares, _folded(names[1])]
    rows = [
        Row(
            _between(
                painted(images, channels, limits, palette), painted(ends, channels, limits, palette)
            ),
            label,
            headings=headings if number == 0 else (),
        )
        for number, (label, images) in enumerate(ways)
    ]
    label, images = ways[0]
    for number, channel in enumerate(channels if len(channels) > 1 else ()):
        rows.append(
            Row(
                _between(
                    painted(images, channels, limits, palette, [number]),
                    painted(ends, channels, limits, palette, [number]),
                ),
                f"{name_text(channel, 14)},\n{label}",
                opens=number == 0,
            )
        )
    return sheet(rows)


@in_house_style
def traversals(
    images: Images,
    labels: Sequence[str],
    offsets: Floats,
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
    selected: Sequence[int] | None = None,
) -> Figure:
    """One cell with one latent dimension set to growing values, a row a dimension.

    `images` are (dimension, value, channel, height, width), `labels` say of each dimension what it
    is, and `offsets` (value,) are how far its value lies from the middle of all cells, in
    standard deviations. `selected` are the channels to show, by default all together.
    """
    headings = [_signed(float(offset)) for offset in offsets]
    rows = [
        Row(
            painted(row, channels, limits, palette, selected),
            label,
            headings=headings if number == 0 else (),
        )
        for number, (row, label) in enumerate(zip(images, labels, strict=True))
    ]
    return sheet(rows, key="value of the dimension [standard deviations from the mean of cells]")


@in_house_style
def perturbations(
    cell: Images,
    decoded: Images,
    moved: Images,
    sizes: Sequence[str],
    channels: Sequence[str],
    limits: Images,
    palette: Palette = "field",
    selected: Sequence[int] | None = None,
) -> Figure:
    """A cell decoded from its latents as growing noise is put on them, a row a draw.

    `cell` and `decoded` are (channel, height, width), `moved` (draw, size, channel, height, width).
    `selected` are the channels to show, by default all together.
    """
    first = painted(np.stack([cell, decoded]), channels, limits, palette, selected)
    blank = np.full_like(first, np.nan)
    rows = [
        Row(
            np.concatenate(
                [
                    first if number == 0 else blank,
                    painted(row, channels, limits, palette, selected),
                ]
            ),
            f"draw {number + 1}",
            headings=["cell", "decoded", *sizes] if number == 0 else (),
        )
        for number, row in enumerate(moved)
    ]
    return sheet(
        rows, key="noise on the latents [standard deviations of each dimension over cells]"
    )


@in_house_style
def change_by_noise(sizes: Floats, changes: Floats, of_two_cells: float, cells: int) -> Figure:
    """How much the picture changes as noise grows: median, and half of the cells around it.

    `changes` (cell, size) are root mean squared changes of pixels [share of the view's range];
    `of_two_cells` is the median difference of two cells' decoded pictures.
    """
    figure = new_figure(5.6, 3.3)
    axes = figure.subplots()
    low, middle, high = np.quantile(changes, [0.25, 0.5, 0.75], axis=0)
    axes.fill_between(sizes, low, high, color=ACCENT, alpha=0.2, linewidth=0)
    axes.plot(sizes, middle, color=ACCENT, marker="o", markersize=4, label="noise on the latents")
    axes.axhline(of_two_cells, color=SECOND, linestyle="--", label="two different cells (median)")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("size of the noise [standard deviations of each dimension]")
    axes.set_ylabel("RMS change of pixels [share of range]")
    axes.set_title(f"{cells:,} cells: median and middle half", color=SOFT)
    axes.grid(axis="y")
    figure.legend(loc="outside lower center", ncols=2, fontsize=8.5)
    return figure


def _between(
    inner: npt.NDArray[np.float64], ends: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    return np.concatenate([ends[:1], inner, ends[1:]])


def _folded(name: str) -> str:
    """Words on as many lines as they need, so that a narrow picture can bear them."""
    return "\n".join(
        part for line in name.split("\n") for part in wrap(line, 10, break_long_words=False)[:2]
    )


def _signed(value: float) -> str:
    text = f"{abs(value):g}"
    return text if value == 0 else f"{'−' if value < 0 else '+'}{text}"
