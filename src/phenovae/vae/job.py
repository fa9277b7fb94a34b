"""All that a training depends on, and what of it a checkpoint must agree with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from phenovae.base.files import sha256_of
from phenovae.base.seeds import generator
from phenovae.vae.data import Images, Rows
from phenovae.vae.model_files import Origin, Recipe
from phenovae.vae.objectives import TERMS
from phenovae.vae.settled import FREE, settled
from phenovae.vae.terms.term import TermMaker

_PROBED = 1024
_STATISTICS = "of cells as they are"
"""What batch normalisation keeps; checkpoints of before kept those of changed images."""
_DECODER = "even at the border"
"""How the light network decodes; checkpoints of before have a frame around their images."""


@dataclass(frozen=True)
class Job:
    """All that a training depends on.

    `weights` are sampling weights of `rows`, or none; `wells` and `plates` number the well and the
    plate of every image, by row, or are none, and `plate_names` are those of the numbers; `groups`
    number what each was treated with, on the
    weakly supervised track alone.
    """

    images: Images
    rows: Rows
    validation: Rows
    recipe: Recipe
    folder: Path
    weights: npt.NDArray[np.float64] | None = None
    wells: Rows | None = None
    plates: Rows | None = None
    plate_names: tuple[str, ...] = ()
    groups: Rows | None = None
    per_well: int = 1
    origin: Origin = field(default_factory=Origin)
    seed: int = 0
    resume: bool = True
    terms: Mapping[str, TermMaker] = field(default_factory=lambda: dict(TERMS))

    def fingerprint(self) -> str:
        """What must be equal for a checkpoint to be gone on from.

        More epochs, another patience, device or number of reading threads may be chosen on the
        way; more epochs only where the learning rate does not depend on them.
        """
        free = {*FREE, "patience"}
        if self.recipe.train.schedule == "constant":
            free.add("epochs")
        parts: dict[str, object] = {
            "recipe": settled(
                self.recipe.model_dump(mode="json", exclude={"train": free, "model": {"readout"}})
            ),
            "origin": self.origin.model_dump(mode="json"),
            "seed": self.seed,
            "shape": self.images.shape,
            "rows": sha256_of(self.rows.tolist()),
            "validation": sha256_of(self.validation.tolist()),
            "wells": None if self.wells is None else sha256_of(self.wells.tolist()),
            "plates": None if self.plates is None else sha256_of(self.plates.tolist()),
            "plate_names": self.plate_names if self.recipe.model.plates.code else (),
            "groups": None if self.groups is None else sha256_of(self.groups.tolist()),
            "per_well": self.per_well,
            "weights": None if self.weights is None else sha256_of(self.weights.tolist()),
        }
        if self.recipe.model.norm == "batch":
            parts["statistics"] = _STATISTICS
        if self.recipe.model.size == "light":
            parts["decoder"] = _DECODER
        return sha256_of(parts)

    @property
    def validates(self) -> bool:
        """Whether there are validation rows to measure by."""
        return bool(len(self.validation))

    @property
    def selects(self) -> bool:
        """Whether there are validation rows to choose the kept epoch by."""
        return self.validates and self.recipe.train.keep == "elbo"

    def watched(self) -> Rows:
        """Rows measured after every epoch: the validation's, or a thousand of the training's."""
        if self.validates:
            return self.validation
        order = generator(self.seed, "train", "probe").permutation(self.rows)
        return np.sort(order[:_PROBED])
