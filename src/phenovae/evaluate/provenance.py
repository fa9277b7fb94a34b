"""What the training of some features has seen: without it no score can be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal

Labels = Literal["none", "treatment", "compound", "mechanism", "not stated"]

_TRACKS: dict[Labels, str] = {
    "none": "label-free",
    "treatment": "weakly supervised (treatment labels)",
    "compound": "weakly supervised (compound labels)",
    "mechanism": "trained on mechanisms",
    "not stated": "training not stated",
}


@dataclass(frozen=True)
class Training:
    """What the training of features saw of what is scored; None: not known.

    `labels` is the strongest label it was given; `chosen_by` is how the weights that are kept were
    chosen; `split_hash` that of the split it was trained with; `pretrained` names the weights of
    others, that learned from other images than the screen's; `wells_told` is whether it was told
    which cells share a well. Scores of different labels are on tracks of their own and share no
    column.
    """

    labels: Labels = "not stated"
    scored_cells_seen: bool | None = None
    compounds_seen: bool | None = None
    chosen_by: str = "not stated"
    split_hash: str = ""
    pretrained: str = ""
    wells_told: bool = False

    @property
    def weakly_supervised(self) -> bool:
        """Whether labels of compounds were learned from."""
        return self.labels in ("treatment", "compound")

    @property
    def track(self) -> str:
        """The track that scores of these features are on."""
        return _TRACKS[self.labels]

    @property
    def text(self) -> str:
        """The statement in words, as it is printed with scores."""
        parts = [self.track]
        if self.pretrained:
            parts = [
                f"{self.track} of this screen",
                f"pretrained on other images ({self.pretrained})",
            ]
        if self.wells_told:
            parts.append("told which cells share a well")
        if self.scored_cells_seen is not None:
            parts.append(f"scored cells {'seen' if self.scored_cells_seen else 'not seen'}")
        if self.compounds_seen is not None:
            parts.append(f"compounds {'seen' if self.compounds_seen else 'not seen'}")
        parts.append(f"weights chosen by: {self.chosen_by}")
        if self.split_hash:
            parts.append(f"splits {self.split_hash[:8]}")
        return "; ".join(parts)

    def as_dict(self) -> dict[str, object]:
        """The statement as JSON."""
        told = asdict(self)
        for name in ("pretrained", "wells_told"):
            if not told[name]:
                del told[name]
        return told


def read_training(told: Mapping[str, object]) -> Training:
    """The statement of a record; what it lacks is not stated. Raises TypeError on other keys."""
    return Training(**told)  # type: ignore[arg-type]  # written by `as_dict`


NOT_STATED = Training()
UNTRAINED = Training(
    labels="none", scored_cells_seen=False, compounds_seen=False, chosen_by="nothing is trained"
)
"""Of features that are computed and not learned."""
