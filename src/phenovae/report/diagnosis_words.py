"""What the record of a model's test says: questions, and their answers in a sentence each."""

from __future__ import annotations

import math

from phenovae.report.diagnosis_record import Told, all_of, level_at, numbers
from phenovae.report.facts import listed, mapping, percent, plural

_NOTHING = 0.1  # nats: less than the throw of a lopsided coin tells
_WHOLE = 0.9
_HALF = 0.5
_FEW_DRAWS = 2.0
_TIGHT = 1.0  # nats
_NEAR_MEAN = 0.2
_NEAR_VARIANCE = (0.8, 1.25)
_NEAR_SIGMA = (0.9, 1.1)
_MIDDLE, _TOO_MANY = 0.5, 0.6


def diagnosis_sentences(told: Told, unit: str = "cell") -> list[str]:
    """What a record says, a sentence a question, after one on what it rests on."""
    return [basis_sentence(told, unit), *(sentence for _, _, sentence in answers(told, unit))]


def basis_sentence(told: Told, unit: str) -> str:
    """Which cells were looked at."""
    cells, of_cells = told.get("cells"), told.get("of_cells")
    count = plural(cells, unit) if isinstance(cells, int) else f"an unknown number of {unit}s"
    some = f" of {of_cells:,}" if isinstance(of_cells, int) and of_cells != cells else ""
    said = (
        f"Measured on {count}{some} that taught the model nothing."
        if told.get("held_out")
        else f"Measured on {count}{some} that taught the model, for too few were kept apart: "
        "all of this flatters it."
    )
    left_out = told.get("left_out_not_finite")
    if isinstance(left_out, int) and left_out:
        said += f" {plural(left_out, unit)} with pixels that are no numbers were left out."
    if not told.get("kl_in_objective", True):
        said += (
            " The objective has no KL term: the latents were never asked to be like the prior, and "
            "what is said of the prior below describes them without judging them."
        )
    return said


def answers(told: Told, unit: str) -> list[tuple[str, str, str]]:
    """Of every part of the record: its key, the question, and what came of it."""
    asked = (
        ("information", f"How much do the latents tell of a {unit}?", _on_information),
        ("aggregate", f"Do the latents of all {unit}s look like the prior?", _on_aggregate),
        ("bound", "How tight is the ELBO?", _on_bound),
        ("reconstruction", "What does the reconstruction lose?", _on_reconstruction),
        ("calibration", "Is σ honest?", _on_calibration),
    )
    found = []
    for key, question, answer in asked:
        part = mapping(told.get(key))
        reason = part.get("not_applicable")
        if reason is not None:
            found.append((key, question, f"Does not apply to this model: {reason}."))
        elif part:
            said = answer(part, unit)
            found.append((key, question, said or "Could not be measured: not finite."))
    return found


def _on_information(part: Told, unit: str) -> str:
    kl, low, high, limit = (
        all_of(
            part,
            "kl_nats",
            "mutual_information_low_nats",
            "mutual_information_high_nats",
            "limit_nats",
        )
        or (math.nan,) * 4
    )
    if math.isnan(kl):
        return ""
    if low < _NOTHING:
        return (
            f"Bad: next to nothing, {low:.2f} nats of a mean KL of {kl:.1f}. {unit.capitalize()}s "
            "cannot be told apart by their latents, and profiles of them mean little."
        )
    most = f"{math.exp(min(low, 20)):,.0f}"
    amount = f"at least {low:.1f} nats of a mean KL of {kl:.1f}, as much as a label out of {most}"
    if low >= _WHOLE * limit:
        return (
            f"Good: {amount}. Nearly every {unit} can be told from every other, and so many "
            f"{unit}s cannot show more than {limit:.1f} nats; it may be up to {high:.1f}."
        )
    if low >= _HALF * limit:
        return f"Fair: {amount}; telling every {unit} from every other would be {limit:.1f} nats."
    return (
        f"Little: {amount}. The latents tell some kinds of {unit}s apart, and not one {unit} from "
        f"the next, for which it would be {limit:.1f} nats."
    )


def _on_aggregate(part: Told, unit: str) -> str:
    apart = mapping(part.get("squared_mmd"))
    value, usual, p = all_of(apart, "value", "null_95", "p") or (math.nan,) * 3
    means, variances = numbers(part, "mean"), numbers(part, "variance")
    if math.isnan(value) or not means or len(means) != len(variances):
        return ""
    low, high = _NEAR_VARIANCE
    near = sum(
        abs(mean) <= _NEAR_MEAN and low <= variance <= high
        for mean, variance in zip(means, variances, strict=True)
    )
    dimensions = (
        f"{near:,} of {plural(len(means), 'dimension')} have a mean within ±{_NEAR_MEAN} and a "
        f"variance from {low} to {high}, about the 0 and 1 of the prior"
    )
    figure = f"MMD² {_small(value)}, where 95 % of draws of the prior itself stay below "
    figure += f"{_small(usual)}; p = {p:.3f}"
    if value <= usual:
        return (
            f"Good: they cannot be told from draws of the prior ({figure}). {dimensions}. Latents "
            f"drawn at random then lie where {unit}s lie."
        )
    verdict = "Not quite" if near >= _HALF * len(means) else "No"
    return (
        f"{verdict}: they can be told from draws of the prior ({figure}). {dimensions}. Latents "
        f"drawn at random may lie where no {unit} does, and images made of them look less like "
        f"{unit}s; embeddings and profiles do not draw any."
    )


