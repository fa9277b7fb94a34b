"""A protocol: everything that a score depends on besides the features, as data."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from phenovae.base.errors import UsageError, nearest
from phenovae.base.options import Options
from phenovae.evaluate.batches import BatchKey
from phenovae.evaluate.neighbours import Metric
from phenovae.profiles.recipe import Recipe

Headline = Literal["micro", "macro_compound"]

FIT_ALL = "+fit-all"
_PACKAGE = "phenovae.evaluate.protocols"


class Protocol(Options):
    """How profiles are made and compared. Scores carry its name and version."""

    name: str = Field(min_length=1, description="name")
    version: int = Field(ge=1, description="grows with every change that moves a score")
    summary: str = Field(description="what it does, in words")
    recipe: Recipe = Field(description="how profiles are made")
    metric: Metric = Field("cosine", description="likeness of profiles")
    metrics: tuple[Literal["NSC", "NSCB"], ...] = Field(
        ("NSC", "NSCB"), min_length=1, description="scores that it gives"
    )
    batches: BatchKey = Field(
        "sets",
        description="which batches a treatment is of, for NSCB: the set of all (sound), their "
        "names joined, the median of their numbers, or its plates joined",
    )
    headline: Headline = Field(
        "micro",
        description="what `value` is: the share of right treatments (micro), or the mean over "
        "compounds of that share (macro_compound)",
    )
    unscorable_as_candidates: bool = Field(
        description="whether treatments that cannot be right may be others' neighbours"
    )
    negative_controls_as_candidates: bool = Field(
        default=False,
        description="whether the negative control is a candidate, which can never be right",
    )
    source: str = Field("", description="where its steps were read")

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

    def untransformed(self) -> Protocol:
        """The same protocol without its transforms, to be scored beside it."""
        recipe = self.recipe.model_copy(update={"transforms": ()})
        return self.model_copy(update={"recipe": recipe})

    def rests_on(self, fitted_on: int) -> dict[str, object]:
        """What records say of the rows that the transforms were fitted on."""
        wells = self.recipe.fit_on
        return {
            "controls": 0 if wells == "all_wells" else fitted_on,
            "fitted_on": {"wells": wells, "rows": fitted_on},
        }

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


def protocol_labels() -> list[str]:
    """Names and versions of the protocols that come with phenovae, as `cells-mean@1`."""
    found = files(_PACKAGE).iterdir()
    return sorted(each.name.removesuffix(".yaml") for each in found if each.name.endswith(".yaml"))


def protocol_names() -> list[str]:
    """Names of the protocols that come with phenovae, whatever their versions."""
    return sorted({label.partition("@")[0] for label in protocol_labels()})


def load_protocol(name: str) -> Protocol:
    """A protocol by name (its newest version), by name and version, or by the path of a YAML file.

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
    versions = [label for label in protocol_labels() if name in (label, label.partition("@")[0])]
    if not versions:
        known = protocol_labels() if "@" in name else protocol_names()
        raise UsageError(f"there is no protocol {name!r}", mend=nearest(name, known))
    newest = max(versions, key=lambda label: int(label.partition("@")[2]))
    return _parse(files(_PACKAGE).joinpath(f"{newest}.yaml").read_bytes(), newest)


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
    if protocol.label not in protocol_labels():
        return
    shipped = load_protocol(protocol.label)
    words = {"summary": protocol.summary, "source": protocol.source}
    if shipped.model_copy(update=words) != protocol:
        raise UsageError(
            f"the protocol calls itself {protocol.label}, but differs from that one",
            where=where,
            mend="give it a name of its own",
        )
