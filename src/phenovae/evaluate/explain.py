"""A protocol in sentences: what is averaged, transformed, compared and counted, in order."""

from __future__ import annotations

from collections.abc import Mapping

from phenovae.evaluate.batches import BatchKey
from phenovae.evaluate.protocol import Protocol
from phenovae.profiles.coral import CoralOptions
from phenovae.profiles.harmony import HarmonyOptions
from phenovae.profiles.levels import Level
from phenovae.profiles.normalise import TransformOptions
from phenovae.profiles.places import By
from phenovae.profiles.recipe import Recipe, Step
from phenovae.profiles.scaling import PercentileOptions, RobustZOptions, ZScoreOptions
from phenovae.profiles.sphering import SphereOptions

_LEVELS: Mapping[Level, str] = {
    "cell": "cell",
    "site": "site",
    "well": "well",
    "plate": "treatment on a plate",
    "treatment": "treatment",
}
_BY: Mapping[By, str] = {
    "all": "all together",
    "plate": "plate by plate",
    "batch": "batch by batch",
}
_METRICS = {
    "cosine": "cosine similarity",
    "pearson": "Pearson's correlation",
    "euclidean": "Euclidean distance",
}
_BATCHES: Mapping[BatchKey, str] = {
    "sets": "the set of its batches; two treatments are kept apart when the sets meet",
    "joined": "the names of its batches joined to one, so that a treatment of several batches is "
    "kept apart from none of them",
    "median_code": "the median of its plates' batch numbers, which may be one that it is not of",
    "plates": "the names of its plates joined, so that treatments on other plates of one batch are "
    "not kept apart",
}
_METHODS = {
    "pca": "principal axes of the covariance",
    "zca": "principal axes of the covariance and back",
    "pca-cor": "principal axes of the correlation matrix",
    "zca-cor": "principal axes of the correlation matrix and back",
}
_MODES = {
    "absolute": "added to the eigenvalues",
    "relative": "times their mean, added to the eigenvalues",
    "singular": "added to the singular values",
}

Explained = list[tuple[str, str]]


def explain(protocol: Protocol) -> Explained:
    """Pairs of a question and its answer, in the order in which the protocol works."""
    recipe = protocol.recipe
    return [
        ("profile", _profile(recipe)),
        ("transforms", _transforms(recipe)),
        ("fitted on", _fitted_on(recipe)),
        ("controls", _controls(protocol)),
        ("compared by", f"{_METRICS[protocol.metric]}, the nearest neighbour"),
        ("masks", _masks(protocol)),
        ("denominator", _denominator(protocol)),
        ("value", _value(protocol)),
        *([("steps read in", protocol.source)] if protocol.source else []),
    ]


def _profile(recipe: Recipe) -> str:
    steps = " → ".join(["cells", *(_step(step) for step in recipe.levels)])
    few = recipe.minimum_cells
    return steps + (f"; wells of fewer than {few} cells are left out" if few else "")


def _step(step: Step) -> str:
    how = (
        f"trimmed mean ({step.trim:g} at either end)" if step.average == "trimmed" else step.average
    )
    return f"{_LEVELS[step.level]} ({how})"


def _transforms(recipe: Recipe) -> str:
    if not recipe.transforms:
        return "none"
    told = ", then ".join(_transform(each) for each in recipe.transforms)
    apart = "; features by groups that their names tell" if recipe.feature_groups else ""
    return f"of {recipe.transform_at}s: {told}{apart}"


def _transform(options: TransformOptions) -> str:
    if isinstance(options, ZScoreOptions):
        return f"z-scores ({_BY[options.by]}, ddof {options.ddof})"
    if isinstance(options, RobustZOptions):
        return f"robust z-scores by median and MAD ({_BY[options.by]})"
    if isinstance(options, PercentileOptions):
        return f"percentiles {options.low:g} to 0 and {options.high:g} to 1 ({_BY[options.by]})"
    if isinstance(options, SphereOptions):
        most = f", {options.components} axes at most" if options.components else ""
        shrunk = ", Ledoit–Wolf shrinkage" if options.shrinkage != "none" else ""
        strength = (
            f"λ = {options.regularization:g} {_MODES[options.mode]}"
            if options.regularization
            else "no λ"
        )
        return f"sphering by {_METHODS[options.method]} ({strength}{most}{shrunk})"
    if isinstance(options, CoralOptions):
        return f"CORAL {_BY[options.by]} (λ = {options.regularization:g})"
    if isinstance(options, HarmonyOptions):
        return f"Harmony {_BY[options.by]} (θ = {options.diversity:g}), fitted on all rows"
    return f"{options.factors} factors"


def _fitted_on(recipe: Recipe) -> str:
    if not recipe.transforms:
        return "nothing"
    level = recipe.transform_at
    if recipe.fit_on == "all_wells":
        return f"the {level}s of all wells"
    only = f"; features of a level above {level}s are refused" if recipe.only_at else ""
    return f"the {level}s of negative control wells alone{only}"


def _controls(protocol: Protocol) -> str:
    positive = (
        "wells that hold a treatment as positive control are no part of it"
        if protocol.recipe.positive_controls == "apart"
        else "wells that hold a treatment as positive control are part of it"
    )
    negative = (
        "the negative control is a candidate, which is never right"
        if protocol.negative_controls_as_candidates
        else "the negative control is neither query nor candidate"
    )
    return f"{positive}; {negative}"


def _masks(protocol: Protocol) -> str:
    own = "NSC: another compound"
    if "NSCB" not in protocol.metrics:
        return f"{own}; no NSCB"
    return (
        f"{own}; NSCB: also another batch, that of a treatment being {_BATCHES[protocol.batches]}"
    )


def _denominator(protocol: Protocol) -> str:
    stay = "stay among" if protocol.unscorable_as_candidates else "leave"
    return (
        "treatments that have an allowed neighbour of their own mechanism; the others are listed, "
        f"and {stay} the candidates"
    )


def _value(protocol: Protocol) -> str:
    if protocol.headline == "macro_compound":
        return "mean over compounds of their share of right treatments"
    return "right treatments / denominator"
