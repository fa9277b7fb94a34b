"""How far a trained model can be trusted: a question, its answer in a sentence, and a picture."""

from __future__ import annotations

from dataclasses import dataclass

from matplotlib.figure import Figure

from phenovae.figures import diagnosis as figures
from phenovae.report.content import ReportContent
from phenovae.report.diagnosis_record import Told, all_of, level_at, numbers
from phenovae.report.diagnosis_words import answers, basis_sentence
from phenovae.report.facts import listed, mapping, percent
from phenovae.report.pictures import Picture, picture
from phenovae.report.tables import Table

_SHOWN_LEVELS = (0.5, 0.8, 0.95)


@dataclass(frozen=True)
class Answer:
    """A question that a model was asked, the answer, and the picture that shows it, if any."""

    question: str
    sentence: str
    picture: Picture | None = None


@dataclass(frozen=True)
class DiagnosisPart:
    """The section: what was looked at, the answers, and a table of the channels."""

    basis: str
    answers: list[Answer]
    table: Table | None


def diagnosis_part(content: ReportContent) -> DiagnosisPart | None:
    """The section on the model's test; None where a run has no record of one."""
    told = content.diagnosis
    if not told:
        return None
    unit = content.unit
    drawn = {
        "information": _draw_information(told),
        "aggregate": _draw_aggregate(told),
        "bound": _draw_bound(told),
        "calibration": _draw_calibration(told),
    }
    alts = {
        "information": "the mean KL as a bar, divided into information and distance from the prior",
        "aggregate": "mean and variance of every latent dimension, and quantiles of the most used",
        "bound": "the bound on the likelihood by the number of draws",
        "calibration": "pixels within intervals of σ, and the density of residuals, by channel",
    }
    found = []
    for key, question, sentence in answers(told, unit):
        figure = drawn.get(key)
        shown = (
            picture(figure, alts[key], _CAPTIONS[key].format(unit=unit))
            if figure is not None
            else None
        )
        found.append(Answer(question, sentence, shown))
    return DiagnosisPart(basis_sentence(told, unit), found, _channel_table(told))


_CAPTIONS = {
    "information": "The mean KL is what latents tell of a {unit} (mutual information) and how far "
    "all latents together are from the prior (Hoffman & Johnson 2016). With so many {unit}s, no "
    "more than the dotted line can be shown to be told; what lies between the bounds stays open.",
    "aggregate": "All latents together, the aggregate posterior, beside the prior: where they are "
    "alike, points lie on the cross and lines on the dotted diagonal.",
    "bound": "The importance-weighted bound (Burda et al. 2016) rises with its draws towards the "
    "log-likelihood of the images. The band is one standard error over {unit}s, of the rise. "
    "Much above 0: the encoder's posterior is a poor stand-in for the exact one.",
    "calibration": "On the dotted lines σ says how far pixels lie from the reconstruction. Lines "
    "above the diagonal: σ is too wide for most pixels; below it: too narrow.",
}


def _channel_table(told: Told) -> Table | None:
    errors = [mapping(each) for each in listed(mapping(told.get("reconstruction")).get("channels"))]
    if not errors:
        return None
    part = mapping(told.get("calibration"))
    levels = numbers(part, "levels")
    at = [place for level in _SHOWN_LEVELS if (place := level_at(levels, level)) is not None]
    sigmas = {
        str(mapping(each).get("channel")): mapping(each) for each in listed(part.get("channels"))
    }
    columns = ["channel", "error (RMSE)", "explained", "beyond the mean image"]
    if sigmas:
        columns += ["σ", "residuals [σ]", *(f"in {percent(levels[n], 0)}" for n in at)]
    rows = []
    for each in errors:
        name = str(each.get("channel"))
        row = [
            name,
            _plain(each.get("rmse"), "{:.4f}"),
            _share(each.get("variance_explained")),
            _share(each.get("explained_beyond_mean_image")),
        ]
        if sigmas:
            own = sigmas.get(name, {})
            seen = numbers(own, "coverage")
            row += [_plain(own.get("sigma"), "{:.4f}"), _plain(own.get("deviation"), "{:.2f}")]
            row += [percent(seen[n], 0) if n < len(seen) else "" for n in at]
        rows.append(tuple(row))
    return Table(
        f"Channels: root mean squared error, of the view’s range{_scale_of_sigma(part)}; shares of "
        "the variance that "
        "the reconstruction explains, of all pixels and of what the cells’ mean image leaves; and "
        "the share of pixels seen within central intervals that are to hold so many",
        tuple(columns),
        rows,
        frozenset(range(1, len(columns))),
    )


def _scale_of_sigma(part: Told) -> str:
    of = str(part.get("sigma_of", "")).replace("'", "’")
    return f"; σ, of {of}" if of else ""


def _draw_information(told: Told) -> Figure | None:
    part = mapping(told.get("information"))
    known = all_of(
        part,
        "kl_nats",
        "mutual_information_low_nats",
        "mutual_information_high_nats",
        "limit_nats",
    )
    return figures.information_bar(*known) if known is not None else None


def _draw_aggregate(told: Told) -> Figure | None:
    part = mapping(told.get("aggregate"))
    means, variances = numbers(part, "mean"), numbers(part, "variance")
    spreads, active = numbers(part, "variance_of_mean"), part.get("active_units")
    shown = mapping(part.get("quantiles"))
    chances = numbers(shown, "probabilities")
    lines = {
        number: values
        for each in listed(shown.get("dimensions"))
        if isinstance(number := mapping(each).get("dimension"), int)
        and len(values := numbers(mapping(each), "values")) == len(chances)
    }
    if not means or not len(means) == len(variances) == len(spreads) or not isinstance(active, int):
        return None
    order = sorted(range(len(spreads)), key=lambda n: -spreads[n])
    used = set(order[:active])
    return figures.aggregate_posterior(
        means, variances, [n in used for n in range(len(means))], chances, lines
    )


def _draw_bound(told: Told) -> Figure | None:
    part = mapping(told.get("bound"))
    draws, nats, errors = (numbers(part, key) for key in ("draws", "nats", "rise_errors"))
    if not draws or not len(draws) == len(nats) == len(errors):
        return None
    return figures.importance_curve([int(each) for each in draws], nats, errors)


def _draw_calibration(told: Told) -> Figure | None:
    part = mapping(told.get("calibration"))
    channels = [mapping(each) for each in listed(part.get("channels"))]
    levels, edges = numbers(part, "levels"), numbers(part, "edges")
    coverage = [numbers(each, "coverage") for each in channels]
    histogram = [numbers(each, "histogram") for each in channels]
    whole = all(len(each) == len(levels) for each in coverage) and all(
        len(each) == len(edges) - 1 for each in histogram
    )
    if not channels or not levels or not whole:
        return None
    names = [str(each.get("channel")) for each in channels]
    return figures.calibration(names, levels, coverage, edges, histogram)


def _plain(value: object, form: str) -> str:
    return form.format(value) if isinstance(value, int | float) else "not measured"


def _share(value: object) -> str:
    return percent(value).replace("-", "−") if isinstance(value, int | float) else "does not vary"