def _on_bound(part: Told, unit: str) -> str:
    told = all_of(
        part, "elbo_nats", "importance_nats", "gain_nats", "gain_error", "effective_draws"
    )
    cells, draws, errors = part.get("cells"), numbers(part, "draws"), numbers(part, "errors")
    if told is None or not isinstance(cells, int) or not draws or not errors:
        return ""
    elbo, bound, gain, error, effective = told
    figure = (
        f"{draws[-1]:.0f} draws for each of {plural(cells, unit)} raise the bound on the "
        f"log-likelihood from {_nats(elbo)} ± {errors[0]:,.0f} (the ELBO) to {_nats(bound)} ± "
        f"{errors[-1]:,.0f} nats a {unit}, by {gain:.1f} ± {error:.1f}"
    )
    if gain <= max(_TIGHT, 2 * error):
        return f"Good, the ELBO is nearly the likelihood: {figure}."
    if effective < _FEW_DRAWS:
        return (
            f"Open: {figure}. On average {effective:.1f} of the draws carry the weight, so the "
            "likelihood is higher still by an unknown amount: the encoder’s posterior is a poor "
            "stand-in for the exact one."
        )
    return f"Loose by that much: {figure}; {effective:.1f} of the draws carry the weight."


def _on_reconstruction(part: Told, unit: str) -> str:
    del unit
    by_channel = [mapping(each) for each in listed(part.get("channels"))]
    told = [
        (str(each.get("channel")), float(share))
        for each in by_channel
        if isinstance(share := each.get("explained_beyond_mean_image"), int | float)
    ]
    still = [str(each.get("channel")) for each in by_channel if each.get("rmse") is not None
             and each.get("variance_explained") is None]  # fmt: skip
    if not told:
        return "No channel varies, so that there is nothing to explain." if still else ""
    worst, share = min(told, key=lambda each: each[1])
    rest = ", ".join(f"{percent(each, 0).replace('-', '−')} of {name}" for name, each in told)
    said = f"Of what differs between images, the reconstruction keeps {rest}"
    if share >= _WHOLE:
        said = f"Little. {said}"
    elif share >= _HALF:
        said = f"Fine detail. {said}"
    else:
        said = f"Most of what tells one {worst} image from another. {said}"
    if still:
        said += f"; {', '.join(still)} does not vary"
    return f"{said}. Noise of the camera cannot be kept and need not be."


def _on_calibration(part: Told, unit: str) -> str:
    del unit
    channels = [mapping(each) for each in listed(part.get("channels"))]
    names = [str(each.get("channel")) for each in channels]
    sizes = [all_of(each, "deviation", "sigma") for each in channels]
    levels = numbers(part, "levels")
    known = [each for each in sizes if each is not None]
    if not known or len(known) < len(sizes) or not levels:
        return ""
    low, high = min(size for size, _ in known), max(size for size, _ in known)
    between = f"{low:.2f}" if f"{low:.2f}" == f"{high:.2f}" else f"{low:.2f} to {high:.2f}"
    if not part.get("learned", True):
        sigma = known[0][1]
        return (
            f"It does not claim to be: σ was given as {sigma:g}, a weight of the reconstruction. "
            f"Residuals are {between} of it."
        )
    middle = level_at(levels, _MIDDLE)
    crowded = [
        name
        for name, each in zip(names, channels, strict=True)
        if middle is not None
        and len(seen := numbers(each, "coverage")) > middle
        and seen[middle] > _TOO_MANY
    ]
    right = _NEAR_SIGMA[0] <= low and high <= _NEAR_SIGMA[1]
    if part.get("at_bound"):
        said = f"σ stands at its lower bound; residuals are {between} σ in size"
    elif right:
        said = f"On the whole, yes: residuals are {between} σ in size, where 1 is right"
    else:
        said = f"Not in every channel: residuals are {between} σ in size, where 1 is right"
    if crowded:
        said += (
            f". It is one figure for all pixels of a channel: in {_and(crowded)} more than "
            f"{percent(_TOO_MANY, 0)} of the pixels lie within an interval made for half of them: "
            "most fit better than σ says, and a few far worse"
        )
    return f"{said}."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _nats(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−")


def _small(value: float) -> str:
    return f"{value:.2g}".replace("-", "−")
