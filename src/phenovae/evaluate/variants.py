"""A protocol with other transforms: what was changed is said in every record."""

from __future__ import annotations

from collections.abc import Sequence

from phenovae.base.errors import UsageError, nearest
from phenovae.evaluate.protocol import Protocol
from phenovae.profiles.coral import CoralOptions
from phenovae.profiles.features import Features
from phenovae.profiles.levels import above
from phenovae.profiles.normalise import TransformOptions
from phenovae.profiles.scaling import PercentileOptions, RobustZOptions, ZScoreOptions
from phenovae.profiles.sphering import SphereOptions

NAMES = ("zscore", "robust-z", "percentile", "sphere", "coral", "tvn", "none")
_LAMBDA = 1.0


def with_transforms(
    protocol: Protocol, names: Sequence[str], regularization: float | None
) -> tuple[Protocol, str]:
    """The protocol with these transforms instead of its own, in order, and what that is called.

    `regularization` is λ, added to the eigenvalues (1 unless given). Raises UsageError on an
    unknown name, or a λ that nothing takes.
    """
    transforms: list[TransformOptions] = []
    for name in names:
        transforms += _transforms(name, _LAMBDA if regularization is None else regularization)
    if regularization is not None and not any(
        isinstance(each, SphereOptions | CoralOptions) for each in transforms
    ):
        raise UsageError(
            "λ is of sphering and CORAL, and neither is asked for", mend="--normalize sphere"
        )
    recipe = protocol.recipe.model_copy(update={"transforms": tuple(transforms)})
    told = ", ".join(_text(each) for each in transforms) or "none"
    return protocol.model_copy(update={"recipe": recipe}), f"normalize {told}"


def from_level(protocol: Protocol, features: Features) -> str:
    """What to say where the transforms act on another level than the protocol's own."""
    acts = bool(protocol.recipe.transforms) and above(features.level, protocol.recipe.transform_at)
    return f"transforms of {features.level}s" if acts else ""


def _transforms(name: str, regularization: float) -> list[TransformOptions]:
    sphere = SphereOptions(regularization=regularization)
    known: dict[str, list[TransformOptions]] = {
        "zscore": [ZScoreOptions()],
        "robustz": [RobustZOptions()],
        "percentile": [PercentileOptions()],
        "sphere": [sphere],
        "none": [],
    }
    plain = name.lower().replace("-", "").replace("_", "")
    if plain in ("coral", "tvn"):
        coral = CoralOptions(regularization=regularization)
        return [coral] if plain == "coral" else [sphere, coral]
    if plain not in known:
        raise UsageError(f"there is no normalisation {name!r}", mend=nearest(name, NAMES))
    return known[plain]


def _text(options: TransformOptions) -> str:
    if isinstance(options, SphereOptions | CoralOptions):
        return f"{options.name} λ={options.regularization:g}"
    return options.name
