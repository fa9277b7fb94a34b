"""What a file of profiles says of its making, so that it is scored as the run it came from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, Self

from pydantic import Field, ValidationError

from phenovae import __version__
from phenovae.base.errors import InputError
from phenovae.base.options import Options
from phenovae.evaluate.protocol import Protocol, load_protocol, protocol_labels
from phenovae.evaluate.provenance import Training
from phenovae.profiles.levels import Level
from phenovae.profiles.partway import Done


class Making(Options):
    """How rows of features were made, and how their run scores them."""

    format: Literal[1] = Field(1, description="grows when an older phenovae would misread it")
    phenovae: str = Field(__version__, description="version that wrote it")
    features: str = Field(description="what scores call the features")
    level: Level = Field(description="what a row is")
    protocol: Protocol | str = Field(
        description="the protocol that made them, by name and version where it is phenovae's own"
    )
    variant: str = Field("", description="what was changed of the protocol")
    done: Done = Field(description="what of the protocol was done to them")
    training: Training = Field(description="what the training of the features saw")
    seed: int = Field(description="seed of the draws")
    draws: int = Field(description="draws of intervals and of chance")
    plates_are_batches: bool = Field(description="whether NSCB is asked of batches of one plate")

    @classmethod
    def read(cls, text: str, where: object) -> Self:
        """What a note says. Raises InputError where it is none, or of a newer phenovae."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            fault = error.errors()[0]
            place = ".".join(str(part) for part in fault["loc"])
            raise InputError(
                f"what the file says of its making is not understood: {place}: {fault['msg']}",
                where=str(where),
                mend="install a newer phenovae, or write the profiles anew",
            ) from None

    def text(self) -> str:
        """The note: JSON in one line."""
        known = self.named_protocol
        short = known.label in protocol_labels() and load_protocol(known.label) == known
        told = self.model_copy(update={"protocol": known.label}) if short else self
        return told.model_dump_json()

    @property
    def named_protocol(self) -> Protocol:
        """The protocol itself. Raises UsageError where this phenovae has none of its name."""
        return load_protocol(self.protocol) if isinstance(self.protocol, str) else self.protocol

    @property
    def label(self) -> str:
        """Protocol, version and variant."""
        return self.named_protocol.label + (f" ({self.variant})" if self.variant else "")

    def about(self) -> Mapping[str, str]:
        """The parts that a reader looks for, each as text of its own."""
        protocol = self.named_protocol
        return {
            "protocol": protocol.model_dump_json(),
            "recipe": protocol.recipe.model_dump_json(),
            "training": self.training.text,
        }
