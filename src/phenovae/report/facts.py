"""Pairs of name and value for the lists of a report; what was not recorded is left out."""

from __future__ import annotations

from collections.abc import Mapping

from phenovae.evaluate.provenance import read_training
from phenovae.report.content import ReportContent

Facts = list[tuple[str, str]]

_SIDES = (
    ("train", "for training"),
    ("validation", "for validation"),
    ("test", "kept apart"),
)

_OF_CROPS = (("refused", "inputs refused"), ("rows_without_file", "rows without a file"))


def mapping(value: object) -> Mapping[str, object]:
    """The value if it is a mapping, else an empty one."""
    return value if isinstance(value, Mapping) else {}


def listed(value: object) -> list[object]:
    """The value if it is a list or a tuple, as a list, else an empty one."""
    return list(value) if isinstance(value, list | tuple) else []


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 well`, `2 wells`, `1,200 wells`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def percent(share: float, digits: int = 1) -> str:
    """`41.4 %`, with a space at which no line breaks."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def tally(count: float) -> str:
    """A count of treatments, of which ties between neighbours make a fraction: `41` or `5.28`."""
    return f"{count:,.0f}" if float(count).is_integer() else f"{count:,.2f}".rstrip("0")


def interval(told: Mapping[str, object]) -> str:
    """`36–46 %`, the interval of a record; nothing where it has none."""
    low, high = told.get("low"), told.get("high")
    if not isinstance(low, int | float) or not isinstance(high, int | float):
        return ""
    return f"{100 * low:.0f}–{percent(high, 0)}"


def signed_points(difference: float) -> str:
    """A difference of shares in points, as `+14.6` or `−4.2`."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def training_facts(content: ReportContent) -> Facts:
    """What the training of all features saw of what is scored."""
    told = {
        str(record["features"]).replace("_", " "): mapping(record["training"])
        for record in content.records
        if "training" in record
    }
    return [(features, read_training(training).text) for features, training in told.items()]


def run_facts(content: ReportContent) -> Facts:
    """What was run, on what."""
    options = content.options
    model = mapping(options.get("model"))
    likelihood = mapping(model.get("likelihood")).get("name")
    found: Facts = [(f"{content.unit}s", f"{content.source}{_in_store(content)}")]
    if content.channels:
        size = f"; a crop is {content.crop_um:.0f} µm wide" if content.crop_um else ""
        found.append(("channels", ", ".join(content.channels) + size))
    design = content.design
    if design:
        found.append(
            (
                "treatments",
                f"{_count(design, 'annotated_treatments', 'treatment')} with a known mechanism "
                f"({_count(design, 'annotated_compounds', 'compound')}, "
                f"{_count(design, 'mechanisms', 'mechanism')}) on "
                f"{_count(design, 'plates', 'plate')} of "
                f"{_count(design, 'batches', 'batch', 'batches')}",
            )
        )
    if model and "train" not in content.skipped:
        found.append(
            (
                "model",
                f"variational autoencoder, size {model.get('size')}, {model.get('latent')} latent "
                f"dimensions, likelihood {likelihood}",
            )
        )
    if track := content.training.get("track"):
        found.append(("track", str(track)))
    if content.summary:
        taught = content.training.get("trained_on")
        on = f" on {plural(taught, content.unit)}" if isinstance(taught, int) else ""
        found.append(("training", _epochs(content.summary, on)))
    protocols = dict.fromkeys(f"{r['protocol']}@{r['version']}" for r in content.records)
    if protocols:
        found.append(("scored by", ", ".join(protocols)))
    return found


def model_facts(content: ReportContent) -> Facts:
    """What the trained model is like."""
    summary, told = content.summary, content.diagnostics
    found: Facts = []
    if summary:
        found += [
            ("training", f"{_epochs(summary)}, chosen by: {summary['kept_by']}"),
            (
                "ELBO",
                f"{_number(summary['elbo']):,.0f} nats a {content.unit}, "
                f"{_signed(_number(summary['bits_per_dimension']), 3)} bits per dimension",
            ),
            ("KL", f"{_number(summary['kl']):.1f} nats a {content.unit}"),
        ]
    if told:
        cells = told.get("cells")
        found.append(
            (
                "active units",
                f"{told.get('active_units')} of {told.get('latent')} latent dimensions"
                + (f", over {plural(cells, content.unit)}" if isinstance(cells, int) else ""),
            )
        )
    sigma, error = mapping(told.get("sigma")), mapping(told.get("squared_error"))
    if sigma:
        bound = " (at its lower bound)" if told.get("sigma_at_bound") else ""
        of = "of the view's range; of each cell's maximum where it is relative"
        found.append(("σ of a pixel", f"{_by_name(sigma, '{:.4f}')}{bound} [{of}]"))
    if error:
        found.append(
            ("mean squared error", f"{_by_name(error, '{:.5f}')} [of the view's range, squared]")
        )
    return found


def quality_facts(content: ReportContent) -> Facts:
    """What became of the inputs; the section on fields says it of whole fields."""
    told = content.imported
    found: Facts = []
    for key, name in (
        ("found", "files found"),
        ("imported", f"{content.unit}s in the store"),
        *(_OF_CROPS if content.fields is None else ()),
    ):
        count = told.get(key)
        if isinstance(count, int):
            found.append((name, f"{count:,}"))
    found += [("join", str(sentence)) for sentence in listed(told.get("joins"))]
    reasons = mapping(told.get("refused_by_reason"))
    if reasons:
        found.append(("refused for", _by_name(reasons, "{}")))
    flagged = f"{content.flagged_total:,}"
    if content.flagged is not None and content.flagged.by_reason:
        flagged += f" ({_by_name(content.flagged.by_reason, '{:,}')})"
    found.append(("crops flagged and left out", flagged))
    found += [(f"{content.unit}s {word}", f"{count:,}") for word, count in _sides(content.splits)]
    return found


def design_facts(design: Mapping[str, object]) -> Facts:
    """What the screen is like."""
    if not design:
        return []
    channels = len(listed(design.get("channels")))
    usual = (
        f"{_count(design, 'usual_replicates', 'well')} × {_count(design, 'usual_sites', 'field')}"
    )
    if channels:
        usual += f" × {plural(channels, 'channel')} = {design['usual_images']} images"
    found: Facts = [
        (
            "plates",
            f"{_count(design, 'plates', 'plate')} in "
            f"{_count(design, 'batches', 'batch', 'batches')}; "
            f"{_count(design, 'wells', 'well')}, {_count(design, 'sites', 'field')}",
        ),
        (
            "known mechanisms",
            f"{_count(design, 'annotated_treatments', 'treatment')} of "
            f"{_count(design, 'annotated_compounds', 'compound')} and "
            f"{_count(design, 'mechanisms', 'mechanism')}, "
            f"in {_count(design, 'annotated_wells', 'well')}",
        ),
        (
            "control wells",
            f"{_whole(design, 'negative_control_wells')} negative, "
            f"{_whole(design, 'positive_control_wells')} positive",
        ),
    ]
    if design.get("annotated_treatments") == 0:
        return found
    found += [
        ("a usual treatment", usual),
        (
            "confounded",
            f"{_count(design, 'in_one_batch', 'treatment')} in one batch only, "
            f"{_whole(design, 'in_one_position')} in one well position only",
        ),
    ]
    for each in listed(design.get("scorable")):
        told = mapping(each)
        rule = str(told.get("rule", "")).replace("-", " ")
        text = f"{told.get('scorable')} of {told.get('total')}"
        mechanisms = listed(told.get("mechanisms"))
        if mechanisms:
            text += f"; the others are of {', '.join(str(name) for name in mechanisms)}"
        found.append((f"can be right by “{rule}”", text))
    return found


def split_words(splits: Mapping[str, object]) -> str:
    """How many cells taught and how many chose the checkpoint."""
    parts = [f"{count:,} {word}" for word, count in _sides(splits)]
    return ", ".join(parts) or "no splits recorded"


def _sides(splits: Mapping[str, object]) -> list[tuple[str, int]]:
    cells = mapping(splits.get("cells"))
    counts = [(word, cells.get(side)) for side, word in _SIDES]
    return [(word, count) for word, count in counts if isinstance(count, int)]


def _in_store(content: ReportContent) -> str:
    count = content.imported.get("imported")
    if not isinstance(count, int):
        return ""
    left = f", {content.flagged_total:,} of them flagged and left out"
    return f"; {plural(count, content.unit)}" + (left if content.flagged_total else "")


def _epochs(summary: Mapping[str, object], on: str = "") -> str:
    epochs = summary["epochs"]
    text = plural(epochs, "epoch") if isinstance(epochs, int) else f"{epochs} epochs"
    early = " (stopped early)" if summary.get("stopped_early") else ""
    return f"{text}{on}{early}; the weights of epoch {summary['kept_epoch']} were kept"


def _by_name(values: Mapping[str, object], shape: str) -> str:
    return ", ".join(f"{name} {shape.format(value)}" for name, value in values.items())


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _signed(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _whole(design: Mapping[str, object], key: str) -> str:
    value = design.get(key)
    return f"{value:,}" if isinstance(value, int) else "an unknown number"


def _count(design: Mapping[str, object], key: str, one: str, many: str | None = None) -> str:
    value = design.get(key)
    if isinstance(value, int):
        return plural(value, one, many)
    return f"an unknown number of {many or one + 's'}"
