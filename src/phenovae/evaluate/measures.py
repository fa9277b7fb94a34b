"""What is measured beside the nearest neighbour, and the same scores before the transforms."""

from __future__ import annotations

from dataclasses import dataclass

from phenovae.base.errors import UsageError, nearest

NAMES = ("votes", "before-transforms", "replicates", "mixing", "batch-classifier", "well-probe")


@dataclass(frozen=True)
class Measures:
    """Which measures are wanted.

    `votes`: for each number, a score by the mechanism that most of so many neighbours have.
    `before_transforms`: scores also of the same profiles without the protocol's transforms.
    `replicates`: how early the replicates of a well stand. `mixing`: for each number, how batches
    mix among so many neighbours of control wells. `batch_classifier`: whether the batch of a plate
    that was left out can be told from its control wells. `well_probe`: the probe, of wells.
    """

    votes: tuple[int, ...] = (3,)
    before_transforms: bool = True
    replicates: bool = True
    mixing: tuple[int, ...] = (10,)
    batch_classifier: bool = True
    well_probe: bool = True

    @property
    def of_wells(self) -> bool:
        """Whether any of them wants profiles of wells by a protocol."""
        return self.replicates or bool(self.mixing) or self.batch_classifier

    def without(self, names: tuple[str, ...]) -> Measures:
        """All but those that are named by `NAMES`. Raises UsageError for a name that is none."""
        for name in names:
            if name not in NAMES:
                raise UsageError(f"there is no measure {name!r}", mend=nearest(name, NAMES))
        return Measures(
            votes=() if "votes" in names else self.votes,
            before_transforms=self.before_transforms and "before-transforms" not in names,
            replicates=self.replicates and "replicates" not in names,
            mixing=() if "mixing" in names else self.mixing,
            batch_classifier=self.batch_classifier and "batch-classifier" not in names,
            well_probe=self.well_probe and "well-probe" not in names,
        )


NONE = Measures((), False, False, (), False, False)  # noqa: FBT003  # one by one, in their order
"""The nearest neighbour and average precision of mechanisms alone."""
