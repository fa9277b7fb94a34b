"""A protocol: everything that a score depends on besides the features, as data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from phenovae.base.errors import UsageError, nearest
from phenovae.base.options import Options
from phenovae.profiles.recipe import Recipe

FIT_ALL = "+fit-all"
_PACKAGE = "phenovae.evaluate.protocols"


class Protocol(Options):
    """How profiles are made and compared. Scores carry its name and version."""

    name: str = Field(description="name, unique")
    version: int = Field(ge=1, description="grows with every change that moves a score")
    summary: str = Field(description="what it does, in words")
    recipe: Recipe = Field(description="how profiles are made")
    metric: Literal["cosine", "euclidean"] = Field("cosine", description="likeness of profiles")
    unscorable_as_candidates: bool = Field(
        description="whether treatments that cannot be right may be others' neighbours"
    )

    @property
    def label(self) -> str:
        """Name and version, as scores are marked: `cells-mean@1`."""
        return f"{self.name}@{self.version}"

    @model_validator(mode="after")
    def _says_what_it_fits_on(self) -> Self:
        # Scores share a column by their protocol's name, and these are other quantities.
        if (self.recipe.fit_on == "all_wells") != self.name.endswith(FIT_ALL):
            raise ValueError(
                f"a protocol whose transforms are fitted on all wells, and no other, has a name "
                f"that ends in {FIT_ALL}"
            )
        return self

    def fitted_on_all_wells(self) -> Protocol:
        """The same protocol with its transforms fitted on all wells, under a name that says so.

        One without transforms, or of that kind already, stays as it is.
        """
        if not self.recipe.transforms or self.name.endswith(FIT_ALL):
            return self
        recipe = self.recipe.model_copy(update={"fit_on": "all_wells"})
        summary = f"{self.summary} Here all wells stand in for the negative controls."
        told = {"name": self.name + FIT_ALL, "recipe": recipe, "summary": summary}
        return self.model_copy(update=told)


def protocol_names() -> list[str]:
    """Names of the protocols that come with phenovae."""
    found = files(_PACKAGE).iterdir()
    return sorted(each.name.removesuffix(".yaml") for each in found if each.name.endswith(".yaml"))


def load_protocol(name: str) -> Protocol:
    """A protocol by its name, or from a YAML file by its path.

    Raises UsageError where there is none, it is not valid, or it takes the name and version of
    another one that comes with phenovae.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise UsageError("there is no such protocol file", where=path)
        protocol = _parse(path.read_bytes(), name)
        _check_label(protocol, name)
        return protocol
    if name not in protocol_names():
        raise UsageError(f"there is no protocol {name!r}", mend=nearest(name, protocol_names()))
    return _parse(files(_PACKAGE).joinpath(f"{name}.yaml").read_bytes(), name)


def _parse(raw: bytes, where: str) -> Protocol:
    try:
        return Protocol.model_validate(yaml.safe_load(raw.decode("utf-8")))
    except ValidationError as error:
        faults = [
            f"{'.'.join(str(part) for part in fault['loc']) or 'the file'}: {fault['msg']}"
            for fault in error.errors()
        ]
        text = "the protocol is not valid:\n" + "\n".join(f"  {fault}" for fault in faults)
        raise UsageError(text, where=where) from None
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UsageError(f"the protocol is no YAML: {error}", where=where) from error


def _check_label(protocol: Protocol, where: str) -> None:
    # Scores are told apart by this label alone, so it may not mean two things.
    if protocol.name not in protocol_names():
        return
    shipped = load_protocol(protocol.name)
    same = shipped.model_copy(update={"summary": protocol.summary}) == protocol
    if shipped.label == protocol.label and not same:
        raise UsageError(
            f"the protocol calls itself {protocol.label}, but differs from that one",
            where=where,
            mend="give it a name of its own",
        )
