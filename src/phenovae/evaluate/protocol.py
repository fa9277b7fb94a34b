"""A protocol: everything that a score depends on besides the features, as data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from phenovae.base.errors import UsageError, nearest
from phenovae.base.options import Options
from phenovae.profiles.recipe import Recipe

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


def protocol_names() -> list[str]:
    """Names of the protocols that come with phenovae."""
    found = files(_PACKAGE).iterdir()
    return sorted(each.name.removesuffix(".yaml") for each in found if each.name.endswith(".yaml"))


def load_protocol(name: str) -> Protocol:
    """A protocol by its name, or from a YAML file by its path.

    Raises UsageError where there is none or it is not valid.
    """
    if name.endswith((".yaml", ".yml")):
        path = Path(name)
        if not path.is_file():
            raise UsageError("there is no such protocol file", where=path)
        text, where = path.read_text(encoding="utf-8"), name
    else:
        if name not in protocol_names():
            raise UsageError(f"there is no protocol {name!r}", mend=nearest(name, protocol_names()))
        text = files(_PACKAGE).joinpath(f"{name}.yaml").read_text(encoding="utf-8")
        where = name
    try:
        return Protocol.model_validate(yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise UsageError(f"the protocol is not valid: {error}", where=where) from error
