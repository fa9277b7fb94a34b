"""What the training of some features has seen: without it no score can be read."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

Labels = Literal["none", "treatment", "compound", "mechanism", "not stated"]

_TRACKS: dict[Labels, str] = {
    "none": "label-free",
    "treatment": "trained on treatments",
    "compound": "trained on compounds",
    "mechanism": "trained on mechanisms",
    "not stated": "training not stated",
}


@dataclass(frozen=True)
class Training:
    """What the training of features saw of what is scored; None: not known.

    `labels` is the strongest label it was given; `chosen_by` is how the weights that are kept were
    chosen; `split_hash` that of the split it was trained with. Scores of different labels are on
    tracks of their own and share no column.
    """

    labels: Labels = "not stated"
    scored_cells_seen: bool | None = None
    compounds_seen: bool | None = None
    chosen_by: str = "not stated"
    split_hash: str = ""

    @property
    def track(self) -> str:
        """The track that scores of these features are on."""
        return _TRACKS[self.labels]

    def as_dict(self) -> dict[str, object]:
        """The statement as JSON."""
        return asdict(self)


NOT_STATED = Training()
UNTRAINED = Training(
    labels="none", scored_cells_seen=False, compounds_seen=False, chosen_by="nothing is trained"
)
"""Of features that are computed and not learned."""
