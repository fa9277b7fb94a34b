"""A protocol with one thing changed, and the words that its scores say of it."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Literal

from phenovae.base.errors import UsageError, nearest
from phenovae.evaluate.neighbours import Metric
from phenovae.evaluate.protocol import Protocol, protocol_names
from phenovae.profiles.coral import CoralOptions
from phenovae.profiles.features import Features
from phenovae.profiles.levels import Level, above
from phenovae.profiles.normalise import TransformOptions
from phenovae.profiles.recipe import has_controls
from phenovae.profiles.scaling import PercentileOptions, RobustZOptions, ZScoreOptions
from phenovae.profiles.sphering import SphereOptions

logger = logging.getLogger(__name__)

FitOn = Literal["auto", "negative_controls", "all_wells"]
LambdaMode = Literal["absolute", "relative"]

NAMES = ("zscore", "robust-z", "percentile", "sphere", "coral", "tvn", "none")
_SAME = {name.replace("-", ""): name for name in NAMES} | {"whiten": "sphere"}
_NO_LAMBDA = "λ is of sphering and CORAL, and neither is asked for"
_LAMBDA = 1.0
"""λ where neither the caller nor the protocol has one: that of Caicedo et al. 2018."""


def with_transforms(
    protocol: Protocol,
    names: Sequence[str],
    regularization: float | None = None,
    mode: LambdaMode | None = None,
) -> tuple[Protocol, str]:
    """The protocol with these transforms in place of its own, and the words for it.

    Names are `NAMES`, in order; `tvn` is sphering, then CORAL; `none` alone leaves features as
    they are. λ (`regularization`) is that of the protocol's own sphering where none is given, else
    1. Raises UsageError for a name that is none, or a λ that nothing uses.
    """
    chosen = [_SAME.get(re.sub("[-_]", "", name.lower()), name) for name in names]
    unknown = next((name for name in chosen if name not in NAMES), None)
    if unknown is not None:
        raise UsageError(f"there is no transform {unknown!r}", mend=nearest(unknown, NAMES))
    if "none" in chosen and len(chosen) > 1:
        raise UsageError("none stands alone", mend="name the transforms, or none of them")
    single = [each for name in chosen for each in _parts(name)]
    uses_lambda = {"sphere", "coral"} & set(single)
    if (regularization is not None or mode is not None) and not uses_lambda:
        raise UsageError(_NO_LAMBDA, mend="--normalize sphere")
    own = [each for each in protocol.recipe.transforms if isinstance(each, SphereOptions)]
    found = own[0] if own else SphereOptions(regularization=_LAMBDA)
    changed = {
        "regularization": found.regularization if regularization is None else regularization,
        "mode": found.mode if mode is None else mode,
    }
    sphere = SphereOptions.model_validate({**found.model_dump(), **changed})
    transforms = tuple(_transform(name, sphere) for name in single)
    recipe = protocol.recipe.model_copy(update={"transforms": transforms})
    words = ", ".join(_words(each) for each in transforms) or "none"
    return protocol.model_copy(update={"recipe": recipe}), f"normalize {words}"


def with_metric(protocol: Protocol, metric: Metric) -> tuple[Protocol, str]:
    """The protocol with another likeness of profiles; no words where it is its own."""
    if metric == protocol.metric:
        return protocol, ""
    return protocol.model_copy(update={"metric": metric}), f"metric {metric}"


def with_regularization(
    protocol: Protocol, regularization: float | None, mode: LambdaMode | None
) -> tuple[Protocol, str]:
    """The protocol with another λ in its own transforms, and the words for it.

    Raises UsageError where it has no sphering and no CORAL.
    """
    own = protocol.recipe.transforms
    if not any(isinstance(each, SphereOptions | CoralOptions) for each in own):
        raise UsageError(_NO_LAMBDA, mend="--normalize sphere")
    changed = tuple(_with_lambda(each, regularization, mode) for each in own)
    recipe = protocol.recipe.model_copy(update={"transforms": changed})
    said = [] if regularization is None else [f"λ={regularization:g}"]
    said += [] if mode is None else [f"λ {mode}"]
    return protocol.model_copy(update={"recipe": recipe}), ", ".join(said)


def through_level(protocol: Protocol, level: Level) -> tuple[Protocol, str]:
    """The protocol with averages of this level too, and the words; none where it has them.

    They are of the kind of the averages that come next. Cells are no averages.
    """
    steps = protocol.recipe.levels
    if level == "cell" or any(step.level == level for step in steps):
        return protocol, ""
    after = next(number for number, step in enumerate(steps) if above(step.level, level))
    added = steps[after].model_copy(update={"level": level})
    recipe = protocol.recipe.model_copy(update={"levels": (*steps[:after], added, *steps[after:])})
    return protocol.model_copy(update={"recipe": recipe}), f"through {level}s"


def from_level(protocol: Protocol, level: Level) -> str:
    """What a score says where the transforms act on a higher level than the protocol's own."""
    recipe = protocol.recipe
    acts = bool(recipe.transforms) and above(level, recipe.transform_at)
    return f"transforms of {level}s" if acts and not recipe.only_at else ""


def instead_of(protocol: Protocol, level: Level) -> str | None:
    """The protocol for features of a level that this one refuses to begin at, if there is one."""
    if not (protocol.recipe.only_at and above(level, protocol.recipe.transform_at)):
        return None
    other = f"{protocol.name}-{level}s"
    return other if other in protocol_names() else None


def fitted_on(protocol: Protocol, how: FitOn, features: Features) -> Protocol:
    """The protocol as it is fitted: on the negative controls, or on all wells.

    `auto` takes all wells where the features have no negative controls, and says so.
    """
    if how == "negative_controls" or (how == "auto" and has_controls(features)):
        return protocol
    applied = protocol.fitted_on_all_wells()
    if how == "auto" and applied is not protocol:
        logger.warning(
            "%s: the screen has no negative controls; transforms are fitted on all wells, and the "
            "scores are named %s",
            protocol.label,
            applied.label,
        )
    return applied


def _with_lambda(
    transform: TransformOptions, regularization: float | None, mode: LambdaMode | None
) -> TransformOptions:
    if not isinstance(transform, SphereOptions | CoralOptions):
        return transform
    told: dict[str, object] = {} if regularization is None else {"regularization": regularization}
    if mode is not None and isinstance(transform, SphereOptions):
        told["mode"] = mode
    return type(transform).model_validate({**transform.model_dump(), **told})


def _parts(name: str) -> tuple[str, ...]:
    if name == "tvn":
        return ("sphere", "coral")
    return () if name == "none" else (name,)


def _transform(name: str, sphere: SphereOptions) -> TransformOptions:
    if name == "sphere":
        return sphere
    if name == "coral":
        if sphere.regularization == 0:
            raise UsageError("coral needs a λ above 0", mend="--regularization 1")
        return CoralOptions(regularization=sphere.regularization)
    if name == "zscore":
        return ZScoreOptions()
    return RobustZOptions() if name == "robust-z" else PercentileOptions()


def _words(transform: TransformOptions) -> str:
    if isinstance(transform, SphereOptions):
        relative = "" if transform.mode == "absolute" else f" {transform.mode}"
        return f"sphere λ={transform.regularization:g}{relative}"
    if isinstance(transform, CoralOptions):
        return f"coral λ={transform.regularization:g}"
    if isinstance(transform, PercentileOptions):
        return f"percentile by {transform.by}"
    return transform.name
