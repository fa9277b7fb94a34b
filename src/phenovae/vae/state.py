"""How far a training is: everything besides weights and optimisers that resuming needs.

No random state is kept: order, augmentation and posterior noise are drawn anew at every epoch or
step from the seed and its number, so a resumed training draws what an unbroken one would.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import TypeAlias

from phenovae.base.errors import InputError

Record: TypeAlias = dict[str, "float | int | str | None"]


@dataclass
class State:
    """Where a training stands.

    `epoch` is the one under way, `position` the batches of it that are done, `step` all batches
    ever done. `sums` adds up the epoch's figures, `seconds` its time. `history` has one record
    for each epoch done.
    """

    epoch: int = 0
    position: int = 0
    step: int = 0
    seconds: float = 0.0
    sums: dict[str, float] = field(default_factory=dict)
    history: list[Record] = field(default_factory=list)
    best_epoch: int | None = None
    best_elbo: float | None = None
    waited: int = 0
    collapsed: int = 0

    def add(self, figures: dict[str, float]) -> None:
        """Count one more batch done, with its figures."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.position += 1
        self.step += 1

    def means(self) -> dict[str, float]:
        """Means of the figures over the batches of this epoch."""
        return {name: total / self.position for name, total in self.sums.items()}

    def next_epoch(self) -> None:
        """Begin the next epoch."""
        self.epoch += 1
        self.position = 0
        self.seconds = 0.0
        self.sums = {}

    def as_dict(self) -> dict[str, object]:
        """The state as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: object) -> State:
        """A state from `as_dict`. Raises InputError where it is of another form."""
        names = {each.name for each in fields(cls)}
        if not isinstance(values, dict) or set(values) != names:
            raise InputError("the checkpoint's state is of another form")
        return cls(**values)
