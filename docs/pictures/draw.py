"""Draw docs/pictures/twin.png from a run on the synthetic twin.

    phenovae demo --out runs/demo
    python docs/pictures/draw.py runs/demo docs/pictures/twin.png

Everything in the picture is output of that run: the fullest squares of fields that the twin drew,
held-out cells with what the trained model makes of them, and a map of the treatments' profiles.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from phenovae.base.tables import read_table
from phenovae.figures.colours import bright, channel_inks, composite, marks
from phenovae.figures.crops import GAMMA
from phenovae.figures.drawing import INK, SOFT, in_house_style, new_figure, to_bytes
from phenovae.figures.planes import principal_plane
from phenovae.images.reading import read_image
from phenovae.pipeline import paths
from phenovae.pipeline.stages.evaluate import PROFILES
from phenovae.screen.sites import SITES, Role
from phenovae.vae.diagnostics import PICTURES

SHOWN = ("Actin disruptors", "Eg5 inhibitors", "Microtubule destabilizers", "Protein degradation")
CHANNELS = ("DAPI", "Tubulin", "Actin")
PROTOCOL = "cells-mean-whitened@1"
SIDE = 236
CELLS = 8
DPI = 100
HEADROOM = 1.3
STEP = 16
# Levels of brightness in the file: enough for eyes, and half the bytes.
COARSE = 8
PIXEL_UM = 0.656
BAR_UM = 50

Pixels = npt.NDArray[np.float64]


def main(run: Path, out: Path) -> None:
    """Draw the picture of a run and write it, its brightness in steps to keep it small."""
    with Image.open(io.BytesIO(to_bytes(draw(run), "png", DPI))) as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    coarse = np.minimum((pixels + COARSE // 2) // COARSE * COARSE, 255)
    Image.fromarray(coarse.astype(np.uint8)).save(out, optimize=True)


@in_house_style
def draw(run: Path) -> Figure:
    """Fields above; cells with their reconstructions and the map of treatments below."""
    figure = new_figure(12.4, 6.9, arranged=False)
    _fields(figure, run)
    _cells(figure, run)
    _map(figure, run)
    return figure


def _fields(figure: Figure, run: Path) -> None:
    sites = read_table(run / paths.SITES, SITES)
    chosen = [("untreated (DMSO)", _control(sites, SHOWN[0]))]
    chosen += [(mechanism, _strongest(sites, mechanism)) for mechanism in SHOWN]
    for number, (label, site) in enumerate(chosen):
        # Batches differ in brightness: every field is shown as bright as its own plate's control.
        control = _control_of_plate(sites, str(site["Metadata_Plate"]))
        limits = HEADROOM * bright(_pixels(run, control)[None])
        window = _fullest(_pixels(run, site))
        axes = _place(figure, 12 + number * (SIDE + 10), 34, SIDE, SIDE)
        axes.imshow(composite(window[None], CHANNELS, limits, GAMMA)[0], interpolation="nearest")
        axes.set_title(label, fontsize=11, pad=5)
        if number == 0:
            length = BAR_UM / PIXEL_UM
            axes.plot([10, 10 + length], [SIDE - 12] * 2, color="white", linewidth=3)
            axes.text(10, SIDE - 18, f"{BAR_UM} µm", color="white", fontsize=9, va="bottom")


def _cells(figure: Figure, run: Path) -> None:
    with np.load(run / paths.MODEL / PICTURES, allow_pickle=False) as file:
        channels = tuple(str(name) for name in file["channels"])
        originals = file["originals"][:CELLS].astype(float)
        decoded = file["reconstructions"][:CELLS].astype(float)
    limits = HEADROOM * bright(originals)
    side = 74
    for row, images in enumerate((originals, decoded)):
        painted = composite(images, channels, limits, GAMMA)
        for number, picture in enumerate(painted):
            left, top = 12 + number * (side + 4), 330 + row * (side + 4)
            axes = _place(figure, left, top, side, side)
            axes.imshow(picture, interpolation="nearest")
            if number == 0 and row == 0:
                text = "held-out cells, and below each what the model keeps of it"
                axes.set_title(text, fontsize=11, pad=5)
    words = (
        "A synthetic screen, drawn by phenovae: no real cell, no real drug.",
        "Its compounds shift the shapes and textures of cells as twelve mechanisms would;",
        "the model sees single cells and no labels. Each mark on the map is a treatment.",
    )
    for line, text in enumerate(words):
        _text(figure, 12, 518 + 20 * line, text, SOFT, 10)
    for number, (name, ink) in enumerate(zip(CHANNELS, channel_inks(CHANNELS), strict=True)):
        _text(figure, 12 + 76 * number, 594, "■", ink, 12)
        _text(figure, 30 + 76 * number, 596, name, INK, 10)


def _map(figure: Figure, run: Path) -> None:
    profiles = read_table(run / paths.PROFILES, PROFILES)
    here = profiles.loc[profiles["Profile_Protocol"] == PROTOCOL]
    plane, shares = principal_plane(here.filter(regex=r"^f_\d+$").to_numpy(dtype=float))
    mechanisms = here["Metadata_MoA"].to_numpy(dtype=object)
    style = marks([str(name) for name in mechanisms])
    axes = figure.add_axes(_box(figure, 700, 330, 330, 306))
    for name, (colour, shape) in style.items():
        points = plane[mechanisms == name]
        axes.scatter(
            points[:, 0],
            points[:, 1],
            c=colour,
            marker=shape,
            s=46 * (1.8 if shape == "*" else 1),
            linewidths=0.5,
            edgecolors="white",
            label=name,
        )
    axes.set_title("treatments by mechanism", fontsize=11, pad=5)
    axes.set_xlabel(f"component 1 ({100 * shares[0]:.0f} %)")
    axes.set_ylabel(f"component 2 ({100 * shares[1]:.0f} %)")
    axes.grid()
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.02), fontsize=9, handletextpad=0.2)


def _control(sites: pd.DataFrame, mechanism: str) -> pd.Series:
    return _control_of_plate(sites, str(_strongest(sites, mechanism)["Metadata_Plate"]))


def _control_of_plate(sites: pd.DataFrame, plate: str) -> pd.Series:
    here = sites.loc[
        (sites["Metadata_Plate"] == plate) & (sites["Metadata_Role"] == Role.NEGATIVE_CONTROL)
    ]
    return here.iloc[0]


def _strongest(sites: pd.DataFrame, mechanism: str) -> pd.Series:
    here = sites.loc[
        (sites["Metadata_MoA"] == mechanism) & (sites["Metadata_Role"] == Role.TREATMENT)
    ]
    return here.sort_values("Metadata_Concentration", kind="stable").iloc[-1]


def _pixels(run: Path, site: pd.Series) -> Pixels:
    """A field (channel, height, width), less its darkest per cent."""
    images = run / paths.TWIN / "images"
    field = np.stack([read_image(images / str(site[f"File_{name}"])) for name in CHANNELS])
    lifted: Pixels = field.astype(np.float64)
    lifted -= np.percentile(lifted, 1, axis=(1, 2), keepdims=True)
    return np.maximum(lifted, 0)


def _fullest(field: Pixels) -> Pixels:
    """The square of a field with the most nuclei in it, to fill the picture with cells."""
    nuclei = field[0] > np.percentile(field[0], 99) / 4
    height, width = nuclei.shape
    places = [
        (int(nuclei[top : top + SIDE, left : left + SIDE].sum()), top, left)
        for top in range(0, height - SIDE + 1, STEP)
        for left in range(0, width - SIDE + 1, STEP)
    ]
    _, top, left = max(places)
    return field[:, top : top + SIDE, left : left + SIDE]


def _box(
    figure: Figure, left: int, top: int, width: int, height: int
) -> tuple[float, float, float, float]:
    wide, tall = (DPI * float(inches) for inches in figure.get_size_inches())
    return left / wide, 1 - (top + height) / tall, width / wide, height / tall


def _place(figure: Figure, left: int, top: int, width: int, height: int) -> Axes:
    axes = figure.add_axes(_box(figure, left, top, width, height))
    axes.set_axis_off()
    return axes


def _text(figure: Figure, left: int, top: int, text: str, colour: str, size: float) -> None:
    x, y, _, _ = _box(figure, left, top, 0, 0)
    figure.text(x, y, text, color=colour, fontsize=size, va="top")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
