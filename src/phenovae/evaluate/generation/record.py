"""The record of how good a model's images are: `generation.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from phenovae.base.errors import TrainingError
from phenovae.base.seeds import generator
from phenovae.evaluate.generation.choosing import Chosen, TreatmentCells
from phenovae.evaluate.generation.fidelity import mean_and_interval
from phenovae.evaluate.generation.halves import draw_halves
from phenovae.evaluate.generation.measuring import Measured
from phenovae.evaluate.generation.names import (
    PIXELS,
    POSTERIOR,
    REAL,
    RECONSTRUCTED,
    TEXTURE,
)
from phenovae.evaluate.generation.options import FEWEST, GenerationOptions
from phenovae.evaluate.generation.samples import (
    COMPARISONS,
    Record,
    Standard,
    compare_samples,
    standard_of,
    widths_of,
)

Rows = npt.NDArray[np.int64]
Doubles = npt.NDArray[np.float64]

FORMAT = 1
CONVENTION = (
    "sample against other cells than it was made of, halves of equal counts; where sample and "
    "against are the same, two halves of it: what a perfect sample comes to. Means over random "
    "halves, with their standard deviation and middle 95 %. squared_mmd is the mean over Gaussian "
    "kernels of the widths given; kernel_distance is by the cubic kernel; frechet_distance is "
    "squared, in so many principal components as frechet_dimensions says where they are fewer than "
    "the features; precision and recall are shares. Features are in standard deviations of real "
    "cells, pixels as they are. SSIM and PSNR [dB, of the view's range] are of reconstructions "
    "from posterior means, and, as `other`, of another real cell of the same treatment; intervals "
    "by a bootstrap over wells. Images are means of pixels, without the noise of the likelihood, "
    "clipped to the range of the view; decoders are told no plate"
)


def make_record(
    measured: Measured,
    chosen: Chosen,
    table: pd.DataFrame,
    channels: Sequence[str],
    options: GenerationOptions,
    seed: int,
) -> Record:
    """Figures of the whole and of every treatment, from what was measured of a store's cells.

    `table` is that of the store. Raises TrainingError where too few cells had pixels to compare.
    """
    at = {int(row): number for number, row in enumerate(measured.rows)}
    together = _places(chosen.together, at)
    if len(together) < FEWEST:
        raise TrainingError(
            f"images cannot be judged by {len(together)} cells",
            mend="choose a split that leaves cells for validation",
        )
    wells = _wells(table, measured.rows)
    scales = {
        name: _scale(name, samples[REAL][together]) for name, samples in measured.spaces.items()
    }
    return {
        "format": FORMAT,
        "cells": len(together),
        "of_cells": chosen.of,
        "held_out": chosen.held_out,
        "left_out_not_finite": len(chosen.rows) - len(measured.rows),
        "half": len(together) // 2,
        "halves": options.halves,
        "neighbours": options.neighbours,
        "seed": seed,
        "channels": list(channels),
        "fidelity": _fidelity(measured, together, wells, channels, options, seed),
        "spaces": [
            _space(name, scales[name], samples, together, options, seed)
            for name, samples in measured.spaces.items()
        ],
        "treatments": [
            _treatment(each, measured, at, scales, together, wells, options, seed)
            for each in chosen.treatments
            if len(_places(each.rows, at)) >= FEWEST
        ],
        "convention": CONVENTION,
    }


def _places(rows: Rows, at: Mapping[int, int]) -> Rows:
    return np.array([at[int(row)] for row in rows if int(row) in at], dtype=np.int64)


def _wells(table: pd.DataFrame, rows: Rows) -> npt.NDArray[np.object_]:
    plates, wells = (table[f"Metadata_{what}"].astype(str) for what in ("Plate", "Well"))
    return (plates + "\x1f" + wells).to_numpy(dtype=object)[rows]


def _scale(space: str, real: Doubles) -> Standard:
    if space == PIXELS:
        return Standard(np.zeros(real.shape[1]), np.ones(real.shape[1]))
    return standard_of(real)


def _space(
    name: str,
    scale: Standard,
    samples: Mapping[str, Doubles],
    together: Rows,
    options: GenerationOptions,
    seed: int,
) -> Record:
    cells = len(samples[REAL])
    here = {
        sample: scale(_of_the_whole(values, cells, together)) for sample, values in samples.items()
    }
    widths = widths_of(here[REAL])
    random = generator(seed, "evaluate", "generation", "halves")
    compared = compare_samples(
        here,
        draw_halves(len(together), options.halves, random),
        widths,
        COMPARISONS,
        neighbours=None if name == PIXELS else options.neighbours,
    )
    return {
        "space": name,
        "dimensions": int(here[REAL].shape[1]),
        "widths": widths,
        "comparisons": compared,
    }


def _of_the_whole(values: Doubles, cells: int, together: Rows) -> Doubles:
    """Rows of the whole, of a sample that has one for each of all `cells`, or for the whole alone.

    Should some cells have dropped out, there are more draws from the prior than cells.
    """
    return values[together] if len(values) == cells else values[: len(together)]


def _treatment(
    cells: TreatmentCells,
    measured: Measured,
    at: Mapping[int, int],
    scales: Mapping[str, Standard],
    together: Rows,
    wells: npt.NDArray[np.object_],
    options: GenerationOptions,
    seed: int,
) -> Record:
    """The figures of a treatment, in the space of textures and with the widths of all cells."""
    places = _places(cells.rows, at)
    samples, scale = measured.spaces[TEXTURE], scales[TEXTURE]
    # In a latent space of codes posteriors have nothing to draw.
    drawn = POSTERIOR if POSTERIOR in samples else RECONSTRUCTED
    random = generator(seed, "evaluate", "generation", "halves", cells.label)
    compared = compare_samples(
        {sample: scale(samples[sample][places]) for sample in (REAL, drawn)},
        draw_halves(len(places), options.halves, random),
        widths_of(scale(samples[REAL][together])),
        ((REAL, REAL), (drawn, REAL)),
        neighbours=None,
    )
    draws = generator(seed, "evaluate", "generation", "bootstrap", cells.label)
    kept, other = measured.kept[places], measured.otherwise[places]
    here = wells[places]
    return {
        "treatment": cells.label,
        "compound": cells.compound,
        "concentration_um": cells.concentration,
        "mechanism": cells.mechanism or None,
        "control": cells.control,
        "cells": len(places),
        "held_out": cells.held_out,
        "half": len(places) // 2,
        "ssim": _kept_and_other(
            kept.ssim.mean(axis=1), other.ssim.mean(axis=1), here, options, draws
        ),
        "psnr_db": _kept_and_other(kept.psnr_together, other.psnr_together, here, options, draws),
        "comparisons": compared,
    }


def _fidelity(
    measured: Measured,
    together: Rows,
    wells: npt.NDArray[np.object_],
    channels: Sequence[str],
    options: GenerationOptions,
    seed: int,
) -> list[Record]:
    """SSIM and PSNR of every channel, then of all: the mean of SSIM, PSNR of one mean error."""
    kept, other, here = measured.kept[together], measured.otherwise[together], wells[together]
    random = generator(seed, "evaluate", "generation", "bootstrap")

    def row(channel: str | None, ssim: _Columns, psnr: _Columns) -> Record:
        return {
            "channel": channel,
            "ssim": _kept_and_other(*ssim, here, options, random),
            "psnr_db": _kept_and_other(*psnr, here, options, random),
        }

    return [
        *(
            row(name, _column(kept.ssim, other.ssim, n), _column(kept.psnr, other.psnr, n))
            for n, name in enumerate(channels)
        ),
        row(
            None,
            (kept.ssim.mean(axis=1), other.ssim.mean(axis=1)),
            (kept.psnr_together, other.psnr_together),
        ),
    ]


_Columns = tuple[Doubles, Doubles]


def _column(one: Doubles, other: Doubles, number: int) -> _Columns:
    return one[:, number], other[:, number]


def _kept_and_other(
    kept: Doubles,
    other: Doubles,
    wells: npt.NDArray[np.object_],
    options: GenerationOptions,
    random: np.random.Generator,
) -> Record:
    told = mean_and_interval(kept, wells.tolist(), options.draws, random)
    return {**told, "other": float(other.mean())}
