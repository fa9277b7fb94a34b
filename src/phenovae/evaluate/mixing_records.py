"""How batches lie among wells that were treated alike, as records that are no scores.

Mixing and biology are never one number: profiles that say nothing mix best.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from phenovae.base.errors import InputError
from phenovae.evaluate.batch_classifier import classify_batches
from phenovae.evaluate.mixing import Mixing, batch_mixing
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.scores import Record
from phenovae.evaluate.statistics import bootstrap
from phenovae.profiles.features import Mask
from phenovae.profiles.wells import WellProfiles
from phenovae.screen.design import treatment_text
from phenovae.screen.sites import Role, concentration_key

WELLS = {
    str(Role.NEGATIVE_CONTROL): "negative controls",
    str(Role.POSITIVE_CONTROL): "positive controls",
}
"""Wells that are treated alike all over a screen, as metrics call them."""

_LEAST_NEIGHBOURS = 3
_WELLS_A_NEIGHBOUR = 3


@dataclass(frozen=True)
class Alike:
    """Wells of one role that were treated alike: which of all wells, and with what.

    `others` counts wells of that role that were treated otherwise and are left out.
    """

    rows: Mask
    treatment: str
    others: int


def alike_wells(wells: WellProfiles, role: str) -> Alike:
    """The wells of a role that hold its most frequent treatment. Raises InputError without any."""
    metadata = wells.metadata
    here = (metadata["Metadata_Role"].astype(str) == role).to_numpy(bool)
    if not here.any():
        raise InputError(f"no well is one of the {WELLS[role]}")
    names = np.array(
        [
            treatment_text(str(compound), concentration_key(float(dose)))
            for compound, dose in zip(
                metadata["Metadata_Compound"], metadata["Metadata_Concentration"], strict=True
            )
        ],
        dtype=object,
    )
    known, counts = np.unique(names[here].astype(str), return_counts=True)
    treatment = str(known[counts.argmax()])
    rows = here & (names == treatment)
    return Alike(rows, treatment, int(here.sum() - rows.sum()))


def mixing_told(
    wells: WellProfiles,
    before: WellProfiles | None,
    k: int,
    metric: Metric,
    stream: str,
    *,
    draws: int,
    seed: int,
) -> Record:
    """What a record says of the mixing of batches among wells that were treated alike.

    `value` is the share of neighbours of the same batch, `null_mean` what it is where batches mix
    perfectly, its interval a bootstrap over plates with neighbours as they are. Where wells are
    fewer than three for each neighbour, fewer neighbours are asked: `k` says how many. Raises
    InputError where there are fewer than nine wells, or as `batch_mixing` does.
    """
    count = len(wells.metadata)
    asked = min(k, count // _WELLS_A_NEIGHBOUR)
    if asked < _LEAST_NEIGHBOURS:
        raise InputError(
            f"{count} wells are too few to say how batches mix: "
            f"{_LEAST_NEIGHBOURS * _WELLS_A_NEIGHBOUR} are needed"
        )
    after = _mixing(wells, asked, metric, seed)
    plates = wells.metadata["Metadata_Plate"].astype(str).tolist()
    told: Record = {
        **_of_mixing(after, plates, stream, draws, seed),
        "total": count,
        "k": asked,
        "null_mean": after.expected_same,
        "by_chance": asdict(after.by_chance),
        "batches": after.batches,
        "ties": after.tied,
    }
    if before is not None:
        first = _mixing(before, asked, metric, seed)
        apart = (after.rows["Same"] - first.rows["Same"]).tolist()
        moved = bootstrap(apart, plates, draws=draws, seed=seed, name=stream)
        told["before_transforms"] = {
            **_of_mixing(first, plates, stream, draws, seed),
            "difference": float(np.mean(apart)),
            "difference_low": moved.low,
            "difference_high": moved.high,
        }
    return told


def classifier_told(
    wells: WellProfiles, before: WellProfiles | None, *, draws: int, seed: int
) -> Record:
    """What a record says of telling the batch of a plate that was left out, from wells alike.

    `value` is the balanced accuracy over batches, `chance` one by their number, the interval draws
    plates within batches. Raises as `classify_batches` does.
    """
    metadata = wells.metadata
    batches, plates = (metadata[f"Metadata_{name}"].tolist() for name in ("Batch", "Plate"))
    found = classify_batches(wells.values, batches, plates, draws=draws, seed=seed)
    told: Record = {
        "value": found.value,
        "low": found.interval.low,
        "high": found.interval.high,
        "total": found.wells,
        "chance": found.chance,
        "plates": found.plates,
        "folds": found.folds,
        "recall": found.recall,
        "unasked": list(found.unasked),
    }
    if before is not None:
        first = classify_batches(before.values, batches, plates, draws=draws, seed=seed)
        interval = first.interval
        told["before_transforms"] = {
            "value": first.value, "low": interval.low, "high": interval.high
        }  # fmt: skip
    return told


def _mixing(wells: WellProfiles, k: int, metric: Metric, seed: int) -> Mixing:
    metadata = wells.metadata
    names = [
        f"plate {plate}, well {well}"
        for plate, well in zip(metadata["Metadata_Plate"], metadata["Metadata_Well"], strict=True)
    ]
    batches = metadata["Metadata_Batch"].astype(str).tolist()
    return batch_mixing(wells.values, batches, k=k, metric=metric, seed=seed, names=names)


def _of_mixing(found: Mixing, plates: list[str], stream: str, draws: int, seed: int) -> Record:
    same = found.rows["Same"].tolist()
    interval = bootstrap(same, plates, draws=draws, seed=seed, name=stream)
    return {
        "value": found.observed.same,
        "low": interval.low,
        "high": interval.high,
        "inverse_simpson": found.observed.inverse_simpson,
        "inverse_simpson_scaled": found.observed.inverse_simpson_scaled,
        "rejection": found.observed.rejection,
    }
